//! What happens around every handler: who asks, may they, is the body within its limit, how errors are shown.

use crate::access::{Credential, Theme, Viewer};
use crate::app::App;
use crate::csrf;
use crate::ctx::{Ctx, Head};
use crate::elsewhere;
use crate::error::WebError;
use crate::layout;
use crate::need::Need;
use crate::notes;
use crate::reply::{Redirect, cookie};
use crate::routes::{Route, Routes};
use crate::site::{self, Site};
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use bo_db::{DbError, Tx};
use bo_model::{Level, Object};
use bytes::Bytes;
use futures_util::FutureExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A handler that is not `long` must answer within this.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The route of what is not there.
pub(crate) fn missing() -> Route {
    async fn nothing(_: Ctx) -> Result<Response, WebError> {
        Err(WebError::NotFound)
    }
    let mut routes = Routes::new("web").get("/{*path}", Need::anyone("there is nothing"), nothing).routes;
    routes.remove(0)
}

/// The route of a method that an address does not take; which it takes is in the answer's `Allow`.
pub(crate) fn other_method() -> Route {
    async fn refuse(ctx: Ctx) -> Result<Response, WebError> {
        Err(WebError::Method(ctx.parts.method.clone()))
    }
    let mut routes = Routes::new("web").get("/", Need::anyone("nothing is done"), refuse).routes;
    routes.remove(0)
}

pub(crate) async fn serve(app: Arc<App>, route: Route, request: Request<Body>) -> Response {
    let started = Instant::now();
    let (mut parts, body) = request.into_parts();
    let params = path_params(&mut parts).await;
    let request_id = hex::encode(rand::random::<[u8; 8]>());
    let address = address(&app, &parts);
    let mut head = Head {
        path: parts.uri.path().to_owned(),
        viewer: None,
        address,
        csrf: String::new(),
        flash: flash(&parts),
        theme: Theme::from_word(cookie(&parts.headers, "bo_theme").unwrap_or("")),
        nav: Vec::new(),
        spaces: Vec::new(),
        lies_in: None,
        site: Site::default(),
        request_id: request_id.clone(),
        app: app.clone(),
    };
    let admitted = admit(&mut head, &route, &parts, &params);
    let head = Arc::new(head);
    if let Some(opens) = head.site.door(&head.path).filter(|_| site::concerns(&route)) {
        return Redirect::to(opens).into_response();
    }
    let outcome = handle(head.clone(), &route, parts, params, body, admitted).await;
    let mut reply = outcome.unwrap_or_else(|error| render(&head, &error));
    notes::used(&head);
    finish(&head, &mut reply);
    let status = reply.status().as_u16();
    let elapsed = started.elapsed();
    let account = head.viewer.as_ref().map(|viewer| viewer.account.to_string()).unwrap_or_default();
    tracing::info!(
        method = %route.method, route = route.path, status, ms = elapsed.as_secs_f64() * 1e3,
        request = request_id, address = head.address, account, "request"
    );
    metrics::histogram!("bo_http_seconds", "method" => route.method.to_string(), "route" => route.path, "status" => status.to_string())
        .record(elapsed.as_secs_f64());
    reply
}

async fn path_params(parts: &mut Parts) -> BTreeMap<String, String> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        Err(_) => BTreeMap::new(),
    }
}

/// The client's address: the last hop that no trusted proxy added.
fn address(app: &App, parts: &Parts) -> String {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
        return String::new();
    };
    if app.trusted_proxies.contains(&peer.ip()) {
        let forwarded =
            parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or("");
        let hops = forwarded.rsplit(',').filter_map(|hop| hop.trim().parse().ok());
        if let Some(hop) = hops.into_iter().find(|hop| !app.trusted_proxies.contains(hop)) {
            return hop.to_string();
        }
    }
    peer.ip().to_string()
}

fn flash(parts: &Parts) -> Option<String> {
    let bytes = hex::decode(cookie(&parts.headers, "bo_flash")?).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// Who asks, and may they: one read of the database.
fn admit(
    head: &mut Head,
    route: &Route,
    parts: &Parts,
    params: &BTreeMap<String, String>,
) -> Result<(), WebError> {
    let (app, host) = (head.app.clone(), site::host(parts));
    if matches!(route.need, Need::Anyone(_)) && !has_credential(&app, parts) {
        if site::concerns(route) {
            head.site = app.db.read(|tx| (app.access.site)(tx, host))?.unwrap_or_default();
        }
        return Ok(());
    }
    let wants_page = !route.is_api();
    let (site, viewer, verdict, nav, spaces, lies_in) = app.db.read(|tx| -> Result<_, DbError> {
        let site = (app.access.site)(tx, host)?.unwrap_or_default();
        // Whoever is in another workspace than the one a name is kept for is nobody under that name.
        let here = |viewer: &Viewer| site.pinned.is_none_or(|workspace| workspace == viewer.workspace);
        let viewer = authenticate(&app, tx, &parts.headers)?.filter(here);
        let verdict = allowed(&app, tx, viewer.as_ref(), &route.need, params)?;
        let (nav, spaces) = match (&viewer, wants_page) {
            (Some(viewer), true) => {
                let mut spaces = (app.access.workspaces)(tx, viewer)?;
                spaces.retain(|space| site.pinned.is_none_or(|workspace| workspace == space.id));
                (navigation(&app, tx, viewer, &site)?, spaces)
            }
            _ => (Vec::new(), Vec::new()),
        };
        let lies_in = match (&viewer, route.need, &verdict) {
            (Some(viewer), Need::Object { kind, param, .. }, Err(WebError::NotFound)) if wants_page => {
                let id = params.get(param).map_or("", String::as_str);
                (app.access.home)(tx, viewer, &Object::new(kind, id))?
            }
            _ => None,
        };
        Ok((site, viewer, verdict, nav, spaces, lies_in))
    })?;
    let token = |viewer: &Viewer| csrf::token(&app.secret, viewer.session, viewer.workspace);
    head.csrf = viewer.as_ref().map(token).unwrap_or_default();
    (head.viewer, head.nav, head.spaces, head.lies_in) = (viewer, nav, spaces, lies_in);
    head.site = site;
    verdict
}

fn has_credential(app: &App, parts: &Parts) -> bool {
    parts.headers.contains_key(header::AUTHORIZATION) || cookie(&parts.headers, app.cookie_name()).is_some()
}

pub(crate) fn authenticate(app: &App, tx: &mut Tx, headers: &HeaderMap) -> Result<Option<Viewer>, DbError> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    match (bearer, cookie(headers, app.cookie_name())) {
        (Some(token), _) => (app.access.authenticate)(tx, Credential::Bearer(token)),
        (None, Some(secret)) => (app.access.authenticate)(tx, Credential::Cookie(secret)),
        (None, None) => Ok(None),
    }
}

fn allowed(
    app: &App,
    tx: &mut Tx,
    viewer: Option<&Viewer>,
    need: &Need,
    params: &BTreeMap<String, String>,
) -> Result<Result<(), WebError>, DbError> {
    let (object, level) = match *need {
        Need::Anyone(_) => return Ok(Ok(())),
        Need::SignedIn => return Ok(viewer.map(|_| ()).ok_or(WebError::SignIn)),
        Need::Account => return Ok(viewer.ok_or(WebError::SignIn).and_then(Viewer::whole)),
        Need::Object { kind, param, level } => {
            let Some(id) = params.get(param) else { return Ok(Err(WebError::NotFound)) };
            (Object::new(kind, id), level)
        }
        Need::Area { area, level } => match viewer {
            Some(viewer) => (Object::area(viewer.workspace, area), level),
            None => return Ok(Err(WebError::SignIn)),
        },
        Need::Some { kinds, area, level } => {
            let Some(viewer) = viewer else { return Ok(Err(WebError::SignIn)) };
            let makes = (app.access.level)(tx, Some(viewer), &Object::area(viewer.workspace, area))?;
            let mut some = makes >= level;
            for kind in kinds {
                some = some || (app.access.some)(tx, viewer, *kind)?;
            }
            return Ok(if some { Ok(()) } else { Err(WebError::NotFound) });
        }
        Need::Module { module, level } => match viewer {
            Some(viewer) => (Object::module(viewer.workspace, module), level),
            None => return Ok(Err(WebError::SignIn)),
        },
    };
    let has = (app.access.level)(tx, viewer, &object)?;
    Ok(judge(has, level, viewer.is_some()))
}

/// What a level is good for: not seen is not there, and whoever has not signed in is asked to.
pub fn judge(has: Level, need: Level, signed_in: bool) -> Result<(), WebError> {
    if has >= need {
        Ok(())
    } else if !signed_in {
        Err(WebError::SignIn)
    } else if has >= Level::See {
        let text = format!(
            "You have the level “{}” here; this needs “{}”. Ask an owner for it.",
            has.word(),
            need.word()
        );
        Err(WebError::Forbidden(text))
    } else {
        Err(WebError::NotFound)
    }
}

fn navigation(app: &App, tx: &mut Tx, viewer: &Viewer, site: &Site) -> Result<Vec<usize>, DbError> {
    let mut open = Vec::new();
    for (place, item) in app.nav.iter().enumerate().filter(|(_, item)| site.shows(item)) {
        if allowed(app, tx, Some(viewer), &item.need, &BTreeMap::new())?.is_ok() {
            open.push(place);
        }
    }
    Ok(open)
}

async fn handle(
    head: Arc<Head>,
    route: &Route,
    parts: Parts,
    params: BTreeMap<String, String>,
    body: Body,
    admitted: Result<(), WebError>,
) -> Result<Response, WebError> {
    let refuse = |error: WebError| {
        notes::denial(&head, route, &params, &error);
        Err(error)
    };
    let admitted = match admitted {
        Err(error) if !head.by_cookie() => return refuse(error),
        other => other,
    };
    let body: Bytes = match axum::body::to_bytes(body, route.body_limit).await {
        Ok(bytes) => bytes,
        Err(_) => return Err(WebError::TooLarge(route.body_limit)),
    };
    if holds_nul(&parts, &body) {
        return Err(WebError::field("", "must not hold the character with the code 0"));
    }
    // Before it is said that something is not there: it may be there in the workspace the page was opened in.
    let origin = elsewhere::check(&head, route, &parts, &body).await;
    if let elsewhere::Origin::Elsewhere(workspace) = origin {
        return elsewhere::answer(&head, &parts, &body, workspace);
    }
    match (admitted, head.lies_in) {
        (Ok(()), _) => {}
        (Err(WebError::NotFound), Some(workspace)) => {
            return Ok(elsewhere::lies_in(&head, &parts, workspace));
        }
        (Err(error), _) => return refuse(error),
    }
    if route.is_mutation() {
        only_looking(&head, route)?;
        csrf::check(&parts.headers, head.viewer.as_ref(), origin == elsewhere::Origin::Here)?;
    }
    let ctx = Ctx { head, parts, body, params };
    let answer = AssertUnwindSafe((route.handler)(ctx)).catch_unwind();
    let limit = if route.long { Duration::from_secs(3600) } else { TIME_LIMIT };
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(WebError::Internal("a handler panicked".into())),
        Err(_) => Err(WebError::Unavailable("This took too long and was stopped. Try again.".into())),
    }
}

/// Whoever looks through another's eyes changes nothing but that.
fn only_looking(head: &Head, route: &Route) -> Result<(), WebError> {
    let ends_it = route.path == layout::END_VIEW_AS || matches!(route.need, Need::Anyone(_));
    match head.viewer.as_ref().filter(|viewer| viewer.behind.is_some() && !ends_it) {
        None => Ok(()),
        Some(viewer) => Err(WebError::Forbidden(format!(
            "You are looking at this as {}, and nothing can be changed that way. Go back to yourself first.",
            viewer.name
        ))),
    }
}

/// No text of ours holds it, and PostgreSQL has no way to. Uploads may.
fn holds_nul(parts: &Parts, body: &[u8]) -> bool {
    let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let mark: &[u8] = match kind.split(';').next().unwrap_or("").trim() {
        "application/json" => b"\\u0000",
        "application/x-www-form-urlencoded" => b"%00",
        _ => b"",
    };
    address.contains("%00") || (!mark.is_empty() && body.windows(mark.len()).any(|part| part == mark))
}

fn render(head: &Head, error: &WebError) -> Response {
    if let WebError::Internal(inner) = error {
        tracing::error!(request = head.request_id, error = inner, "a request failed");
    }
    let status = error.status();
    let mut reply = if head.path.starts_with("/api/") {
        let fields: BTreeMap<&str, &str> = match error {
            WebError::BadInput(fields) => {
                fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
            }
            _ => BTreeMap::new(),
        };
        let body = json!({"error": {
            "code": error.code(), "message": error.to_string(), "fields": fields, "request_id": head.request_id,
        }});
        (status, axum::Json(body)).into_response()
    } else if matches!(error, WebError::SignIn) {
        let next = serde_urlencoded::to_string([("next", &head.path)]).unwrap_or_default();
        Redirect::to(format!("/sign-in?{next}")).into_response()
    } else {
        (status, layout::error_page(head, error)).into_response()
    };
    if let WebError::TooMany(seconds) = error {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    reply
}

/// Headers that depend on the request. What a signed-in viewer sees is never kept by a cache.
fn finish(head: &Head, reply: &mut Response) {
    if let Ok(id) = HeaderValue::from_str(&head.request_id) {
        reply.headers_mut().insert("x-request-id", id);
    }
    if !reply.headers().contains_key(header::CACHE_CONTROL) {
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if head.flash.is_some() && reply.status().is_success() {
        let gone = HeaderValue::from_static("bo_flash=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        reply.headers_mut().append(header::SET_COOKIE, gone);
    }
}
