//! Schedules in civil time: weekly windows, sun times and cron, correct on the days the clocks change.
//!
//! A schedule answers with a [`Stretch`]: its answer now, and until when that answer stands. Wall clock times
//! that a change of the clocks skips move to just after the gap; those that occur twice mean the first one.

use crate::compiled::Stretch;
use crate::sun;
use bo_model::{Time, span};
use croner::parser::{CronParser, Seconds};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use std::time::Duration;

/// From one moment to another, on some days of the week.
#[derive(Debug)]
pub(crate) struct Window {
    /// Monday first.
    pub days: [bool; 7],
    pub from: Moment,
    pub to: Moment,
    pub zone: TimeZone,
    /// Latitude and longitude in degrees; present when a moment needs it.
    pub position: Option<(f64, f64)>,
}

/// A moment of a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    /// Minutes since midnight by the wall clock; 1440 is the next midnight.
    Clock(u16),
    /// Sunrise or sunset, and seconds after it.
    Sun { rise: bool, offset: i64 },
}

impl Moment {
    /// `18:00`, `24:00`, `sunrise`, `sunset - 30min`.
    pub(crate) fn parse(text: &str) -> Result<Moment, String> {
        let wrong =
            || format!("`{text}` is not a time of day; write it like 18:00, sunset or sunrise + 30min");
        for (word, rise) in [("sunrise", true), ("sunset", false)] {
            if let Some(rest) = text.trim().strip_prefix(word) {
                let rest = rest.trim();
                let (sign, length) = match rest.split_at_checked(1) {
                    Some(("+", length)) => (1, length),
                    Some(("-", length)) => (-1, length),
                    None => return Ok(Moment::Sun { rise, offset: 0 }),
                    Some(_) => return Err(wrong()),
                };
                let length = span::parse(length.trim()).map_err(|_| wrong())?;
                if length > Duration::from_secs(12 * 3600) {
                    return Err(format!("`{text}` is more than 12h away from {word}"));
                }
                return Ok(Moment::Sun { rise, offset: sign * length.as_secs() as i64 });
            }
        }
        let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
        let number = |digits: &str| {
            let plain = digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit());
            if plain { digits.parse::<u16>().map_err(|_| wrong()) } else { Err(wrong()) }
        };
        let (hour, minute) = (number(hour)?, number(minute)?);
        if minute > 59 || hour * 60 + minute > 1440 {
            return Err(wrong());
        }
        Ok(Moment::Clock(hour * 60 + minute))
    }

    /// When it is on `day`; `None` when the sun does not rise or set that day.
    fn on(self, day: Date, window: &Window) -> Option<Time> {
        let at_clock = |day: Date, minutes: u16| {
            let civil = day.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
            let zoned = window.zone.to_ambiguous_zoned(civil).compatible().ok()?;
            Some(Time(zoned.timestamp().as_microsecond()))
        };
        match self {
            Moment::Clock(1440) => at_clock(day.tomorrow().ok()?, 0),
            Moment::Clock(minutes) => at_clock(day, minutes),
            Moment::Sun { rise, offset } => {
                let (latitude, longitude) = window.position?;
                let event = sun::event(at_clock(day, 12 * 60)?, latitude, longitude, rise)?;
                Some(Time(event.0.saturating_add(offset * 1_000_000)))
            }
        }
    }
}

/// `mon-fri`, `sat, sun`, `fri-mon`.
pub(crate) fn parse_days(text: &str) -> Result<[bool; 7], String> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let wrong = || format!("`{text}` are not days; write them like mon-fri or sat,sun");
    let index = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        NAMES.iter().position(|known| *known == name).ok_or_else(wrong)
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (index(first)?, index(last)?),
            None => (index(part)?, index(part)?),
        };
        let mut day = first;
        loop {
            days[day] = true;
            if day == last {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    Ok(days)
}

impl Window {
    /// Its answer at `now`, and how long that stands.
    pub(crate) fn at(&self, now: Time) -> Stretch {
        let today = self.zone.to_datetime(now.timestamp()).date();
        let mut answer = false;
        let mut until = now.after(Duration::from_secs(7 * 86_400));
        let mut day = today.checked_sub(jiff::Span::new().days(2)).unwrap_or(today);
        for _ in 0..11 {
            if self.days[monday_first(day.weekday())]
                && let Some((start, end)) = self.occurrence(day)
            {
                answer |= start <= now && now < end;
                for boundary in [start, end] {
                    if boundary > now && boundary < until {
                        until = boundary;
                    }
                }
            }
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        Stretch { answer, from: now, until }
    }

    /// The window that begins on `day`.
    fn occurrence(&self, day: Date) -> Option<(Time, Time)> {
        let start = self.from.on(day, self)?;
        let end = self.to.on(day, self)?;
        if end > start {
            return Some((start, end));
        }
        Some((start, self.to.on(day.tomorrow().ok()?, self)?))
    }
}

fn monday_first(weekday: Weekday) -> usize {
    weekday.to_monday_zero_offset() as usize
}

/// True for a while after each time a cron pattern names.
#[derive(Debug)]
pub(crate) struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
    lasts: Duration,
}

impl Cron {
    /// Refuses a pattern that is wrong, or that never comes.
    pub(crate) fn parse(text: &str, zone: TimeZone, lasts: Duration) -> Result<Cron, String> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let pattern =
            parser.parse(text).map_err(|error| format!("`{text}` is not a cron pattern: {error}"))?;
        let cron = Cron { pattern, zone, lasts };
        match cron.next_after(Time::from_seconds(1_700_000_000)) {
            Some(_) => Ok(cron),
            None => Err(format!("`{text}` never comes")),
        }
    }

    fn next_after(&self, time: Time) -> Option<Time> {
        let from = time.timestamp().to_zoned(self.zone.clone());
        let next = self.pattern.find_next_occurrence(&from, false).ok()?;
        Some(Time(next.timestamp().as_microsecond() / 1_000_000 * 1_000_000))
    }

    /// Its answer at `now`, and how long that stands.
    pub(crate) fn at(&self, now: Time) -> Stretch {
        // The first occurrence later than `lasts` ago is the one that is on now, or the next one.
        let back = Time(now.0.saturating_sub(self.lasts.as_micros() as i64));
        match self.next_after(back) {
            Some(next) if next <= now => Stretch { answer: true, from: now, until: next.after(self.lasts) },
            Some(next) => Stretch { answer: false, from: now, until: next },
            None => Stretch { answer: false, from: now, until: now.after(Duration::from_secs(7 * 86_400)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        Time(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn window(days: &str, from: &str, to: &str) -> Window {
        Window {
            days: parse_days(days).unwrap(),
            from: Moment::parse(from).unwrap(),
            to: Moment::parse(to).unwrap(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            position: Some((52.52, 13.405)),
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins() {
        let friday_night = window("fri", "22:00", "06:00");
        assert!(friday_night.at(time("2026-07-11T01:00:00Z")).answer, "Saturday 03:00");
        assert!(!friday_night.at(time("2026-07-10T01:00:00Z")).answer, "Friday 03:00");
        let stretch = friday_night.at(time("2026-07-10T21:00:00Z"));
        assert_eq!((stretch.answer, stretch.until), (true, time("2026-07-11T04:00:00Z")));
    }

    #[test]
    fn on_the_day_clocks_go_forward_a_skipped_time_moves_behind_the_gap() {
        // 2026-03-29: 02:00 CET becomes 03:00 CEST at 01:00 UTC.
        let night = window("mon-sun", "02:30", "05:00");
        let before = night.at(time("2026-03-29T00:59:00Z"));
        assert_eq!((before.answer, before.until), (false, time("2026-03-29T01:30:00Z")));
        let during = night.at(time("2026-03-29T01:30:00Z"));
        assert_eq!((during.answer, during.until), (true, time("2026-03-29T03:00:00Z")));
    }

    #[test]
    fn on_the_day_clocks_go_back_a_time_that_comes_twice_means_the_first() {
        // 2026-10-25: 03:00 CEST becomes 02:00 CET at 01:00 UTC.
        let night = window("sun", "02:30", "03:30");
        assert_eq!(night.at(time("2026-10-25T00:00:00Z")).until, time("2026-10-25T00:30:00Z"));
        let during = night.at(time("2026-10-25T01:30:00Z"));
        assert_eq!(
            (during.answer, during.until),
            (true, time("2026-10-25T02:30:00Z")),
            "two hours long that day"
        );
    }

    #[test]
    fn a_whole_day_has_23_hours_when_clocks_go_forward() {
        let sunday = window("sun", "00:00", "24:00");
        let stretch = sunday.at(time("2026-03-28T23:00:00Z"));
        assert_eq!((stretch.answer, stretch.until), (true, time("2026-03-29T22:00:00Z")));
    }

    #[test]
    fn from_sunset_to_sunrise_is_the_night() {
        let night = window("mon-sun", "sunset - 30min", "sunrise");
        assert!(!night.at(time("2026-06-20T12:00:00Z")).answer);
        let dusk = night.at(time("2026-06-20T19:10:00Z"));
        assert!(dusk.answer, "half an hour before sunset at 19:33 UTC");
        let until = dusk.until.since(time("2026-06-21T02:43:00Z")).as_secs();
        assert!(until < 120, "sunrise at about 02:43 UTC, {until}");
    }

    #[test]
    fn cron_runs_by_the_wall_clock_on_both_sides_of_a_clock_change() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let cron = Cron::parse("0 6 * * *", zone.clone(), Duration::from_secs(60)).unwrap();
        assert_eq!(cron.at(time("2026-03-28T12:00:00Z")).until, time("2026-03-29T04:00:00Z"));
        assert_eq!(cron.at(time("2026-10-24T12:00:00Z")).until, time("2026-10-25T05:00:00Z"));
        let on = cron.at(time("2026-10-25T05:00:30.5Z"));
        assert_eq!((on.answer, on.until), (true, time("2026-10-25T05:01:00Z")));
        assert!(!cron.at(time("2026-10-25T05:01:00Z")).answer);
        assert!(Cron::parse("0 0 30 2 *", zone, Duration::from_secs(60)).unwrap_err().contains("never"));
    }

    #[test]
    fn times_and_days_that_make_no_sense_are_refused() {
        for text in ["25:00", "12", "12:60", "24:01", "sunset 30min", "sunrise + 13h", "+1:00"] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
        assert!(parse_days("monday").is_err());
        assert_eq!(parse_days("fri-mon").unwrap(), [true, false, false, false, true, true, true]);
    }
}
