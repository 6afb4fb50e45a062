//! For tests: a browser or program that talks to the router in process, and the walk over all routes.

pub mod abuse;

use crate::app::App;
use crate::need::Need;
use crate::routes::Route;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tower::ServiceExt as _;

/// A client with a cookie jar. Cheap to make; each is another person.
#[derive(Clone)]
pub struct Client {
    router: Router,
    cookies: BTreeMap<String, String>,
    bearer: Option<String>,
    /// The address it comes from.
    pub address: SocketAddr,
    /// Sent as `x-csrf-token` with whatever changes something or asks the API; taken from the pages it reads.
    pub csrf: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: axum::http::HeaderMap,
    /// Body as text.
    pub text: String,
    /// Body as it came.
    pub body: axum::body::Bytes,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or(Json::Null)
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Client {
    /// A client of that application.
    pub fn new(app: &Arc<App>) -> Client {
        Client {
            router: app.router(),
            cookies: BTreeMap::new(),
            bearer: None,
            address: SocketAddr::from(([192, 0, 2, 1], 40_000)),
            csrf: String::new(),
        }
    }

    /// The same, with an API token instead of cookies.
    pub fn with_token(&self, token: &str) -> Client {
        Client {
            bearer: Some(token.to_owned()),
            cookies: BTreeMap::new(),
            csrf: String::new(),
            ..self.clone()
        }
    }

    /// A cookie it holds.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Puts a cookie into the jar.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.into(), value.into());
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Vec::new()).await
    }

    /// POST of a form.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).unwrap_or_default();
        self.send(Method::POST, path, Some("application/x-www-form-urlencoded"), body.into_bytes()).await
    }

    /// Any method with a JSON body.
    pub async fn call(&mut self, method: Method, path: &str, body: &Json) -> Answer {
        self.send(method, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    /// Anything.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let method_changes = !matches!(method, Method::GET | Method::HEAD);
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "bo.example");
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        // As browsers do: a page is asked for by its address alone.
        if !self.csrf.is_empty() && (method_changes || path.starts_with("/api/")) {
            request = request.header("x-csrf-token", &self.csrf);
        }
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.extension(ConnectInfo(self.address)).body(Body::from(body));
        let answer = match request {
            Ok(request) => match self.router.clone().oneshot(request).await {
                Ok(reply) => reply,
                Err(never) => match never {},
            },
            Err(error) => {
                return Answer {
                    status: StatusCode::BAD_REQUEST,
                    headers: axum::http::HeaderMap::new(),
                    text: format!("the test's request is not one: {error}"),
                    body: axum::body::Bytes::new(),
                };
            }
        };
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap_or_default();
        for cookie in parts.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok())
        {
            let pair = cookie.split(';').next().unwrap_or("");
            match pair.split_once('=') {
                Some((name, "")) => drop(self.cookies.remove(name)),
                Some((name, value)) => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(csrf) = between(&text, "<meta name=\"csrf-token\" content=\"", "\"") {
            self.csrf = csrf.to_owned();
        }
        Answer { status: parts.status, headers: parts.headers, text, body: bytes }
    }
}

/// What stands between two marks.
pub fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_once(after).map(|(inside, _)| inside)
}

/// Walks every route of an application and says where one lets somebody in that it must not: nobody signed in, or somebody
/// signed in without any permission. `stranger` is signed in and was granted nothing.
pub async fn walk(app: &Arc<App>, stranger: &Client) -> Vec<String> {
    let mut holes = Vec::new();
    for route in app.routes() {
        let path = route.path.replace("{*", "{");
        let path = fill(&path);
        let name = format!("{} {}", route.method, route.path);
        let anonymous = Client::new(app).send(route.method.clone(), &path, None, Vec::new()).await;
        if !matches!(route.need, Need::Anyone(_)) && !asks_to_sign_in(route, &anonymous) {
            holes.push(format!("{name}: answers {} to somebody who is not signed in", anonymous.status));
        }
        if matches!(route.need, Need::Object { .. } | Need::Area { .. } | Need::Module { .. }) {
            let mut stranger = stranger.clone();
            let answer = stranger.send(route.method.clone(), &path, None, Vec::new()).await;
            if !matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) {
                holes.push(format!("{name}: answers {} to somebody without permission", answer.status));
            }
        }
        if route.about.is_empty() {
            holes.push(format!("{name}: does not say what it does (.about)"));
        }
    }
    holes
}

fn asks_to_sign_in(route: &Route, answer: &Answer) -> bool {
    if route.is_api() {
        answer.status == StatusCode::UNAUTHORIZED
    } else {
        answer.status == StatusCode::SEE_OTHER && answer.location().starts_with("/sign-in")
    }
}

/// Path parameters replaced by an id that nothing has.
fn fill(path: &str) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        filled.push_str("01900000-0000-7000-8000-000000000000");
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    filled + rest
}
