//! Personal workspaces and organisations in a real browser, with letters through a real mail server, on both databases.

use anyhow::Result;
use backoffice_tests::browser;
use backoffice_tests::controller::{Controller, OWNER, databases};
use backoffice_tests::peers::Mailbox;
use bo_testkit::skip_without;

#[test]
fn people_work_alone_and_together_switch_invite_hand_over_and_leave() -> Result<()> {
    if browser::missing() || skip_without("aiosmtpd for python3", Mailbox::is_there()) {
        return Ok(());
    }
    for database in databases()? {
        let folder = tempfile::tempdir()?;
        let mailbox = Mailbox::start(folder.path())?;
        let mut controller = Controller::prepare(&folder.path().join("controller"), database)?;
        controller.send_mail(mailbox.port)?;
        controller.start()?;
        let (url, file) = (controller.url(), mailbox.file.display().to_string());
        browser::walk("organisations.mjs", &[&url, OWNER.0, OWNER.1, &file], 10)?;
    }
    Ok(())
}
