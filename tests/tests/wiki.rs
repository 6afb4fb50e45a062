//! The wiki in a real browser, on a controller of its own.

use anyhow::Result;
use backoffice_tests::browser;
use backoffice_tests::controller::{Controller, OWNER, databases};

#[test]
fn people_write_together_and_lose_nothing() -> Result<()> {
    if browser::missing() {
        return Ok(());
    }
    for database in databases()? {
        let home = tempfile::tempdir()?;
        let mut controller = Controller::prepare(home.path(), database)?;
        controller.start()?;
        browser::walk("wiki.mjs", &[&controller.url(), OWNER.0, OWNER.1], 10)?;
    }
    Ok(())
}
