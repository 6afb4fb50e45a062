//! API of commands: what was asked for and how far it came.

use super::{Command, queries};
use crate::Estate;
use crate::http::{visible, with};
use axum::response::Response;
use bo_model::CommandId;
use bo_web::list::{Key, ListSpec};
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use std::sync::Arc;

/// What the list of commands offers.
pub const SPEC: ListSpec =
    ListSpec { sorts: &["asked"], sort: "asked", desc: true, filters: &["device", "stage"] };

/// Routes of commands.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/api/v1/commands", Need::signed_in(), with(estate, list))
        .about("Commands, newest first; filter by device or stage")
        .lists(&SPEC)
        .get("/api/v1/commands/{id}", Need::signed_in(), with(estate, show))
        .about("A command and its evidence")
}

/// A page of commands on devices the viewer may see, without their evidence.
pub fn page(ctx: &Ctx) -> Result<bo_web::Paged<Command>> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    let device = |command: &Command| bo_web::Object::new(Kind::DEVICE, command.request.device);
    let key = |command: &Command| (Key::from(command.asked_at), command.request.id.to_string());
    visible(ctx, &list, |tx, list| queries::list(tx, workspace, list), device, key)
}

/// The command of the path.
pub fn find(ctx: &Ctx) -> Result<Command> {
    let (id, workspace): (CommandId, _) = (ctx.param("id")?, ctx.workspace()?);
    ctx.read(|tx| {
        let found = queries::find(tx, id)?.filter(|command| command.workspace == workspace);
        let command = found.ok_or(WebError::NotFound)?;
        let object = bo_web::Object::new(Kind::DEVICE, command.request.device);
        ctx.require(tx, &object, Level::View)?;
        Ok(command)
    })
}

async fn list(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&page(&ctx)?))
}

async fn show(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&find(&ctx)?))
}
