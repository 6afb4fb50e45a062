//! Releases: what the controller wants this edge to run. Verified, fetched, checked, staged, switched, watched,
//! and reverted by the edge itself when devices fall ill.
//!
//! A release on trial that the agent does not survive twice is reverted at the next start. One that was reverted
//! or refused is not run again, until the controller compiles another.

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
    /// It is older than what runs.
    #[error("release {number} is older than release {running}, which runs")]
    Older {
        /// Its number.
        number: u64,
        /// What runs.
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
}

/// The releases of one edge.
pub struct Releases {
    agent: Arc<Agent>,
    shelf: Shelf,
    edge: EdgeId,
    key: VerifyingKey,
    fetch: Fetch,
    ledger: Mutex<Ledger>,
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
        Ok(Releases { agent, shelf, edge, key, fetch, ledger })
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
            return self.go_back(&mut ledger, current, previous, why).await.map(|()| true);
        }
        ledger.trial = tried;
        self.shelf.keep(&ledger)?;
        match self.run_from_disk(&current).await {
            Ok(()) => Ok(true),
            Err(error) => match ledger.previous.clone() {
                Some(previous) => {
                    self.go_back(&mut ledger, current, previous, error.to_string()).await.map(|()| true)
                }
                None => Err(error),
            },
        }
    }

    /// True while the release that runs has not proved itself.
    pub async fn is_on_trial(&self) -> bool {
        self.ledger.lock().await.trial.is_some()
    }

    async fn run_from_disk(&self, hash: &str) -> Result<(), ReleaseError> {
        let release = self.shelf.release(hash)?;
        let site = release.open(&self.key)?;
        let drivers = self.drivers(&site).await?;
        let desired = Desired { release: release.hash.clone(), site, drivers, lines: Vec::new() };
        let desired = desired.checked(format!("release {}", release.number), Vec::new())?;
        self.agent.apply(desired).await?;
        Ok(())
    }

    /// Takes a release that was announced: checks it, switches to it, watches it, and goes back when it is bad.
    /// `newer` tells that another one is waiting.
    pub async fn take(
        &self,
        release: &SignedRelease,
        newer: &mut watch::Receiver<Option<SignedRelease>>,
    ) -> Result<Outcome, ReleaseError> {
        let mut ledger = self.ledger.lock().await;
        if ledger.current.as_deref() == Some(&release.hash) {
            return Ok(Outcome::Running);
        }
        let staged = self.stage(release, &ledger).await;
        let desired = match staged {
            Ok(desired) => desired,
            Err(error) => {
                self.audit("release.refuse", release, &format!("refused: {error}"), json!({}));
                if matches!(error, ReleaseError::Site(_)) {
                    ledger.refuse(&release.hash);
                    self.shelf.keep(&ledger)?;
                }
                return Err(error);
            }
        };
        let before = Health::of(&self.agent);
        let previous = ledger.current.clone();
        *ledger = Ledger {
            current: Some(release.hash.clone()),
            previous: previous.clone(),
            trial: Some(1),
            refused: ledger.refused.clone(),
        };
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
            Ok(_) => match self.watch(&release.hash, &before, newer).await {
                Watched::Well => None,
                Watched::Ill(why) => Some(why),
                Watched::Overtaken => return Ok(Outcome::Overtaken),
            },
        };
        match (ill, previous) {
            (Some(why), Some(previous)) => {
                let current = release.hash.clone();
                self.go_back(&mut ledger, current, previous, why.clone()).await?;
                Ok(Outcome::Reverted(why))
            }
            (Some(why), None) => {
                tracing::warn!(%why, "the first release has trouble and there is none to go back to");
                self.settle(&mut ledger)
            }
            (None, _) => self.settle(&mut ledger),
        }
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
        if matches!(self.watch(&running, &Health::default(), newer).await, Watched::Well) {
            self.settle(&mut ledger)?;
        }
        Ok(())
    }

    /// Waits while the release proves itself. The same one announced again, as after each connection, is no news.
    async fn watch(
        &self,
        running: &str,
        before: &Health,
        newer: &mut watch::Receiver<Option<SignedRelease>>,
    ) -> Watched {
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
        match before.fallen(&Health::of(&self.agent)) {
            Some(why) => Watched::Ill(why),
            None => Watched::Well,
        }
    }

    async fn go_back(
        &self,
        ledger: &mut Ledger,
        current: String,
        previous: String,
        why: String,
    ) -> Result<(), ReleaseError> {
        tracing::error!(release = %current, back_to = %previous, %why, "release reverted");
        ledger.refuse(&current);
        *ledger = Ledger {
            current: Some(previous.clone()),
            previous: None,
            trial: None,
            refused: std::mem::take(&mut ledger.refused),
        };
        self.shelf.keep(ledger)?;
        self.run_from_disk(&previous).await?;
        self.entry("release.revert", &current, "done", json!({"to": previous, "why": why}));
        Ok(())
    }

    /// Everything that can be wrong is found here, before anything is touched.
    async fn stage(&self, release: &SignedRelease, ledger: &Ledger) -> Result<Desired, ReleaseError> {
        let number = release.number;
        let site = release.open(&self.key)?;
        if let Some(edge) = site.edge.filter(|edge| *edge != self.edge) {
            return Err(ReleaseError::OtherEdge { number, edge: edge.to_string() });
        }
        if ledger.refused.contains(&release.hash) {
            return Err(ReleaseError::TriedBefore { number });
        }
        let running = ledger.current.as_ref().and_then(|hash| self.shelf.release(hash).ok());
        if let Some(running) = running.filter(|running| running.number > number) {
            return Err(ReleaseError::Older { number, running: running.number });
        }
        let drivers = self.drivers(&site).await?;
        let desired = Desired { release: release.hash.clone(), site, drivers, lines: Vec::new() };
        let desired = desired.checked(format!("release {number}"), Vec::new())?;
        self.shelf.store_release(release)?;
        Ok(desired)
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
