//! API of alarms.

use super::{Alarm, actions, queries};
use crate::Estate;
use crate::http::with;
use axum::response::Response;
use bo_model::AlarmId;
use bo_web::list::{Key, ListSpec};
use bo_web::{Ctx, Level, Need, Result, Routes, WebError, reply};
use serde::Deserialize;
use std::sync::Arc;

/// What the list of alarms offers.
pub const SPEC: ListSpec = ListSpec {
    sorts: &["raised", "severity"],
    sort: "raised",
    desc: true,
    filters: &["state", "severity", "system", "device"],
};

/// Routes of alarms.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/api/v1/alarms", Need::signed_in(), with(estate, list))
        .about("Alarms; state is open (needs somebody), active, closed or all")
        .get("/api/v1/alarms/{id}", Need::signed_in(), with(estate, show))
        .about("An alarm")
        .post("/api/v1/alarms/{id}/acknowledge", Need::signed_in(), with(estate, acknowledge))
        .about("Say that somebody sees to it, with a comment")
}

/// A page of alarms the viewer may see. Alarms of what they may not see are left out, so a page may be short.
pub fn page(ctx: &Ctx) -> Result<bo_web::Paged<Alarm>> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    ctx.read(|tx| {
        let rows = queries::list(tx, workspace, &list)?;
        let sort = list.sort;
        let mut paged = list.paged(rows, |alarm| {
            let key = match (sort, alarm.severity.as_str()) {
                ("severity", "critical") => Key::from(3),
                ("severity", "warning") => Key::from(2),
                ("severity", _) => Key::from(1),
                _ => Key::from(alarm.raised_at),
            };
            (key, alarm.id.to_string())
        });
        let mut seen = Vec::new();
        for alarm in paged.items {
            if ctx.level(tx, &alarm.subject())? >= Level::View {
                seen.push(alarm);
            }
        }
        paged.items = seen;
        Ok(paged)
    })
}

async fn list(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&page(&ctx)?))
}

/// The alarm of the path, if the viewer has that level on what it is about.
pub fn find(ctx: &Ctx, level: Level) -> Result<Alarm> {
    let (id, workspace): (AlarmId, _) = (ctx.param("id")?, ctx.workspace()?);
    ctx.read(|tx| {
        let alarm = queries::find(tx, id)?.filter(|alarm| alarm.workspace == workspace);
        let alarm = alarm.ok_or(WebError::NotFound)?;
        ctx.require(tx, &alarm.subject(), level)?;
        Ok(alarm)
    })
}

async fn show(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&find(&ctx, Level::View)?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    comment: String,
}

/// Acknowledges the alarm of the path.
pub async fn acknowledge_alarm(estate: &Estate, ctx: &Ctx, comment: String) -> Result<Alarm> {
    if comment.chars().count() > 1000 {
        return Err(WebError::field("comment", "must be at most 1000 characters"));
    }
    let alarm = find(ctx, Level::Edit)?;
    let viewer = ctx.who()?;
    let (workspace, by) = (viewer.workspace, viewer.name.clone());
    let done = ctx.write(move |tx| actions::acknowledge(tx, workspace, alarm.id, &by, &comment)).await?;
    estate.show_alarm(&done);
    Ok(done)
}

async fn acknowledge(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let body: Body = if ctx.body().is_empty() { Body::default() } else { ctx.json()? };
    Ok(reply::json(&acknowledge_alarm(&estate, &ctx, body.comment).await?))
}
