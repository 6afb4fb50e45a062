//! A number per (device, status variable). History and its journal speak of points by number: a number takes
//! two or three bytes where the names take fifty.

use bo_db::{DbError, Param, Tx, params};
use bo_model::{DeviceId, WorkspaceId};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Status variables a device may have; more are a fault of its driver and are not taken.
const MAX_NAMES: usize = 2000;

/// A point.
#[derive(Debug)]
pub struct Point {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub workspace: WorkspaceId,
    /// The device.
    pub device: DeviceId,
    /// The status variable.
    pub name: Arc<str>,
    stored: AtomicBool,
    /// The newest day that is listed as stale, by this process's own doing.
    stale: AtomicI64,
}

/// No day.
const NEVER: i64 = i64::MIN;

/// All points, by device and name, and by number.
#[derive(Default)]
pub struct Points {
    last: AtomicI64,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    names: HashMap<DeviceId, HashMap<Arc<str>, Arc<Point>>>,
    numbers: HashMap<i64, Arc<Point>>,
    /// Many devices have the same variables: each name is kept once.
    words: HashSet<Arc<str>>,
}

impl Points {
    /// Reads all points.
    pub fn load(&self, tx: &mut Tx) -> Result<(), DbError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        tx.for_each("SELECT id, workspace, device, name FROM point", params![], |row| {
            let id = row.get(0)?;
            let name = known.word(row.str(3)?);
            self.last.fetch_max(id, Ordering::AcqRel);
            known.add(Point::new(id, row.get(1)?, row.get(2)?, name, true));
            Ok(())
        })
    }

    /// The point of a status variable, if it was ever reported.
    pub fn find(&self, device: DeviceId, name: &str) -> Option<Arc<Point>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.names.get(&device)?.get(name).cloned()
    }

    /// The point with a number.
    pub fn number(&self, id: i64) -> Option<Arc<Point>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).numbers.get(&id).cloned()
    }

    /// The point of a status variable, numbered now if it is new; `None` when the device has too many.
    pub fn resolve(&self, workspace: WorkspaceId, device: DeviceId, name: &str) -> Option<Arc<Point>> {
        if let Some(point) = self.find(device, name) {
            return Some(point);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let names = known.names.entry(device).or_default();
        if let Some(point) = names.get(name) {
            return Some(point.clone());
        }
        if names.len() >= MAX_NAMES {
            return None;
        }
        let id = self.last.fetch_add(1, Ordering::AcqRel) + 1;
        let name = known.word(name);
        Some(known.add(Point::new(id, workspace, device, name, false)))
    }

    /// The points numbered `from` until before `to`, in order.
    pub fn numbered(&self, from: i64, to: i64) -> Vec<Arc<Point>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        (from..to).filter_map(|id| known.numbers.get(&id).cloned()).collect()
    }

    /// The highest number given.
    pub fn last(&self) -> i64 {
        self.last.load(Ordering::Acquire)
    }

    /// Forgets a point that has no history left.
    pub fn forget(&self, id: i64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(point) = known.numbers.remove(&id) else { return };
        if let Some(names) = known.names.get_mut(&point.device) {
            names.remove(&point.name);
            if names.is_empty() {
                known.names.remove(&point.device);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).numbers.len()
    }

    /// True when no device has reported anything yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Known {
    fn word(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        let word: Arc<str> = word.into();
        self.words.insert(word.clone());
        word
    }

    fn add(&mut self, point: Point) -> Arc<Point> {
        let point = Arc::new(point);
        self.names.entry(point.device).or_default().insert(point.name.clone(), point.clone());
        self.numbers.insert(point.id, point.clone());
        point
    }
}

impl Point {
    fn new(id: i64, workspace: WorkspaceId, device: DeviceId, name: Arc<str>, stored: bool) -> Point {
        let (stored, stale) = (AtomicBool::new(stored), AtomicI64::new(NEVER));
        Point { id, workspace, device, name, stored, stale }
    }

    pub(super) fn is_stale(&self, day: i64) -> bool {
        self.stale.load(Ordering::Acquire) == day
    }

    pub(super) fn mark_stale(&self, day: i64) {
        self.stale.fetch_max(day, Ordering::AcqRel);
    }

    /// The day is rolled up.
    pub(super) fn unmark_stale(&self, day: i64) {
        let _ = self.stale.compare_exchange(day, NEVER, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Stores those of the points that are not; call it in the transaction that stores their first values.
pub fn store<'p>(tx: &mut Tx, points: impl Iterator<Item = &'p Arc<Point>>) -> Result<(), DbError> {
    let mut new: Vec<Arc<Point>> =
        points.filter(|point| !point.stored.load(Ordering::Acquire)).cloned().collect();
    if new.is_empty() {
        return Ok(());
    }
    new.sort_unstable_by_key(|point| point.id);
    new.dedup_by_key(|point| point.id);
    let rows: Vec<Vec<Param<'_>>> = new
        .iter()
        .map(|point| {
            vec![point.id.into(), point.workspace.into(), point.device.into(), point.name.as_ref().into()]
        })
        .collect();
    tx.insert_many_with(
        "point",
        &["id", "workspace", "device", "name"],
        &rows,
        "ON CONFLICT (id) DO NOTHING",
    )?;
    drop(rows);
    tx.after_commit(move || new.iter().for_each(|point| point.stored.store(true, Ordering::Release)));
    Ok(())
}
