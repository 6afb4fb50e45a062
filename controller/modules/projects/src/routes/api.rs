//! Projects for programs: the same forms, the same checks.

use super::projects::{FORM, alter, listed, make, shown};
use super::{PROJECTS, folders, team};
use axum::response::Response;
use bo_web::{Ctx, Input, Result, reply};
use serde_json::{Map, Value as Json, json};

fn input(ctx: &Ctx, known: &[&str]) -> Result<Input> {
    Input::from_json(ctx.json::<Json>()?, known)
}

pub async fn projects(ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&PROJECTS)?;
    let page = ctx.read(|tx| listed(&ctx, tx, &list))?;
    let items: Vec<Json> =
        page.items.iter().map(|(project, level)| json!({"project": project, "level": level})).collect();
    Ok(reply::json(&json!({"items": items, "next": page.next})))
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let id = make(&ctx, &input(&ctx, &FORM)?).await?;
    Ok(reply::created(&format!("/api/v1/projects/{id}"), &json!({"id": id})))
}

pub async fn project(ctx: Ctx) -> Result<Response> {
    let shown = ctx.read(|tx| shown(&ctx, tx))?;
    let fields: Map<String, Json> =
        shown.fields.iter().map(|(field, value, _)| (field.name.to_owned(), json!(value))).collect();
    let folders: Vec<Json> =
        shown.folders.iter().map(|(folder, level, _)| json!({"folder": folder, "level": level})).collect();
    Ok(reply::json(&json!({
        "project": shown.here.project, "level": shown.here.level, "fields": fields, "folders": folders})))
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    alter(&ctx, &input(&ctx, &FORM)?).await?;
    Ok(reply::done())
}

pub async fn folder(ctx: Ctx) -> Result<Response> {
    let inside = ctx.read(|tx| folders::inside(&ctx, tx))?;
    let folders: Vec<Json> =
        inside.folders.iter().map(|(folder, level)| json!({"folder": folder, "level": level})).collect();
    Ok(reply::json(&json!({
        "folder": inside.folder, "level": inside.level, "folders": folders, "files": inside.files})))
}

pub async fn set_right(ctx: Ctx) -> Result<Response> {
    team::give(&ctx, &input(&ctx, &["subject", "folder", "level"])?).await?;
    Ok(reply::done())
}

pub async fn add_member(ctx: Ctx) -> Result<Response> {
    team::put(&ctx, &input(&ctx, &["subject", "role", "until"])?).await?;
    Ok(reply::done())
}
