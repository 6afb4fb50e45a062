//! From the journal into chunks, from chunks into quarter hours, and out when it is too old.

use super::fold;
use super::pending::Pending;
use super::points::{Point, Points};
use super::rollup::{self, DAY, QUARTER};
use super::sample::Sample;
use super::{journal, queries};
use crate::error::EstateError;
use bo_db::{Db, DbError, Param, Tx, params, places};
use bo_model::{EdgeId, WorkspaceId};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{Mutex, MutexGuard};

/// Points folded in one transaction: other writers get their turn in between.
const POINTS_PER_WRITE: usize = 256;
/// Rows of the journal removed in one statement.
const ROWS_PER_DELETE: usize = 64;
/// How long after its end a day is rolled up: stragglers come in first.
const SETTLE: i64 = 30 * 60 * 1000;
/// Days rolled up in one transaction.
const DAYS_PER_WRITE: usize = 128;

/// The history of all points.
#[derive(Default)]
pub struct History {
    /// Points by name and number.
    pub points: Points,
    /// What is not in chunks yet.
    pub pending: Pending,
    /// Samples before this time (ms) were or will be pruned and are not taken.
    oldest: AtomicI64,
    /// Held by whoever changes chunks.
    turn: Mutex<()>,
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

    /// Whoever changes chunks goes one after the other.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Samples before `oldest` (ms) are no longer wanted.
    pub(super) fn forget_before(&self, oldest: i64) {
        self.oldest.fetch_max(oldest, Ordering::AcqRel);
    }

    /// Folds what waits into chunks; returns how many samples. After a failure the same batch is tried again.
    pub async fn flush(&self, db: &Db) -> Result<usize, EstateError> {
        let _turn = self.turn().await;
        let Some(batch) = self.pending.take() else { return Ok(0) };
        let mut ids: Vec<i64> = batch.samples.keys().copied().collect();
        ids.sort_unstable();
        let oldest = self.oldest.load(Ordering::Acquire);
        for (group, some) in ids.chunks(POINTS_PER_WRITE).enumerate() {
            let points: Vec<Arc<Point>> = some.iter().filter_map(|id| self.points.number(*id)).collect();
            let held = batch.clone();
            let folded = beside(db, move |tx| fold::merge(tx, &points, &held.samples, oldest)).await?;
            db.ingest(group as u64, move |tx| folded.write(tx)).await?;
        }
        let rows = batch.rows.clone();
        db.write(move |tx| {
            tx.unaudited("history");
            delete_many(tx, "DELETE FROM history_journal WHERE seq IN", &rows)
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
            let _turn = self.turn().await;
            let days = beside(db, move |tx| due(tx, before, now)).await?;
            let (done, points) =
                (days.len(), days.iter().map(|day| (day.point, day.day)).collect::<Vec<_>>());
            if done > 0 {
                db.ingest(0, move |tx| write_days(tx, &days)).await?;
            }
            for (point, day) in points {
                if let Some(point) = self.points.number(point) {
                    point.unmark_stale(day);
                }
            }
            rolled += done;
            if done < DAYS_PER_WRITE {
                return Ok(rolled);
            }
        }
    }
}

/// Reads where blocking hurts nobody.
pub(super) async fn beside<T: Send + 'static>(
    db: &Db,
    work: impl FnOnce(&mut Tx) -> Result<T, EstateError> + Send + 'static,
) -> Result<T, EstateError> {
    let db = db.clone();
    let done = tokio::task::spawn_blocking(move || db.read(work)).await;
    done.unwrap_or_else(|error| Err(DbError::Panicked { message: error.to_string() }.into()))
}

/// Runs `<statement> (numbers)` in pieces of one length.
pub(super) fn delete_many(tx: &mut Tx, statement: &str, numbers: &[i64]) -> Result<(), DbError> {
    let sql = format!("{statement} ({})", places(1, ROWS_PER_DELETE));
    for some in numbers.chunks(ROWS_PER_DELETE) {
        let mut values: Vec<Param<'_>> = some.iter().map(|number| Param::from(*number)).collect();
        values.resize(ROWS_PER_DELETE, Param::Null);
        tx.execute(&sql, &values)?;
    }
    Ok(())
}

/// A day of a point, rolled up.
struct Day {
    point: i64,
    day: i64,
    workspace: WorkspaceId,
    data: Vec<u8>,
}

fn due(tx: &mut Tx, before: i64, now: i64) -> Result<Vec<Day>, EstateError> {
    let stale = tx.query(
        "SELECT point, day, workspace FROM history_stale_day WHERE day < ?1 ORDER BY point, day LIMIT ?2",
        params![before, DAYS_PER_WRITE],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<WorkspaceId>(2)?)),
    )?;
    let roll = |(point, day, workspace): (i64, i64, WorkspaceId)| {
        let (from, to) = (day * DAY, (day + 1) * DAY);
        let samples = queries::stored(tx, point, from, to)?;
        let quarters = rollup::buckets(&samples, from, to, QUARTER, now);
        Ok(Day { point, day, workspace, data: rollup::encode(&quarters) })
    };
    stale.into_iter().map(roll).collect()
}

fn write_days(tx: &mut Tx, days: &[Day]) -> Result<(), DbError> {
    tx.unaudited("history");
    let rows: Vec<Vec<Param<'_>>> = days
        .iter()
        .map(|day| vec![day.point.into(), day.day.into(), day.workspace.into(), (&day.data).into()])
        .collect();
    tx.insert_many_with(
        "history_rollup",
        &["point", "day", "workspace", "data"],
        &rows,
        "ON CONFLICT (point, day) DO UPDATE SET data = excluded.data",
    )?;
    for day in days {
        tx.execute(
            "DELETE FROM history_stale_day WHERE point = ?1 AND day = ?2",
            params![day.point, day.day],
        )?;
    }
    Ok(())
}
