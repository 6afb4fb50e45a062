//! The page for people on site: it shows every device with quality and age, and operates them, with no controller
//! in reach. Server-rendered, without scripts. People sign in by name with the permissions their release gives them, or as the
//! operator of the machine; whoever just reaches the address sees nothing unless `local_page.open` says so.

mod device_page;
mod health;
mod hook;
mod map_page;
mod page;
mod session;
mod visitor;

use crate::agent::Agent;
use crate::error::EdgeError;
use crate::operate;
use crate::status::Status;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Form, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bo_model::Level;
use bo_model::command::Actor;
use bo_model::driver::Command;
use hook::Hooks;
use session::{Sessions, Who};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use visitor::Visitor;

/// What requests under way get when the agent stops.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);
const MAX_BODY: usize = 64 * 1024;
const LONGEST_LOGIN: usize = 200;
/// No scripts, nothing from elsewhere, no frames: the page is one document with its own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

type Shared = Arc<Local>;

struct Local {
    agent: Arc<Agent>,
    sessions: Sessions,
    hooks: Hooks,
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
    let local = Arc::new(Local { agent: agent.clone(), sessions, hooks: Hooks::new(webhook_token) });
    let app = Router::new()
        .route("/", get(home))
        .route("/device/{device}", get(device))
        .route("/map/{zone}", get(map))
        .route("/system/{system}", get(system))
        .route("/triggers", get(triggers))
        .route("/sign-in", get(sign_in_form).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/device/{device}/command/{command}", post(command))
        .route("/device/{device}/release/{target}", post(release))
        .route("/status.json", get(status))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/hooks/{name}", post(hook::call))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(local);
    let shutdown = agent.shutdown.clone();
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        use axum::serve::ListenerExt;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let stop = ended.clone();
        let server =
            axum::serve(listener, service).with_graceful_shutdown(async move { stop.signalled().await });
        // Browsers open connections ahead and leave them: they would keep a graceful end waiting for ever.
        let late = async {
            ended.signalled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = server => if let Err(error) = result {
                tracing::error!(%error, "the local page ended");
            },
            () = late => {}
        }
    });
    tracing::info!(%address, "local page");
    Ok(Some(address))
}

impl Local {
    fn visitor(&self, headers: &HeaderMap) -> Visitor {
        let desired = self.agent.desired().borrow().clone();
        let session = cookie(headers).and_then(|cookie| self.sessions.of(&cookie));
        let now = self.agent.people_time();
        let known = session.and_then(|(who, form)| Some((Visitor::known(who, &desired, now)?, form)));
        let (who, form) = known.map_or((None, None), |(who, form)| (Some(who), Some(form)));
        Visitor {
            who,
            form,
            can_sign_in: self.sessions.has_operator() || !desired.site.people.is_empty(),
            open: self.agent.config().local_page.open,
            stale: self.agent.people_are_stale(),
            now,
            desired,
        }
    }

    async fn status(&self, visitor: &Visitor) -> Status {
        visitor.cut(Status::of(&self.agent).await)
    }
}

/// Only a form that we gave to this visitor may change something.
fn is_ours(visitor: &Visitor, form: &BTreeMap<String, String>) -> bool {
    visitor.form.as_ref().is_some_and(|token| form.get("form").is_some_and(|sent| session::same(sent, token)))
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|pair| pair.trim().strip_prefix("operator=")).map(str::to_owned)
}

fn html(markup: maud::Markup) -> Response {
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")];
    (headers, axum::response::Html(markup.into_string())).into_response()
}

fn not_found(status: &Status, visitor: &Visitor, what: &str) -> Response {
    (StatusCode::NOT_FOUND, html(page::not_found(status, visitor, what))).into_response()
}

async fn home(State(local): State<Shared>, headers: HeaderMap) -> Response {
    let visitor = local.visitor(&headers);
    html(page::home(&local.status(&visitor).await, &visitor))
}

async fn map(State(local): State<Shared>, Path(zone): Path<String>, headers: HeaderMap) -> Response {
    let visitor = local.visitor(&headers);
    let status = local.status(&visitor).await;
    match map_page::zone(&local.agent, &status, &visitor, &zone) {
        Some(page) => html(page),
        None => not_found(&status, &visitor, "floor map"),
    }
}

async fn system(State(local): State<Shared>, Path(system): Path<String>, headers: HeaderMap) -> Response {
    let visitor = local.visitor(&headers);
    let status = local.status(&visitor).await;
    match map_page::system(status.clone(), &visitor, &system) {
        Some(page) => html(page),
        None => not_found(&status, &visitor, "system"),
    }
}

async fn device(State(local): State<Shared>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    show_device(&local, &name, &local.visitor(&headers), None).await
}

async fn show_device(local: &Local, name: &str, visitor: &Visitor, said: Option<&str>) -> Response {
    let status = local.status(visitor).await;
    let found = operate::find(&local.agent, name).ok();
    let shown = found.and_then(|device| {
        let status = status.devices.iter().find(|known| known.id == device.site.id)?;
        Some((device, status))
    });
    match shown {
        Some((device, shown)) => {
            let holds: Vec<_> = status.holds.iter().filter(|hold| hold.device == shown.id).collect();
            let level = visitor.on_device(&device.site);
            html(device_page::device(&status, shown, &device.manifest, &holds, visitor, level, said))
        }
        None => not_found(&status, visitor, &format!("device {name}")),
    }
}

async fn triggers(State(local): State<Shared>, headers: HeaderMap) -> Response {
    let visitor = local.visitor(&headers);
    let status = local.status(&visitor).await;
    html(page::triggers(&status, &visitor, &local.agent.triggers.show().await))
}

async fn sign_in_form(State(local): State<Shared>, headers: HeaderMap) -> Response {
    html(page::sign_in(&local.visitor(&headers), local.sessions.has_operator(), None))
}

async fn sign_in(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let secret = form.get("secret").cloned().unwrap_or_default();
    let login: String =
        form.get("login").map(|login| login.chars().take(LONGEST_LOGIN).collect()).unwrap_or_default();
    let people = local.agent.desired().borrow().site.people.clone();
    let outcome = local.sessions.sign_in(&people, &login, secret, local.agent.people_time()).await;
    let said = outcome.as_ref().map_or_else(|why| format!("refused: {why}"), |_| "done".to_owned());
    let origin = format!("local-page {}", from.ip());
    let person = |id: &bo_model::AccountId| people.iter().find(|person| person.id == *id);
    let (actor, verb, object) = match &outcome {
        Ok((_, Who::Person { id, .. })) => {
            let name = person(id).map(|person| person.name.clone()).unwrap_or_default();
            (Actor::Account { id: *id, name }, "person.sign-in", format!("account:{id}"))
        }
        Ok((_, Who::Operator)) => (Actor::Operator, "operator.sign-in", "operator".to_owned()),
        Err(_) if login.is_empty() => (Actor::Anonymous, "operator.sign-in", "operator".to_owned()),
        Err(_) => (Actor::Anonymous, "person.sign-in", format!("login:{login}")),
    };
    operate::audit(&local.agent, actor, &origin, verb, &object, serde_json::json!({}), said);
    match outcome {
        Ok((token, _)) => {
            let cookie = format!("operator={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
            ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Err(why) => {
            let page = page::sign_in(&local.visitor(&headers), local.sessions.has_operator(), Some(why));
            (StatusCode::FORBIDDEN, html(page)).into_response()
        }
    }
}

async fn sign_out(
    State(local): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    if is_ours(&local.visitor(&headers), &form)
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
    let visitor = local.visitor(&headers);
    if !is_ours(&visitor, &form) {
        let page =
            page::sign_in(&visitor, local.sessions.has_operator(), Some("Sign in to operate devices."));
        return (StatusCode::FORBIDDEN, html(page)).into_response();
    }
    let Ok(device) = operate::find(&local.agent, &name) else { return StatusCode::NOT_FOUND.into_response() };
    let origin = format!("local-page {}", from.ip());
    let (level, described) = (visitor.on_device(&device.site), device.manifest.commands.get(&command));
    let needed = described.map_or(Level::Edit, Command::level);
    if level < needed {
        let why = if visitor.stale {
            visitor::STALE.to_owned()
        } else {
            format!("This takes the permission to {} the device; yours is {}.", needed.word(), level.word())
        };
        let object = format!("device:{}", device.site.id);
        let detail = serde_json::json!({"command": command, "level": level, "needed": needed});
        operate::audit(
            &local.agent,
            visitor.actor(),
            &origin,
            "command.execute",
            &object,
            detail,
            format!("denied: {why}"),
        );
        let page = show_device(&local, &name, &visitor, Some(&why)).await;
        return (StatusCode::FORBIDDEN, page).into_response();
    }
    let fields = described.map(|command| command.params.clone()).unwrap_or_default();
    let params = device_page::typed(&fields, &form);
    let stage = operate::command(&local.agent, visitor.actor(), &origin, &device, &command, params).await;
    show_device(&local, &name, &visitor, Some(&operate::sentence(&stage))).await
}

async fn release(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path((name, target)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let visitor = local.visitor(&headers);
    let Ok(device) = operate::find(&local.agent, &name) else { return StatusCode::NOT_FOUND.into_response() };
    if !is_ours(&visitor, &form) || visitor.on_device(&device.site) < Level::Edit {
        return StatusCode::FORBIDDEN.into_response();
    }
    let origin = format!("local-page {}", from.ip());
    operate::release(&local.agent, visitor.actor(), &origin, &device, &target);
    show_device(&local, &name, &visitor, Some("Triggers and schedules may act on it again.")).await
}

async fn status(State(local): State<Shared>, headers: HeaderMap) -> Response {
    let visitor = local.visitor(&headers);
    if !visitor.is_known() {
        return (StatusCode::FORBIDDEN, "sign in, or set local_page.open in edge.toml\n").into_response();
    }
    ([(CACHE_CONTROL, "no-store")], Json(local.status(&visitor).await)).into_response()
}
