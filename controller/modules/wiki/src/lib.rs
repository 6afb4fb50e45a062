//! The wiki: what the organisation knows, written down by whoever knows it. See the README for nouns and invariants.

mod actions;
mod error;
mod model;
mod queries;
mod routes;
mod transfer;
mod views;

pub use model::{PAGE, PageId, SPACE, SpaceId};

use bo_db::part::Owned;
use bo_db::{DbError, Migration, Part, Tx, migration, params};
use bo_model::{Object, WorkspaceId};
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
    part: PART,
};

const PAGES: &str = "space IN (SELECT id FROM wiki_space WHERE workspace = ?1)";
const OF_PAGES: &str =
    "page IN (SELECT p.id FROM wiki_page p JOIN wiki_space s ON s.id = p.space WHERE s.workspace = ?1)";

const PART: Part = Part {
    owned: &[
        Owned::found("wiki_link", "page, label", OF_PAGES),
        Owned::found("wiki_watch", "account, page", OF_PAGES),
        Owned::found("wiki_writer", "page, account", OF_PAGES),
        Owned::found("wiki_page", "id", PAGES)
            .objects("wiki-page", "wiki pages, with their history and files"),
        Owned::rows("wiki_space", "id").objects("wiki-space", "wiki spaces"),
    ],
    name: name_of,
    ..Part::NONE
};

fn name_of(tx: &mut Tx, workspace: WorkspaceId, object: &Object) -> Result<Option<String>, DbError> {
    let (sql, word) = if object.is(SPACE) {
        ("SELECT name FROM wiki_space WHERE id = ?1 AND workspace = ?2", "the wiki space")
    } else if object.is(PAGE) {
        let sql = "SELECT p.title FROM wiki_page p JOIN wiki_space s ON s.id = p.space WHERE p.id = ?1 AND s.workspace = ?2";
        (sql, "the wiki page")
    } else {
        return Ok(None);
    };
    let name: Option<String> = tx.query_opt(sql, params![object.id(), workspace], |row| row.get(0))?;
    Ok(name.map(|name| format!("{word} {name}")))
}
