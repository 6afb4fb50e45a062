//! The wiki: what the organisation knows, written down by whoever knows it. See the README for nouns and invariants.

mod actions;
mod error;
mod model;
mod queries;
mod routes;
mod transfer;
mod views;

pub use model::{PAGE, PageId, SPACE, SpaceId};

use bo_db::{Migration, migration};
use bo_web::{Level, Module, NavItem, Need};

const MIGRATIONS: [Migration; 2] = [
    migration!("wiki", 1, "spaces and pages", "../migrations/0001_wiki.sql"),
    migration!("wiki", 2, "who was told, who is writing", "../migrations/0002_watching.sql"),
];

const NAVIGATION: [NavItem; 1] = [NavItem {
    section: "Work",
    title: "Wiki",
    href: "/wiki",
    icon: "book",
    need: Need::module("wiki", Level::View),
}];

/// All there is to say about the wiki to the controller.
pub const MODULE: Module = Module {
    id: "wiki",
    migrations: &MIGRATIONS,
    routes: routes::routes,
    navigation: &NAVIGATION,
    handlers: &[actions::HANDLER],
};
