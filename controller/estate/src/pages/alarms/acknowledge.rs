//! Acknowledging alarms, one or many.

use super::PATH;
use crate::Estate;
use crate::alarms::routes as api;
use crate::alarms::{actions, queries};
use crate::pages::parts as own;
use axum::response::{IntoResponse, Response};
use bo_model::{AlarmId, Level};
use bo_web::{Ctx, Result, WebError};
use std::sync::Arc;

/// Alarms acknowledged at once.
const BULK: usize = 200;

pub(super) async fn one(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    api::acknowledge_alarm(&estate, &ctx, input.text("comment").to_owned()).await?;
    let next = if input.text("next").is_empty() { PATH } else { input.text("next") };
    Ok(ctx.redirect(next).flash("Acknowledged.").into_response())
}

pub(super) async fn many(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let comment = input.text("comment").to_owned();
    if comment.chars().count() > 1000 {
        return Err(WebError::field("comment", "must be at most 1000 characters"));
    }
    let ids: Vec<AlarmId> = input.all("alarm").iter().take(BULK).filter_map(|id| id.parse().ok()).collect();
    let next = if input.text("next").is_empty() { PATH } else { input.text("next") }.to_owned();
    if ids.is_empty() {
        return Ok(ctx.redirect(next).flash("Choose alarms first.").into_response());
    }
    let viewer = ctx.who()?;
    let (workspace, by, check) = (viewer.workspace, viewer.name.clone(), ctx.checker());
    let done = ctx
        .write(move |tx| {
            let mut done = Vec::new();
            for id in &ids {
                let found = queries::find(tx, *id)?.filter(|alarm| alarm.workspace == workspace);
                let Some(alarm) = found else { continue };
                if check(tx, &alarm.subject())? >= Level::Edit {
                    done.push(actions::acknowledge(tx, workspace, *id, &by, &comment)?);
                }
            }
            if done.is_empty() {
                tx.unaudited("no alarm was theirs to acknowledge");
            }
            Ok::<_, crate::EstateError>(done)
        })
        .await?;
    done.iter().for_each(|alarm| estate.show_alarm(alarm));
    Ok(ctx.redirect(next).flash(format!("Acknowledged {}.", own::count(done.len(), "alarm"))).into_response())
}
