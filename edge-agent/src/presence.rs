//! Truthful presence: what is not confirmed loses its quality, and a device that stays away raises an alarm.

use crate::alarms::Alarms;
use crate::board::{Board, SWEEP};
use crate::devices::{Device, Devices};
use bo_model::{DeviceId, Quality, Reason, Time};
use bo_runtime::{Shutdown, UnitState};
use bo_wire::{AlarmEvent, FAULTED};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Sweeps between two looks at the devices.
const LOOK_EVERY: u32 = 4;

/// Runs until the end is signalled.
pub async fn run(
    board: Arc<Board>,
    devices: Arc<Devices>,
    alarms: Arc<Alarms>,
    alarm_after: Duration,
    shutdown: Shutdown,
) {
    let mut every = tokio::time::interval(SWEEP);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut away: HashMap<DeviceId, Instant> = HashMap::new();
    let mut sweeps = 0u32;
    loop {
        tokio::select! {
            _ = every.tick() => board.sweep(),
            () = shutdown.signalled() => return,
        }
        sweeps = sweeps.wrapping_add(1);
        if sweeps.is_multiple_of(LOOK_EVERY) {
            look(&board, &devices, &alarms, alarm_after, &mut away);
        }
    }
}

fn look(
    board: &Board,
    devices: &Devices,
    alarms: &Alarms,
    alarm_after: Duration,
    away: &mut HashMap<DeviceId, Instant>,
) {
    let all = devices.all();
    away.retain(|id, _| all.iter().any(|device| device.site.id == *id));
    for device in all {
        let id = device.site.id;
        let Some(why) = unwell(board, &device) else {
            away.remove(&id);
            alarms.clear(&key(id));
            continue;
        };
        let since = *away.entry(id).or_insert_with(Instant::now);
        if since.elapsed() >= alarm_after {
            alarms.raise(AlarmEvent {
                key: key(id),
                active: true,
                severity: "warning".into(),
                text: format!("{}: {why}", device.title()),
                system: Some(device.site.system),
                device: Some(id),
            });
        }
    }
}

/// Why a device is not well; `None` when it is.
pub fn unwell(board: &Board, device: &Device) -> Option<String> {
    if let UnitState::Waiting { why, .. } = &*device.state.borrow() {
        return Some(format!("{FAULTED}{why}"));
    }
    let online = board.get(device.slots.online())?;
    match (online.data.truth(), online.quality.is_good()) {
        (Some(true), true) => None,
        (Some(false), _) => Some(fault(board, device).unwrap_or_else(|| "does not answer".into())),
        _ => Some("has not answered since it was configured".into()),
    }
}

/// Why it has no values, where that says more than silence: its driver failed, or what it sends is no answer.
fn fault(board: &Board, device: &Device) -> Option<String> {
    device.slots.status().find_map(|slot| match board.get(slot)?.quality {
        Quality::Bad(Reason::DriverFault(why)) => Some(format!("{FAULTED}{why}")),
        Quality::Bad(reason @ Reason::Decode(_)) => Some(reason.to_string()),
        _ => None,
    })
}

/// When a device was last proved.
pub fn proved_at(board: &Board, device: &Device) -> Option<Time> {
    let online = board.get(device.slots.online())?;
    (online.data.truth() == Some(true)).then_some(online.observed_at)
}

fn key(device: DeviceId) -> String {
    format!("device:{device}:offline")
}
