//! Help teaches: every command of both programs says what it does and shows an example that begins with its own name.

use anyhow::{Result, ensure};
use backoffice_tests::edge::text;
use bo_testkit::binary;
use std::process::Command;

/// Asks a command for its help, and all below it; what is wrong with them.
fn look(program: &str, path: &[String], wrong: &mut Vec<String>) -> Result<usize> {
    let output = Command::new(binary(program)?).args(path).arg("--help").output()?;
    let help = text(&output);
    let name = [&[program.to_owned()], path].concat().join(" ");
    ensure!(output.status.success(), "{name} --help: {help}");
    let example = |line: &str| {
        let line = line.trim();
        line.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    if !help.lines().any(example) {
        wrong.push(format!("`{name} --help` shows no example of it"));
    }
    if help.lines().next().is_none_or(|first| first.trim().len() < 12) {
        wrong.push(format!("`{name} --help` does not say what it does"));
    }
    let mut seen = 1;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in commands.take_while(|line| !line.trim().is_empty()) {
        // A line that is indented further goes on with the one above.
        let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) else { continue };
        let Some(name) = name.split_whitespace().next().filter(|name| *name != "help") else { continue };
        seen += look(program, &[path, &[name.to_owned()]].concat(), wrong)?;
    }
    Ok(seen)
}

#[test]
fn every_command_shows_an_example_of_itself() -> Result<()> {
    let mut wrong = Vec::new();
    let (controller, edge) =
        (look("backoffice", &[], &mut wrong)?, look("backoffice-edge", &[], &mut wrong)?);
    ensure!(controller >= 12 && edge >= 18, "{controller} and {edge} commands were found");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
