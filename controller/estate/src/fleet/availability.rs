//! How much of a time a gateway or device could be reached, from the alarms that its silences raised.

use crate::edges::Edge;
use crate::registry::DeviceEntry;
use bo_db::{DbError, Tx, params};
use bo_model::{Time, WorkspaceId};
use serde::Serialize;

/// A stretch of time.
pub type Stretch = (Time, Time);

/// What is known of a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Availability {
    /// From then on: not before it was set up.
    pub from: Time,
    /// Until then.
    pub to: Time,
    /// Part of the known time in which it could be reached, 0 to 1; absent when nothing is known.
    pub share: Option<f64>,
    /// When it could not be reached.
    pub away: Vec<Stretch>,
    /// When its gateway could not be reached, so that nobody can tell.
    pub unknown: Vec<Stretch>,
}

/// Stretches in which the condition of that key held, cut to a time, in order.
fn held(
    tx: &mut Tx,
    workspace: WorkspaceId,
    key: &str,
    from: Time,
    to: Time,
) -> Result<Vec<Stretch>, DbError> {
    tx.query(
        "SELECT raised_at, cleared_at FROM alarm WHERE workspace = ?1 AND key = ?2 AND raised_at < ?4
         AND (cleared_at IS NULL OR cleared_at > ?3) ORDER BY raised_at LIMIT 5000",
        params![workspace, key, from, to],
        |row| {
            let (raised, cleared): (Time, Option<Time>) = (row.get(0)?, row.get(1)?);
            Ok((raised.max(from), cleared.unwrap_or(to).min(to)))
        },
    )
}

/// A gateway's availability between two times.
///
/// # Errors
/// When the database fails.
pub fn of_edge(tx: &mut Tx, edge: &Edge, from: Time, to: Time) -> Result<Availability, DbError> {
    let from = since(edge, from, to);
    let away = held(tx, edge.workspace, &format!("edge:{}:offline", edge.id), from, to)?;
    Ok(measure(from, to, away, Vec::new()))
}

/// A device's availability between two times; `edge` is its gateway.
///
/// # Errors
/// When the database fails.
pub fn of_device(
    tx: &mut Tx,
    entry: &DeviceEntry,
    edge: &Edge,
    from: Time,
    to: Time,
) -> Result<Availability, DbError> {
    let from = since(edge, from, to);
    let unknown = held(tx, edge.workspace, &format!("edge:{}:offline", edge.id), from, to)?;
    let away = held(tx, edge.workspace, &format!("device:{}:offline", entry.device.id), from, to)?;
    Ok(measure(from, to, away, unknown))
}

/// Nothing is known of the time before the gateway was let in.
fn since(edge: &Edge, from: Time, to: Time) -> Time {
    edge.enrolled_at.unwrap_or(to).clamp(from, to)
}

fn measure(from: Time, to: Time, away: Vec<Stretch>, unknown: Vec<Stretch>) -> Availability {
    let away = without(&away, &unknown);
    let length = |parts: &[Stretch]| parts.iter().map(|(a, b)| b.since(*a).as_secs_f64()).sum::<f64>();
    let known = to.since(from).as_secs_f64() - length(&unknown);
    let share = (known > 0.0).then(|| (1.0 - length(&away) / known).clamp(0.0, 1.0));
    Availability { from, to, share, away, unknown }
}

/// Stretches without what others cover. Both in order, each without overlaps in itself.
fn without(parts: &[Stretch], others: &[Stretch]) -> Vec<Stretch> {
    let mut left = Vec::new();
    for (begin, end) in parts {
        let (start, mut begin) = (*begin, *begin);
        for (from, to) in others.iter().filter(|(from, to)| *from < *end && *to > start) {
            if *from > begin {
                left.push((begin, *from));
            }
            begin = begin.max(*to);
        }
        if begin < *end {
            left.push((begin, *end));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(pairs: &[(i64, i64)]) -> Vec<Stretch> {
        pairs.iter().map(|(a, b)| (Time::from_seconds(*a), Time::from_seconds(*b))).collect()
    }

    #[test]
    fn what_nobody_could_tell_counts_neither_for_nor_against() {
        let (from, to) = (Time::from_seconds(0), Time::from_seconds(100));
        let found = measure(from, to, stretches(&[(10, 30), (60, 70)]), stretches(&[(20, 50)]));
        assert_eq!(found.away, stretches(&[(10, 20), (60, 70)]));
        // 70 of 100 seconds are known, 20 of them away.
        assert!((found.share.unwrap() - 50.0 / 70.0).abs() < 1e-9, "{found:?}");
        assert_eq!(measure(from, to, stretches(&[]), stretches(&[(0, 100)])).share, None);
        assert_eq!(
            without(&stretches(&[(0, 100)]), &stretches(&[(0, 10), (20, 30), (90, 100)])),
            stretches(&[(10, 20), (30, 90)])
        );
    }
}
