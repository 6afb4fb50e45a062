//! Releases: what the controller wants this edge to run. Verified, fetched, checked, staged, switched, watched,
//! and reverted by the edge itself when devices fall ill.
//!
//! A release on trial that the agent does not survive twice is reverted at the next start. One that was reverted
//! or refused is not run again, until the controller compiles another.
//!
//! People are apart from that: those of the newest release count as soon as it is verified, and stay when its configuration is
//! not kept. A release that brings nothing but people ([`Site::repeats`]) disturbs no device and is never on trial.

mod health;
mod shelf;

pub(crate) use shelf::write;
pub use shelf::{Ledger, Shelf, ShelfError};

use crate::agent::Agent;
use crate::site::{Desired, Driver};
use bo_driver_host::Package;
use bo_model::EdgeId;
use bo_model::command::Actor;
use bo_model::release::Site;
use bo_wire::{AuditEntry, Body, Class, SignedRelease};
use ed25519_dalek::VerifyingKey;
use futures_util::future::BoxFuture;
use health::Health;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// Starts on trial after which a release is given up.
const TRIALS: u32 = 2;

/// Fetches a blob by its hash.
pub type Fetch = Arc<dyn Fn([u8; 32]) -> BoxFuture<'static, Result<Vec<u8>, String>> + Send + Sync>;

/// Why a release is not run.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Signature, hash or content.
    #[error(transparent)]
    Envelope(#[from] bo_wire::ReleaseError),
    /// It was compiled for another edge.
    #[error("release {number} is for edge {edge}")]
    OtherEdge {
        /// Its number.
        number: u64,
        /// Whom it is for.
        edge: String,
    },
    /// It is older than what was taken already.
    #[error("release {number} is older than release {running}, which was taken already")]
    Older {
        /// Its number.
        number: u64,
        /// The newest that is known.
        running: u64,
    },
    /// It was tried before and reverted.
    #[error("release {number} was tried before and not kept; compile a new one")]
    TriedBefore {
        /// Its number.
        number: u64,
    },
    /// A driver can't be had.
    #[error("driver {driver}: {why}")]
    Driver {
        /// Which.
        driver: String,
        /// Why.
        why: String,
    },
    /// It does not fit together, or can't run here.
    #[error(transparent)]
    Site(#[from] crate::EdgeError),
    /// The disk.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

/// What came of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs already.
    Running,
    /// It runs and has proved itself.
    Kept,
    /// It was reverted: which devices fell ill.
    Reverted(String),
    /// A newer one came while it was watched.
    Overtaken,
    /// Its people count; its configuration is one that was not kept, and is not tried again.
    Admitted,
}

/// The releases of one edge.
pub struct Releases {
    agent: Arc<Agent>,
    shelf: Shelf,
    edge: EdgeId,
    key: VerifyingKey,
    fetch: Fetch,
    ledger: Mutex<Ledger>,
    /// How devices were before the release that is on trial.
    before: std::sync::Mutex<Health>,
}

impl Releases {
    /// With what is on disk.
    pub fn open(
        agent: Arc<Agent>,
        edge: EdgeId,
        key: VerifyingKey,
        fetch: Fetch,
    ) -> Result<Releases, ShelfError> {
        let shelf = Shelf::open(&agent.config().data)?;
        let ledger = Mutex::new(shelf.ledger()?);
        Ok(Releases { agent, shelf, edge, key, fetch, ledger, before: std::sync::Mutex::default() })
    }

    /// Runs the last release from disk, asking nobody. False on an edge that has none yet.
    pub async fn resume(&self) -> Result<bool, ReleaseError> {
        let mut ledger = self.ledger.lock().await;
        let Some(current) = ledger.current.clone() else { return Ok(false) };
        let tried = ledger.trial.map(|trial| trial + 1);
        let given_up = tried.is_some_and(|tried| tried > TRIALS);
        let back = ledger.previous.clone().filter(|_| given_up);
        if let Some(previous) = back {
            let why = format!("the agent ended {TRIALS} times while it was on trial");
            return self.go_back(&mut ledger, previous, why).await.map(|()| true);
        }
        ledger.trial = tried;
        self.shelf.keep(&ledger)?;
        match self.run_from_disk(&current, &ledger).await {
            Ok(()) => Ok(true),
            Err(error) => match ledger.previous.clone() {
                Some(previous) => self.go_back(&mut ledger, previous, error.to_string()).await.map(|()| true),
                None => Err(error),
            },
        }
    }

    /// True while the release that runs has not proved itself.
    pub async fn is_on_trial(&self) -> bool {
        self.ledger.lock().await.trial.is_some()
    }

    async fn run_from_disk(&self, hash: &str, ledger: &Ledger) -> Result<(), ReleaseError> {
        let release = self.shelf.release(hash)?;
        let mut site = release.open(&self.key)?;
        if let Some(newer) = ledger.people.as_deref().filter(|newer| *newer != hash) {
            let newer = self.shelf.release(newer)?.open(&self.key)?;
            (site.people, site.people_valid_for) = (newer.people, newer.people_valid_for);
        }
        let drivers = self.drivers(&site).await?;
        let desired = Desired { release: release.hash.clone(), site, drivers, lines: Vec::new() };
        let desired = desired.checked(format!("release {}", release.number), Vec::new())?;
        self.agent.apply(desired).await?;
        Ok(())
    }

    /// Takes a release that was announced: lets its people in, checks it, switches to it, watches it, and goes back when it is
    /// bad. `newer` tells that another one is waiting.
    pub async fn take(
        &self,
        release: &SignedRelease,
        newer: &mut watch::Receiver<Option<SignedRelease>>,
    ) -> Result<Outcome, ReleaseError> {
        let mut ledger = self.ledger.lock().await;
        if ledger.current.as_deref() == Some(&release.hash) {
            return Ok(Outcome::Running);
        }
        let site = match self.accepted(release, &ledger) {
            Ok(site) => site,
            Err(error) => return Err(self.refused(release, error)),
        };
        let known = ledger.people.as_deref() == Some(&release.hash);
        ledger.people = Some(release.hash.clone());
        self.shelf.keep(&ledger)?;
        self.agent.admit(site.people.clone(), site.people_valid_for).await;
        let configuration = site.repeats.clone().unwrap_or_else(|| release.hash.clone());
        if ledger.refused.contains(&configuration) {
            if site.repeats.is_none() {
                return Err(self.refused(release, ReleaseError::TriedBefore { number: release.number }));
            }
            if !known {
                self.entry("release.admit", &release.hash, "done", json!({"number": release.number}));
            }
            return Ok(Outcome::Admitted);
        }
        let repeated = ledger.current.as_deref().is_some_and(|current| self.is_of(current, &configuration));
        let desired = match self.stage(release, site).await {
            Ok(desired) => desired,
            Err(error) => {
                if matches!(error, ReleaseError::Site(_)) {
                    ledger.refuse(&configuration);
                    self.shelf.keep(&ledger)?;
                }
                return Err(self.refused(release, error));
            }
        };
        if !repeated {
            *self.lock_before() = Health::of(&self.agent);
            (ledger.previous, ledger.trial) = (ledger.current.clone(), Some(1));
        }
        ledger.current = Some(release.hash.clone());
        self.shelf.keep(&ledger)?;
        let lines = desired.lines.clone();
        for plan in &lines {
            tracing::info!(link = %plan.link, plan = %plan.sentence(), "bus plan");
        }
        let switched = self.agent.apply(desired).await;
        let changed = switched.as_ref().map(|switched| {
            json!({"number": release.number, "started": switched.started, "stopped": switched.stopped, "kept": switched.kept, "lines": lines})
        });
        self.audit("release.switch", release, "done", changed.unwrap_or_default());
        let ill = match switched {
            Err(error) => Some(error.to_string()),
            Ok(_) if ledger.trial.is_none() => None,
            Ok(_) => match self.watch(&release.hash, newer).await {
                Watched::Well => None,
                Watched::Ill(why) => Some(why),
                Watched::Overtaken => return Ok(Outcome::Overtaken),
            },
        };
        match (ill, ledger.previous.clone().filter(|_| ledger.trial.is_some())) {
            (Some(why), Some(previous)) => {
                self.go_back(&mut ledger, previous, why.clone()).await?;
                Ok(Outcome::Reverted(why))
            }
            (Some(why), None) => {
                tracing::warn!(%why, "the release has trouble and there is none to go back to");
                self.settle(&mut ledger)
            }
            (None, _) => self.settle(&mut ledger),
        }
    }

    fn lock_before(&self) -> std::sync::MutexGuard<'_, Health> {
        self.before.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether a release on disk has the configuration of that one.
    fn is_of(&self, hash: &str, configuration: &str) -> bool {
        hash == configuration || self.configuration_of(hash).is_some_and(|held| held == configuration)
    }

    /// Which release's configuration one on disk has.
    fn configuration_of(&self, hash: &str) -> Option<String> {
        let site: Site = serde_json::from_str(&self.shelf.release(hash).ok()?.site).ok()?;
        Some(site.repeats.unwrap_or_else(|| hash.to_owned()))
    }

    fn settle(&self, ledger: &mut Ledger) -> Result<Outcome, ReleaseError> {
        ledger.trial = None;
        self.shelf.keep(ledger)?;
        Ok(Outcome::Kept)
    }

    /// After a restart on trial: watches once more and settles or goes back.
    pub async fn watch_trial(
        &self,
        newer: &mut watch::Receiver<Option<SignedRelease>>,
    ) -> Result<(), ReleaseError> {
        let mut ledger = self.ledger.lock().await;
        let Some(running) = ledger.current.clone().filter(|_| ledger.trial.is_some()) else { return Ok(()) };
        if matches!(self.watch(&running, newer).await, Watched::Well) {
            self.settle(&mut ledger)?;
        }
        Ok(())
    }

    /// Waits while the release proves itself. The same one announced again, as after each connection, is no news.
    async fn watch(&self, running: &str, newer: &mut watch::Receiver<Option<SignedRelease>>) -> Watched {
        let other = async {
            let is_other =
                |known: &Option<SignedRelease>| known.as_ref().is_some_and(|known| known.hash != running);
            let seen = newer.wait_for(is_other).await.is_ok();
            if !seen {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(self.agent.config().release.watch) => {}
            () = other => {
                newer.mark_changed();
                return Watched::Overtaken;
            }
            () = self.agent.shutdown.signalled() => return Watched::Overtaken,
        }
        let fallen = self.lock_before().fallen(&Health::of(&self.agent));
        match fallen {
            Some(why) => Watched::Ill(why),
            None => Watched::Well,
        }
    }

    async fn go_back(&self, ledger: &mut Ledger, previous: String, why: String) -> Result<(), ReleaseError> {
        let current = ledger.current.clone().unwrap_or_default();
        tracing::error!(release = %current, back_to = %previous, %why, "release reverted");
        ledger.refuse(&self.configuration_of(&current).unwrap_or_else(|| current.clone()));
        (ledger.current, ledger.previous, ledger.trial) = (Some(previous.clone()), None, None);
        self.shelf.keep(ledger)?;
        self.run_from_disk(&previous, ledger).await?;
        self.entry("release.revert", &current, "done", json!({"to": previous, "why": why}));
        Ok(())
    }

    /// Reads a release and stores it, if it is from our controller, for us, and no older than what we know.
    fn accepted(&self, release: &SignedRelease, ledger: &Ledger) -> Result<Site, ReleaseError> {
        let number = release.number;
        let site = release.open(&self.key)?;
        if let Some(edge) = site.edge.filter(|edge| *edge != self.edge) {
            return Err(ReleaseError::OtherEdge { number, edge: edge.to_string() });
        }
        let known = ledger.current.iter().chain(&ledger.people);
        let newest = known.filter_map(|hash| self.shelf.release(hash).ok()).map(|known| known.number).max();
        if let Some(running) = newest.filter(|newest| *newest > number) {
            return Err(ReleaseError::Older { number, running });
        }
        self.shelf.store_release(release)?;
        Ok(site)
    }

    /// Everything that can be wrong is found here, before any device is touched.
    async fn stage(&self, release: &SignedRelease, site: Site) -> Result<Desired, ReleaseError> {
        let drivers = self.drivers(&site).await?;
        let desired = Desired { release: release.hash.clone(), site, drivers, lines: Vec::new() };
        Ok(desired.checked(format!("release {}", release.number), Vec::new())?)
    }

    async fn drivers(&self, site: &Site) -> Result<std::collections::BTreeMap<String, Driver>, ReleaseError> {
        let mut drivers = std::collections::BTreeMap::new();
        let trust =
            bo_driver_host::Trust::new(&self.agent.config().trusted_driver_keys).map_err(|error| {
                ReleaseError::Driver { driver: "trusted_driver_keys".into(), why: error.to_string() }
            })?;
        for (name, hash) in &site.drivers {
            let wrong = |why: String| ReleaseError::Driver { driver: name.clone(), why };
            let bytes = match self.shelf.driver(hash) {
                Some(bytes) => bytes,
                None => {
                    let mut digest = [0; 32];
                    hex::decode_to_slice(hash, &mut digest)
                        .map_err(|_| wrong(format!("`{hash}` is no hash")))?;
                    let bytes = (self.fetch)(digest).await.map_err(wrong)?;
                    self.shelf.store_driver(hash, &bytes)?;
                    bytes
                }
            };
            let package = Package::from_packed(&bytes).map_err(|error| wrong(error.to_string()))?;
            if package.hash != *hash {
                return Err(wrong("its content does not have the hash the release names".into()));
            }
            trust.check(&package).map_err(|error| wrong(error.to_string()))?;
            drivers.insert(name.clone(), Driver::from(package));
        }
        Ok(drivers)
    }

    fn refused(&self, release: &SignedRelease, error: ReleaseError) -> ReleaseError {
        self.audit("release.refuse", release, &format!("refused: {error}"), json!({}));
        error
    }

    fn audit(&self, verb: &str, release: &SignedRelease, outcome: &str, detail: serde_json::Value) {
        self.entry(verb, &release.hash, outcome, detail);
    }

    fn entry(&self, verb: &str, hash: &str, outcome: &str, detail: serde_json::Value) {
        let entry = AuditEntry {
            actor: Actor::Edge { id: self.edge },
            origin: "uplink".into(),
            verb: verb.into(),
            object: format!("release:{hash}"),
            detail,
            outcome: outcome.into(),
            previous: String::new(),
        };
        (self.agent.record)(Class::Audit, self.agent.clock.now(), &Body::Audit(entry));
    }
}

enum Watched {
    Well,
    Ill(String),
    Overtaken,
}
