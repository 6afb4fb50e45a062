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
/// A device that was away is back when it has been well for this long: one that comes and goes, or whose driver fails again and
/// again, has one alarm and not one each time.
const STEADY: Duration = Duration::from_secs(10);

/// What the looks at one device say of its alarm. Pure.
#[derive(Debug, Default)]
struct Absence {
    since: Option<Instant>,
    /// Since when it is well again.
    well: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Raise,
    Clear,
    Leave,
}

impl Absence {
    fn look(&mut self, well: bool, now: Instant, alarm_after: Duration) -> Verdict {
        if !well {
            self.well = None;
            let long = now - *self.since.get_or_insert(now) >= alarm_after;
            return if long { Verdict::Raise } else { Verdict::Leave };
        }
        if self.since.is_some() && now - *self.well.get_or_insert(now) < STEADY {
            return Verdict::Leave;
        }
        *self = Absence::default();
        Verdict::Clear
    }
}

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
    let mut away: HashMap<DeviceId, Absence> = HashMap::new();
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
    away: &mut HashMap<DeviceId, Absence>,
) {
    let all = devices.all();
    away.retain(|id, _| all.iter().any(|device| device.site.id == *id));
    let now = Instant::now();
    for device in all {
        let (id, why) = (device.site.id, unwell(board, &device));
        match (away.entry(id).or_default().look(why.is_none(), now, alarm_after), why) {
            (Verdict::Raise, Some(why)) => alarms.raise(AlarmEvent {
                key: key(id),
                active: true,
                severity: "warning".into(),
                text: format!("{}: {why}", device.title()),
                system: Some(device.site.system),
                device: Some(id),
            }),
            (Verdict::Clear, _) => alarms.clear(&key(id)),
            _ => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(60);

    /// Looks once a second; `well` says how the device is at each.
    fn verdicts(seconds: u64, well: impl Fn(u64) -> bool) -> Vec<Verdict> {
        let (mut absence, start) = (Absence::default(), Instant::now());
        (0..seconds).map(|at| absence.look(well(at), start + Duration::from_secs(at), AFTER)).collect()
    }

    #[test]
    fn a_device_that_stays_away_has_an_alarm_until_it_is_back_for_good() {
        let said = verdicts(100, |at| at >= 70);
        assert!(said[..60].iter().all(|said| *said == Verdict::Leave), "{said:?}");
        assert!(said[60..70].iter().all(|said| *said == Verdict::Raise), "{said:?}");
        assert!(said[70..80].iter().all(|said| *said == Verdict::Leave), "{said:?}");
        assert!(said[80..].iter().all(|said| *said == Verdict::Clear), "{said:?}");
    }

    #[test]
    fn one_that_comes_and_goes_has_one_alarm_and_no_end_of_it() {
        let said = verdicts(300, |at| at % 9 >= 4);
        let first = said.iter().position(|said| *said == Verdict::Raise).unwrap();
        assert!((60..70).contains(&first), "{first}");
        assert!(said.iter().all(|said| *said != Verdict::Clear), "{said:?}");
    }

    #[test]
    fn a_short_absence_is_no_alarm() {
        let said = verdicts(200, |at| !(20..70).contains(&at));
        assert!(said.iter().all(|said| *said != Verdict::Raise), "{said:?}");
    }
}
