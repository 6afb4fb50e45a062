//! Whether the process lives, whether it takes requests, and its numbers.

use crate::ctx::Ctx;
use crate::error::{Result, WebError, nothing_saved};
use crate::need::Need;
use crate::routes::Routes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bo_db::DbError;
use bo_model::{Level, Object};
use serde_json::json;
use std::net::IpAddr;

pub(crate) fn routes() -> Routes {
    Routes::new("web")
        .get("/healthz", Need::anyone("load balancers ask, it says nothing else"), alive)
        .about("Answers as long as the process runs")
        .get("/readyz", Need::anyone("load balancers ask, it names parts only, and a full disk"), ready)
        .about("Answers 200 when every part works, 503 and the parts that do not otherwise")
        .get(
            "/metrics",
            Need::anyone("the handler lets in loopback and tokens with view on `settings`"),
            metrics,
        )
        .about("Numbers of the process in Prometheus text")
}

async fn alive(_: Ctx) -> Result<&'static str> {
    Ok("ok\n")
}

async fn ready(ctx: Ctx) -> Result<Response> {
    let mut wrong: Vec<&str> = Vec::new();
    let database = ctx.read(|tx| tx.query("SELECT 1", &[], |_| Ok::<_, DbError>(())));
    if let Err(error) = database {
        tracing::warn!(%error, "not ready: database");
        wrong.push("database");
    }
    let unwritable = ctx.app().db.unwritable();
    if unwritable.is_some() {
        wrong.push("writing");
    }
    for (name, check) in &ctx.app().ready {
        if let Err(why) = check() {
            tracing::warn!(part = name, why, "not ready");
            wrong.push(name);
        }
    }
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut answer = json!({"ready": wrong.is_empty(), "not_ready": wrong});
    if let Some(why) = unwritable {
        answer["why"] = nothing_saved(why).into();
    }
    Ok((status, axum::Json(answer)).into_response())
}

async fn metrics(ctx: Ctx) -> Result<Response> {
    let local = ctx.address().parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !local {
        let workspace = ctx.workspace()?;
        ctx.read(|tx| ctx.require(tx, &Object::area(workspace, "settings"), Level::View))?;
    }
    let text = ctx.app().metrics.as_ref().ok_or(WebError::NotFound)?();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
