//! People alone, in organisations, and from outside, in a real browser, with letters through a real mail server, on both databases.

use anyhow::Result;
use backoffice_tests::browser::walk_with_letters;

#[test]
fn people_work_alone_and_together_switch_invite_hand_over_and_leave() -> Result<()> {
    walk_with_letters("organisations.mjs", "", 10)
}

#[test]
fn staff_freelancers_and_clients_have_their_part_of_a_project_and_nothing_beyond_it() -> Result<()> {
    walk_with_letters("together.mjs", "", 11)
}
