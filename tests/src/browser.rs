//! Scripts of `tests/browser` in Chromium.

use crate::controller::{Controller, OWNER, databases};
use crate::peers::Mailbox;
use anyhow::{Context, Result, ensure};
use bo_testkit::{root, skip_without};
use serde_json::Value;
use std::process::Command;

/// True when there is no browser and that is acceptable (`bo_testkit::skip_without`).
pub fn missing() -> bool {
    let there = std::path::Path::new("/usr/bin/chromium").exists()
        && root().join("tests/browser/node_modules/playwright-core").exists();
    skip_without("Chromium and playwright-core", there)
}

/// Runs a script and gives the facts it reports in its last line.
pub fn run(script: &str, arguments: &[&str]) -> Result<Value> {
    let mut node = Command::new("node");
    let output = node.arg(script).args(arguments).current_dir(root().join("tests/browser")).output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_str(printed.lines().last().context("no report")?)?)
}

/// Runs a script of steps (`steps.mjs`): nothing went wrong and every one of `count` was done.
pub fn walk(script: &str, arguments: &[&str], count: usize) -> Result<()> {
    let report = run(script, arguments)?;
    let (steps, problems) = (texts(&report, "steps"), texts(&report, "problems"));
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(steps.len() == count, "{} of {count} steps: {steps:?}", steps.len());
    Ok(())
}

/// Runs a script of steps on a controller of its own with a mail server beside it, once per database. Its arguments are the
/// console's address, the owner's mail address and password, and the file of the letters that were sent.
pub fn walk_with_letters(script: &str, estate: &str, count: usize) -> Result<()> {
    if missing() || skip_without("aiosmtpd for python3", Mailbox::is_there()) {
        return Ok(());
    }
    for database in databases()? {
        let folder = tempfile::tempdir()?;
        let mailbox = Mailbox::start(folder.path())?;
        let mut controller = Controller::prepare(&folder.path().join("controller"), database)?;
        controller.send_mail(mailbox.port)?;
        if !estate.is_empty() {
            controller.import(estate, &[])?;
        }
        controller.start()?;
        let (url, file) = (controller.url(), mailbox.file.display().to_string());
        walk(script, &[&url, OWNER.0, OWNER.1, &file], count)?;
    }
    Ok(())
}

/// A list of texts in a report.
pub fn texts(report: &Value, name: &str) -> Vec<String> {
    let all = report[name].as_array().into_iter().flatten();
    all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
