//! Writing a plan: one transaction, each kind in the order the next one needs it.

use super::plan::Plan;
use crate::error::EstateError;
use crate::{drivers, maps, registry, triggers};
use bo_db::{Event, Tx, params};
use bo_identity::account::{self, NewAccount};
use bo_identity::relation::{RelationKind, Validity, grant, join, to_object};
use bo_identity::workspace::{Builtin, builtin_group};
use bo_model::estate::{EstateGroup, EstatePerson};
use bo_model::{AccountId, GroupId, IdGen, Kind, Object, WorkspaceId};
use serde_json::json;
use std::collections::BTreeMap;

/// Writes everything in the plan. The caller's transaction says who imports.
pub fn apply(tx: &mut Tx, plan: &Plan, ids: &IdGen) -> Result<(), EstateError> {
    let workspace = plan.workspace.ok_or_else(|| EstateError::missing("workspace", "of the plan"))?;
    for packed in &plan.drivers {
        drivers::queries::save_package(tx, &packed.driver, &packed.bytes)?;
        if !packed.driver.held {
            drivers::queries::save(tx, &packed.driver)?;
        }
    }
    for definition in &plan.definitions {
        triggers::queries::save_definition(tx, definition)?;
    }
    for map in &plan.maps {
        maps::queries::save(tx, map)?;
    }
    for thing in plan.things() {
        thing.store(tx)?;
    }
    let groups = write_groups(tx, workspace, plan, ids)?;
    for person in &plan.people {
        write_person(tx, workspace, person, &groups, ids)?;
    }
    if !plan.changes.is_empty() {
        registry::touch(tx)?;
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for change in &plan.changes {
            let count = counts.entry(change.kind).or_default();
            if change.new { count.0 += 1 } else { count.1 += 1 }
        }
        let summary: BTreeMap<_, _> = counts
            .into_iter()
            .map(|(kind, (new, changed))| (kind, json!({ "new": new, "changed": changed })))
            .collect();
        tx.audit(
            Event::new("estate.import", Object::new(Kind::WORKSPACE, workspace))
                .workspace(workspace)
                .after(json!(summary)),
        );
    }
    Ok(())
}

/// Groups by key, built-in ones included.
fn write_groups(
    tx: &mut Tx,
    workspace: WorkspaceId,
    plan: &Plan,
    ids: &IdGen,
) -> Result<BTreeMap<String, GroupId>, EstateError> {
    let mut groups = BTreeMap::new();
    for builtin in Builtin::ALL {
        if let Some(id) = builtin_group(tx, workspace, builtin)? {
            groups.insert(builtin.word().to_owned(), id);
        }
    }
    for group in &plan.groups {
        let id = write_group(tx, workspace, group, ids)?;
        groups.insert(group.key.clone(), id);
        let subject = Object::new(Kind::GROUP, id);
        for (zone, level) in &group.zones {
            let Some(zone) = plan.zone_ids.get(zone) else { continue };
            let object = Object::new(Kind::ZONE, zone);
            let held = to_object(tx, &object, RelationKind::Grant)?;
            if held.iter().any(|row| row.subject == subject && row.cap == *level) {
                continue;
            }
            grant(tx, &subject, &object, *level, Validity::ALWAYS, "estate file")?;
            tx.audit(
                Event::new("relation.grant", object)
                    .workspace(workspace)
                    .after(json!({ "subject": subject.as_str(), "level": level.word() })),
            );
        }
    }
    Ok(groups)
}

fn write_group(
    tx: &mut Tx,
    workspace: WorkspaceId,
    group: &EstateGroup,
    ids: &IdGen,
) -> Result<GroupId, EstateError> {
    let held = tx.query_opt(
        "SELECT id FROM grp WHERE workspace = ?1 AND lower(name) = lower(?2)",
        params![workspace, &group.name],
        |row| row.get::<GroupId>(0),
    )?;
    if let Some(id) = held {
        return Ok(id);
    }
    let (id, now): (GroupId, _) = (ids.make(), tx.now());
    tx.execute(
        "INSERT INTO grp (id, workspace, name, about, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id, workspace, &group.name, "From the estate's files.", now],
    )?;
    tx.audit(
        Event::new("group.create", Object::new(Kind::GROUP, id))
            .name(&group.name)
            .workspace(workspace)
            .after(json!({ "name": group.name })),
    );
    Ok(id)
}

/// A person is invited once; what an administrator changes afterwards stays.
fn write_person(
    tx: &mut Tx,
    workspace: WorkspaceId,
    person: &EstatePerson,
    groups: &BTreeMap<String, GroupId>,
    ids: &IdGen,
) -> Result<(), EstateError> {
    if account::member_by_email(tx, workspace, &person.email)?.is_some() {
        return Ok(());
    }
    let id: AccountId = ids.make();
    let new = NewAccount {
        id,
        email: person.email.clone(),
        name: person.name.clone(),
        job: String::new(),
        phone: String::new(),
        password_hash: String::new(),
    };
    account::create(tx, workspace, &new)
        .map_err(|error| EstateError::Import(vec![format!("person `{}`: {error}", person.email)]))?;
    let subject = Object::new(Kind::ACCOUNT, id);
    for group in person.groups.iter().filter_map(|key| groups.get(key)) {
        join(tx, &subject, &Object::new(Kind::GROUP, group), Validity::ALWAYS, "estate file")?;
    }
    Ok(())
}
