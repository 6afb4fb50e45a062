//! API of the audit log: search, and the proof of one record.

use crate::Estate;
use crate::http::with;
use axum::response::Response;
use bo_db::audit::export::prove;
use bo_db::audit::search::{Filter, search};
use bo_web::{Ctx, Level, Need, Object, Result, Routes, WebError, reply};
use serde_json::json;
use std::sync::Arc;

/// Rows of a page.
const PAGE: usize = 50;

/// Routes of the audit log.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::workspace_area("audit", Level::View);
    Routes::new("estate")
        .get("/api/v1/audit", view, with(estate, list))
        .about("Audit records, newest first: q, actor, verb, object, outcome; `below` pages")
        .get("/api/v1/audit/{seq}/proof", view, with(estate, proof))
        .about("One record with the proof that it is in the signed log")
}

async fn list(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let text = |name: &str| Some(ctx.query_value(name)).filter(|text| !text.is_empty());
    let filter = Filter {
        workspace: Some(ctx.workspace()?),
        actor: text("actor"),
        verb: text("verb"),
        object: text("object").and_then(|object| Object::parse(&object)),
        outcome: text("outcome"),
        text: text("q"),
        below: text("below").and_then(|seq| seq.parse().ok()),
        ..Filter::default()
    };
    let items = ctx.read(|tx| search(tx, &filter, PAGE))?;
    let next = items.last().filter(|_| items.len() == PAGE).map(|record| record.seq);
    Ok(reply::json(&json!({ "items": items, "next": next })))
}

async fn proof(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (seq, workspace): (u64, _) = (ctx.param("seq")?, ctx.workspace()?);
    let proof = ctx.read(|tx| {
        let filter = Filter { workspace: Some(workspace), below: Some(seq + 1), ..Filter::default() };
        let ours = search(tx, &filter, 1)?.first().is_some_and(|record| record.seq == seq);
        let proof = if ours { prove(tx, seq)? } else { None };
        Ok::<_, WebError>(proof)
    })?;
    Ok(reply::json(&proof.ok_or(WebError::NotFound)?))
}
