//! How many people are in a room, as a function of the room's use and the local time.

use super::LocalTime;
use super::noise::{channel, smooth, unit};

/// What a room is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Desks.
    Office,
    /// Booked by the half hour.
    Meeting,
    /// People pass.
    Lobby,
    /// Full at lunch.
    Cafe,
    /// A few events a week.
    Hall,
    /// Somebody looks in now and then.
    Technical,
}

/// People in a room with so many places.
pub fn people(seed: u64, room: &str, kind: Use, places: u32, now: LocalTime) -> u32 {
    let me = channel(room);
    let most = f64::from(places);
    let quiet = if now.weekend { 0.06 } else { 1.0 };
    let mood = smooth(seed, me, now.day as f64 * 86_400.0 + now.hour * 3600.0, 1500.0);
    let busy = match kind {
        Use::Office => working_day(now.hour) * (0.55 + 0.55 * mood),
        Use::Lobby => working_day(now.hour) * mood * 0.7,
        Use::Cafe => {
            (bump(now.hour, 8.7, 0.8) * 0.4 + bump(now.hour, 12.7, 0.7) + bump(now.hour, 15.8, 0.5) * 0.35)
                * (0.6 + 0.5 * mood)
        }
        Use::Technical => {
            let looks_in = unit(seed, me ^ 5, (now.day * 48) as u64 + (now.hour * 2.0) as u64) < 0.05;
            if looks_in && (8.0..17.0).contains(&now.hour) { 1.0 / most } else { 0.0 }
        }
        Use::Meeting => return meeting(seed, me, places, now, 2, if now.weekend { 0.0 } else { 0.30 }),
        Use::Hall => return meeting(seed, me, places, now, 6, if now.weekend { 0.03 } else { 0.06 }),
    };
    (most * busy * quiet).round().clamp(0.0, most) as u32
}

/// Arrivals from seven, lunch, the last at eight.
fn working_day(hour: f64) -> f64 {
    let ramp = |from: f64, to: f64| ((hour - from) / (to - from)).clamp(0.0, 1.0);
    let there = ramp(7.2, 9.6) * (1.0 - ramp(16.2, 19.6));
    there * (1.0 - 0.45 * bump(hour, 12.7, 0.6))
}

fn bump(hour: f64, at: f64, width: f64) -> f64 {
    (-((hour - at) / width).powi(2)).exp()
}

/// Meetings begin at half hours and last up to `longest` half hours, each with its own number of people.
fn meeting(seed: u64, me: u64, places: u32, now: LocalTime, longest: u64, likely: f64) -> u32 {
    let slot = (now.hour * 2.0).floor() as u64;
    for back in 0..longest {
        let Some(first) = slot.checked_sub(back) else { break };
        if !(17..36).contains(&first) {
            continue; // nothing begins before 8:30 or after 17:30
        }
        let id = now.day as u64 * 48 + first;
        let lasts = 1 + (unit(seed, me ^ 1, id) * longest as f64) as u64;
        if unit(seed, me, id) < likely && back < lasts {
            let full = 2.0 + unit(seed, me ^ 2, id) * (f64::from(places) - 2.0) * 0.9;
            // They drop in over four minutes, the first of them early.
            let since = (now.hour * 2.0 - first as f64) * 30.0;
            let here = if back == 0 { (0.25 + since / 4.0).min(1.0) } else { 1.0 };
            return (full * here).round().min(f64::from(places)) as u32;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: f64, weekend: bool) -> LocalTime {
        LocalTime { day: 741_000, hour, weekend }
    }

    #[test]
    fn offices_fill_by_day_and_are_empty_at_night() {
        let office = |hour, weekend| people(1, "open-office", Use::Office, 24, at(hour, weekend));
        assert!(office(10.5, false) >= 10);
        assert_eq!(office(3.0, false), 0);
        assert!(office(10.5, true) <= 2);
    }

    #[test]
    fn a_meeting_room_is_used_some_of_the_day_and_never_overfull() {
        let mut used = 0;
        for minute in 0..24 * 60 {
            let here = people(1, "room", Use::Meeting, 8, at(f64::from(minute) / 60.0, false));
            assert!(here <= 8);
            used += u32::from(here > 0);
            if !(8 * 60..=20 * 60).contains(&minute) {
                assert_eq!(here, 0, "minute {minute}");
            }
        }
        assert!((60..600).contains(&used), "{used} minutes of a day");
    }
}
