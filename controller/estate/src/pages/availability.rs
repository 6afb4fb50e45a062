//! How much of the last week and month a gateway or device could be reached, as strips.

use super::parts as own;
use crate::fleet::availability::Availability;
use bo_db::{DbError, Tx};
use bo_model::Time;
use bo_web::layout::parts;
use bo_web::{Ctx, Result};
use maud::{Markup, html};
use std::time::Duration;

const DAYS: [u64; 2] = [7, 30];

/// The card, `of` reads what is known between two times.
pub fn card(
    ctx: &Ctx,
    of: impl Fn(&mut Tx, Time, Time) -> std::result::Result<Availability, DbError> + Sync,
) -> Result<Markup> {
    let now = ctx.now();
    let read = |tx: &mut Tx| {
        DAYS.iter()
            .map(|days| of(tx, Time(now.0 - Duration::from_secs(days * 86_400).as_micros() as i64), now))
            .collect()
    };
    let found: std::result::Result<Vec<Availability>, DbError> = ctx.read(read);
    let found = found?;
    Ok(own::card(
        "Could be reached",
        own::none(),
        html! {
            div.stack { @for (days, each) in DAYS.iter().zip(&found) { (strip(*days, each, now)) } }
        },
    ))
}

fn strip(days: u64, found: &Availability, now: Time) -> Markup {
    let begin = Time(now.0 - Duration::from_secs(days * 86_400).as_micros() as i64);
    let known = std::iter::once((found.from, found.to, "ok"));
    let away = found.away.iter().map(|(from, to)| (*from, *to, "away"));
    let unknown = found.unknown.iter().map(|(from, to)| (*from, *to, "unknown"));
    let share = found.share.map_or_else(|| "not known".to_owned(), percent);
    let about = format!(
        "The last {days} days: reached {share} of the known time, away {}",
        own::count(found.away.len(), "time")
    );
    html! { div {
        p.row { strong { "Last " (days) " days" } span { (share) }
            @if found.from > begin { span.muted { "known since " (parts::time(found.from, now)) } }
            @if !found.away.is_empty() { span.muted { "away " (own::count(found.away.len(), "time")) ", " (own::minutes(total(found) / 60)) } }
            @if !found.unknown.is_empty() { span.muted { "grey: its gateway was away" } }
        }
        (own::strip(begin, now, known.chain(away).chain(unknown), &about))
    } }
}

fn total(found: &Availability) -> i64 {
    found.away.iter().map(|(from, to)| to.since(*from).as_secs() as i64).sum()
}

/// Two digits after the point, and never 100 % when something is missing.
fn percent(share: f64) -> String {
    if share >= 1.0 { "100 %".to_owned() } else { format!("{:.2} %", (share * 10_000.0).floor() / 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_missing_second_is_no_longer_all_of_the_time() {
        assert_eq!(
            (percent(1.0), percent(0.999_999), percent(0.5)),
            ("100 %".into(), "99.99 %".into(), "50.00 %".into())
        );
    }
}
