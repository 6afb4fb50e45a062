//! Changing the schema, and what is kept about one thing.

use super::{KINDS, MetadataField, NewField, faults, of_thing, queries};
use crate::Estate;
use crate::configure::settings::holder;
use crate::configure::thing::change;
use crate::configure::{Holder, Thing, described, write};
use bo_db::{Event, Tx};
use bo_model::settings::{FieldKind, Values};
use bo_model::{Object, WorkspaceId};
use bo_web::{Ctx, Result, WebError};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Fields a workspace may have.
const MOST: usize = 200;

fn area(workspace: WorkspaceId) -> Object {
    Object::area(workspace, "settings")
}

fn check(name: &str, new: &NewField) -> Result<()> {
    let mut faults: Vec<(String, String)> = Vec::new();
    let mut wrong = |field: &str, why: &str| faults.push((field.to_owned(), why.to_owned()));
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fine) {
        wrong("name", "must be 1 to 64 lower-case letters, digits, dashes and underscores");
    }
    if new.field.title.chars().count() > 80 {
        wrong("title", "must be at most 80 characters");
    }
    if new.kinds.is_empty() {
        wrong("kinds", "must say what it is for");
    }
    if new.kinds.iter().any(|kind| !KINDS.iter().any(|(word, _)| word == kind)) {
        wrong("kinds", "must be organisation, region, building, level, area, system or device");
    }
    if new.field.kind == FieldKind::Choice && new.field.choices.is_empty() {
        wrong("choices", "must be given: one on each line");
    }
    if new.field.secret {
        wrong("secret", "is not for metadata, which everybody sees who sees the thing; use a setting");
    }
    if faults.is_empty() { Ok(()) } else { Err(WebError::BadInput(faults)) }
}

/// Writes a field of the schema, new or changed. Level `own` on the area of settings, which the routes ask for.
pub async fn save_field(ctx: &Ctx, name: String, new: NewField, fresh: bool) -> Result<MetadataField> {
    check(&name, &new)?;
    let workspace = ctx.workspace()?;
    ctx.write(move |tx| {
        let all = queries::fields(tx, workspace)?;
        let held = all.iter().find(|held| held.name == name);
        if fresh && held.is_some() {
            return Err(WebError::field("name", "is taken; each field has its own"));
        }
        if held.is_none() && all.len() >= MOST {
            return Err(WebError::Conflict(format!("There are {MOST} fields already. Remove one first.")));
        }
        let field = MetadataField {
            workspace,
            name: name.clone(),
            kinds: new.kinds.clone(),
            rank: new.rank,
            field: new.field.clone(),
        };
        queries::save(tx, &field)?;
        let title = if field.field.title.is_empty() { &field.name } else { &field.field.title };
        let event = Event::new("metadata-field.save", area(workspace)).name(title);
        tx.audit(match held {
            Some(held) => event.change(json!(held), json!(field)),
            None => event.after(json!(field)),
        });
        Ok(field)
    })
    .await
}

/// Removes a field of the schema; what was written into it stays.
pub async fn remove_field(ctx: &Ctx, name: String) -> Result<()> {
    let workspace = ctx.workspace()?;
    ctx.write(move |tx| {
        let held = queries::fields(tx, workspace)?.into_iter().find(|held| held.name == name);
        let held = held.ok_or(WebError::NotFound)?;
        queries::remove(tx, workspace, &name)?;
        tx.audit(Event::new("metadata-field.remove", area(workspace)).name(&held.name).before(json!(held)));
        Ok::<_, WebError>(())
    })
    .await
}

/// Sets what is named and takes away what is null; all of it has to fit the schema afterwards, and what that requires has to
/// be there. Level `own` on the thing, which the routes ask for.
pub async fn set(estate: &Estate, ctx: &Ctx, on: Holder, values: BTreeMap<String, Json>) -> Result<()> {
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, registry| {
        let before = holder(registry, workspace, on)?;
        let mut after = before.clone();
        let metadata: &mut Values = match &mut after {
            Thing::Zone(zone) => &mut zone.metadata,
            Thing::System(system) => &mut system.metadata,
            Thing::Device(device) => &mut device.metadata,
            Thing::Trigger(_) | Thing::Edge(_) => return Err(WebError::NotFound),
        };
        for (name, value) in &values {
            match value {
                Json::Null => drop(metadata.remove(name)),
                value => drop(metadata.insert(name.clone(), value.clone())),
            }
        }
        described(metadata.clone())?;
        fits(tx, &after, true)?;
        Ok(change(tx, registry, &before, &after)?)
    })
    .await
}

/// Passes when what is kept about a thing fits the schema; `complete` also wants what that requires.
pub(crate) fn fits(tx: &mut Tx, thing: &Thing, complete: bool) -> Result<()> {
    let Some((kind, values)) = of_thing(thing) else { return Ok(()) };
    let wrong = faults(&queries::fields(tx, thing.workspace())?, kind, values, complete);
    if wrong.is_empty() { Ok(()) } else { Err(WebError::BadInput(wrong)) }
}
