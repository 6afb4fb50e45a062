//! Wall clocks as people type them into forms, and the instants they are.

use bo_model::Time;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The time zones a form offers, by name.
pub fn zones() -> Vec<String> {
    let odd = ["Etc/", "posix/", "right/", "SystemV/", "US/"];
    let place = |name: &String| name.contains('/') && !odd.iter().any(|prefix| name.starts_with(prefix));
    let mut names: Vec<String> =
        jiff::tz::db().available().map(|name| name.as_str().to_owned()).filter(place).collect();
    names.push("UTC".into());
    names.sort();
    names.dedup();
    names
}

/// A wall clock as a form sends it, `2026-05-14T18:30`, as an instant.
///
/// # Errors
/// A sentence for the form: not a time, or one that the clocks skip that day.
pub fn instant(typed: &str, tz: &TimeZone) -> Result<Time, String> {
    let wall: DateTime = typed.trim().parse().map_err(|_| "must be a day and a time")?;
    if !(1900..=9000).contains(&wall.year()) {
        return Err("must be a day of this age".into());
    }
    let possible = tz.to_ambiguous_zoned(wall);
    if let jiff::tz::AmbiguousOffset::Gap { .. } = possible.offset() {
        return Err("is skipped that day: the clocks go forward".into());
    }
    // Of a time that is there twice, the first.
    let zoned = possible.earlier().map_err(|_| "must be a day and a time")?;
    Ok(Time(zoned.timestamp().as_microsecond()))
}
