//! The application: what every request has at hand, and the router made of all modules' routes.

use crate::access::Access;
use crate::dispatch;
use crate::layout::NavItem;
use crate::routes::{Route, Routes};
use crate::{assets, health, openapi};
use axum::Router;
use axum::routing::{MethodFilter, on};
use bo_db::Db;
use bo_model::clock::SharedClock;
use bo_model::{AccountId, IdGen, Time};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Prometheus text of the process, made by whoever installed the recorder.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;
/// A part that must work before the process takes requests: its name, and what is wrong with it.
pub type ReadyCheck = (&'static str, Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

/// What the application is put together from, once, in `controller/src`.
pub struct AppConfig {
    /// Shown in the top bar and in titles.
    pub name: String,
    /// Of the product.
    pub version: &'static str,
    /// The database, migrated.
    pub db: Db,
    /// Where time comes from.
    pub clock: SharedClock,
    /// Where ids come from.
    pub ids: Arc<IdGen>,
    /// Who and what: from `bo-identity`.
    pub access: Access,
    /// Signs CSRF tokens; the same in all processes of an installation.
    pub secret: [u8; 32],
    /// Served over TLS: secure cookies and HSTS.
    pub secure: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The navigation, in order; only what a viewer may open is shown.
    pub nav: Vec<NavItem>,
    /// All modules' routes.
    pub routes: Vec<Routes>,
    /// What `/metrics` answers.
    pub metrics: Option<MetricsText>,
    /// What `/readyz` asks.
    pub ready: Vec<ReadyCheck>,
}

/// The application as handlers see it.
pub struct App {
    /// Shown in the top bar.
    pub name: String,
    /// Of the product.
    pub version: &'static str,
    /// The database.
    pub db: Db,
    /// Where time comes from.
    pub clock: SharedClock,
    /// Where ids come from.
    pub ids: Arc<IdGen>,
    /// Who and what.
    pub access: Access,
    /// Served over TLS.
    pub secure: bool,
    pub(crate) secret: [u8; 32],
    pub(crate) trusted_proxies: Vec<IpAddr>,
    pub(crate) nav: Vec<NavItem>,
    pub(crate) routes: Vec<Route>,
    pub(crate) metrics: Option<MetricsText>,
    pub(crate) ready: Vec<ReadyCheck>,
    pub(crate) denials: Mutex<HashMap<AccountId, (Time, u32)>>,
}

impl App {
    /// Puts it together.
    pub fn new(config: AppConfig) -> Arc<App> {
        let own = [assets::routes(), health::routes(), openapi::routes()];
        let routes = config.routes.into_iter().chain(own).flat_map(|set| set.routes).collect();
        Arc::new(App {
            name: config.name,
            version: config.version,
            db: config.db,
            clock: config.clock,
            ids: config.ids,
            access: config.access,
            secure: config.secure,
            secret: config.secret,
            trusted_proxies: config.trusted_proxies,
            nav: config.nav,
            routes,
            metrics: config.metrics,
            ready: config.ready,
            denials: Mutex::default(),
        })
    }

    /// Every route, as recorded: the endpoint walk and the API description are made of this.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The entries of the navigation: (for people, address).
    pub fn entries(&self) -> Vec<(&'static str, &'static str)> {
        self.nav.iter().map(|item| (item.title, item.href)).collect()
    }

    /// The router to serve.
    pub fn router(self: &Arc<App>) -> Router {
        let mut router = Router::new();
        for route in &self.routes {
            let Ok(filter) = MethodFilter::try_from(route.method.clone()) else { continue };
            let (app, handled) = (self.clone(), route.clone());
            let handle = move |request| dispatch::serve(app.clone(), handled.clone(), request);
            router = router.route(route.path, on(filter, handle));
        }
        let (app, other) = (self.clone(), dispatch::other_method());
        let router = router
            .method_not_allowed_fallback(move |request| dispatch::serve(app.clone(), other.clone(), request));
        let app = self.clone();
        let missing = dispatch::missing();
        let router = router.fallback(move |request| dispatch::serve(app.clone(), missing.clone(), request));
        crate::server::layers(router, self.secure)
    }

    /// Name of the session cookie. The prefix makes browsers refuse one that was not set by this host over TLS.
    pub fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-bo" } else { "bo" }
    }

    /// The header text that sets the session cookie; an empty value removes it.
    pub fn session_cookie(&self, value: &str) -> String {
        let age = if value.is_empty() { "; Max-Age=0" } else { "" };
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.cookie_name())
    }
}
