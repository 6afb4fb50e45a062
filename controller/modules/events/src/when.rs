//! Time zones, days and wall clocks of events: what people type, and what is stored.

use bo_content::ModuleError;
use bo_model::Time;
pub use bo_web::civil::{instant, zones};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A time zone by its IANA name.
///
/// # Errors
/// [`ModuleError::Fields`] on `zone`.
pub fn zone(name: &str) -> Result<TimeZone, ModuleError> {
    TimeZone::get(name).map_err(|_| ModuleError::field("zone", "is no time zone; choose one of the list"))
}

/// A day as it was typed or stored, `2026-05-14`.
pub fn date(text: &str) -> Option<Date> {
    let parsed: Option<Date> = text.trim().parse().ok();
    // What a calendar shows: the year is four digits long everywhere.
    parsed.filter(|date| (1900..=9000).contains(&date.year()))
}

/// The wall clock of an instant.
pub fn wall(at: Time, tz: &TimeZone) -> DateTime {
    tz.to_datetime(at.timestamp())
}

/// The wall clock of an instant, as a form takes it.
pub fn typed(at: Time, tz: &TimeZone) -> String {
    wall(at, tz).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// `18:30`.
pub fn clock(at: Time, tz: &TimeZone) -> String {
    wall(at, tz).strftime("%H:%M").to_string()
}

/// `Thu 14 May 2026`.
pub fn day(date: Date) -> String {
    date.strftime("%a %-d %b %Y").to_string()
}

/// `Thu 14 May 2026`, or `Thu 14 – Sat 16 May 2026`.
pub fn days(from: Date, to: Date) -> String {
    if from == to {
        return day(from);
    }
    let start = if from.year() != to.year() {
        day(from)
    } else if from.month() != to.month() {
        from.strftime("%a %-d %b").to_string()
    } else {
        from.strftime("%a %-d").to_string()
    };
    format!("{start} – {}", day(to))
}

/// The day it is there.
pub fn today(now: Time, tz: &TimeZone) -> Date {
    wall(now, tz).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_is_an_instant_of_its_zone_and_back() {
        let berlin = zone("Europe/Berlin").unwrap();
        let at = instant("2026-07-01T18:30", &berlin).unwrap();
        assert_eq!(at.rfc3339(), "2026-07-01T16:30:00Z");
        assert_eq!((typed(at, &berlin).as_str(), clock(at, &berlin).as_str()), ("2026-07-01T18:30", "18:30"));
    }

    #[test]
    fn an_hour_that_the_clocks_skip_is_refused_and_one_that_is_there_twice_is_the_first() {
        let berlin = zone("Europe/Berlin").unwrap();
        assert!(instant("2026-03-29T02:30", &berlin).unwrap_err().contains("skipped"));
        assert_eq!(instant("2026-10-25T02:30", &berlin).unwrap().rfc3339(), "2026-10-25T00:30:00Z");
        for bad in ["", "soon", "2026-02-30T10:00", "99999-01-01T00:00"] {
            assert!(instant(bad, &berlin).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_read_as_people_write_them() {
        let date = |text: &str| date(text).unwrap();
        assert_eq!(days(date("2026-05-14"), date("2026-05-14")), "Thu 14 May 2026");
        assert_eq!(days(date("2026-05-14"), date("2026-05-16")), "Thu 14 – Sat 16 May 2026");
        assert_eq!(days(date("2026-05-30"), date("2026-06-01")), "Sat 30 May – Mon 1 Jun 2026");
        assert_eq!(days(date("2026-12-31"), date("2027-01-01")), "Thu 31 Dec 2026 – Fri 1 Jan 2027");
    }

    #[test]
    fn every_zone_on_offer_is_one() {
        let offered = zones();
        assert!(offered.len() > 300 && offered.contains(&"Europe/Berlin".to_owned()));
        assert!(offered.iter().all(|name| zone(name).is_ok()));
        assert!(zone("Mars/Olympus").is_err());
    }
}
