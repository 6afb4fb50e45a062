//! Who people are and what they may do: accounts, workspaces, groups, the relation graph, signing in.
//!
//! # For other modules
//! - Permission: routes name a [`bo_web::Need`]; inside a transaction use [`bo_web::Ctx::level`] or [`bo_web::Ctx::require`].
//! - When you create an object, hang it into the graph in the same transaction:
//!   `relation::contain(tx, &Object::area(workspace, "estate"), &zone, Containment::Open)`, a system into its zone, a device
//!   into its system. [`relation::move_into`] when it moves, [`relation::forget`] when it is removed.
//! - Lists: [`level::list`] gives every object of a kind a viewer may see, with the level.
//! - [`workspace::AREAS`] are the management areas; [`workspace::bootstrap`] makes the first workspace and owner.

pub mod account;
mod cache;
pub mod delegate;
mod error;
pub mod group;
pub mod level;
mod pages;
pub mod password;
pub mod relation;
pub mod session;
pub mod sign_in;
mod throttle;
pub mod workspace;

pub use cache::LevelCache;
pub use error::IdentityError;

use bo_db::{Migration, migration};
use bo_model::{Level, Object};
use bo_web::{Access, Routes};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The tables of this crate.
pub const MIGRATIONS: [Migration; 1] =
    [migration!("identity", 1, "accounts, groups, relations, sessions", "../migrations/0001_identity.sql")];

/// Hashes that may be worked out at the same time: each takes tens of milliseconds and 19 MiB.
const HASHES: usize = 4;

/// What an installation may set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How much work a password hash is.
    pub cost: password::Cost,
    /// How long people stay signed in.
    pub lifetimes: session::Lifetimes,
}

/// What identity keeps in memory.
pub struct Identity {
    pub(crate) settings: Settings,
    cache: LevelCache,
    hashing: Semaphore,
}

impl Identity {
    /// With those settings.
    pub fn new(settings: Settings) -> Arc<Identity> {
        Arc::new(Identity { settings, cache: LevelCache::default(), hashing: Semaphore::new(HASHES) })
    }

    /// The questions the web asks.
    pub fn access(self: &Arc<Identity>) -> Access {
        let (checks, lifetimes) = (self.clone(), self.settings.lifetimes);
        Access {
            authenticate: Arc::new(move |tx, credential| session::authenticate(tx, credential, lifetimes)),
            level: Arc::new(move |tx, viewer, object| {
                let (subject, cap) = match viewer {
                    Some(viewer) => (viewer.subject(), viewer.cap),
                    None => (Object::everyone(), Level::Own),
                };
                Ok(checks.cache.level(tx, &subject, object)?.min(cap))
            }),
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
