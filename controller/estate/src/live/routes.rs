//! Where the live connection is opened.

use super::session::{self, Client};
use crate::Estate;
use axum::response::Response;
use bo_web::{Ctx, Need, Result, Routes};
use std::sync::Arc;

/// `/api/v1/live`.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let estate = estate.clone();
    Routes::new("estate")
        .get("/api/v1/live", Need::signed_in(), move |ctx| open(estate.clone(), ctx))
        .about("Live values, alarms, logs and evidence over a WebSocket; commands too")
        .long()
}

async fn open(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let viewer = ctx.who()?;
    let client = Client {
        check: Arc::new(ctx.checker()),
        author: ctx.author(),
        workspace: viewer.workspace,
        session: viewer.session.to_string(),
    };
    ctx.websocket(move |socket| session::run(estate, client, socket)).await
}
