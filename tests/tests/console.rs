//! The console in a real browser over a live demo: every page at three widths, light and dark; and what people do there,
//! from a command's proof to a zone made, deployed, rolled out and removed.

use anyhow::Result;
use backoffice_tests::browser;
use backoffice_tests::demo::Demo;

#[test]
fn every_page_works_at_three_widths_in_both_themes() -> Result<()> {
    if browser::missing() {
        return Ok(());
    }
    let demo = Demo::start()?;
    let report = browser::run("walk.mjs", &[&demo.url, &demo.user, &demo.password])?;
    let (pages, problems) = (browser::texts(&report, "pages"), browser::texts(&report, "problems"));
    assert!(pages.len() >= 12, "only {pages:?}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

#[test]
fn people_operate_build_deploy_and_acknowledge_in_the_browser() -> Result<()> {
    if browser::missing() {
        return Ok(());
    }
    let demo = Demo::start()?;
    browser::walk("work.mjs", &[&demo.url, &demo.user, &demo.password], 22)
}
