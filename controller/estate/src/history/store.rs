//! From the journal into chunks, and from chunks into quarter hours.

use super::codec::{self, CHUNK_SAMPLES};
use super::pending::{Batch, Pending};
use super::points::Points;
use super::rollup::{self, DAY, QUARTER};
use super::sample::Sample;
use super::{journal, queries};
use crate::error::EstateError;
use bo_db::{Db, DbError, Tx, params};
use bo_model::{EdgeId, WorkspaceId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Points folded in one transaction: other writers get their turn in between.
const POINTS_PER_WRITE: usize = 256;
/// How long after its end a day is rolled up: stragglers come in first.
const SETTLE: i64 = 30 * 60 * 1000;
/// Days rolled up in one transaction.
const DAYS_PER_WRITE: usize = 100;

/// The history of all points.
#[derive(Default)]
pub struct History {
    /// Points by name and number.
    pub points: Points,
    /// What is not in chunks yet.
    pub pending: Pending,
}

impl History {
    /// Keeps a batch, in the caller's transaction; returns the journal's row for [`Pending::add`] after the commit.
    pub fn journal(
        tx: &mut Tx,
        workspace: WorkspaceId,
        edge: EdgeId,
        entries: &[journal::Entry],
    ) -> Result<i64, DbError> {
        tx.query_one(
            "INSERT INTO history_journal (workspace, edge, data) VALUES (?1, ?2, ?3) RETURNING seq",
            params![workspace, edge, journal::encode(entries)],
            |row| row.get(0),
        )
    }

    /// Reads points and what the journal still holds; `each` sees every value in the order it came.
    pub fn load(&self, tx: &mut Tx, mut each: impl FnMut(&journal::Entry)) -> Result<(), DbError> {
        self.points.load(tx)?;
        tx.for_each("SELECT seq, data FROM history_journal ORDER BY seq", params![], |row| {
            let seq: i64 = row.get(0)?;
            let Some(entries) = journal::decode(row.bytes(1)?) else {
                tracing::error!(seq, "a row of the history journal does not read and is left where it is");
                return Ok(());
            };
            entries.iter().for_each(&mut each);
            let kept = entries.iter().filter(|entry| entry.keep);
            self.pending.add(seq, kept.map(|entry| (entry.point, Sample::of(&entry.value))));
            Ok(())
        })
    }

    /// Folds what waits into chunks; returns how many samples. After a failure the same batch is tried again.
    pub async fn flush(&self, db: &Db) -> Result<usize, EstateError> {
        let Some(batch) = self.pending.take() else { return Ok(0) };
        let mut points: Vec<i64> = batch.samples.keys().copied().collect();
        points.sort_unstable();
        for some in points.chunks(POINTS_PER_WRITE) {
            let jobs: Vec<(i64, WorkspaceId)> = some
                .iter()
                .filter_map(|id| self.points.number(*id).map(|point| (*id, point.workspace)))
                .collect();
            let batch = batch.clone();
            db.write(move |tx| {
                tx.unaudited("history");
                for (point, workspace) in &jobs {
                    fold(tx, *workspace, *point, batch.samples.get(point).map_or(&[], Vec::as_slice))?;
                }
                Ok::<_, EstateError>(())
            })
            .await?;
        }
        let done: Arc<Batch> = batch.clone();
        db.write(move |tx| {
            tx.unaudited("history");
            for row in &done.rows {
                tx.execute("DELETE FROM history_journal WHERE seq = ?1", params![*row])?;
            }
            Ok::<_, DbError>(())
        })
        .await?;
        self.pending.done();
        Ok(batch.count)
    }

    /// Rolls up days that are over; returns how many.
    pub async fn roll_up(&self, db: &Db, now: i64) -> Result<usize, EstateError> {
        let before = (now - SETTLE).div_euclid(DAY);
        let mut rolled = 0;
        loop {
            let done = db.write(move |tx| roll_some(tx, before, now)).await?;
            rolled += done;
            if done < DAYS_PER_WRITE {
                return Ok(rolled);
            }
        }
    }
}

/// Merges new samples into a point's chunks. Doing it twice changes nothing.
fn fold(tx: &mut Tx, workspace: WorkspaceId, point: i64, new: &[Sample]) -> Result<(), EstateError> {
    let (Some(first), Some(last)) = (new.iter().map(|s| s.at).min(), new.iter().map(|s| s.at).max()) else {
        return Ok(());
    };
    // The chunk the first new sample falls into or follows on, and all that begin before the last.
    let touched = tx.query(
        "SELECT start, finish, samples, data FROM history_chunk WHERE point = ?1 AND start <= ?3
         AND start >= COALESCE((SELECT max(start) FROM history_chunk WHERE point = ?1 AND start <= ?2), ?2) ORDER BY start",
        params![point, first, last],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<usize>(2)?, row.get::<Vec<u8>>(3)?)),
    )?;
    let late = touched.iter().any(|(_, finish, ..)| *finish >= first);
    let mut merged: Vec<Sample> = Vec::with_capacity(new.len() + CHUNK_SAMPLES);
    let mut replaced = BTreeSet::new();
    for (start, finish, samples, data) in touched {
        if samples >= CHUNK_SAMPLES && finish < first {
            continue;
        }
        merged.extend(codec::decode(&data).map_err(|source| EstateError::Chunk { point, source })?);
        replaced.insert(start);
    }
    merged.extend_from_slice(new);
    in_order(&mut merged);
    for chunk in merged.chunks(CHUNK_SAMPLES) {
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
        replaced.remove(&first.at);
        tx.execute(
            "INSERT INTO history_chunk (point, start, finish, samples, workspace, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (point, start) DO UPDATE SET finish = excluded.finish, samples = excluded.samples,
               data = excluded.data",
            params![point, first.at, last.at, chunk.len(), workspace, codec::encode(chunk)],
        )?;
    }
    for start in replaced {
        tx.execute("DELETE FROM history_chunk WHERE point = ?1 AND start = ?2", params![point, start])?;
    }
    // What came late may change the value that is held into the day after.
    let reach = if late { 1 } else { 0 };
    let days: BTreeSet<i64> =
        new.iter().flat_map(|sample| (0..=reach).map(move |more| sample.at.div_euclid(DAY) + more)).collect();
    for day in days {
        tx.execute(
            "INSERT INTO history_stale_day (point, day, workspace) VALUES (?1, ?2, ?3) ON CONFLICT (point, day) DO NOTHING",
            params![point, day, workspace],
        )?;
    }
    Ok(())
}

/// By time; of two at the same millisecond the one that came later stays.
pub(super) fn in_order(samples: &mut Vec<Sample>) {
    samples.sort_by_key(|sample| sample.at);
    samples.reverse();
    samples.dedup_by_key(|sample| sample.at);
    samples.reverse();
}

fn roll_some(tx: &mut Tx, before: i64, now: i64) -> Result<usize, EstateError> {
    tx.unaudited("history");
    let days = tx.query(
        "SELECT point, day, workspace FROM history_stale_day WHERE day < ?1 ORDER BY point, day LIMIT ?2",
        params![before, DAYS_PER_WRITE],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<WorkspaceId>(2)?)),
    )?;
    for (point, day, workspace) in &days {
        let (from, to) = (day * DAY, (day + 1) * DAY);
        let samples = queries::stored(tx, *point, from, to)?;
        let quarters = rollup::buckets(&samples, from, to, QUARTER, now);
        tx.execute(
            "INSERT INTO history_rollup (point, day, workspace, data) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (point, day) DO UPDATE SET data = excluded.data",
            params![*point, *day, *workspace, rollup::encode(&quarters)],
        )?;
        tx.execute("DELETE FROM history_stale_day WHERE point = ?1 AND day = ?2", params![*point, *day])?;
    }
    Ok(days.len())
}
