//! Where the live connection is opened.

use super::session::{self, Client};
use crate::Estate;
use axum::response::Response;
use bo_web::{Ctx, Need, Result, Routes, Via, WebError};
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
    // A browser sends its cookie with a WebSocket that another site's page opens, and that page could read it.
    if viewer.via == Via::Session && !same_origin(ctx.header("origin"), ctx.header("host")) {
        return Err(WebError::Forbidden("This connection was opened by a page of another site.".into()));
    }
    let client = Client {
        check: Arc::new(ctx.checker()),
        author: ctx.author(),
        workspace: viewer.workspace,
        signed_in: Arc::new(ctx.still_signed_in()),
    };
    ctx.websocket(move |socket| session::run(estate, client, socket)).await
}

/// Whether an `Origin` is this site. Programs that are no browser send none, and carry no cookie by themselves.
fn same_origin(origin: &str, host: &str) -> bool {
    origin.is_empty()
        || origin.split_once("://").is_some_and(|(_, at)| !host.is_empty() && at.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::same_origin;

    #[test]
    fn another_sites_page_does_not_get_in() {
        assert!(same_origin("https://console.example:8443", "console.example:8443"));
        assert!(same_origin("", "console.example"));
        assert!(!same_origin("https://evil.example", "console.example"));
        assert!(!same_origin("null", "console.example"));
        assert!(!same_origin("https://console.example.evil.example", "console.example"));
    }
}
