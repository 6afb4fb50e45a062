//! Users of the back office in a real browser, step by step as the people who make them and as they themselves see it, with mail
//! through a real mail server; and passkeys with the browser's own WebAuthn. On both databases.

use anyhow::Result;
use backoffice_tests::browser::walk_with_letters;

/// A place to look at.
const ESTATE: &str = "[organisation]\nname = \"Rig\"\ntime_zone = \"UTC\"\n[[zone]]\nkey = \"all\"\nkind = \"organisation\"\nname = \"Rig\"\n";

#[test]
fn a_user_is_made_activated_changed_and_shut_out_as_the_people_involved_see_it() -> Result<()> {
    walk_with_letters("back_office.mjs", ESTATE, 15)
}

#[test]
fn people_sign_in_with_passkeys_of_a_real_browser() -> Result<()> {
    walk_with_letters("passkeys.mjs", ESTATE, 9)
}
