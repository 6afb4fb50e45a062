//! Users of the back office in a real browser, step by step as the people who make them and as they themselves see it, with mail
//! through a real mail server; and passkeys with the browser's own WebAuthn. On both databases.

use anyhow::Result;
use backoffice_tests::browser;
use backoffice_tests::controller::{Controller, OWNER, databases};
use backoffice_tests::peers::Mailbox;
use bo_testkit::skip_without;

/// A place to look at.
const ESTATE: &str = "[organisation]\nname = \"Rig\"\ntime_zone = \"UTC\"\n[[zone]]\nkey = \"all\"\nkind = \"organisation\"\nname = \"Rig\"\n";

fn walk(script: &str, steps: usize) -> Result<()> {
    if browser::missing() || skip_without("aiosmtpd for python3", Mailbox::is_there()) {
        return Ok(());
    }
    for database in databases()? {
        let folder = tempfile::tempdir()?;
        let mailbox = Mailbox::start(folder.path())?;
        let mut controller = Controller::prepare(&folder.path().join("controller"), database)?;
        controller.send_mail(mailbox.port)?;
        controller.import(ESTATE, &[])?;
        controller.start()?;
        let (url, file) = (controller.url(), mailbox.file.display().to_string());
        browser::walk(script, &[&url, OWNER.0, OWNER.1, &file], steps)?;
    }
    Ok(())
}

#[test]
fn a_user_is_made_activated_changed_and_shut_out_as_the_people_involved_see_it() -> Result<()> {
    walk("back_office.mjs", 15)
}

#[test]
fn people_sign_in_with_passkeys_of_a_real_browser() -> Result<()> {
    walk("passkeys.mjs", 8)
}
