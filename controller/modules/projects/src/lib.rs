//! Projects: what is worked on for clients, by whom, and who sees what of it. See the README for nouns and invariants.

mod actions;
mod model;
mod queries;
mod routes;
mod views;

pub use model::{FIELD, FOLDER, FolderId, PROJECT, ProjectId};

use bo_db::{Migration, migration};
use bo_web::{Module, NavItem, Need};

const MIGRATIONS: [Migration; 1] =
    [migration!("projects", 1, "projects, roles, phase folders", "../migrations/0001_projects.sql")];

// Freelancers and clients have single projects and nothing else: the page shows what there is for them.
const NAVIGATION: [NavItem; 1] = [NavItem {
    section: "Work",
    title: "Projects",
    href: "/projects",
    icon: "folder",
    need: Need::signed_in(),
}];

/// All there is to say about projects to the controller.
pub const MODULE: Module = Module {
    id: "projects",
    migrations: &MIGRATIONS,
    routes: routes::routes,
    navigation: &NAVIGATION,
    handlers: &[],
};
