//! One status variable on the board, and when a new value of it is news.

use bo_model::driver::Status;
use bo_model::settings::FieldKind;
use bo_model::value::Source;
use bo_model::{Data, DeviceId, Quality, Reason, Time, Value};
use bo_wire::Class;
use std::sync::Arc;
use std::time::Duration;

/// Index of a slot. Stable while its device stays in the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotIx(pub(super) u32);

#[derive(Debug)]
pub(super) struct Slot {
    pub device: DeviceId,
    pub name: Arc<str>,
    pub value: Value,
    pub deadband: f64,
    /// Sweeps without confirmation after which a good value is stale.
    pub stale_ticks: u64,
    /// Sweep at which it was last confirmed.
    pub seen: u64,
    pub class: Class,
    pub watchers: Vec<u32>,
    pub alive: bool,
}

impl Slot {
    pub fn new(
        device: DeviceId,
        name: &str,
        status: &Status,
        stale_after: Option<Duration>,
        now: Time,
    ) -> Slot {
        let limit = status.stale_after.or(stale_after);
        Slot {
            device,
            name: name.into(),
            value: Value::bad(Reason::NeverRead, now),
            deadband: status.deadband.unwrap_or(0.0),
            stale_ticks: limit
                .map_or(u64::MAX, |limit| limit.as_millis().div_ceil(super::SWEEP.as_millis()) as u64),
            seen: 0,
            class: class_of(status),
            watchers: Vec::new(),
            alive: true,
        }
    }

    pub fn online(device: DeviceId, now: Time) -> Slot {
        let mut slot = Slot::new(device, super::ONLINE, &Status::default(), None, now);
        slot.class = Class::Status;
        slot.value.source = Source::Agent;
        slot
    }

    /// True when `value` says nothing new: same quality, and the datum the same or within the deadband of
    /// the one that was last passed on.
    pub fn is_same(&self, value: &Value) -> bool {
        let quality = match (&self.value.quality, &value.quality) {
            (Quality::Good, Quality::Good) => true,
            (old, new) => old == new,
        };
        quality
            && (self.is_close(&value.data)
                || matches!((&value.data, &value.quality), (Data::None, Quality::Bad(_))))
    }

    fn is_close(&self, data: &Data) -> bool {
        match (&self.value.data, data) {
            (Data::Float(old), Data::Float(new)) => old == new || (new - old).abs() < self.deadband,
            (Data::Int(old), Data::Int(new)) => old == new || (old.abs_diff(*new) as f64) < self.deadband,
            (old, new) => old == new,
        }
    }
}

/// Measurements are `history`, thinned when the disk is short; everything whose every change matters is `status`.
pub fn class_of(status: &Status) -> Class {
    let measured = matches!(status.field.kind, FieldKind::Number | FieldKind::Integer);
    if measured && status.field.choices.is_empty() { Class::History } else { Class::Status }
}
