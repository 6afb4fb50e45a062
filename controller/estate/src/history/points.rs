//! A number per (device, status variable). History and its journal speak of points by number: a number takes
//! two or three bytes where the names take fifty.

use bo_db::{DbError, Tx, params};
use bo_model::{DeviceId, WorkspaceId};
use std::collections::HashMap;
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
}

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
}

impl Points {
    /// Reads all points.
    pub fn load(&self, tx: &mut Tx) -> Result<(), DbError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        tx.for_each("SELECT id, workspace, device, name FROM point", params![], |row| {
            let point = Point {
                id: row.get(0)?,
                workspace: row.get(1)?,
                device: row.get(2)?,
                name: row.str(3)?.into(),
                stored: AtomicBool::new(true),
            };
            self.last.fetch_max(point.id, Ordering::AcqRel);
            known.add(point);
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
        Some(known.add(Point { id, workspace, device, name: name.into(), stored: AtomicBool::new(false) }))
    }

    /// The workspaces of points, in the order asked.
    pub fn workspaces(&self, ids: impl Iterator<Item = i64>) -> Vec<Option<WorkspaceId>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        ids.map(|id| known.numbers.get(&id).map(|point| point.workspace)).collect()
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
    fn add(&mut self, point: Point) -> Arc<Point> {
        let point = Arc::new(point);
        self.names.entry(point.device).or_default().insert(point.name.clone(), point.clone());
        self.numbers.insert(point.id, point.clone());
        point
    }
}

impl Point {
    /// Stores the point if it is not; call it in the transaction that stores its first value.
    pub fn store(self: &Arc<Self>, tx: &mut Tx) -> Result<(), DbError> {
        if self.stored.load(Ordering::Acquire) {
            return Ok(());
        }
        tx.execute(
            "INSERT INTO point (id, workspace, device, name) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING",
            params![self.id, self.workspace, self.device, self.name.as_ref()],
        )?;
        let point = self.clone();
        tx.after_commit(move || point.stored.store(true, Ordering::Release));
        Ok(())
    }
}
