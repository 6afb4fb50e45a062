//! Presence: what was last proved, since when something is away, how far an edge lags behind. A heartbeat proves;
//! a connection alone does not.

pub mod availability;
pub mod backfill;
pub mod queries;
pub mod routes;

use bo_model::{DeviceId, EdgeId, Time};
use bo_wire::{Cursor, Heartbeat, Hello};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No heartbeat for this long: the edge is offline. They come every few seconds.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(20);
/// A device must be away this long before it is an alarm: a start, or a cable that is plugged again, is none.
pub const ALARM_AFTER: Duration = Duration::from_secs(30);
/// An edge whose clock is this far from ours says so.
pub const CLOCK_LIMIT: Duration = Duration::from_secs(30);

/// What is known of an edge's presence.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EdgePresence {
    /// Heartbeats arrive.
    pub online: bool,
    /// Last heartbeat, by the controller's clock.
    pub proved_at: Option<Time>,
    /// Since when it is as it is: online or offline.
    pub since: Option<Time>,
    /// Version of the agent.
    pub agent: String,
    /// Hash of the release it runs.
    pub running: String,
    /// Records it has not been acknowledged for.
    pub backlog: u64,
    /// Bytes its journal takes.
    pub journal_bytes: u64,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Its clock minus ours, in microseconds.
    pub clock_offset: i64,
    /// Links: state word, and when they were last proved.
    pub links: BTreeMap<String, LinkPresence>,
    /// Devices that are not well, and why.
    #[serde(skip)]
    pub unwell: BTreeMap<DeviceId, Unwell>,
    /// Journal positions it told in its last hello.
    #[serde(skip)]
    pub cursors: Vec<Cursor>,
    /// Changes that could not be kept yet.
    #[serde(skip)]
    pub(crate) owed: Option<Changes>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkPresence {
    /// `up`, `connecting`, `down: why`.
    pub state: String,
    /// Last time the other side answered, by the edge's clock.
    pub proved_at: Option<Time>,
    /// Since when it has this state, by the controller's clock.
    pub since: Time,
}

/// Why a device is not well, and since when the controller knows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unwell {
    /// In words.
    pub why: String,
    /// Since when.
    pub since: Time,
    /// Long enough to be an alarm.
    #[serde(skip)]
    pub told: bool,
}

/// A device's place in what is known of its edge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// The edge's heartbeats arrive.
    pub online: bool,
    /// They ever did.
    pub proved: bool,
    /// Since when the edge is as it is.
    pub since: Option<Time>,
    /// Why the device is not well, when its edge is there and says so.
    pub unwell: Option<Unwell>,
}

/// What a heartbeat or its absence changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The edge came back.
    pub came: bool,
    /// The edge went away; when it was last proved.
    pub went: Option<Option<Time>>,
    /// Devices that are away for long enough to be an alarm, and why; each is told once.
    pub fell_ill: Vec<(DeviceId, String)>,
    /// Devices that recovered.
    pub recovered: Vec<DeviceId>,
}

impl Changes {
    /// These, and what came after them.
    pub fn then(self, later: Changes) -> Changes {
        let Changes { came, went, fell_ill, recovered } = later;
        let well = |id: &DeviceId| recovered.contains(id);
        let ill = |id: &DeviceId| fell_ill.iter().any(|(ill, _)| ill == id);
        Changes {
            came: came || (self.came && went.is_none()),
            went: went.or(self.went.filter(|_| !came)),
            recovered: self
                .recovered
                .into_iter()
                .filter(|id| !ill(id))
                .chain(recovered.iter().copied())
                .collect(),
            fell_ill: self.fell_ill.into_iter().filter(|(id, _)| !well(id)).chain(fell_ill.clone()).collect(),
        }
    }
}

/// Presence of all edges.
#[derive(Default)]
pub struct Presence(Mutex<HashMap<EdgeId, EdgePresence>>);

impl Presence {
    fn lock(&self) -> MutexGuard<'_, HashMap<EdgeId, EdgePresence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of an edge.
    pub fn of(&self, edge: EdgeId) -> EdgePresence {
        self.lock().get(&edge).cloned().unwrap_or_default()
    }

    /// How a device's edge is, and why the device is not well, if it is not: without a copy of everything else.
    pub fn glance(&self, edge: EdgeId, device: DeviceId) -> Glance {
        let edges = self.lock();
        let Some(known) = edges.get(&edge) else { return Glance::default() };
        let unwell = known.unwell.get(&device).filter(|_| known.online).cloned();
        Glance { online: known.online, proved: known.proved_at.is_some(), since: known.since, unwell }
    }

    /// Whether an edge proves that it lives.
    pub fn is_online(&self, edge: EdgeId) -> bool {
        self.lock().get(&edge).is_some_and(|known| known.online)
    }

    /// From the last checkpoint: offline until a heartbeat says otherwise.
    pub fn restore(&self, edge: EdgeId, proved_at: Option<Time>, agent: String, running: String) {
        let known = EdgePresence { proved_at, since: proved_at, agent, running, ..EdgePresence::default() };
        self.lock().insert(edge, known);
    }

    /// The first message of a connection.
    pub fn hello(&self, edge: EdgeId, hello: &Hello) {
        let mut edges = self.lock();
        let known = edges.entry(edge).or_default();
        known.agent.clone_from(&hello.agent);
        known.running.clone_from(&hello.release);
        known.cursors.clone_from(&hello.cursors);
    }

    /// A proof of life at `now`.
    pub fn heartbeat(&self, edge: EdgeId, beat: &Heartbeat, now: Time) -> Changes {
        let mut edges = self.lock();
        let known = edges.entry(edge).or_default();
        let mut changes = Changes { came: !known.online, ..Changes::default() };
        if changes.came {
            known.since = Some(now);
        }
        known.online = true;
        known.proved_at = Some(now);
        known.running.clone_from(&beat.release);
        known.backlog = beat.backlog;
        known.journal_bytes = beat.journal_bytes;
        known.memory = beat.memory;
        known.clock_offset = beat.at.0.saturating_sub(now.0);
        known.links = beat
            .links
            .iter()
            .map(|(name, state, proved_at)| {
                let held = known.links.get(name).filter(|held| held.state == *state);
                let since = held.map_or(now, |held| held.since);
                (name.clone(), LinkPresence { state: state.clone(), proved_at: *proved_at, since })
            })
            .collect();
        let mut unwell = BTreeMap::new();
        for (device, why) in &beat.unwell {
            let held = known.unwell.get(device);
            let since = held.map_or(now, |held| held.since);
            let told = held.is_some_and(|held| held.told);
            let due = now.since(since) >= ALARM_AFTER;
            if due && !told {
                changes.fell_ill.push((*device, why.clone()));
            }
            unwell.insert(*device, Unwell { why: why.clone(), since, told: due });
        }
        changes.recovered =
            known.unwell.keys().filter(|device| !unwell.contains_key(device)).copied().collect();
        known.unwell = unwell;
        changes
    }

    /// Changes that could not be kept: [`Presence::owed`] gives them again.
    pub fn owe(&self, edge: EdgeId, changes: Changes) {
        let mut edges = self.lock();
        let known = edges.entry(edge).or_default();
        known.owed = Some(match known.owed.take() {
            Some(newer) => changes.then(newer),
            None => changes,
        });
    }

    /// What is still to be kept of an edge, and what came now.
    pub fn owed(&self, edge: EdgeId, now: Changes) -> Changes {
        match self.lock().get_mut(&edge).and_then(|known| known.owed.take()) {
            Some(earlier) => earlier.then(now),
            None => now,
        }
    }

    /// Edges with changes that could not be kept.
    pub fn owing(&self) -> Vec<EdgeId> {
        self.lock().iter().filter(|(_, known)| known.owed.is_some()).map(|(edge, _)| *edge).collect()
    }

    /// Edges that went silent: called every few seconds.
    pub fn sweep(&self, now: Time) -> Vec<(EdgeId, Changes)> {
        let mut gone = Vec::new();
        for (edge, known) in self.lock().iter_mut() {
            let silent = known.proved_at.is_none_or(|proved| now.since(proved) > OFFLINE_AFTER);
            if known.online && silent {
                known.online = false;
                known.since = known.proved_at;
                gone.push((*edge, Changes { went: Some(known.proved_at), ..Changes::default() }));
            }
        }
        gone
    }

    /// When each edge was last proved, its agent and release: for the checkpoint.
    pub fn all(&self) -> Vec<(EdgeId, EdgePresence)> {
        self.lock().iter().map(|(edge, known)| (*edge, known.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(unwell: &[(DeviceId, &str)]) -> Heartbeat {
        Heartbeat {
            at: Time(0),
            count: 1,
            release: String::new(),
            backlog: 0,
            journal_bytes: 0,
            links: vec![("bus".into(), "up".into(), None)],
            unwell: unwell.iter().map(|(id, why)| (*id, (*why).to_owned())).collect(),
            memory: 0,
        }
    }

    #[test]
    fn an_edge_is_online_while_it_proves_it_and_keeps_since_when() {
        let (presence, edge) = (Presence::default(), "0198c0de-0000-7000-8000-000000000001".parse().unwrap());
        assert!(presence.heartbeat(edge, &beat(&[]), Time::from_seconds(100)).came);
        assert!(!presence.heartbeat(edge, &beat(&[]), Time::from_seconds(105)).came);
        assert!(presence.sweep(Time::from_seconds(110)).is_empty());
        let gone = presence.sweep(Time::from_seconds(130));
        assert_eq!(gone[0].1.went, Some(Some(Time::from_seconds(105))));
        assert!(presence.sweep(Time::from_seconds(140)).is_empty(), "said once");
        let known = presence.of(edge);
        assert_eq!((known.online, known.since), (false, Some(Time::from_seconds(105))));
    }

    #[test]
    fn a_device_that_is_away_for_half_a_minute_falls_ill_once_and_recovers_once() {
        let (presence, edge) = (Presence::default(), "0198c0de-0000-7000-8000-000000000001".parse().unwrap());
        let device: DeviceId = "0198c0de-0000-7000-8000-000000000002".parse().unwrap();
        let ill = [(device, "no reply in time")];
        let at = |seconds| presence.heartbeat(edge, &beat(&ill), Time::from_seconds(seconds)).fell_ill.len();
        assert_eq!((at(1), at(30), at(31), at(36)), (0, 0, 1, 0));
        assert_eq!(presence.glance(edge, device).unwell.unwrap().since, Time::from_seconds(1));
        let well = presence.heartbeat(edge, &beat(&[]), Time::from_seconds(40));
        assert_eq!(well.recovered, [device]);
    }

    #[test]
    fn changes_that_could_not_be_kept_are_kept_with_the_next_and_the_last_word_holds() {
        let edge: EdgeId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let device = |last| format!("0198c0de-0000-7000-8000-00000000000{last}").parse::<DeviceId>().unwrap();
        let (one, other) = (device(2), device(3));
        let presence = Presence::default();
        let ill = |device| (device, "why".to_owned());
        let first = Changes { came: true, fell_ill: vec![ill(one), ill(other)], ..Changes::default() };
        presence.owe(edge, first);
        assert_eq!(presence.owing(), [edge]);
        let later = Changes { went: Some(None), recovered: vec![one], ..Changes::default() };
        let all = presence.owed(edge, later);
        let expected =
            Changes { came: false, went: Some(None), fell_ill: vec![ill(other)], recovered: vec![one] };
        assert_eq!(all, expected);
        assert!(presence.owing().is_empty());
    }
}
