//! The wiki for programs.

use super::pages::{found, here};
use super::spaces::{of_path, readable};
use crate::actions::{self, Edit, NewPage, Saved};
use crate::model::{Page, PageId, SpaceId};
use crate::queries;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_content::revision;
use bo_model::Level;
use bo_web::{Ctx, Result, WebError, reply};
use serde::Deserialize;
use serde_json::json;

pub async fn spaces(ctx: Ctx) -> Result<Response> {
    let workspace = ctx.workspace()?;
    let items = ctx.read(|tx| -> Result<_> {
        let mut items = Vec::new();
        for space in queries::spaces(tx, workspace)? {
            if ctx.level(tx, &space.object())? >= Level::View {
                items.push(space);
            }
        }
        Ok(items)
    })?;
    Ok(reply::json(&json!({"items": items})))
}

pub async fn pages(ctx: Ctx) -> Result<Response> {
    let items = ctx.read(|tx| -> Result<_> {
        let space = of_path(&ctx, tx)?;
        let (tree, seen) = readable(&ctx, tx, space.id)?;
        let read =
            tree.walk().into_iter().map(|(_, page)| page.clone()).filter(|page| seen.contains(&page.id));
        Ok(read.collect::<Vec<Page>>())
    })?;
    Ok(reply::json(&json!({"items": items})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: String,
    #[serde(default)]
    body: String,
    parent: Option<PageId>,
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let (space, id): (SpaceId, PageId) = (ctx.param("id")?, ctx.make_id());
    let Written { title, body, parent } = ctx.json()?;
    let new = NewPage { id, space, parent, title, body };
    ctx.write(move |tx| actions::create_page(tx, &new)).await?;
    Ok(reply::created(&format!("/api/v1/wiki/pages/{id}"), &json!({"id": id, "revision": 1})))
}

pub async fn page(ctx: Ctx) -> Result<Response> {
    let (page, text) = ctx.read(|tx| -> Result<_> {
        let here = here(&ctx, tx)?;
        let text = revision::find(tx, &here.page.object(), here.page.revision)?.ok_or(WebError::NotFound)?;
        Ok((here.page, text))
    })?;
    let mut answer = json!(page);
    answer["body"] = json!(text.body);
    Ok(reply::json(&answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    base: i64,
    title: String,
    body: String,
    #[serde(default)]
    note: String,
}

pub async fn save(ctx: Ctx) -> Result<Response> {
    let id: PageId = ctx.param("id")?;
    let Change { base, title, body, note } = ctx.json()?;
    let edit = Edit { base, title, body, note };
    let answer = match ctx.write(move |tx| actions::save(tx, id, &edit)).await? {
        Saved::Unchanged => json!({"revision": base, "changed": false, "merged": false}),
        Saved::New(number) => json!({"revision": number, "changed": true, "merged": false}),
        Saved::Merged(number) => json!({"revision": number, "changed": true, "merged": true}),
        Saved::Conflict { text, newest } => {
            let message = "Others changed the same lines. Nothing was saved; decide between the marks in `body` and save on `newest`.";
            let body = json!({"error": {"code": "conflict", "message": message, "request_id": ctx.request_id()}, "body": text, "newest": newest});
            return Ok((StatusCode::CONFLICT, axum::Json(body)).into_response());
        }
    };
    Ok(reply::json(&answer))
}

pub async fn search(ctx: Ctx) -> Result<Response> {
    let question = ctx.query_value("q");
    let hits = ctx.read(|tx| found(&ctx, tx, &question, 25))?;
    let items: Vec<_> = hits
        .iter()
        .map(|(page, excerpt)| json!({"id": page.id, "space": page.space, "title": page.title, "excerpt": excerpt}))
        .collect();
    Ok(reply::json(&json!({"items": items})))
}
