//! Routes as data: path, need, summary, handler.

use crate::ctx::Ctx;
use crate::error::WebError;
use crate::list::ListSpec;
use crate::need::Need;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use std::future::Future;
use std::sync::Arc;

pub(crate) type Handler = Arc<dyn Fn(Ctx) -> BoxFuture<'static, Result<Response, WebError>> + Send + Sync>;

/// Largest body unless a route says otherwise.
const BODY_LIMIT: usize = 1024 * 1024;

/// One route.
#[derive(Clone)]
pub struct Route {
    /// The module it belongs to.
    pub module: &'static str,
    /// GET, POST, ….
    pub method: Method,
    /// `/systems/{id}`.
    pub path: &'static str,
    /// Who may use it.
    pub need: Need,
    /// One line: what it does.
    pub about: &'static str,
    /// JSON schema of the body, or of the query for a GET.
    pub accepts: Option<Json>,
    /// JSON schema of the query.
    pub query: Option<Json>,
    /// JSON schema of the answer.
    pub returns: Option<Json>,
    /// Largest body in bytes.
    pub body_limit: usize,
    /// Whether the answer may take as long as it likes: live streams and exports.
    pub long: bool,
    pub(crate) handler: Handler,
}

impl Route {
    /// Whether it changes something, by its method.
    pub fn is_mutation(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }

    /// Whether it belongs to the API.
    pub fn is_api(&self) -> bool {
        self.path.starts_with("/api/")
    }
}

/// The routes of one module.
#[derive(Clone)]
pub struct Routes {
    module: &'static str,
    pub(crate) routes: Vec<Route>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name<F, Fut, R>(self, path: &'static str, need: Need, handler: F) -> Routes
        where
            F: Fn(Ctx) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R, WebError>> + Send + 'static,
            R: IntoResponse + 'static,
        {
            self.add(Method::$method, path, need, handler)
        }
    )*};
}

impl Routes {
    /// No routes yet.
    pub fn new(module: &'static str) -> Routes {
        Routes { module, routes: Vec::new() }
    }

    methods! {
        /// Shows something; changes nothing.
        get = GET;
        /// Creates or does something.
        post = POST;
        /// Replaces something.
        put = PUT;
        /// Changes parts of something.
        patch = PATCH;
        /// Removes something.
        delete = DELETE;
    }

    fn add<F, Fut, R>(mut self, method: Method, path: &'static str, need: Need, handler: F) -> Routes
    where
        F: Fn(Ctx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, WebError>> + Send + 'static,
        R: IntoResponse + 'static,
    {
        let handler: Handler = Arc::new(move |ctx| {
            let answer = handler(ctx);
            async move { answer.await.map(IntoResponse::into_response) }.boxed()
        });
        self.routes.push(Route {
            module: self.module,
            method,
            path,
            need,
            about: "",
            accepts: None,
            query: None,
            returns: None,
            body_limit: BODY_LIMIT,
            long: false,
            handler,
        });
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Route)) -> Routes {
        if let Some(route) = self.routes.last_mut() {
            change(route);
        }
        self
    }

    /// One line about the route before.
    pub fn about(self, about: &'static str) -> Routes {
        self.last(|route| route.about = about)
    }

    /// JSON schema of the body (or query) of the route before.
    pub fn accepts(self, schema: Json) -> Routes {
        self.last(|route| route.accepts = Some(schema))
    }

    /// JSON schema of the query of the route before: an object, one property per name.
    pub fn query(self, schema: Json) -> Routes {
        self.last(|route| route.query = Some(schema))
    }

    /// The route before answers with a page of a list: search, sort, filters, limit and cursor are its query.
    pub fn lists(self, spec: &ListSpec) -> Routes {
        self.last(|route| {
            route.query = Some(spec.schema());
            route.returns = Some(json!({"type": "object", "required": ["items"], "properties": {
                "items": {"type": "array", "items": {"type": "object"}},
                "next": {"type": ["string", "null"], "description": "Cursor of the next page: give it as `after`."}}}));
        })
    }

    /// JSON schema of the answer of the route before.
    pub fn returns(self, schema: Json) -> Routes {
        self.last(|route| route.returns = Some(schema))
    }

    /// Another body limit for the route before, in bytes.
    pub fn body_limit(self, bytes: usize) -> Routes {
        self.last(|route| route.body_limit = bytes)
    }

    /// The route before may answer for as long as it likes: live streams, exports.
    pub fn long(self) -> Routes {
        self.last(|route| route.long = true)
    }

    /// Adds another set.
    pub fn and(mut self, other: Routes) -> Routes {
        self.routes.extend(other.routes);
        self
    }

    /// What was recorded.
    pub fn list(&self) -> &[Route] {
        &self.routes
    }
}
