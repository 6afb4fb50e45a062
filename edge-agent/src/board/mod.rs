//! The board: every status variable of every device in one dense table, and the one place where a value
//! becomes news. Devices write to it; rules, logic devices, effect watchers, the local page and the journal
//! read from it.
//!
//! A slot is found once, by name, and used by index from then on. Writing an unchanged value costs a compare:
//! no allocation, no record, no wake-up. A device writes a block of points under one lock ([`Board::update`]).

mod feed;
mod slot;

pub use feed::{Change, Feed};
pub use slot::{SlotIx, class_of};

use bo_model::clock::SharedClock;
use bo_model::driver::Status;
use bo_model::value::Source;
use bo_model::{Data, DeviceId, Quality, Reason, Time, Value};
use bo_wire::{Body, Class, StatusChange};
use feed::FeedShared;
use slot::Slot;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where records go: the journal, or a test's list. Must not block.
pub type Recorder = Arc<dyn Fn(Class, Time, &Body) + Send + Sync>;

/// How often [`Board::sweep`] has to be called: the resolution of staleness.
pub const SWEEP: Duration = Duration::from_millis(250);

/// The status variable every device has, written by the agent: whether the device answers.
pub const ONLINE: &str = "online";

/// The table.
pub struct Board {
    inner: Mutex<Inner>,
    clock: SharedClock,
    record: Recorder,
}

struct Inner {
    slots: Vec<Slot>,
    devices: HashMap<DeviceId, Arc<DeviceSlots>>,
    feeds: Vec<Option<Arc<FeedShared>>>,
    /// Sweeps so far: a clock of its own for staleness, so that a wall clock that jumps makes nothing old or young.
    tick: u64,
}

/// Where a device's variables are. Slots are in the order of their names, `online` last.
#[derive(Debug)]
pub struct DeviceSlots {
    /// The device.
    pub device: DeviceId,
    base: u32,
    names: Vec<Arc<str>>,
}

impl DeviceSlots {
    /// The slot of a variable.
    pub fn slot(&self, name: &str) -> Option<SlotIx> {
        if name == ONLINE {
            return Some(self.online());
        }
        let status = &self.names[..self.names.len() - 1];
        status.binary_search_by(|known| (**known).cmp(name)).ok().map(|ix| SlotIx(self.base + ix as u32))
    }

    /// The slot of `online`.
    pub fn online(&self) -> SlotIx {
        SlotIx(self.base + self.names.len() as u32 - 1)
    }

    /// All slots but `online`.
    pub fn status(&self) -> impl Iterator<Item = SlotIx> + use<> {
        (self.base..self.base + self.names.len() as u32 - 1).map(SlotIx)
    }

    /// Names and slots, `online` last.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, SlotIx)> {
        self.names.iter().enumerate().map(|(ix, name)| (name, SlotIx(self.base + ix as u32)))
    }
}

/// One variable as a reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Device.
    pub device: DeviceId,
    /// Name.
    pub name: Arc<str>,
    /// Value, its quality already lowered by age.
    pub value: Value,
}

impl Board {
    /// An empty board.
    pub fn new(clock: SharedClock, record: Recorder) -> Arc<Board> {
        let inner = Inner { slots: Vec::new(), devices: HashMap::new(), feeds: Vec::new(), tick: 0 };
        Arc::new(Board { inner: Mutex::new(inner), clock, record })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under the lock can leave one slot half written at worst; the next read of the device mends it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a device its slots, all `never-read`. `stale_after` is used where a variable names no limit of
    /// its own: three poll intervals for a polled one, `None` for what is only reported on change.
    pub fn add(
        &self,
        device: DeviceId,
        statuses: &BTreeMap<String, Status>,
        stale_after: impl Fn(&str) -> Option<Duration>,
    ) -> Arc<DeviceSlots> {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.forget(device);
        let mut fresh: Vec<Slot> = statuses
            .iter()
            .filter(|(name, _)| *name != ONLINE)
            .map(|(name, status)| Slot::new(device, name, status, stale_after(name), now))
            .collect();
        fresh.push(Slot::online(device, now));
        let names: Vec<Arc<str>> = fresh.iter().map(|slot| slot.name.clone()).collect();
        let base = inner.place(fresh);
        let slots = Arc::new(DeviceSlots { device, base, names });
        inner.devices.insert(device, slots.clone());
        slots
    }

    /// Takes a device off the board.
    pub fn remove(&self, device: DeviceId) {
        self.lock().forget(device);
    }

    /// A device's slots.
    pub fn device(&self, device: DeviceId) -> Option<Arc<DeviceSlots>> {
        self.lock().devices.get(&device).cloned()
    }

    /// Opens the board for writing a run of values under one lock; readers are woken when it is dropped.
    /// Hold it shortly and never across an await.
    pub fn update(&self) -> Update<'_> {
        Update { board: self, inner: self.lock(), now: self.clock.now(), woken: Vec::new() }
    }

    /// Writes one value.
    pub fn set(&self, slot: SlotIx, value: Value) -> bool {
        self.update().set(slot, value)
    }

    /// What a slot holds.
    pub fn get(&self, slot: SlotIx) -> Option<Value> {
        self.lock().slots.get(slot.0 as usize).map(|slot| slot.value.clone())
    }

    /// What several slots hold, at one instant.
    pub fn get_all(&self, slots: &[SlotIx]) -> Vec<Option<Value>> {
        let inner = self.lock();
        slots.iter().map(|ix| inner.slots.get(ix.0 as usize).map(|slot| slot.value.clone())).collect()
    }

    /// Brings the age of values a reader keeps up to date where nothing else has changed. What did change
    /// reaches the reader through its feed.
    pub fn rejuvenate(&self, slots: &[Option<SlotIx>], values: &mut [Value]) {
        let inner = self.lock();
        for (slot, value) in slots.iter().zip(values) {
            if let Some(slot) = slot.and_then(|ix| inner.slots.get(ix.0 as usize))
                && slot.value.quality == value.quality
                && slot.value.data == value.data
            {
                value.observed_at = slot.value.observed_at;
            }
        }
    }

    /// A variable by device and name.
    pub fn find(&self, device: DeviceId, name: &str) -> Option<Value> {
        let inner = self.lock();
        let slot = inner.devices.get(&device)?.slot(name)?;
        inner.slots.get(slot.0 as usize).map(|slot| slot.value.clone())
    }

    /// Everything on the board, in slot order.
    pub fn snapshot(&self) -> Vec<Entry> {
        let inner = self.lock();
        let live = inner.slots.iter().filter(|slot| slot.alive);
        live.map(|slot| Entry { device: slot.device, name: slot.name.clone(), value: slot.value.clone() })
            .collect()
    }

    /// All of one device's variables, `online` last.
    pub fn of_device(&self, device: DeviceId) -> Vec<Entry> {
        let inner = self.lock();
        let Some(slots) = inner.devices.get(&device) else { return Vec::new() };
        slots
            .iter()
            .filter_map(|(name, ix)| {
                let value = inner.slots.get(ix.0 as usize)?.value.clone();
                Some(Entry { device, name: name.clone(), value })
            })
            .collect()
    }

    /// A feed of changes of these slots; see [`Feed`].
    pub fn watch(self: &Arc<Self>, slots: &[SlotIx], room: usize) -> Feed {
        let shared = FeedShared::new(room);
        let mut inner = self.lock();
        let id = match inner.feeds.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                inner.feeds.push(None);
                inner.feeds.len() - 1
            }
        };
        inner.feeds[id] = Some(shared.clone());
        for slot in slots {
            if let Some(slot) = inner.slots.get_mut(slot.0 as usize)
                && !slot.watchers.contains(&(id as u32))
            {
                slot.watchers.push(id as u32);
            }
        }
        Feed::new(self.clone(), id as u32, slots.to_vec(), shared)
    }

    fn unwatch(&self, id: u32, slots: &[SlotIx]) {
        let mut inner = self.lock();
        for slot in slots {
            if let Some(slot) = inner.slots.get_mut(slot.0 as usize) {
                slot.watchers.retain(|watcher| *watcher != id);
            }
        }
        if let Some(feed) = inner.feeds.get_mut(id as usize) {
            *feed = None;
        }
    }

    /// Lowers the quality of what has not been confirmed for too long. Call it every [`SWEEP`].
    pub fn sweep(&self) {
        let mut update = self.update();
        update.inner.tick += 1;
        let tick = update.inner.tick;
        for ix in 0..update.inner.slots.len() {
            let slot = &update.inner.slots[ix];
            if slot.alive && slot.value.quality.is_good() && tick - slot.seen > slot.stale_ticks {
                let mut value = slot.value.clone();
                value.quality = Quality::Uncertain(Reason::Stale);
                update.change(ix, value);
            }
        }
    }

    /// All variables of a device become bad for one reason, with their last data kept. `online` is left alone.
    pub fn fail_device(&self, slots: &DeviceSlots, reason: &Reason) {
        let mut update = self.update();
        let now = update.now;
        for slot in slots.status() {
            update.set(slot, Value::bad(reason.clone(), now));
        }
    }

    /// Says whether a device answers.
    pub fn set_online(&self, slots: &DeviceSlots, online: bool) -> bool {
        self.update().online(slots, online)
    }
}

impl Inner {
    /// Reuses a hole of the same size, so that switching releases for years does not grow the table.
    fn place(&mut self, fresh: Vec<Slot>) -> u32 {
        let size = fresh.len();
        let hole = self.holes().into_iter().find(|(_, length)| *length == size).map(|(start, _)| start);
        let base = hole.unwrap_or(self.slots.len());
        if hole.is_some() {
            for (ix, slot) in fresh.into_iter().enumerate() {
                self.slots[base + ix] = slot;
            }
        } else {
            self.slots.extend(fresh);
        }
        base as u32
    }

    fn holes(&self) -> Vec<(usize, usize)> {
        let mut taken: Vec<(usize, usize)> =
            self.devices.values().map(|slots| (slots.base as usize, slots.names.len())).collect();
        taken.sort_unstable();
        let mut holes = Vec::new();
        let mut at = 0;
        for (start, length) in taken {
            if start > at {
                holes.push((at, start - at));
            }
            at = start + length;
        }
        holes
    }

    fn forget(&mut self, device: DeviceId) {
        if let Some(slots) = self.devices.remove(&device) {
            for (_, ix) in slots.iter() {
                let slot = &mut self.slots[ix.0 as usize];
                slot.alive = false;
                slot.watchers.clear();
                slot.value = Value::bad(Reason::Disabled, slot.value.observed_at);
            }
        }
    }
}

/// The board open for writing.
pub struct Update<'a> {
    board: &'a Board,
    inner: MutexGuard<'a, Inner>,
    now: Time,
    woken: Vec<Arc<FeedShared>>,
}

impl Update<'_> {
    /// Writes one value; true when it was news. A bad value without datum keeps the last datum and the time
    /// it was seen, so that it can be shown greyed with its age.
    pub fn set(&mut self, slot: SlotIx, mut value: Value) -> bool {
        let ix = slot.0 as usize;
        let tick = self.inner.tick;
        let Some(slot) = self.inner.slots.get_mut(ix).filter(|slot| slot.alive) else { return false };
        slot.seen = tick;
        if slot.is_same(&value) {
            if value.quality.is_good() {
                slot.value.observed_at = value.observed_at;
            }
            return false;
        }
        if matches!((&value.quality, &value.data), (Quality::Bad(_), Data::None))
            && !matches!(slot.value.data, Data::None)
        {
            value.data = slot.value.data.clone();
            value.observed_at = slot.value.observed_at;
        }
        self.change(ix, value);
        true
    }

    /// Whether a slot holds a good value.
    pub fn is_good(&self, slot: SlotIx) -> bool {
        self.inner.slots.get(slot.0 as usize).is_some_and(|slot| slot.value.quality.is_good())
    }

    /// Says whether a device answers.
    pub fn online(&mut self, slots: &DeviceSlots, online: bool) -> bool {
        let (data, quality) = (Data::Bool(online), Quality::Good);
        self.set(slots.online(), Value { data, quality, observed_at: self.now, source: Source::Agent })
    }

    /// The instant this update is made.
    pub fn now(&self) -> Time {
        self.now
    }

    fn change(&mut self, ix: usize, value: Value) {
        let inner = &mut *self.inner;
        let slot = &mut inner.slots[ix];
        slot.value = value;
        let change =
            StatusChange { device: slot.device, name: slot.name.to_string(), value: slot.value.clone() };
        (self.board.record)(slot.class, self.now, &Body::Status(change));
        for id in &slot.watchers {
            if let Some(Some(feed)) = inner.feeds.get(*id as usize) {
                feed.push(Change { slot: SlotIx(ix as u32), value: slot.value.clone() });
                if !self.woken.iter().any(|woken| Arc::ptr_eq(woken, feed)) {
                    self.woken.push(feed.clone());
                }
            }
        }
    }
}

impl Drop for Update<'_> {
    fn drop(&mut self) {
        for feed in self.woken.drain(..) {
            feed.wake();
        }
    }
}

#[cfg(test)]
mod tests;
