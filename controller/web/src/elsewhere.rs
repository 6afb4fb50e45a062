//! A page that was opened in one workspace never writes into another: whoever works in two of them, in two tabs, is told
//! which page is whose, and loses nothing of what they typed.
//!
//! Each form and each script names the workspace of its page by its token ([`crate::csrf`]). A session is in one
//! workspace at a time.

use crate::access::Via;
use crate::csrf;
use crate::ctx::Head;
use crate::error::WebError;
use crate::layout::{self, END_VIEW_AS, Page, SWITCH_WORKSPACE};
use crate::need::Need;
use crate::routes::Route;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bo_model::WorkspaceId;
use bytes::Bytes;
use maud::html;

/// Where the page stands that sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the workspace the session is in, or where that does not matter.
    Here,
    /// In another of the viewer's workspaces.
    Elsewhere(WorkspaceId),
    /// The request does not say, or not rightly.
    Unknown,
}

impl Head {
    /// Signed in by a browser, which has tabs.
    pub(crate) fn by_cookie(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.via == Via::Session)
    }
}

pub async fn check(head: &Head, route: &Route, parts: &Parts, body: &Bytes) -> Origin {
    let Some(viewer) = head.viewer.as_ref().filter(|_| head.by_cookie()) else { return Origin::Unknown };
    if !route.is_mutation() && !parts.headers.contains_key("x-csrf-token") {
        return Origin::Here;
    }
    let given = csrf::given(parts, body).await;
    let anywhere =
        matches!(route.need, Need::Anyone(_)) || [SWITCH_WORKSPACE, END_VIEW_AS].contains(&route.path);
    match csrf::opened_in(&head.app.secret, viewer.session, &given) {
        None if route.is_mutation() => Origin::Unknown,
        Some(workspace) if workspace != viewer.workspace && !anywhere => Origin::Elsewhere(workspace),
        _ => Origin::Here,
    }
}

/// Says where the page was opened, and offers to go back there with what was typed.
pub fn answer(
    head: &Head,
    parts: &Parts,
    body: &Bytes,
    workspace: WorkspaceId,
) -> Result<Response, WebError> {
    let opened = head.spaces.iter().find(|space| space.id == workspace);
    let now = head.viewer.as_ref().map(|viewer| viewer.workspace_name.clone()).unwrap_or_default();
    let text = |name: &str| {
        format!("This page was opened in “{name}”, and you work in “{now}” now. Nothing was changed.")
    };
    if head.path.starts_with("/api/") || opened.is_none() {
        return Err(WebError::Elsewhere(text(opened.map_or("another workspace", |space| &space.name))));
    }
    let name = opened.map(|space| space.name.clone()).unwrap_or_default();
    let then = parts.uri.path_and_query().map_or("/", |address| address.as_str());
    let query = serde_urlencoded::to_string([("workspace", workspace.to_string().as_str()), ("then", then)]);
    // Files can't be sent along.
    let typed: Option<Vec<(String, String)>> = parts
        .headers
        .get("content-type")
        .filter(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
        .and_then(|_| serde_urlencoded::from_bytes(body).ok());
    let content = html! {
        div.card.empty {
            p { strong { (text(&name)) } }
            @match typed {
                Some(fields) => {
                    p { "Go back there and it is sent as you typed it." }
                    form action={ (SWITCH_WORKSPACE) "?" (query.unwrap_or_default()) } method="post" {
                        @for (field, value) in &fields { input type="hidden" name=(field) value=(value); }
                        button.btn.btn--primary type="submit" { "Switch to " (name) " and send it" }
                    }
                }
                None => {
                    p { "Go back there, and choose your file again." }
                    form action={ (SWITCH_WORKSPACE) "?workspace=" (workspace) } method="post" {
                        input type="hidden" name="_csrf" value=(head.csrf);
                        button.btn.btn--primary type="submit" { "Switch to " (name) }
                    }
                }
            }
            a.btn href="/" { "Stay in " (now) }
        }
    };
    let page = layout::page(head, Page::new("A page of another workspace", "", content));
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// What was asked for is there, in another of the viewer's workspaces: the way to it.
pub fn lies_in(head: &Head, parts: &Parts, workspace: WorkspaceId) -> Response {
    let name = head.spaces.iter().find(|space| space.id == workspace).map_or("", |space| &space.name);
    let to = parts.uri.path_and_query().map_or("/", |address| address.as_str());
    let query = serde_urlencoded::to_string([("workspace", workspace.to_string().as_str()), ("open", to)]);
    let content = html! {
        div.card.empty {
            p { strong { "This belongs to “" (name) "”, and you work in another workspace now." } }
            form action={ (SWITCH_WORKSPACE) "?" (query.unwrap_or_default()) } method="post" {
                input type="hidden" name="_csrf" value=(head.csrf);
                button.btn.btn--primary type="submit" { "Switch to " (name) " and open it" }
            }
            a.btn href="/" { "Stay here" }
        }
    };
    let page = layout::page(head, Page::new("In another workspace", "", content));
    (StatusCode::NOT_FOUND, page).into_response()
}
