//! Changing what is configured, by people: one transaction with its permission checks and audit record, then the registry is
//! read again. Gateways get a change with their next release.
//!
//! Every function takes the [`Ctx`] of the request. Those that name a second object (the zone something is moved to, the
//! gateway a system runs on) check the permission for it themselves; the first is the route's `Need`.

pub mod devices;
pub mod edges;
pub mod places;
pub mod removal;
pub mod routes;
pub mod settings;
pub(crate) mod thing;
pub mod triggers;

pub use devices::{DevicePatch, MoveDevice, NewDevice, device};
pub use edges::{EdgePatch, NewEdge, edge};
pub use places::{MoveSystem, MoveZone, NewSystem, NewZone, SystemPatch, ZonePatch, system, zone};
pub use removal::{Contents, remove};
pub use settings::{Holder, SetSetting, reset_setting, set_setting};
pub use thing::Thing;
pub use triggers::{NewTrigger, TriggerPatch, trigger};

use crate::Estate;
use crate::registry::{self, Registry};
use bo_db::Tx;
use bo_model::{Level, Object, WorkspaceId};
use bo_web::{Ctx, Result, WebError};
use serde::{Deserialize, Deserializer};
use std::sync::Arc;

/// Attempts when others change the estate at the same time.
const ATTEMPTS: usize = 8;
/// Largest metadata of one thing, as JSON text.
const MAX_METADATA: usize = 64 * 1024;

/// Does `work` in a transaction that sees the very registry it is given, so that what was read is still true when it is
/// written: no update is lost, no zone ends up in itself.
pub(crate) async fn write<T, F>(estate: &Estate, ctx: &Ctx, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&mut Tx, &Registry) -> Result<T> + Send + Sync + 'static,
{
    let work = Arc::new(work);
    for _ in 0..ATTEMPTS {
        let (registry, work) = (estate.registry(), work.clone());
        let done = ctx.write(move |tx| {
            if registry::version(tx)? != registry.version {
                return Ok(None);
            }
            work(tx, &registry).map(Some)
        });
        let done: Result<Option<T>> = done.await;
        estate.refresh()?;
        if let Some(done) = done? {
            return Ok(done);
        }
    }
    Err(WebError::Conflict("Others are changing the estate at this moment. Try again.".into()))
}

/// Passes when whoever asks has a level on an object: what `Ctx::require` does, without the context.
pub(crate) type Require = Arc<dyn Fn(&mut Tx, &Object, Level) -> Result<()> + Send + Sync>;

pub(crate) fn require(ctx: &Ctx) -> Require {
    let (level, signed_in) = (ctx.checker(), ctx.viewer().is_some());
    Arc::new(move |tx, object, need| bo_web::judge(level(tx, object)?, need, signed_in))
}

/// Absent, null and a value are three answers: `Some(None)` is null.
pub(crate) fn given<'de, D, T>(from: D) -> std::result::Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(from).map(Some)
}

/// A name for people, without blanks around it.
pub(crate) fn named(name: &str) -> Result<String> {
    let name = name.trim();
    match name.chars().count() {
        1..=120 if !name.chars().any(char::is_control) => Ok(name.to_owned()),
        _ => Err(WebError::field("name", "must be 1 to 120 characters")),
    }
}

/// Free words.
pub(crate) fn tagged(tags: Vec<String>) -> Result<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()) {
        if !kept.iter().any(|held| held == tag) {
            kept.push(tag.to_owned());
        }
    }
    if kept.len() > 20 || kept.iter().any(|tag| tag.chars().count() > 40) {
        return Err(WebError::field("tags", "must be at most 20 words of at most 40 characters"));
    }
    Ok(kept)
}

/// Named JSON of bounded size.
pub(crate) fn described(metadata: bo_model::settings::Values) -> Result<bo_model::settings::Values> {
    if crate::json(&metadata).len() > MAX_METADATA {
        return Err(WebError::field("metadata", format!("must be at most {} KiB", MAX_METADATA / 1024)));
    }
    Ok(metadata)
}

/// The key of something new: the one asked for, or one made of its name that nothing else has.
pub(crate) fn key(wanted: Option<&str>, name: &str, taken: impl Fn(&str) -> bool) -> Result<String> {
    if let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if wanted.len() > 64 || !wanted.chars().all(fine) || wanted.starts_with('-') {
            return Err(WebError::field(
                "key",
                "must be at most 64 lower-case letters, digits and dashes, like harbour-l2",
            ));
        }
        if taken(wanted) {
            return Err(WebError::field("key", "is taken; each thing of a kind has its own"));
        }
        return Ok(wanted.to_owned());
    }
    let plain: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    let mut base = plain.split_whitespace().collect::<Vec<_>>().join("-");
    base.truncate(48);
    let base = if base.is_empty() { "new".to_owned() } else { base };
    let names = std::iter::once(base.clone()).chain((2..).map(|number| format!("{base}-{number}")));
    names
        .take(10_000)
        .find(|name| !taken(name))
        .ok_or_else(|| WebError::field("key", "could not be made from the name; give one"))
}

/// Only what is in the viewer's workspace is there.
pub(crate) fn ours(workspace: WorkspaceId, of: WorkspaceId) -> Result<()> {
    if workspace == of { Ok(()) } else { Err(WebError::NotFound) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_from_the_name_and_never_taken_twice() {
        let taken = |key: &str| key == "level-2" || key == "level-2-2";
        assert_eq!(key(None, "Level 2", taken).unwrap(), "level-2-3");
        assert_eq!(key(Some("roof"), "Dach", taken).unwrap(), "roof");
        assert_eq!(key(None, "Größe", |_| false).unwrap(), "gr-e");
        assert_eq!(key(None, "屋上", |_| false).unwrap(), "new");
        assert!(key(Some("level-2"), "", taken).is_err());
        assert!(key(Some("Level 2"), "", |_| false).is_err());
    }

    #[test]
    fn words_are_trimmed_and_kept_once() {
        let tags = ["lab ", "", "lab", "x"].map(str::to_owned).to_vec();
        assert_eq!(tagged(tags).unwrap(), ["lab", "x"]);
        assert!(tagged(vec!["x".repeat(41)]).is_err());
    }
}
