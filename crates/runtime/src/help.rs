//! Help that teaches: a command's help shows the examples of its parents that are about it, so that each example is
//! written once and stands at every level it belongs to.

use clap::Command;

/// Gives every subcommand without words of its own after its help the examples of its parents that use it.
///
/// An example is a line that begins with the program's name; lines that end with a colon above it say what it is for.
pub fn teach(command: Command) -> Command {
    let name = command.get_name().to_owned();
    teach_below(command, &name, &[])
}

fn teach_below(mut command: Command, path: &str, from_above: &[String]) -> Command {
    let mut all = command.get_after_help().map(|text| examples(&text.to_string(), path)).unwrap_or_default();
    let more: Vec<String> = from_above.iter().filter(|example| !all.contains(example)).cloned().collect();
    all.extend(more);
    for sub in command.get_subcommands_mut() {
        let path = format!("{path} {}", sub.get_name());
        let about: Vec<String> = all.iter().filter(|example| uses(example, &path)).cloned().collect();
        let mut taken = std::mem::replace(sub, Command::new(""));
        if taken.get_after_help().is_none() && !about.is_empty() {
            taken = taken.after_help(format!("Examples:\n{}", about.join("\n")));
        }
        *sub = teach_below(taken, &path, &about);
    }
    command
}

/// The examples in a text, each with the line above it that says what it is for.
fn examples(text: &str, path: &str) -> Vec<String> {
    let program = path.split(' ').next().unwrap_or(path);
    let mut found = Vec::new();
    let mut purpose: Option<&str> = None;
    for line in text.lines() {
        let plain = line.trim();
        if plain.starts_with(&format!("{program} ")) {
            let purpose = purpose.map(|purpose| format!("{purpose}\n")).unwrap_or_default();
            found.push(format!("{purpose}{line}"));
        } else {
            purpose = (plain.ends_with(':') && line.starts_with(' ')).then_some(line);
        }
    }
    found
}

fn uses(example: &str, path: &str) -> bool {
    let line = example.lines().last().unwrap_or_default().trim();
    line.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subcommand_shows_the_examples_that_use_it_and_keeps_words_of_its_own() {
        let deep = Command::new("point").subcommand(Command::new("read")).subcommand(Command::new("write"));
        let own = Command::new("run").after_help("Mine.");
        let command = Command::new("tool")
            .after_help("Examples:\n  See a value:\n    tool point read Meter_1\n  tool run\n  tool points")
            .subcommand(deep)
            .subcommand(own);
        let command = teach(command);
        let help = |path: &[&str]| {
            let mut at = &command;
            for name in path {
                at = at.find_subcommand(name).unwrap();
            }
            at.get_after_help().map(|text| text.to_string())
        };
        let read = "Examples:\n  See a value:\n    tool point read Meter_1".to_owned();
        assert_eq!(help(&["point"]), Some(read.clone()));
        assert_eq!(help(&["point", "read"]), Some(read));
        assert_eq!(help(&["point", "write"]), None);
        assert_eq!(help(&["run"]), Some("Mine.".to_owned()));
    }
}
