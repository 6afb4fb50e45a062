//! Events: what is going to be held, and all that has to be done for it. See the README for nouns and invariants.

mod actions;
mod calendar;
mod conflict;
mod model;
mod queries;
mod routes;
mod sight;
mod views;
mod when;

pub use model::{AREA, COLLABORATOR, EVENT, EventId};

use bo_db::{Migration, migration};
use bo_web::{Module, NavItem, Need};

const MIGRATIONS: [Migration; 1] =
    [migration!("events", 1, "events, tasks, schedules, calendars", "../migrations/0001_events.sql")];

// Somebody can be a free collaborator of one event and nothing else: the pages show what there is for them.
const NAVIGATION: [NavItem; 1] = [NavItem {
    section: "Work",
    title: "Events",
    href: "/events",
    icon: "calendar",
    need: Need::signed_in(),
}];

/// All there is to say about events to the controller.
pub const MODULE: Module = Module {
    id: "events",
    migrations: &MIGRATIONS,
    routes: routes::routes,
    navigation: &NAVIGATION,
    handlers: &[],
};
