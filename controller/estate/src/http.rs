//! What all routes of the estate share: handlers that are given the estate, errors, lists of what is in memory.

use crate::error::EstateError;
use crate::registry::{DeviceEntry, Registry};
use crate::{Estate, devices};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bo_db::{DbError, Tx};
use bo_model::{Kind, Level, Object, SystemId, WorkspaceId, ZoneId};
use bo_web::list::{Key, ListQuery, Paged};
use bo_web::{Ctx, Result, WebError};
use serde::Serialize;
use std::sync::Arc;

/// A handler that is given the estate: `routes.get(path, need, with(estate, show))`.
pub fn with<F, Fut>(estate: &Arc<Estate>, handler: F) -> impl Fn(Ctx) -> Fut + Send + Sync + 'static
where
    F: Fn(Arc<Estate>, Ctx) -> Fut + Send + Sync + 'static,
{
    let estate = estate.clone();
    move |ctx| handler(estate.clone(), ctx)
}

impl From<EstateError> for WebError {
    fn from(error: EstateError) -> WebError {
        match error {
            EstateError::Db(error) => error.into(),
            EstateError::Missing { .. } => WebError::NotFound,
            EstateError::Invalid { fields } => WebError::BadInput(fields),
            EstateError::Conflict(_) => WebError::Conflict(error.to_string()),
            EstateError::Import(_) | EstateError::Compile { .. } => WebError::field("", error.to_string()),
            EstateError::Send(_) => WebError::Unavailable(error.to_string()),
            EstateError::Read { .. } | EstateError::Write { .. } | EstateError::Chunk { .. } => {
                WebError::internal(error)
            }
        }
    }
}

/// A page of rows that are in memory, sorted by `key` and then by id. Only the page itself is sorted: of a hundred thousand
/// rows that is a tenth of the work.
pub fn page<T>(ctx: &Ctx, list: &ListQuery, rows: Vec<T>, key: impl Fn(&T) -> (String, String)) -> Paged<T> {
    let after = cursor(&ctx.query_value("after"));
    let follows = |key: &(String, String)| match &after {
        Some(after) if list.desc => key < after,
        Some(after) => key > after,
        None => true,
    };
    let keyed = rows.into_iter().map(|row| (key(&row), row));
    let mut keyed: Vec<((String, String), T)> = keyed.filter(|(key, _)| follows(key)).collect();
    let order = |a: &((String, String), T), b: &((String, String), T)| match list.desc {
        true => b.0.cmp(&a.0),
        false => a.0.cmp(&b.0),
    };
    let wanted = list.limit + 1;
    if keyed.len() > wanted {
        keyed.select_nth_unstable_by(wanted - 1, order);
        keyed.truncate(wanted);
    }
    keyed.sort_unstable_by(order);
    list.paged(keyed.into_iter().map(|(_, row)| row).collect(), |row| {
        let (by, id) = key(row);
        (Key::from(by), id)
    })
}

/// The list's own cursor, read back.
fn cursor(text: &str) -> Option<(String, String)> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Whether a search finds one of these texts.
pub fn finds<'a>(list: &ListQuery, texts: impl IntoIterator<Item = &'a str>) -> bool {
    let wanted = list.q.to_lowercase();
    wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&wanted))
}

/// Rows looked at in one go while a page is filled, and at most for one page.
const AHEAD: usize = 500;
const SCAN: usize = 20_000;

/// A full page of rows the viewer may see, however many others lie between them. `fetch` gives the next rows of a list in
/// its order, one more than its limit. Only when very many rows are somebody else's a page is short, and its cursor leads on.
pub fn visible<T>(
    ctx: &Ctx,
    list: &ListQuery,
    fetch: impl Fn(&mut Tx, &ListQuery) -> std::result::Result<Vec<T>, DbError> + Send + Sync,
    subject: impl Fn(&T) -> Object + Send + Sync,
    key: impl Fn(&T) -> (Key, String) + Send + Sync,
) -> Result<Paged<T>>
where
    T: Send,
{
    ctx.read(|tx| {
        let mut next = list.clone();
        let (mut found, mut looked, mut over) = (Vec::new(), 0, false);
        let mut last = None;
        while found.len() <= list.limit && !over && looked < SCAN {
            let rows = fetch(tx, &next)?;
            over = rows.len() <= next.limit;
            let count = next.limit;
            for row in rows.into_iter().take(count) {
                looked += 1;
                last = Some(key(&row));
                if ctx.level(tx, &subject(&row))? >= Level::View {
                    found.push(row);
                }
            }
            next = match last.clone() {
                Some((by, id)) => {
                    let mut behind = next.behind(by, id);
                    behind.limit = AHEAD;
                    behind
                }
                None => break,
            };
        }
        if found.len() > list.limit || over {
            return Ok(list.paged(found, &key));
        }
        let next = last.map(|(by, id)| ListQuery::cursor(by, id));
        Ok(Paged { items: found, next })
    })
}

/// A number in a key that sorts like text.
pub fn sortable(number: i64) -> String {
    format!("{:020}", number as i128 - i64::MIN as i128)
}

/// Whether the viewer has at least `level` on an object.
pub fn may(
    ctx: &Ctx,
    tx: &mut Tx,
    kind: Kind,
    id: impl std::fmt::Display,
    level: Level,
) -> std::result::Result<bool, DbError> {
    Ok(ctx.level(tx, &Object::new(kind, id))? >= level)
}

/// An id and a name: how one thing mentions another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mention<T> {
    /// Its id.
    pub id: T,
    /// For people.
    pub name: String,
}

/// A system, mentioned.
pub fn system(registry: &Registry, id: SystemId) -> Mention<SystemId> {
    Mention { id, name: registry.systems.get(&id).map(|system| system.name.clone()).unwrap_or_default() }
}

/// A zone, mentioned.
pub fn zone(registry: &Registry, id: ZoneId) -> Mention<ZoneId> {
    Mention { id, name: registry.zones.get(&id).map(|zone| zone.name.clone()).unwrap_or_default() }
}

/// Whether a device is well, why not, and since when that is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// `ok`, `offline`, `faulted`, `gateway-offline`, `not-set-up`, `disabled`, `unknown`.
    pub state: &'static str,
    /// Why, in words; empty when all is well.
    pub why: String,
    /// Since when.
    pub since: Option<bo_model::Time>,
}

/// States of a device that should be there and is not.
pub const AWAY: [&str; 3] = ["offline", "faulted", "gateway-offline"];

impl Health {
    /// It should be there and is not.
    pub fn is_away(&self) -> bool {
        AWAY.contains(&self.state)
    }
}

/// A device's health now.
pub fn health(estate: &Estate, entry: &DeviceEntry) -> Health {
    let device = &entry.device;
    let say = |state, why: String, since| Health { state, why, since };
    if !device.enabled {
        return say("disabled", "disabled by a person".into(), None);
    }
    let known = estate.presence.glance(entry.edge, device.id);
    if !known.online {
        let fresh = |edge: &crate::edges::Edge| edge.state == crate::edges::EdgeState::New;
        if !known.proved && estate.registry().edges.get(&entry.edge).is_some_and(|edge| fresh(edge)) {
            return say("not-set-up", "its gateway is not set up yet".into(), None);
        }
        let why = match known.proved {
            true => "its gateway does not answer",
            false => "its gateway has not reported yet",
        };
        return say("gateway-offline", why.into(), known.since);
    }
    if let Some(unwell) = known.unwell {
        return match unwell.why.strip_prefix(bo_wire::FAULTED) {
            Some(why) => say("faulted", why.to_owned(), Some(unwell.since)),
            None => say("offline", unwell.why, Some(unwell.since)),
        };
    }
    match estate.table.online(device.id) {
        Some((false, since)) => say("offline", "it does not answer".into(), Some(since)),
        None if !estate.table.knows(device.id) => say("unknown", "nothing was reported yet".into(), None),
        _ => say("ok", String::new(), None),
    }
}

/// The device of the path, if it is in the viewer's workspace.
pub fn device(estate: &Estate, ctx: &Ctx) -> Result<(Arc<Registry>, Arc<DeviceEntry>)> {
    let id = ctx.param("id")?;
    let registry = estate.registry();
    let entry = registry.devices.get(&id).cloned().ok_or(WebError::NotFound)?;
    Ok((registry, entry))
}

/// Those of a workspace.
pub fn in_workspace(device: &devices::Device, workspace: WorkspaceId) -> bool {
    device.workspace == workspace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_text() {
        let mut keys: Vec<String> = [5, -3, 100, 0, i64::MIN, i64::MAX].into_iter().map(sortable).collect();
        keys.sort();
        assert_eq!(keys.first(), Some(&sortable(i64::MIN)));
        assert_eq!(keys[1], sortable(-3));
        assert_eq!(keys.last(), Some(&sortable(i64::MAX)));
    }
}
