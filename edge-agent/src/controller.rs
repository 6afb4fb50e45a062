//! An enrolled edge and its controller: what the uplink asks of the agent, and what comes down.

use crate::agent::Agent;
use crate::enroll::Identity;
use crate::error::EdgeError;
use crate::presence::unwell;
use crate::release::{Fetch, Outcome, Releases};
use crate::store::Store;
use crate::uplink::{self, Report, UplinkEvent, UplinkHandle, Vitals};
use bo_model::Time;
use bo_wire::{SignedRelease, SnapshotValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Kind and key of when the controller was last there.
const CONTACT: &str = "contact";
const CONTACT_EVERY: Duration = Duration::from_secs(30);

/// Runs the last release from disk, then joins the controller and does what it says, until the end.
pub async fn join(agent: &Arc<Agent>, identity: Identity) -> Result<UplinkHandle, EdgeError> {
    let (edge, key) = (identity.edge, identity.release_key);
    let (fetcher, handle_later) = watch::channel::<Option<UplinkHandle>>(None);
    let fetch: Fetch = Arc::new(move |hash| {
        let mut uplink = handle_later.clone();
        Box::pin(async move {
            let handle = match uplink.wait_for(Option::is_some).await {
                Ok(handle) => handle.clone(),
                Err(_) => None,
            };
            let handle = handle.ok_or("the agent is shutting down")?;
            handle.fetch(hash).await.map_err(|error| error.to_string())
        })
    });
    let releases = Releases::open(agent.clone(), edge, key, fetch)
        .map_err(|error| EdgeError::Start { part: "the last release", why: error.to_string() })?;
    match releases.resume().await {
        Ok(true) => tracing::info!("running the last release"),
        Ok(false) => tracing::info!("this edge has no release yet and waits for its first"),
        // The controller can send another one; that is better than not to start.
        Err(error) => tracing::error!(%error, "the last release can't be run, or not all of it"),
    }
    let (handle, inbox) =
        uplink::start(identity, agent.journal.clone(), report(agent), agent.clock.clone(), &agent.shutdown);
    fetcher.send_replace(Some(handle.clone()));
    let kept = Store::load::<Time>(&agent.config().data.join("state.sqlite"), CONTACT)?;
    if let Some(at) = kept.get(CONTACT) {
        agent.set_contact(*at);
    }
    agent.set_uplink(handle.clone());
    agent.shutdown.spawn(remember_contact(agent.clone(), handle.clone()));
    let (announce, announced) = watch::channel(None);
    agent.shutdown.spawn(take_commands(agent.clone(), inbox, announce));
    agent.shutdown.spawn(take_releases(agent.clone(), releases, announced));
    Ok(handle)
}

/// Keeps, across restarts too, when the controller was last there: what the release says about people ages from then on.
async fn remember_contact(agent: Arc<Agent>, uplink: UplinkHandle) {
    let mut every = tokio::time::interval(CONTACT_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut state = uplink.state();
    let mut known = None;
    loop {
        tokio::select! {
            _ = every.tick() => {}
            // The first word after an absence counts at once.
            changed = state.changed(), if known.is_none() => if changed.is_err() { return },
            () = agent.shutdown.signalled() => return,
        }
        let proved = uplink.state().borrow().last_proved;
        if let Some(at) = proved.filter(|_| proved != known) {
            known = proved;
            agent.set_contact(at);
            agent.store.put(CONTACT, CONTACT, &at);
        }
    }
}

async fn take_commands(
    agent: Arc<Agent>,
    mut inbox: mpsc::Receiver<UplinkEvent>,
    announce: watch::Sender<Option<SignedRelease>>,
) {
    loop {
        let event = tokio::select! {
            event = inbox.recv() => event,
            () = agent.shutdown.signalled() => None,
        };
        match event {
            Some(UplinkEvent::Command(request)) => drop(agent.commands.submit(request)),
            // Only the newest counts: one that waits is overtaken.
            Some(UplinkEvent::Announce(release)) => drop(announce.send_replace(Some(release))),
            None => return,
        }
    }
}

async fn take_releases(
    agent: Arc<Agent>,
    releases: Releases,
    mut announced: watch::Receiver<Option<SignedRelease>>,
) {
    if let Err(error) = releases.watch_trial(&mut announced).await {
        tracing::error!(%error, "the release on trial can't be settled");
    }
    loop {
        tokio::select! {
            changed = announced.changed() => if changed.is_err() { return },
            () = agent.shutdown.signalled() => return,
        }
        let Some(release) = announced.borrow_and_update().clone() else { continue };
        let taken = tokio::select! {
            taken = releases.take(&release, &mut announced) => taken,
            () = agent.shutdown.signalled() => return,
        };
        match taken {
            Ok(Outcome::Running) => {}
            Ok(outcome) => tracing::info!(number = release.number, ?outcome, "release"),
            Err(error) => tracing::warn!(number = release.number, %error, "release not run"),
        }
    }
}

fn report(agent: &Arc<Agent>) -> Report {
    let (values, state) = (agent.clone(), agent.clone());
    Report {
        snapshot: Box::new(move || {
            let all = values.board.snapshot().into_iter();
            all.map(|entry| SnapshotValue {
                device: entry.device,
                name: entry.name.to_string(),
                value: entry.value,
            })
            .collect()
        }),
        vitals: Box::new(move || vitals(&state)),
    }
}

/// How the agent is, for heartbeats and `status`.
pub fn vitals(agent: &Agent) -> Vitals {
    let links = agent.links.health().into_iter();
    let ill = agent.devices.all();
    Vitals {
        release: agent.desired().borrow().release.clone(),
        links: links.map(|(name, health)| (name, state(&health), health.last_proved)).collect(),
        unwell: ill
            .iter()
            .filter_map(|device| Some((device.site.id, unwell(&agent.board, device)?)))
            .collect(),
        memory: resident(),
    }
}

/// A link's state as the controller shows it: why it is down, or what does not work although it is up, is told with it.
fn state(health: &bo_link::Health) -> String {
    match (&health.state, &health.limited) {
        (bo_link::LinkState::Down(why), _) => format!("down: {why}"),
        (_, Some(what)) => format!("limited: {what}"),
        (state, None) => word(state).to_owned(),
    }
}

/// A link's state in one word.
pub fn word(state: &bo_link::LinkState) -> &'static str {
    match state {
        bo_link::LinkState::Connecting => "connecting",
        bo_link::LinkState::Up => "up",
        bo_link::LinkState::Down(_) => "down",
    }
}

/// Resident memory in bytes, from the second field of /proc/self/statm (proc(5)), in pages of 4 KiB; 0 elsewhere.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * 4096)
}

#[cfg(test)]
mod tests {
    use bo_link::{Health, LinkState};

    #[test]
    fn the_controller_is_told_why_a_link_is_down_and_what_does_not_work_on_one_that_is_up() {
        let of = |state, limited: Option<&str>| {
            super::state(&Health { state, limited: limited.map(Into::into), ..Health::default() })
        };
        assert_eq!(of(LinkState::Down("connection refused".into()), None), "down: connection refused");
        assert_eq!(of(LinkState::Up, Some("`a/#` is refused")), "limited: `a/#` is refused");
        assert_eq!(of(LinkState::Up, None), "up");
    }
}
