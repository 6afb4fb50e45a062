//! The page for people on site: it shows every device with quality and age, and operates them, with no controller
//! in reach. Server-rendered, without scripts. Reading is open to whoever reaches the address; operating needs
//! the operator's password.

mod page;
mod session;

use crate::agent::Agent;
use crate::error::EdgeError;
use crate::operate;
use crate::status::Status;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Form, Path, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bo_model::settings::{Field, FieldKind, Values};
use session::Sessions;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

const MAX_BODY: usize = 64 * 1024;
/// No scripts, nothing from elsewhere, no frames: the page is one document with its own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

type Shared = Arc<Local>;

struct Local {
    agent: Arc<Agent>,
    sessions: Sessions,
    webhook_token: Option<String>,
}

/// Serves the page until the end; returns the address it listens on, `None` when none is configured.
pub async fn serve(agent: &Arc<Agent>) -> Result<Option<SocketAddr>, EdgeError> {
    let config = &agent.config().local_page;
    let Some(listen) = config.listen else { return Ok(None) };
    let failed = |source| EdgeError::Listen { address: listen.to_string(), source };
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let webhook_token = match &config.webhook_token_file {
        Some(path) => Some(bo_runtime::config::secret("local_page.webhook_token_file", path)?),
        None => None,
    };
    let sessions = Sessions::new(config.operator_password_hash.clone(), agent.clock.clone());
    let local = Arc::new(Local { agent: agent.clone(), sessions, webhook_token });
    let app = Router::new()
        .route("/", get(home))
        .route("/device/{device}", get(device))
        .route("/triggers", get(triggers))
        .route("/sign-in", get(sign_in_form).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/device/{device}/command/{command}", post(command))
        .route("/device/{device}/release/{target}", post(release))
        .route("/status.json", get(status))
        .route("/hooks/{name}", post(hook))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(local);
    let shutdown = agent.shutdown.clone();
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        use axum::serve::ListenerExt;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let server =
            axum::serve(listener, service).with_graceful_shutdown(async move { ended.signalled().await });
        if let Err(error) = server.await {
            tracing::error!(%error, "the local page ended");
        }
    });
    tracing::info!(%address, "local page");
    Ok(Some(address))
}

/// Who is at the other end.
struct Visitor {
    /// Token of their forms; absent for whoever has not signed in.
    form: Option<String>,
    can_sign_in: bool,
}

impl Local {
    fn visitor(&self, headers: &HeaderMap) -> Visitor {
        let form = cookie(headers).and_then(|cookie| self.sessions.form_token(&cookie));
        Visitor { form, can_sign_in: self.sessions.is_possible() }
    }

    /// Only a form of a signed-in operator may change something.
    fn is_allowed(&self, headers: &HeaderMap, form: &BTreeMap<String, String>) -> bool {
        self.visitor(headers)
            .form
            .is_some_and(|token| form.get("form").is_some_and(|sent| session::same(sent, &token)))
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|pair| pair.trim().strip_prefix("operator=")).map(str::to_owned)
}

fn html(markup: maud::Markup) -> Response {
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")];
    (headers, axum::response::Html(markup.into_string())).into_response()
}

async fn home(State(local): State<Shared>, headers: HeaderMap) -> Response {
    let status = Status::of(&local.agent).await;
    html(page::home(&status, &local.visitor(&headers)))
}

async fn device(State(local): State<Shared>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    show_device(&local, &name, &headers, None).await
}

async fn show_device(local: &Local, name: &str, headers: &HeaderMap, said: Option<&str>) -> Response {
    let status = Status::of(&local.agent).await;
    let found = operate::find(&local.agent, name).ok();
    let shown = found.and_then(|device| {
        let status = status.devices.iter().find(|known| known.id == device.site.id)?;
        Some((device, status))
    });
    match shown {
        Some((device, shown)) => {
            let holds: Vec<_> = status.holds.iter().filter(|hold| hold.device == shown.id).collect();
            html(page::device(&status, shown, &device.manifest, &holds, &local.visitor(headers), said))
        }
        None => (StatusCode::NOT_FOUND, html(page::not_found(&status, name))).into_response(),
    }
}

async fn triggers(State(local): State<Shared>) -> Response {
    let status = Status::of(&local.agent).await;
    html(page::triggers(&status, &local.agent.triggers.show().await))
}

async fn sign_in_form(State(local): State<Shared>) -> Response {
    html(page::sign_in(local.sessions.is_possible(), None))
}

async fn sign_in(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let password = form.get("password").cloned().unwrap_or_default();
    let outcome = local.sessions.sign_in(password).await;
    let said = outcome.as_ref().map_or_else(|why| format!("refused: {why}"), |_| "done".to_owned());
    let origin = format!("local-page {}", from.ip());
    operate::audit(&local.agent, &origin, "operator.sign-in", "operator", serde_json::json!({}), said);
    match outcome {
        Ok(token) => {
            let cookie = format!("operator={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
            ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Err(why) => (StatusCode::FORBIDDEN, html(page::sign_in(local.sessions.is_possible(), Some(why))))
            .into_response(),
    }
}

async fn sign_out(
    State(local): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    if local.is_allowed(&headers, &form)
        && let Some(cookie) = cookie(&headers)
    {
        local.sessions.sign_out(&cookie);
    }
    Redirect::to("/").into_response()
}

async fn command(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path((name, command)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    if !local.is_allowed(&headers, &form) {
        return (
            StatusCode::FORBIDDEN,
            html(page::sign_in(local.sessions.is_possible(), Some("Sign in to operate devices."))),
        )
            .into_response();
    }
    let Ok(device) = operate::find(&local.agent, &name) else { return StatusCode::NOT_FOUND.into_response() };
    let fields =
        device.manifest.commands.get(&command).map(|command| command.params.clone()).unwrap_or_default();
    let origin = format!("local-page {}", from.ip());
    let stage = operate::command(&local.agent, &origin, &device, &command, typed(&fields, &form)).await;
    show_device(&local, &name, &headers, Some(&operate::sentence(&stage))).await
}

async fn release(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path((name, target)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    if !local.is_allowed(&headers, &form) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(device) = operate::find(&local.agent, &name) else { return StatusCode::NOT_FOUND.into_response() };
    operate::release(&local.agent, &format!("local-page {}", from.ip()), &device, &target);
    show_device(&local, &name, &headers, Some("Triggers and schedules may act on it again.")).await
}

async fn status(State(local): State<Shared>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(Status::of(&local.agent).await)).into_response()
}

/// A webhook: with the configured token, or from this very machine when none is configured.
async fn hook(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let allowed = match &local.webhook_token {
        Some(token) => sent.is_some_and(|sent| session::same(sent, token)),
        None => from.ip().is_loopback(),
    };
    if !allowed {
        return (
            StatusCode::FORBIDDEN,
            "a webhook needs `Authorization: Bearer` with the token of local_page.webhook_token_file\n",
        )
            .into_response();
    }
    match local.agent.triggers.webhook(&name).await {
        0 => (StatusCode::NOT_FOUND, format!("no trigger listens to the webhook `{name}`\n")).into_response(),
        heard => (StatusCode::OK, format!("{heard} triggers heard it\n")).into_response(),
    }
}

/// What a form sends is text; the fields say what it means. What does not fit is left to the command's own check.
fn typed(fields: &BTreeMap<String, Field>, form: &BTreeMap<String, String>) -> Values {
    let mut values = Values::new();
    for (key, field) in fields {
        let Some(text) = form.get(key).map(|text| text.trim()).filter(|text| !text.is_empty()) else {
            continue;
        };
        values.insert(key.clone(), crate::cli::typed(field.kind, text));
    }
    values
}

/// Whether a field is shown as a choice between on and off.
fn is_switch(field: &Field) -> bool {
    field.kind == FieldKind::Boolean
}
