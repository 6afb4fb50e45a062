//! API of triggers and their traces.

use super::{TriggerDefinition, TriggerInstance, queries};
use crate::Estate;
use crate::configure::triggers::{Draft, create_trigger, diagnose, remove_definition, save_definition};
use crate::configure::{self, NewTrigger, TriggerPatch};
use crate::http::{Mention, finds, may, page, system, with};
use crate::state::RunEntry;
use axum::response::Response;
use bo_model::{SystemId, TriggerId};
use bo_web::list::ListSpec;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// What the list of triggers offers.
pub const SPEC: ListSpec =
    ListSpec { sorts: &["name", "system"], sort: "name", desc: false, filters: &["system", "name"] };

/// A trigger instance in lists.
#[derive(Clone, Debug, Serialize)]
pub struct TriggerLine {
    /// The instance.
    #[serde(flatten)]
    pub instance: TriggerInstance,
    /// Its definition's title.
    pub title: String,
    /// Its system.
    pub system_name: String,
    /// Its last run.
    pub last_run: Option<RunEntry>,
}

#[derive(Serialize)]
struct TriggerView {
    #[serde(flatten)]
    line: TriggerLine,
    in_system: Mention<SystemId>,
    definition: Option<TriggerDefinition>,
    runs: Vec<RunEntry>,
}

/// Routes of triggers.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let draft = json!({"type": "object", "required": ["definition"], "additionalProperties": false, "properties": {
        "definition": {"type": "string"}, "script": {"type": ["string", "null"]},
        "system": {"type": ["string", "null"], "format": "uuid"}}});
    Routes::new("estate")
        .get("/api/v1/triggers", Need::signed_in(), with(estate, list))
        .about("Trigger instances with their last run; filter by system or definition")
        .lists(&SPEC)
        .post("/api/v1/triggers", Need::workspace_area("triggers", Level::Edit), with(estate, create))
        .about("Bind a trigger of the library to a system")
        .accepts(json!({"type": "object", "required": ["system", "name"], "additionalProperties": false, "properties": {
            "system": {"type": "string", "format": "uuid"}, "name": {"type": "string", "examples": ["night-set-back"]},
            "params": {"type": "object"}, "disabled": {"type": "boolean"}}}))
        .get("/api/v1/triggers/{id}", Need::object(Kind::TRIGGER, "id", Level::View), with(estate, show))
        .about("A trigger instance with its definition and the traces of its last runs")
        .patch("/api/v1/triggers/{id}", Need::object(Kind::TRIGGER, "id", Level::Edit), with(estate, change))
        .about("Enable or disable a trigger instance, or change its parameters")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "enabled": {"type": "boolean"}, "params": {"type": "object"}}}))
        .get(
            "/api/v1/trigger-definitions",
            Need::workspace_area("triggers", Level::View),
            with(estate, definitions),
        )
        .about("The trigger library of the workspace")
        .post("/api/v1/trigger-definitions/check", Need::workspace_area("triggers", Level::View), with(estate, check))
        .about("What is wrong with a draft, with file, line and column; with `system` its devices are held against it")
        .accepts(draft.clone())
        .put("/api/v1/trigger-definitions/{name}", Need::workspace_area("triggers", Level::Edit), with(estate, save))
        .about("Write a trigger of the library, new or changed")
        .accepts(draft)
        .delete("/api/v1/trigger-definitions/{name}", Need::workspace_area("triggers", Level::Edit), with(estate, remove))
        .about("Remove a trigger of the library; `with_contents=true` removes its instances too")
        .query(json!({"type": "object", "properties": {"with_contents": {"type": "boolean"}}}))
}

/// An instance as a line.
pub fn line(estate: &Estate, instance: &TriggerInstance) -> TriggerLine {
    let registry = estate.registry();
    let definition = registry.definitions.get(&(instance.workspace, instance.name.clone()));
    TriggerLine {
        instance: instance.clone(),
        title: definition.map_or_else(|| instance.name.clone(), |definition| definition.title.clone()),
        system_name: system(&registry, instance.system).name,
        last_run: estate.runs.changes(&instance.id, 0).pop(),
    }
}

/// A page of instances the viewer may see.
pub fn page_of_lines(estate: &Estate, ctx: &Ctx) -> Result<bo_web::Paged<TriggerLine>> {
    let (list, workspace, registry) = (ctx.list(&SPEC)?, ctx.workspace()?, estate.registry());
    let rows: Vec<TriggerLine> = ctx.read(|tx| {
        let mut rows = Vec::new();
        for instance in registry.triggers.values().filter(|instance| instance.workspace == workspace) {
            let wanted = list.filter("system").is_none_or(|id| instance.system.to_string() == id)
                && list.filter("name").is_none_or(|name| instance.name == name);
            if wanted && may(ctx, tx, Kind::TRIGGER, instance.id, Level::View)? {
                let line = line(estate, instance);
                if finds(&list, [line.title.as_str(), &line.system_name, &instance.name]) {
                    rows.push(line);
                }
            }
        }
        Ok::<_, WebError>(rows)
    })?;
    let by_system = list.sort == "system";
    Ok(page(ctx, &list, rows, |line| {
        let (title, place) = (line.title.to_lowercase(), line.system_name.to_lowercase());
        let key = if by_system { format!("{place}\u{1}{title}") } else { format!("{title}\u{1}{place}") };
        (key, line.instance.id.to_string())
    }))
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&page_of_lines(&estate, &ctx)?))
}

/// The last runs of an instance, newest first: from memory, or from the database after a restart.
pub fn runs(estate: &Estate, ctx: &Ctx, id: TriggerId) -> Result<Vec<RunEntry>> {
    let mut runs = estate.runs.changes(&id, 0);
    runs.reverse();
    if runs.len() < 20 {
        runs = ctx.read(|tx| queries::runs(tx, id, 50))?;
    }
    runs.truncate(50);
    Ok(runs)
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let registry = estate.registry();
    let id: TriggerId = ctx.param("id")?;
    let instance = registry.triggers.get(&id).ok_or(WebError::NotFound)?;
    let definition = registry.definitions.get(&(instance.workspace, instance.name.clone()));
    let view = TriggerView {
        line: line(&estate, instance),
        in_system: system(&registry, instance.system),
        definition: definition.map(|definition| (**definition).clone()),
        runs: runs(&estate, &ctx, id)?,
    };
    Ok(reply::json(&view))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let new: NewTrigger = ctx.json()?;
    let instance = create_trigger(&estate, &ctx, new).await?;
    Ok(reply::created(&format!("/api/v1/triggers/{}", instance.id), &instance))
}

async fn check(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let draft: Draft = ctx.json()?;
    if let Some(system) = draft.system {
        ctx.read(|tx| ctx.require(tx, &bo_web::Object::new(Kind::SYSTEM, system), Level::View))?;
    }
    Ok(reply::json(&json!({ "items": diagnose(&estate.registry(), &draft) })))
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let draft: Draft = ctx.json()?;
    Ok(reply::json(&save_definition(&estate, &ctx, ctx.param("name")?, draft).await?))
}

async fn remove(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    remove_definition(&estate, &ctx, ctx.param("name")?, ctx.query_value("with_contents") == "true").await?;
    Ok(reply::done())
}

async fn change(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: TriggerPatch = ctx.json()?;
    configure::trigger(&estate, &ctx, ctx.param("id")?, patch).await?;
    show(estate, ctx).await
}

async fn definitions(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (workspace, registry) = (ctx.workspace()?, estate.registry());
    let items: Vec<_> = registry.definitions.values().filter(|held| held.workspace == workspace).collect();
    Ok(reply::json(&json!({ "items": items.iter().map(|held| (***held).clone()).collect::<Vec<_>>() })))
}
