//! Running a hand-written site file, without a controller: read again when it, its drivers or its triggers change, and
//! on SIGHUP. A file that is wrong changes nothing: what ran goes on, across a restart too, and the status says why.

mod last_good;
mod watch;

use crate::agent::Agent;
use crate::error::EdgeError;
use crate::site::Desired;
use bo_model::Time;
use bo_wire::AlarmEvent;
use last_good::LastGood;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use watch::Files;

/// How often the files are looked at. A change counts when it was the same twice: editors write in steps.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Key of the alarm about a file that is wrong.
const ALARM: &str = "edge:site-file";

/// Where a site is described.
#[derive(Clone, Debug)]
pub struct Source {
    /// The site file.
    pub site: PathBuf,
    /// Folder of driver folders.
    pub drivers: PathBuf,
    /// Folder of trigger folders.
    pub triggers: Option<PathBuf>,
}

/// How a site file is, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteFile {
    /// The file.
    pub path: PathBuf,
    /// When what runs was read from it.
    pub read_at: Time,
    /// Why it is not run as it is now: file, line, what was expected.
    pub trouble: Option<String>,
}

impl Source {
    /// `keys` are those whose drivers are trusted.
    async fn read(&self, keys: &[String]) -> Result<Desired, EdgeError> {
        let (from, keys) = (self.clone(), keys.to_vec());
        let read = move || {
            Desired::from_file(&from.site, &from.drivers, from.triggers.as_deref())?
                .trusting(&from.site, &keys)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read,
            Err(error) => Err(EdgeError::Start { part: "the site file", why: error.to_string() }),
        }
    }
}

/// Runs the site file, or when it is wrong the last good one; from then on follows its changes until the end. The error
/// is that of a file that is wrong when there is none to go back to.
pub async fn start(agent: &Arc<Agent>, source: Source) -> Result<(), EdgeError> {
    let shelf = LastGood::new(&agent.config().data);
    let files = Files::look(&source, &Desired::default());
    let hangup = signal(SignalKind::hangup())
        .map_err(|error| EdgeError::Start { part: "listening for SIGHUP", why: error.to_string() })?;
    let mut follow = Follow { agent: agent.clone(), source, shelf, files, settled: None };
    let trouble = match follow.source.read(&agent.config().trusted_driver_keys).await {
        Ok(desired) => follow.switch(desired, None).await.err(),
        Err(error) => Some(error),
    };
    if let Some(error) = trouble {
        match follow.shelf.load() {
            Ok(Some((desired, read_at))) => {
                let running = agent.apply(desired).await;
                follow.say(read_at, Some(&error));
                running?;
            }
            Ok(None) => return Err(error),
            Err(why) => {
                tracing::error!(%why, "the last good site can't be run either");
                return Err(error);
            }
        }
    }
    agent.shutdown.spawn(follow.run(hangup));
    Ok(())
}

struct Follow {
    agent: Arc<Agent>,
    source: Source,
    shelf: LastGood,
    /// The files as they were when they were last read.
    files: Files,
    /// A change seen once.
    settled: Option<Files>,
}

impl Follow {
    async fn run(mut self, mut hangup: Signal) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = every.tick() => if !self.has_changed() { continue },
                Some(()) = hangup.recv() => tracing::info!("SIGHUP: reading the site file again"),
                () = self.agent.shutdown.signalled() => return,
            }
            self.reload().await;
        }
    }

    fn has_changed(&mut self) -> bool {
        let now = Files::look(&self.source, &self.agent.desired().borrow());
        if now == self.files {
            self.settled = None;
            return false;
        }
        let twice = self.settled.as_ref() == Some(&now);
        self.settled = Some(now);
        twice
    }

    async fn reload(&mut self) {
        let before = self.agent.desired().borrow().clone();
        self.files = Files::look(&self.source, &before);
        self.settled = None;
        let read_at = self.agent.site_file().map_or(self.agent.clock.now(), |file| file.read_at);
        let trouble = match self.source.read(&self.agent.config().trusted_driver_keys).await {
            Ok(desired) if desired == *before => {
                self.say(read_at, None);
                return;
            }
            Ok(desired) => self.switch(desired, Some(before)).await.err(),
            Err(error) => Some(error),
        };
        if let Some(error) = trouble {
            self.say(read_at, Some(&error));
        }
        // Names that were not known before are watched from now on.
        self.files = self.files.with(&self.source, &self.agent.desired().borrow());
    }

    /// Runs a site that was read; goes back when parts of it can't start.
    async fn switch(&mut self, desired: Desired, before: Option<Arc<Desired>>) -> Result<(), EdgeError> {
        let kept = desired.clone();
        match self.agent.apply(desired).await {
            Ok(switched) => {
                tracing::info!(
                    started = switched.started,
                    stopped = switched.stopped,
                    kept = switched.kept,
                    "running the site file"
                );
                let now = self.agent.clock.now();
                if let Err(error) = self.shelf.keep(&kept, now) {
                    tracing::warn!(%error, "the site can't be kept for a start with a broken file");
                }
                self.say(now, None);
                Ok(())
            }
            Err(error) => {
                if let Some(before) = before
                    && let Err(error) = self.agent.apply((*before).clone()).await
                {
                    tracing::error!(%error, "going back to the site that ran before");
                }
                Err(error)
            }
        }
    }

    /// Tells people how the file is.
    fn say(&self, read_at: Time, trouble: Option<&EdgeError>) {
        let path = self.source.site.clone();
        let trouble = trouble.map(|error| match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        });
        match &trouble {
            Some(why) => {
                tracing::error!(%why, "the site file is not run; the last good one is");
                self.agent.alarms.raise(AlarmEvent {
                    key: ALARM.into(),
                    active: true,
                    severity: "warning".into(),
                    text: format!("The site file can't be run, the last good one goes on. {why}"),
                    system: None,
                    device: None,
                });
            }
            None => self.agent.alarms.clear(ALARM),
        }
        self.agent.set_site_file(SiteFile { path, read_at, trouble });
    }
}
