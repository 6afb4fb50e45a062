//! Triggers: definitions of the workspace's library, and instances that bind them to systems.

use super::places::system_of;
use super::thing::{change, create, remove};
use super::{Thing, ours, require, write};
use crate::Estate;
use crate::registry::{self, Registry};
use crate::triggers::{TriggerDefinition, TriggerInstance, queries};
use bo_db::Event;
use bo_model::settings::{Values, check_all};
use bo_model::{Kind, Level, Object, SystemId, TriggerId, WorkspaceId};
use bo_rules::{Context, ContextDevice, Diagnostic, load};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// A definition to bind to a system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTrigger {
    /// The system whose devices it names.
    pub system: SystemId,
    /// Name of the definition.
    pub name: String,
    /// Parameters of this instance.
    #[serde(default)]
    pub params: Values,
    /// Present and true: kept, but not evaluated.
    #[serde(default)]
    pub disabled: bool,
}

/// What of a trigger instance can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TriggerPatch {
    /// Evaluated when true.
    pub enabled: Option<bool>,
    /// All parameters of this instance.
    pub params: Option<Values>,
}

/// A definition as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Text of `trigger.toml`.
    pub definition: String,
    /// Text of `rule.rhai`.
    #[serde(default)]
    pub script: Option<String>,
    /// Also check it against the devices of this system.
    #[serde(default)]
    pub system: Option<SystemId>,
}

fn check_params(registry: &Registry, workspace: WorkspaceId, name: &str, params: &Values) -> Result<()> {
    let held = registry.definitions.get(&(workspace, name.to_owned()));
    let held = held.ok_or_else(|| WebError::field("name", format!("there is no trigger `{name}`")))?;
    match bo_rules::Definition::parse(&held.definition) {
        Ok(parsed) => check_all(&parsed.params, params).map(|_| ()).map_err(WebError::BadInput),
        Err(_) => Ok(()),
    }
}

/// Binds a definition to a system.
pub async fn create_trigger(estate: &Estate, ctx: &Ctx, new: NewTrigger) -> Result<TriggerInstance> {
    let (workspace, id, may) = (ctx.workspace()?, ctx.make_id::<TriggerId>(), require(ctx));
    write(estate, ctx, move |tx, registry| {
        may(tx, &Object::new(Kind::SYSTEM, new.system), Level::View)?;
        may(tx, &Object::area(workspace, "triggers"), Level::Edit)?;
        let system = system_of(registry, workspace, new.system)?;
        check_params(registry, workspace, &new.name, &new.params)?;
        if registry.triggers.values().any(|held| held.system == system.id && held.name == new.name) {
            return Err(WebError::field("name", format!("is bound to {} already", system.name)));
        }
        let instance = TriggerInstance {
            id,
            workspace,
            system: system.id,
            name: new.name.clone(),
            params: new.params.clone(),
            enabled: !new.disabled,
        };
        create(tx, registry, &Thing::Trigger(instance.clone()))?;
        Ok(instance)
    })
    .await
}

/// Changes a trigger instance.
pub async fn trigger(estate: &Estate, ctx: &Ctx, id: TriggerId, patch: TriggerPatch) -> Result<()> {
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, registry| {
        let before = registry.triggers.get(&id).ok_or(WebError::NotFound)?;
        ours(workspace, before.workspace)?;
        let mut after = (**before).clone();
        after.enabled = patch.enabled.unwrap_or(after.enabled);
        if let Some(params) = &patch.params {
            check_params(registry, workspace, &after.name, params)?;
            after.params = params.clone();
        }
        Ok(change(tx, registry, &Thing::Trigger((**before).clone()), &Thing::Trigger(after))?)
    })
    .await
}

/// What a trigger is compiled for: a system with its devices.
pub fn context(registry: &Registry, id: SystemId) -> Context {
    let Some(system) = registry.systems.get(&id) else { return Context::default() };
    let devices = registry.devices_in(id).iter().filter_map(|id| registry.devices.get(id));
    Context {
        system: system.name.clone(),
        devices: devices
            .map(|entry| ContextDevice {
                address: entry.device.address.clone(),
                name: entry.device.name.clone(),
                manifest: entry.driver.as_ref().map(|driver| Arc::new(driver.manifest.clone())),
            })
            .collect(),
        time_zone: registry.time_zone(system.zone),
        position: registry.position(system.zone),
    }
}

/// Everything that is wrong with a draft, each with its line; empty when it can be saved. With a system, its devices and
/// their drivers are held against it too.
pub fn diagnose(registry: &Registry, draft: &Draft) -> Vec<Diagnostic> {
    let outcome = match draft.system {
        Some(system) => {
            let params = bo_rules::Definition::parse(&draft.definition).map(|parsed| defaults(&parsed));
            params.and_then(|params| {
                load(&draft.definition, draft.script.as_deref(), &params, &context(registry, system))
                    .map(|_| ())
            })
        }
        None => bo_rules::Definition::parse(&draft.definition).map(|_| ()),
    };
    outcome.err().map(|error| error.diagnostics().to_vec()).unwrap_or_default()
}

fn defaults(parsed: &bo_rules::Definition) -> Values {
    parsed.params.iter().filter_map(|(key, field)| Some((key.clone(), field.default.clone()?))).collect()
}

/// Writes a definition, new or changed. Every system it is bound to gets it with its gateway's next release, so it is checked
/// against each of them first.
pub async fn save_definition(
    estate: &Estate,
    ctx: &Ctx,
    name: String,
    draft: Draft,
) -> Result<TriggerDefinition> {
    let workspace = ctx.workspace()?;
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(fine) {
        return Err(WebError::field("name", "must be 1 to 64 lower-case letters, digits and dashes"));
    }
    write(estate, ctx, move |tx, registry| {
        let parsed = bo_rules::Definition::parse(&draft.definition)
            .map_err(|error| WebError::field("definition", error.to_string()))?;
        let bound =
            registry.triggers.values().filter(|held| held.workspace == workspace && held.name == name);
        for instance in bound {
            let wanted = context(registry, instance.system);
            load(&draft.definition, draft.script.as_deref(), &instance.params, &wanted)
                .map_err(|error| WebError::field("definition", format!("{}: {error}", wanted.system)))?;
        }
        let fresh = TriggerDefinition {
            workspace,
            name: name.clone(),
            title: parsed.title,
            about: parsed.about,
            definition: draft.definition.clone(),
            script: draft.script.clone().filter(|script| !script.trim().is_empty()),
        };
        let held = registry.definitions.get(&(workspace, name.clone()));
        if held.is_some_and(|held| **held == fresh) {
            return Ok(fresh);
        }
        queries::save_definition(tx, &fresh)?;
        registry::touch(tx)?;
        let event =
            Event::new("trigger-definition.save", Object::area(workspace, "triggers")).name(&fresh.title);
        let after = json!({ "name": fresh.name, "definition": fresh.definition, "script": fresh.script });
        tx.audit(match held {
            Some(held) => event.change(
                json!({ "name": held.name, "definition": held.definition, "script": held.script }),
                after,
            ),
            None => event.after(after),
        });
        Ok(fresh)
    })
    .await
}

/// Removes a definition. Bound to systems it is only removed `with_contents`: its instances go first.
pub async fn remove_definition(estate: &Estate, ctx: &Ctx, name: String, with_contents: bool) -> Result<()> {
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, registry| {
        let held = registry.definitions.get(&(workspace, name.clone())).ok_or(WebError::NotFound)?;
        let bound: Vec<_> = registry
            .triggers
            .values()
            .filter(|instance| instance.workspace == workspace && instance.name == name)
            .collect();
        if !bound.is_empty() && !with_contents {
            return Err(WebError::Conflict(format!(
                "{} systems use this trigger. Remove it with its instances, or unbind it there first.",
                bound.len()
            )));
        }
        for instance in bound {
            remove(tx, registry, &Thing::Trigger((**instance).clone()))?;
        }
        queries::remove_definition(tx, workspace, &name)?;
        registry::touch(tx)?;
        tx.audit(
            Event::new("trigger-definition.remove", Object::area(workspace, "triggers"))
                .name(&held.title)
                .before(json!({ "name": held.name, "definition": held.definition, "script": held.script })),
        );
        Ok(())
    })
    .await
}
