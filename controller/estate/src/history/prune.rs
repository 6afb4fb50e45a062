//! Retention: samples, quarter hours and trigger runs that are older than they are kept are removed, a little at a time.
//!
//! Every round looks at the next few hundred points, by number, and starts over behind the last one. A million
//! points are looked at in a few hours; a round costs milliseconds and leaves the writer to others in between.

use super::points::Point;
use super::rollup::DAY;
use super::store::History;
use crate::error::EstateError;
use crate::registry::Registry;
use bo_db::{Db, DbError, Tx, params};
use bo_model::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Points looked at in one round.
const POINTS: i64 = 500;
/// Trigger runs removed in one round.
const RUNS: usize = 2000;
/// Samples are kept at least this long: the days they are in must be rolled up before they go.
const SHORTEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Samples, as they were reported.
    #[serde(with = "bo_model::span")]
    pub samples: Duration,
    /// Quarter hours, which hours and days are made of.
    #[serde(with = "bo_model::span")]
    pub quarter_hours: Duration,
    /// What triggers did, with their traces.
    #[serde(with = "bo_model::span")]
    pub trigger_runs: Duration,
}

impl Default for Retention {
    fn default() -> Retention {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Retention { samples: days(400), quarter_hours: days(3650), trigger_runs: days(90) }
    }
}

impl Retention {
    /// What is wrong with it, in words.
    pub fn fault(&self) -> Option<String> {
        if self.samples < SHORTEST {
            return Some(format!("samples are kept for at least {}", bo_model::span::format(SHORTEST)));
        }
        (self.quarter_hours < self.samples)
            .then(|| "quarter hours are kept at least as long as samples".into())
    }
}

/// What a round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Chunks of samples.
    pub chunks: usize,
    /// Days of quarter hours.
    pub days: usize,
    /// Trigger runs.
    pub runs: usize,
    /// Points of devices that are no more.
    pub points: usize,
    /// Where the next round begins.
    pub next: i64,
}

impl History {
    /// One round, for the points from number `next` on.
    pub async fn prune(
        &self,
        db: &Db,
        registry: &Registry,
        keep: Retention,
        now: Time,
        next: i64,
    ) -> Result<Pruned, EstateError> {
        let before =
            |kept: Duration| now.0.saturating_sub(i64::try_from(kept.as_micros()).unwrap_or(i64::MAX));
        let samples = before(keep.samples).div_euclid(1000);
        let (day, runs) = (before(keep.quarter_hours).div_euclid(1000 * DAY), before(keep.trigger_runs));
        self.forget_before(samples);
        let _turn = self.turn().await;
        let points = self.points.numbered(next, next + POINTS);
        // Whoever reports no more has nobody who would miss the name.
        let wanted = |point: &Point| {
            registry.devices.contains_key(&point.device) || !self.pending.of(point.id).is_empty()
        };
        let jobs: Vec<(i64, bool)> = points.iter().map(|point| (point.id, wanted(point))).collect();
        let (mut pruned, gone) = db
            .ingest(0, move |tx| {
                tx.unaudited("what is older than it is kept; the setting is in the configuration");
                let mut pruned = Pruned { runs: prune_runs(tx, runs)?, ..Pruned::default() };
                let mut gone = Vec::new();
                for (point, wanted) in &jobs {
                    pruned.chunks += tx.execute(
                        "DELETE FROM history_chunk WHERE point = ?1 AND start < ?2 AND finish < ?2",
                        params![*point, samples],
                    )?;
                    pruned.days += tx.execute(
                        "DELETE FROM history_rollup WHERE point = ?1 AND day < ?2",
                        params![*point, day],
                    )?;
                    if !wanted && is_bare(tx, *point)? {
                        tx.execute("DELETE FROM point WHERE id = ?1", params![*point])?;
                        gone.push(*point);
                    }
                }
                Ok::<_, DbError>((pruned, gone))
            })
            .await?;
        gone.iter().for_each(|point| self.points.forget(*point));
        pruned.points = gone.len();
        pruned.next = if next + POINTS > self.points.last() { 0 } else { next + POINTS };
        Ok(pruned)
    }
}

/// Nothing is kept of it.
fn is_bare(tx: &mut Tx, point: i64) -> Result<bool, DbError> {
    let kept = tx.query_opt(
        "SELECT 1 FROM history_chunk WHERE point = ?1 UNION ALL SELECT 1 FROM history_rollup WHERE point = ?1
         UNION ALL SELECT 1 FROM history_stale_day WHERE point = ?1 LIMIT 1",
        params![point],
        |_| Ok(()),
    )?;
    Ok(kept.is_none())
}

fn prune_runs(tx: &mut Tx, before: i64) -> Result<usize, DbError> {
    tx.execute(
        "DELETE FROM trigger_run WHERE (trigger_id, at, outcome) IN
           (SELECT trigger_id, at, outcome FROM trigger_run WHERE at < ?1 ORDER BY at LIMIT ?2)",
        params![before, RUNS],
    )
}
