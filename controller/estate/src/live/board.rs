//! What is open or recent, in memory, with the same running numbers as values: alarms, commands under way, log
//! lines, trigger runs. Each board is bounded; the database has what is older.

use super::Pulse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Entries by key, each with the number of its last change; the longest unchanged go first when it is full.
pub struct Board<K, V> {
    bound: usize,
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K, V> {
    entries: HashMap<K, (u64, V)>,
    by_change: BTreeMap<u64, K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Board<K, V> {
    /// Holds up to `bound` entries.
    pub fn new(bound: usize) -> Self {
        Board { bound, inner: Mutex::new(Inner { entries: HashMap::new(), by_change: BTreeMap::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds or replaces an entry.
    pub fn put(&self, key: K, value: V, pulse: &Pulse) {
        let mut inner = self.lock();
        let seq = pulse.next();
        if let Some((old, _)) = inner.entries.insert(key.clone(), (seq, value)) {
            inner.by_change.remove(&old);
        }
        inner.by_change.insert(seq, key);
        while inner.entries.len() > self.bound {
            let Some((_, oldest)) = inner.by_change.pop_first() else { break };
            inner.entries.remove(&oldest);
        }
    }

    /// Changes an entry in place, or adds the one `start` makes.
    pub fn update(&self, key: K, pulse: &Pulse, start: impl FnOnce() -> V, change: impl FnOnce(&mut V)) {
        let mut value = self.get(&key).unwrap_or_else(start);
        change(&mut value);
        self.put(key, value, pulse);
    }

    /// One entry.
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().entries.get(key).map(|(_, value)| value.clone())
    }

    /// Whether an entry changed after `seq`.
    pub fn newer(&self, key: &K, after: u64) -> bool {
        self.lock().entries.get(key).is_some_and(|(seq, _)| *seq > after)
    }

    /// How many entries are as `wanted` says.
    pub fn count(&self, wanted: impl Fn(&V) -> bool) -> usize {
        self.lock().entries.values().filter(|(_, value)| wanted(value)).count()
    }

    /// Entries that changed after `seq`, oldest change first.
    pub fn changes(&self, after: u64) -> Vec<V> {
        let inner = self.lock();
        inner
            .by_change
            .range(after + 1..)
            .filter_map(|(_, key)| inner.entries.get(key).map(|(_, value)| value.clone()))
            .collect()
    }
}

/// The last lines of many things: a ring per key.
pub struct Rings<K, V> {
    bound: usize,
    rings: Mutex<HashMap<K, VecDeque<(u64, V)>>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Rings<K, V> {
    /// Each ring holds up to `bound` lines.
    pub fn new(bound: usize) -> Self {
        Rings { bound, rings: Mutex::new(HashMap::new()) }
    }

    /// Adds a line.
    pub fn push(&self, key: K, value: V, pulse: &Pulse) {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.entry(key).or_default();
        if ring.len() == self.bound {
            ring.pop_front();
        }
        ring.push_back((pulse.next(), value));
    }

    /// Lines of one ring after `seq`, oldest first.
    pub fn changes(&self, key: &K, after: u64) -> Vec<V> {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = rings.get(key).into_iter().flatten();
        lines.filter(|(seq, _)| *seq > after).map(|(_, value)| value.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_forgets_what_has_not_changed_for_longest() {
        let (board, pulse) = (Board::new(2), Pulse::new(1));
        board.put("a", 1, &pulse);
        board.put("b", 2, &pulse);
        board.put("a", 3, &pulse);
        board.put("c", 4, &pulse);
        assert_eq!(board.changes(0), [3, 4]);
        assert_eq!(board.get(&"b"), None);
    }

    #[test]
    fn a_ring_keeps_its_last_lines() {
        let (rings, pulse) = (Rings::new(3), Pulse::new(1));
        (0..5).for_each(|line| rings.push("device", line, &pulse));
        let seen = pulse.now();
        rings.push("device", 5, &pulse);
        assert_eq!(rings.changes(&"device", 0), [3, 4, 5]);
        assert_eq!(rings.changes(&"device", seen), [5]);
    }
}
