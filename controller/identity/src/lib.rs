//! Who people are and what they may do: accounts, workspaces, groups, the relation graph, signing in.
//!
//! # For other modules
//! - Permission: routes name a [`bo_web::Need`]; inside a transaction use [`bo_web::Ctx::level`] or [`bo_web::Ctx::require`].
//! - When you create an object, hang it into the graph in the same transaction:
//!   `relation::contain(tx, &Object::area(workspace, "estate"), &zone, Containment::Open)`, a system into its zone, a device
//!   into its system. [`relation::move_into`] when it moves, [`relation::forget`] when it is removed.
//! - Lists: [`token::list_of`] gives every object of a kind a viewer may see, with the level; [`level::list`] those of a person or
//!   group, whatever they came with.
//! - [`area::AREAS`] are the management areas, [`area::MODULES`] the business modules' arrangements; [`workspace::bootstrap`]
//!   makes the first workspace and owner.
//! - [`licence`]: what an event takes, and the workspaces it may move to.
//! - [`ceiling`]: a licence, a closed project, a device that matters for safety; [`level::page`] for long lists.

pub mod account;
pub mod area;
mod cache;
pub mod ceiling;
pub mod closing;
pub mod delegate;
pub mod domain;
mod error;
pub mod forgot;
pub mod gateway_pin;
mod graph;
pub mod group;
pub mod invitation;
pub mod letter;
pub mod level;
pub mod licence;
pub mod member;
pub mod names;
pub mod oidc;
pub mod organisation;
pub mod ownership;
mod pages;
pub mod passkey;
pub mod password;
pub mod profile;
pub mod relation;
pub mod review;
pub mod second_factor;
pub mod session;
pub mod sign_in;
pub mod subject;
pub mod testing;
mod throttle;
pub mod token;
pub mod user;
pub mod view_as;
pub mod waiting;
pub mod workspace;

pub use cache::LevelCache;
pub use error::IdentityError;
pub use pages::given::AccessLinks;

use bo_db::{Migration, Part, Tx, migration};
use bo_model::{Kind, Object};
use bo_web::access::Workspace;
use bo_web::{Access, Routes};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The tables of this crate.
pub const MIGRATIONS: [Migration; 15] = [
    migration!("identity", 1, "accounts, groups, relations, sessions", "../migrations/0001_identity.sql"),
    migration!("identity", 2, "ceilings", "../migrations/0002_ceilings.sql"),
    migration!("identity", 3, "areas, modules and profiles", "../migrations/0003_areas.sql"),
    migration!("identity", 4, "looking through another's eyes", "../migrations/0004_view_as.sql"),
    migration!("identity", 5, "PINs for gateways", "../migrations/0005_gateway_pin.sql"),
    migration!("identity", 6, "second factors, OpenID providers, domains", "../migrations/0006_sign_in.sql"),
    migration!("identity", 7, "licences, seats and slots", "../migrations/0007_licences.sql"),
    migration!("identity", 8, "personal workspaces, paused seats", "../migrations/0008_personal.sql"),
    migration!("identity", 9, "passkeys, two steps, scopes of tokens", "../migrations/0009_proofs.sql"),
    migration!("identity", 10, "invitations, ownership", "../migrations/0010_organisations.sql"),
    migration!("identity", 11, "access and parts of domains", "../migrations/0011_domains.sql"),
    migration!(
        "identity",
        12,
        "addresses apart from what one signs in with",
        "../migrations/0012_addresses.sql"
    ),
    migration!("identity", 13, "changes of the permission graph", "../migrations/0013_relation_change.sql"),
    migration!("identity", 14, "organisations that are to be removed", "../migrations/0014_closing.sql"),
    migration!("identity", 15, "sessions that reach one organisation", "../migrations/0015_confined.sql"),
];

/// What this crate keeps sealed.
pub const SEALED: [bo_db::SealedColumn; 2] = [second_factor::SECRETS, oidc::store::SECRETS];

/// Hashes that may be worked out at the same time: each takes tens of milliseconds and 19 MiB.
const HASHES: usize = 4;

/// What an installation may set.
#[derive(Clone, Default)]
pub struct Settings {
    /// How much work a password hash is.
    pub cost: password::Cost,
    /// How long people stay signed in.
    pub lifetimes: session::Lifetimes,
    /// What links in letters begin with, `https://backoffice.example.org`. Never taken from a request, or whoever asks for a
    /// new password could make the link lead to themselves. Without it no letters are written.
    pub public_url: Option<String>,
    /// Asks OpenID providers; one that trusts what the system trusts when there is a public address and nothing is set.
    pub provider_client: Option<oidc::Client>,
    /// What the product is made of besides identity: names of its objects, and what a workspace has.
    pub parts: &'static [Part],
}

/// What identity keeps in memory.
pub struct Identity {
    pub(crate) settings: Settings,
    cache: LevelCache,
    hashing: Semaphore,
}

impl Identity {
    /// With those settings.
    pub fn new(mut settings: Settings) -> Arc<Identity> {
        if settings.public_url.is_some() && settings.provider_client.is_none() {
            let client = oidc::Client::system();
            settings.provider_client =
                client.inspect_err(|error| tracing::error!(%error, "nobody can sign in at a provider")).ok();
        }
        Arc::new(Identity { settings, cache: LevelCache::default(), hashing: Semaphore::new(HASHES) })
    }

    /// A letter with a link to a path; `None` while no mail can be sent.
    pub(crate) fn post(&self, path: &str, words: letter::Words) -> Option<letter::Letter> {
        let base = self.settings.public_url.as_ref()?;
        let link = format!("{}{path}", base.trim_end_matches('/'));
        Some(letter::Letter { link, words })
    }

    /// The questions the web asks.
    ///
    /// Which objects there are of what other crates keep is theirs to say: `some` finds nothing until they do.
    pub fn access(self: &Arc<Identity>) -> Access {
        let (checks, lifetimes) = (self.clone(), self.settings.lifetimes);
        Access {
            authenticate: Arc::new(move |tx, credential| session::authenticate(tx, credential, lifetimes)),
            level: Arc::new(move |tx, viewer, object| {
                let Some(viewer) = viewer else { return checks.cache.level(tx, &Object::everyone(), object) };
                let workspace = Object::new(Kind::WORKSPACE, viewer.workspace);
                let level = checks.cache.level_in(tx, &workspace, &viewer.subject(), object)?;
                let reach = |tx: &mut Tx, from: &Object, to: &Object| checks.cache.level(tx, from, to);
                Ok(level.min(token::most(tx, viewer, object, reach)?))
            }),
            workspaces: Arc::new(|tx, viewer| {
                let spaces = workspace::reached(tx, viewer)?.into_iter();
                Ok(spaces
                    .map(|workspace::Space { id, name, personal, .. }| Workspace { id, name, personal })
                    .collect())
            }),
            home: Arc::new(workspace::home),
            site: Arc::new(|tx, host| Ok(domain::find(tx, host)?.map(domain::Domain::site))),
            some: Arc::new(|_, _, _| Ok(false)),
            touch: Arc::new(session::touch),
        }
    }

    /// Pages and API of this crate.
    pub fn routes(self: &Arc<Identity>) -> Routes {
        pages::routes(self)
    }

    pub(crate) async fn hash(&self, password: String) -> Result<String, IdentityError> {
        let _turn = self.hashing.acquire().await.map_err(|error| IdentityError::Hash(error.to_string()))?;
        let cost = self.settings.cost;
        tokio::task::spawn_blocking(move || password::hash(&password, cost))
            .await
            .map_err(|error| IdentityError::Hash(error.to_string()))?
    }

    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, IdentityError> {
        let _turn = self.hashing.acquire().await.map_err(|error| IdentityError::Hash(error.to_string()))?;
        let cost = self.settings.cost;
        tokio::task::spawn_blocking(move || password::verify(&password, stored.as_deref(), cost))
            .await
            .map_err(|error| IdentityError::Hash(error.to_string()))
    }
}
