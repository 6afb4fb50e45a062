//! API of the audit log: search, and the proof of one record.

use crate::Estate;
use crate::http::with;
use axum::response::Response;
use bo_db::audit::export::prove;
use bo_db::audit::search::{Filter, search};
use bo_web::list::{Key, ListSpec};
use bo_web::{Ctx, Level, Need, Object, Result, Routes, WebError, reply};
use std::sync::Arc;

/// What the list of records offers.
const SPEC: ListSpec = ListSpec {
    sorts: &["number"],
    sort: "number",
    desc: true,
    filters: &["actor", "verb", "object", "outcome"],
};

/// Routes of the audit log.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::workspace_area("audit", Level::View);
    Routes::new("estate")
        .get("/api/v1/audit", view, with(estate, list))
        .about("Audit records, newest first; filter by actor, verb (or its first part), object or outcome")
        .lists(&SPEC)
        .get("/api/v1/audit/{seq}/proof", view, with(estate, proof))
        .about("One record with the proof that it is in the signed log")
}

async fn list(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    let text = |name: &str| list.filter(name).map(str::to_owned);
    let filter = Filter {
        workspace: Some(workspace),
        actor: text("actor"),
        verb: text("verb"),
        object: text("object").and_then(|object| Object::parse(&object)),
        outcome: text("outcome"),
        text: Some(list.q.clone()).filter(|text| !text.is_empty()),
        below: list.after_number().and_then(|seq| u64::try_from(seq).ok()),
        ..Filter::default()
    };
    let rows = ctx.read(|tx| search(tx, &filter, list.limit + 1))?;
    let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    Ok(reply::json(&list.paged(rows, |record| (Key::from(number(record.seq)), record.seq.to_string()))))
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
