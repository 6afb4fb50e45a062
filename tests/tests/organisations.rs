//! People alone, in organisations, and from outside, in a real browser, with letters through a real mail server, on both databases.

use anyhow::Result;
use backoffice_tests::browser::walk_with_letters;

#[test]
fn people_work_alone_and_together_switch_invite_hand_over_and_leave() -> Result<()> {
    walk_with_letters("organisations.mjs", "", 11)
}

#[test]
fn groups_and_levels_open_the_modules_they_should_to_the_public_the_team_and_those_who_administer()
-> Result<()> {
    walk_with_letters("platform.mjs", "", 16)
}

#[test]
fn staff_freelancers_and_clients_have_their_part_of_a_project_and_nothing_beyond_it() -> Result<()> {
    walk_with_letters("together.mjs", "", 11)
}

#[test]
fn users_domains_and_sign_in_are_managed_with_a_real_provider() -> Result<()> {
    let provider = bo_testkit::root().join("controller/identity/tests/oidc/node_modules/oidc-provider");
    if bo_testkit::skip_without(
        "oidc-provider (`npm ci` in controller/identity/tests/oidc)",
        provider.exists(),
    ) {
        return Ok(());
    }
    walk_with_letters("domains.mjs", "", 10)
}

#[test]
fn events_of_one_person_and_of_an_organisation_are_planned_and_seen_all_at_once() -> Result<()> {
    walk_with_letters("events.mjs", "", 6)
}
