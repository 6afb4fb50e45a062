//! What a handler is given: the request, who asks, and the ways to answer.

use crate::access::{Theme, Viewer, Workspace};
use crate::app::App;
use crate::error::{Result, WebError};
use crate::input::Input;
use crate::layout::{self, Page};
use crate::list::{ListQuery, ListSpec};
use crate::reply::Redirect;
use crate::site::Site;
use crate::upload::Upload;
use axum::extract::FromRequestParts;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::Response;
use bo_db::audit::{Author, Origin};
use bo_db::{Db, DbError, Tx};
use bo_model::command::Actor;
use bo_model::{Level, Object, Time, WorkspaceId};
use bytes::Bytes;
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

/// What is known of a request before its handler runs, and still needed after it failed: enough for a page.
pub struct Head {
    pub(crate) app: Arc<App>,
    pub(crate) path: String,
    pub(crate) viewer: Option<Viewer>,
    pub(crate) request_id: String,
    pub(crate) address: String,
    pub(crate) csrf: String,
    pub(crate) flash: Option<String>,
    pub(crate) theme: Theme,
    /// Places in the navigation that the viewer may open, worked out with the permission check.
    pub(crate) nav: Vec<usize>,
    /// The workspaces the viewer may switch to; of pages only.
    pub(crate) spaces: Vec<Workspace>,
    /// Another of the viewer's workspaces, when what they asked for lies there.
    pub(crate) lies_in: Option<WorkspaceId>,
    /// What the host name means; of pages and of whoever shows who they are.
    pub(crate) site: Site,
}

/// One request. Owned by its handler.
pub struct Ctx {
    pub(crate) head: Arc<Head>,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) params: BTreeMap<String, String>,
}

impl Ctx {
    /// The application: database, clock, name.
    pub fn app(&self) -> &Arc<App> {
        &self.head.app
    }

    /// The database, for work that outlives the request.
    pub fn db(&self) -> &Db {
        &self.head.app.db
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.head.app.clock.now()
    }

    /// A fresh id: `ctx.make_id::<ZoneId>()`.
    pub fn make_id<T: From<uuid::Uuid>>(&self) -> T {
        self.head.app.ids.make()
    }

    /// Who asks, when somebody is signed in.
    pub fn viewer(&self) -> Option<&Viewer> {
        self.head.viewer.as_ref()
    }

    /// Who asks.
    ///
    /// # Errors
    /// [`WebError::SignIn`] when nobody is signed in.
    pub fn who(&self) -> Result<&Viewer> {
        self.head.viewer.as_ref().ok_or(WebError::SignIn)
    }

    /// The workspace they are looking at.
    ///
    /// # Errors
    /// [`WebError::SignIn`] when nobody is signed in.
    pub fn workspace(&self) -> Result<WorkspaceId> {
        self.who().map(|viewer| viewer.workspace)
    }

    /// As commands and evidence name whoever asks.
    pub fn actor(&self) -> Actor {
        self.head.viewer.as_ref().map_or(Actor::Anonymous, Viewer::actor)
    }

    /// Where the request comes from, as the audit log keeps it.
    pub fn origin(&self) -> Origin {
        Origin {
            address: self.head.address.clone(),
            session: self.head.viewer.as_ref().map(|viewer| viewer.session.to_string()).unwrap_or_default(),
            request: self.head.request_id.clone(),
            edge: None,
        }
    }

    /// Actor, origin and workspace, for a transaction made outside [`Ctx::write`].
    pub fn author(&self) -> Author {
        Author {
            actor: self.actor(),
            origin: self.origin(),
            workspace: self.head.viewer.as_ref().map(|viewer| viewer.workspace),
        }
    }

    /// Address of the client.
    pub fn address(&self) -> &str {
        &self.head.address
    }

    /// The request's id, as in the log and in error answers.
    pub fn request_id(&self) -> &str {
        &self.head.request_id
    }

    /// The path asked for.
    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// A header's text; empty when missing.
    pub fn header(&self, name: &str) -> &str {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Whether the answer is JSON.
    pub fn is_api(&self) -> bool {
        self.path().starts_with("/api/")
    }

    /// Reads, in place, in one snapshot.
    ///
    /// # Errors
    /// What `work` returns, or why the database could not be read.
    pub fn read<T, E>(
        &self,
        work: impl FnOnce(&mut Tx) -> std::result::Result<T, E> + Send,
    ) -> std::result::Result<T, E>
    where
        T: Send,
        E: From<DbError> + Send,
    {
        self.head.app.db.read(work)
    }

    /// Writes, in a transaction whose audit records carry this request's actor and origin. `work` may run more
    /// than once; it must not capture the context itself: clone what it needs.
    ///
    /// # Errors
    /// What `work` returns, or why it could not be committed.
    pub async fn write<T, E, F>(&self, work: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx) -> std::result::Result<T, E> + Send + 'static,
    {
        let author = self.author();
        self.head
            .app
            .db
            .write(move |tx| {
                tx.attribute(author.clone());
                work(tx)
            })
            .await
    }

    /// The viewer's effective level on an object, inside a transaction.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn level(&self, tx: &mut Tx, object: &Object) -> std::result::Result<Level, DbError> {
        (self.head.app.access.level)(tx, self.head.viewer.as_ref(), object)
    }

    /// Passes when the viewer has at least that level on the object.
    ///
    /// # Errors
    /// [`WebError::NotFound`] for what they may not see, [`WebError::Forbidden`] for what they may not do.
    pub fn require(&self, tx: &mut Tx, object: &Object, level: Level) -> Result<()> {
        let has = self.level(tx, object)?;
        crate::dispatch::judge(has, level, self.head.viewer.is_some())
    }

    /// A function that answers [`Ctx::level`] without holding the context: for writes and live streams.
    pub fn checker(
        &self,
    ) -> impl Fn(&mut Tx, &Object) -> std::result::Result<Level, DbError> + Send + Sync + Clone + 'static
    {
        let level = self.head.app.access.level.clone();
        let viewer = self.head.viewer.clone();
        move |tx, object| level(tx, viewer.as_ref(), object)
    }

    /// A function that says whether whoever asked is still signed in: a live stream asks it now and then, and ends when
    /// the session ended, the token was revoked or the account disabled.
    pub fn still_signed_in(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let (app, headers) = (self.head.app.clone(), self.parts.headers.clone());
        let account = self.head.viewer.as_ref().map(|viewer| viewer.account);
        move || {
            let found = app.db.read(|tx| crate::dispatch::authenticate(&app, tx, &headers));
            found.is_ok_and(|viewer| viewer.map(|viewer| viewer.account) == account)
        }
    }

    /// A path parameter. What does not parse is not there.
    ///
    /// # Errors
    /// [`WebError::NotFound`].
    pub fn param<T: FromStr>(&self, name: &str) -> Result<T> {
        self.params.get(name).and_then(|text| text.parse().ok()).ok_or(WebError::NotFound)
    }

    /// The query string as a struct.
    ///
    /// # Errors
    /// [`WebError::BadInput`].
    pub fn query<T: DeserializeOwned>(&self) -> Result<T> {
        serde_urlencoded::from_str(self.parts.uri.query().unwrap_or(""))
            .map_err(|error| WebError::field("", format!("the address is not understood: {error}")))
    }

    /// One value of the query string; empty when missing.
    pub fn query_value(&self, name: &str) -> String {
        let pairs: Vec<(String, String)> = self.query().unwrap_or_default();
        pairs.into_iter().rev().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
    }

    /// Search, sort, filters, limit and cursor of a list.
    ///
    /// # Errors
    /// [`WebError::BadInput`] for a sort, filter or cursor the list does not know.
    pub fn list(&self, spec: &ListSpec) -> Result<ListQuery> {
        ListQuery::parse(spec, self.query()?)
    }

    /// The body as a form.
    ///
    /// # Errors
    /// [`WebError::BadInput`].
    pub fn form(&self) -> Result<Input> {
        Input::parse_form(&self.body)
    }

    /// The body as a form that may carry files.
    ///
    /// # Errors
    /// [`WebError::BadInput`].
    pub async fn form_with_files(&self) -> Result<(Input, Vec<Upload>)> {
        let (fields, files) = crate::upload::parse(self.header("content-type"), &self.body).await?;
        Ok((Input::from_pairs(fields), files))
    }

    /// The body as JSON. The error names the field, or line and column of what is no JSON.
    ///
    /// # Errors
    /// [`WebError::BadInput`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        crate::input::from_json(&self.body)
    }

    /// The body as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The hidden field every form carries.
    pub fn csrf(&self) -> Markup {
        html! { input type="hidden" name="_csrf" value=(self.head.csrf); }
    }

    /// The token of [`Ctx::csrf`], for `fetch`: header `x-csrf-token`.
    pub fn csrf_token(&self) -> &str {
        &self.head.csrf
    }

    /// The token that goes with a session that was just opened, by its cookie's value.
    ///
    /// # Errors
    /// When the database can't be read, or there is no such session.
    pub fn csrf_token_of(&self, cookie: &str) -> Result<String> {
        let app = &self.head.app;
        let found = app.db.read(|tx| (app.access.authenticate)(tx, crate::Credential::Cookie(cookie)))?;
        found
            .map(|viewer| crate::csrf::token(&app.secret, viewer.session, viewer.workspace))
            .ok_or(WebError::SignIn)
    }

    /// Light, dark or automatic.
    pub fn theme(&self) -> Theme {
        self.head.theme
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        crate::reply::cookie(&self.parts.headers, name)
    }

    /// A whole page.
    pub fn page(&self, page: Page) -> Markup {
        layout::page(&self.head, page)
    }

    /// Sends the browser on after a form: `Ok(ctx.redirect("/zones").flash("Zone created"))`.
    pub fn redirect(&self, to: impl Into<String>) -> Redirect {
        Redirect::to(to)
    }

    /// Turns the request into a WebSocket. Messages are limited to 256 KiB. Mark the route `.long()`.
    ///
    /// # Errors
    /// [`WebError::BadInput`] when the request asks for none.
    pub async fn websocket<F, Fut>(mut self, run: F) -> Result<Response>
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let upgrade = WebSocketUpgrade::from_request_parts(&mut self.parts, &())
            .await
            .map_err(|error| WebError::field("", error.to_string()))?;
        Ok(upgrade.max_message_size(256 * 1024).on_upgrade(run))
    }
}
