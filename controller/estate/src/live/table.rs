//! The last value of every point. Sharded by device, so that many edges can report while many people look.

use super::Pulse;
use bo_model::{DeviceId, Time, Value};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

const SHARDS: usize = 64;
/// How far an observation may lie ahead of the controller's clock before it no longer blocks older ones.
const AHEAD: Duration = Duration::from_secs(5);

/// A value and the number of its last change.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The point's number in history.
    pub point: i64,
    /// The status variable.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
    /// Number of its last change.
    pub seq: u64,
}

#[derive(Default)]
struct DeviceCells {
    /// Number of the newest change of any of its points.
    seq: u64,
    /// By name.
    cells: Vec<Cell>,
}

impl DeviceCells {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.cells.binary_search_by(|cell| cell.name.as_ref().cmp(name))
    }
}

#[derive(Default)]
struct Shard(HashMap<DeviceId, DeviceCells>);

/// The table.
pub struct Table {
    shards: Vec<RwLock<Shard>>,
}

impl Default for Table {
    fn default() -> Self {
        Table { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }
}

impl Table {
    fn shard(&self, device: DeviceId) -> &RwLock<Shard> {
        // The last byte of an id is as good as random.
        &self.shards[usize::from(device.0.as_bytes()[15]) % SHARDS]
    }

    fn read(&self, device: DeviceId) -> RwLockReadGuard<'_, Shard> {
        self.shard(device).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, device: DeviceId) -> RwLockWriteGuard<'_, Shard> {
        self.shard(device).write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a value unless a newer one is there: a backlog must not turn the present back. Returns whether it
    /// was taken. `point` is the point's number.
    pub fn put(
        &self,
        device: DeviceId,
        point: i64,
        name: &Arc<str>,
        value: &Value,
        now: Time,
        pulse: &Pulse,
    ) -> bool {
        let mut shard = self.write(device);
        let entry = shard.0.entry(device).or_default();
        match entry.find(name) {
            Ok(at) => {
                let cell = &mut entry.cells[at];
                let held = &cell.value;
                let newer = value.observed_at >= held.observed_at || held.observed_at > now.after(AHEAD);
                if !newer || value == held {
                    return false;
                }
                cell.value = value.clone();
                cell.seq = pulse.next();
                entry.seq = cell.seq;
            }
            Err(at) => {
                let seq = pulse.next();
                entry.cells.insert(at, Cell { point, name: name.clone(), value: value.clone(), seq });
                entry.seq = seq;
            }
        }
        true
    }

    /// The points of a device that changed after `seq`; 0 gives all of them. Ordered by name.
    pub fn changes(&self, device: DeviceId, after: u64) -> Vec<Cell> {
        let shard = self.read(device);
        let Some(entry) = shard.0.get(&device).filter(|entry| entry.seq > after) else { return Vec::new() };
        entry.cells.iter().filter(|cell| cell.seq > after).cloned().collect()
    }

    /// One value.
    pub fn get(&self, device: DeviceId, name: &str) -> Option<Cell> {
        let shard = self.read(device);
        let entry = shard.0.get(&device)?;
        entry.find(name).ok().map(|at| entry.cells[at].clone())
    }

    /// Whether a device says itself that it answers, and since when; `None` when it has no such point.
    pub fn online(&self, device: DeviceId) -> Option<(bool, Time)> {
        let shard = self.read(device);
        let entry = shard.0.get(&device)?;
        let value = &entry.cells[entry.find("online").ok()?].value;
        Some((value.data.truth() != Some(false), value.observed_at))
    }

    /// Whether a device ever reported anything.
    pub fn knows(&self, device: DeviceId) -> bool {
        self.read(device).0.get(&device).is_some_and(|entry| !entry.cells.is_empty())
    }

    /// Counts all points of a device as changed: its edge came or went, and with it what its values are worth.
    pub fn touch(&self, device: DeviceId, pulse: &Pulse) {
        if let Some(entry) = self.write(device).0.get_mut(&device) {
            entry.seq = pulse.next();
            entry.cells.iter_mut().for_each(|cell| cell.seq = entry.seq);
        }
    }

    /// Forgets a device that no longer exists.
    pub fn forget(&self, device: DeviceId) {
        self.write(device).0.remove(&device);
    }

    /// How many points are known.
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| {
                let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
                shard.0.values().map(|device| device.cells.len()).sum::<usize>()
            })
            .sum()
    }

    /// True when nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `each` with the number of every point that changed after `seq`, in no order: for the checkpoint.
    pub fn changed_after(&self, seq: u64, mut each: impl FnMut(i64)) {
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for device in shard.0.values().filter(|device| device.seq > seq) {
                device.cells.iter().filter(|cell| cell.seq > seq).for_each(|cell| each(cell.point));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> DeviceId {
        "0198c0de-0000-7000-8000-000000000002".parse().unwrap()
    }

    #[test]
    fn a_backlog_does_not_turn_the_present_back() {
        let (table, pulse) = (Table::default(), Pulse::new(1));
        let now = Time::from_seconds(1000);
        assert!(table.put(device(), 1, &"power".into(), &Value::good(5.0, now), now, &pulse));
        assert!(!table.put(
            device(),
            1,
            &"power".into(),
            &Value::good(4.0, Time::from_seconds(900)),
            now,
            &pulse
        ));
        assert_eq!(table.get(device(), "power").unwrap().value.data.number(), Some(5.0));
    }

    #[test]
    fn a_clock_that_ran_ahead_does_not_freeze_a_value_forever() {
        let (table, pulse) = (Table::default(), Pulse::new(1));
        let now = Time::from_seconds(1000);
        table.put(device(), 1, &"power".into(), &Value::good(5.0, Time::from_seconds(9000)), now, &pulse);
        assert!(table.put(device(), 1, &"power".into(), &Value::good(6.0, now), now, &pulse));
    }

    #[test]
    fn a_subscriber_gets_what_is_newer_than_its_number_and_nothing_else() {
        let (table, pulse) = (Table::default(), Pulse::new(1));
        let now = Time::from_seconds(1000);
        table.put(device(), 1, &"a".into(), &Value::good(1.0, now), now, &pulse);
        table.put(device(), 2, &"b".into(), &Value::good(2.0, now), now, &pulse);
        let seen = pulse.now();
        assert_eq!(table.changes(device(), 0).len(), 2);
        assert!(table.changes(device(), seen).is_empty());
        table.put(device(), 2, &"b".into(), &Value::good(3.0, now), now, &pulse);
        let changed = table.changes(device(), seen);
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].name.as_ref(), "b");
    }
}
