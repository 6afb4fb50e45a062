//! Alarm conditions raised on site: begun once, ended once, and remembered across restarts, so that the
//! controller never sees a condition begin twice or one that has no end.

use crate::board::Recorder;
use crate::error::EdgeError;
use crate::journal::Journal;
use crate::links::Links;
use crate::store::Store;
use bo_model::clock::SharedClock;
use bo_runtime::Shutdown;
use bo_wire::{AlarmEvent, Body, Class};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const KIND: &str = "alarm";
/// Key of the condition of client ids, and how often they are looked at.
const CLIENTS: &str = "edge:mqtt-client-id";
const CLIENTS_EVERY: Duration = Duration::from_secs(2);
/// Key of the condition of the journal's disk.
const DISK: &str = "edge:disk";

/// The active conditions.
pub struct Alarms {
    active: Mutex<BTreeMap<String, AlarmEvent>>,
    record: Recorder,
    store: Store,
    clock: SharedClock,
}

/// Begins and ends the conditions of the disk the journal is on, until the end is signalled.
pub async fn watch_disk(journal: Journal, alarms: Arc<Alarms>, shutdown: Shutdown) {
    let mut state = journal.watch();
    loop {
        let (stuck, squeezed) = {
            let now = state.borrow_and_update();
            (now.stuck.clone(), now.squeezed)
        };
        let condition = match (stuck, squeezed) {
            (Some(why), _) => Some((
                "critical",
                format!(
                    "Nothing can be written to the gateway's disk ({why}). What happens is held in memory; make room on the machine."
                ),
            )),
            (None, Some(bound)) => Some((
                "warning",
                // Rounded, so that a bound that moves with the disk is not news each time.
                format!(
                    "The gateway's disk is nearly full: at most {} MiB are kept for the controller. Make room on the machine.",
                    (bound >> 20).next_power_of_two()
                ),
            )),
            (None, None) => None,
        };
        match condition {
            Some((severity, text)) => alarms.raise(AlarmEvent {
                key: DISK.into(),
                active: true,
                severity: severity.into(),
                text,
                system: None,
                device: None,
            }),
            None => alarms.clear(DISK),
        }
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            () = shutdown.signalled() => return,
        }
    }
}

/// Begins and ends the condition of MQTT client ids that several devices on site use, until the end is signalled.
pub async fn watch_clients(links: Arc<Links>, alarms: Arc<Alarms>, shutdown: Shutdown) {
    let mut every = tokio::time::interval(CLIENTS_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = shutdown.signalled() => return,
        }
        let ids = links.contended_clients().await;
        if ids.is_empty() {
            alarms.clear(CLIENTS);
            continue;
        }
        alarms.raise(AlarmEvent {
            key: CLIENTS.into(),
            active: true,
            severity: "warning".into(),
            text: format!(
                "Several devices use the same MQTT client id and throw each other out: {}. Give each device an id of its own.",
                ids.join(", ")
            ),
            system: None,
            device: None,
        });
    }
}

impl Alarms {
    /// With the conditions that were active when the agent stopped.
    pub fn start(
        record: Recorder,
        store: Store,
        clock: SharedClock,
        state: &Path,
    ) -> Result<Alarms, EdgeError> {
        let active = Store::load(state, KIND)?;
        Ok(Alarms { active: Mutex::new(active), record, store, clock })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, AlarmEvent>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a condition; nothing happens when it is active with the same text and severity.
    pub fn raise(&self, mut event: AlarmEvent) {
        event.active = true;
        let mut active = self.lock();
        if active.get(&event.key) != Some(&event) {
            active.insert(event.key.clone(), event.clone());
            self.store.put(KIND, event.key.clone(), &event);
            (self.record)(Class::Alarm, self.clock.now(), &Body::Alarm(event));
        }
    }

    /// Ends a condition; nothing happens when it is not active.
    pub fn clear(&self, key: &str) {
        let mut active = self.lock();
        if let Some(event) = active.remove(key) {
            self.end(event);
        }
    }

    /// Ends every condition `stays` says no to: its device or trigger has left.
    pub fn retain(&self, stays: impl Fn(&AlarmEvent) -> bool) {
        let mut active = self.lock();
        let gone: Vec<String> =
            active.values().filter(|event| !stays(event)).map(|event| event.key.clone()).collect();
        for event in gone.iter().filter_map(|key| active.remove(key)) {
            self.end(event);
        }
    }

    fn end(&self, event: AlarmEvent) {
        self.store.remove(KIND, event.key.clone());
        (self.record)(Class::Alarm, self.clock.now(), &Body::Alarm(AlarmEvent { active: false, ..event }));
    }

    /// All active conditions, by key.
    pub fn active(&self) -> Vec<AlarmEvent> {
        self.lock().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::{ManualClock, Time};

    fn event(text: &str) -> AlarmEvent {
        AlarmEvent {
            key: "device:1:offline".into(),
            active: true,
            severity: "warning".into(),
            text: text.into(),
            system: None,
            device: None,
        }
    }

    #[tokio::test]
    async fn a_condition_begins_once_and_ends_once_even_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let told: Arc<Mutex<Vec<bool>>> = Arc::default();
        let sink = told.clone();
        let record: Recorder = Arc::new(move |_, _, body| {
            if let Body::Alarm(event) = body {
                sink.lock().unwrap().push(event.active);
            }
        });
        let clock = ManualClock::at(Time(1));
        let store = Store::open(&path).unwrap();
        let alarms = Alarms::start(record.clone(), store.clone(), clock.clone(), &path).unwrap();
        alarms.raise(event("gone"));
        alarms.raise(event("gone"));
        store.flush().await.unwrap();

        let alarms = Alarms::start(record, store.clone(), clock, &path).unwrap();
        alarms.raise(event("gone"));
        alarms.clear("device:1:offline");
        alarms.clear("device:1:offline");
        assert_eq!(*told.lock().unwrap(), [true, false]);
        store.close().await.unwrap();
    }
}
