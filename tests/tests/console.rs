//! The console in a real browser over a live demo: every page at three widths, light and dark; and what people do there,
//! from a command's proof to a zone made, deployed and removed.

use anyhow::{Context, Result};
use backoffice_tests::demo::Demo;
use bo_testkit::skip_without;
use std::process::Command;

/// Runs a script of `tests/browser` and gives the facts it reports in its last line.
fn browser(script: &str, demo: &Demo) -> Result<serde_json::Value> {
    let output = Command::new("node")
        .arg(script)
        .args([&demo.url, &demo.user, &demo.password])
        .current_dir(bo_testkit::root().join("tests/browser"))
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_str(printed.lines().last().context("no report")?)?)
}

fn has_browser() -> bool {
    std::path::Path::new("/usr/bin/chromium").exists()
        && bo_testkit::root().join("tests/browser/node_modules/playwright-core").exists()
}

#[test]
fn every_page_works_at_three_widths_in_both_themes() -> Result<()> {
    if skip_without("Chromium and playwright-core", has_browser()) {
        return Ok(());
    }
    let demo = Demo::start()?;
    let report = browser("walk.mjs", &demo)?;
    let pages = report["pages"].as_array().context("no pages")?;
    assert!(pages.len() >= 12, "only {pages:?}");
    let problems: Vec<&str> =
        report["problems"].as_array().into_iter().flatten().filter_map(|p| p.as_str()).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// What `work.mjs` does, step by step.
const STEPS: usize = 16;

#[test]
fn people_operate_build_deploy_and_acknowledge_in_the_browser() -> Result<()> {
    if skip_without("Chromium and playwright-core", has_browser()) {
        return Ok(());
    }
    let demo = Demo::start()?;
    let report = browser("work.mjs", &demo)?;
    let texts = |name: &str| -> Vec<String> {
        let all = report[name].as_array().into_iter().flatten();
        all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let (steps, problems) = (texts("steps"), texts("problems"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(steps.len(), STEPS, "{steps:?}");
    Ok(())
}
