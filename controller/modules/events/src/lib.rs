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

use bo_db::outbox::{Handler, Message};
use bo_db::part::Owned;
use bo_db::{DbError, Migration, Part, Tx, migration, params};
use bo_model::{AccountId, Object, WorkspaceId};
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
    handlers: &[ABSORBED],
    part: PART,
};

/// Somebody was added, and has come with the account they had already.
const ABSORBED: Handler =
    Handler { name: "events-people", topics: &[bo_identity::waiting::ABSORBED], run: absorbed };

fn absorbed(tx: &mut Tx, message: &Message) -> Result<(), DbError> {
    let id = |name: &str| message.payload[name].as_str().and_then(|id| id.parse::<AccountId>().ok());
    if let (Some(from), Some(to)) = (id("from"), id("to")) {
        tx.unaudited("the record of the account that came says so");
        let sql = "UPDATE event_collaborator SET account = ?2 WHERE account = ?1";
        tx.execute(sql, params![from.to_string(), to.to_string()])?;
    }
    Ok(())
}

const OF_EVENTS: &str = "event IN (SELECT id FROM event WHERE workspace = ?1)";
const OF_ITEMS: &str =
    "item IN (SELECT i.id FROM event_item i JOIN event e ON e.id = i.event WHERE e.workspace = ?1)";

const PART: Part = Part {
    owned: &[
        Owned::found("event_item_person", "item, collaborator", OF_ITEMS),
        Owned::found("event_item", "id", OF_EVENTS).objects("event-item", "schedule items"),
        Owned::found("event_task", "id", OF_EVENTS).objects("event-task", "tasks"),
        Owned::found("event_collaborator", "id", OF_EVENTS).objects("event-collaborator", ""),
        Owned::found("event_area", "id", OF_EVENTS).objects("event-area", ""),
        Owned::found("event_status", "id", OF_EVENTS),
        Owned::rows("event_calendar", "id"),
        Owned::rows("event", "id").objects("event", "events, with their files"),
    ],
    name: name_of,
    ..Part::NONE
};

fn name_of(tx: &mut Tx, workspace: WorkspaceId, object: &Object) -> Result<Option<String>, DbError> {
    let (table, word) = match object.kind() {
        "event" => {
            let sql = "SELECT name FROM event WHERE id = ?1 AND workspace = ?2";
            let name: Option<String> =
                tx.query_opt(sql, params![object.id(), workspace], |row| row.get(0))?;
            return Ok(name.map(|name| format!("the event {name}")));
        }
        "event-area" => ("event_area", "the area"),
        "event-collaborator" => ("event_collaborator", "what is of"),
        _ => return Ok(None),
    };
    let sql = format!(
        "SELECT p.name, e.name FROM {table} p JOIN event e ON e.id = p.event WHERE p.id = ?1 AND e.workspace = ?2"
    );
    let names: Option<(String, String)> =
        tx.query_opt(&sql, params![object.id(), workspace], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(names.map(|(name, event)| format!("{word} {name} in the event {event}")))
}
