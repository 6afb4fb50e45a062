//! Help that teaches: a command's help shows the examples of its parents that are about it, so that each example is
//! written once and stands at every level it belongs to; and what the exit status says.

use clap::Command;

/// What a command's end says to a script, where the command says nothing else.
const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  it did not work; what and why is on standard error
  2  the command line is wrong";

/// An example: what it is for, when somebody says so, and the line.
#[derive(Clone, Debug)]
struct Example {
    purpose: Option<String>,
    line: String,
}

/// Gives every subcommand without words of its own after its help the examples of its parents that use it, and every
/// command the meaning of its exit status.
///
/// An example is a line that begins with the program's name; lines that end with a colon above it say what it is for.
pub fn teach(command: Command) -> Command {
    let name = command.get_name().to_owned();
    teach_below(command, &name, &[])
}

fn teach_below(mut command: Command, path: &str, from_above: &[Example]) -> Command {
    let own = command.get_after_help().map(ToString::to_string);
    let mut all = own.as_deref().map(|text| examples(text, path)).unwrap_or_default();
    for example in from_above {
        if !all.iter().any(|own| own.line.trim() == example.line.trim()) {
            all.push(example.clone());
        }
    }
    // Words that clap shows before the options, with examples in them, are enough.
    let told = command.get_long_about().is_some_and(|about| about.to_string().contains("Examples:"));
    let words = own.or_else(|| (!told && !from_above.is_empty()).then(|| listed(from_above)));
    let words = match words {
        Some(words) if words.contains("Exit status:") => words,
        Some(words) => format!("{words}\n\n{EXIT_STATUS}"),
        None => EXIT_STATUS.to_owned(),
    };
    command = command.after_help(words);
    for sub in command.get_subcommands_mut() {
        let path = format!("{path} {}", sub.get_name());
        let about: Vec<Example> = all.iter().filter(|example| uses(&example.line, &path)).cloned().collect();
        let taken = std::mem::replace(sub, Command::new(""));
        *sub = teach_below(taken, &path, &about);
    }
    command
}

/// Examples as they stand in a help; what several are for is said once.
fn listed(examples: &[Example]) -> String {
    let mut text = "Examples:".to_owned();
    let mut said = None;
    for Example { purpose, line } in examples {
        if let Some(purpose) = purpose.as_ref().filter(|purpose| said != Some(*purpose)) {
            text.extend(["\n", purpose]);
        }
        said = purpose.as_ref();
        text.extend(["\n", line]);
    }
    text
}

/// The examples in a text, each with the line above it that says what it is for.
fn examples(text: &str, path: &str) -> Vec<Example> {
    let program = path.split(' ').next().unwrap_or(path);
    let mut found = Vec::new();
    let mut purpose: Option<&str> = None;
    for line in text.lines() {
        let plain = line.trim();
        if plain.starts_with(&format!("{program} ")) {
            found.push(Example { purpose: purpose.map(str::to_owned), line: line.to_owned() });
        } else {
            purpose = (plain.ends_with(':') && line.starts_with(' ')).then_some(line);
        }
    }
    found
}

fn uses(line: &str, path: &str) -> bool {
    line.trim().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(command: &Command, path: &[&str]) -> String {
        let mut at = command;
        for name in path {
            at = at.find_subcommand(name).unwrap();
        }
        at.get_after_help().map(|text| text.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_subcommand_shows_the_examples_that_use_it_and_keeps_words_of_its_own() {
        let deep = Command::new("point").subcommand(Command::new("read")).subcommand(Command::new("write"));
        let own = Command::new("run").after_help("Mine.");
        let command = Command::new("tool")
            .after_help("Examples:\n  See a value:\n    tool point read Meter_1\n    tool point read Meter_2\n  tool run\n  tool points")
            .subcommand(deep)
            .subcommand(own);
        let command = teach(command);
        let read = format!(
            "Examples:\n  See a value:\n    tool point read Meter_1\n    tool point read Meter_2\n\n{EXIT_STATUS}"
        );
        assert_eq!(help(&command, &["point"]), read);
        assert_eq!(help(&command, &["point", "read"]), read);
        assert_eq!(help(&command, &["point", "write"]), EXIT_STATUS);
        assert_eq!(help(&command, &["run"]), format!("Mine.\n\n{EXIT_STATUS}"));
    }

    #[test]
    fn an_example_that_stands_at_two_levels_is_shown_once_and_an_exit_status_of_its_own_stays() {
        let verify = Command::new("verify").after_help("Exit status:\n  3  nothing is signed");
        let log =
            Command::new("log").after_help("Examples:\n  tool log show").subcommand(Command::new("show"));
        let tool = Command::new("tool").after_help("Examples:\n  How it is:\n    tool log show");
        let command = teach(tool.subcommand(log).subcommand(verify));
        assert_eq!(help(&command, &["log", "show"]).matches("tool log show").count(), 1);
        assert_eq!(help(&command, &["verify"]), "Exit status:\n  3  nothing is signed");
    }
}
