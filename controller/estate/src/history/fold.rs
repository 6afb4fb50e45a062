//! New samples into chunks. Reading and compressing happen beside the writer; what it is left with is a few inserts.
//!
//! Safe because chunks have one owner: folding, rolling up and pruning take turns (see [`super::store`]).

use super::codec::{self, CHUNK_SAMPLES};
use super::points::Point;
use super::rollup::DAY;
use super::sample::Sample;
use crate::error::EstateError;
use bo_db::{DbError, Param, Tx, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Points looked up in one statement.
const LOOK_UP: usize = 32;

/// Samples of some points, ready to be written.
#[derive(Default)]
pub(super) struct Folded {
    chunks: Vec<Chunk>,
    /// Chunks whose samples are in others now.
    gone: Vec<(i64, i64)>,
    /// Days whose rollups no longer hold.
    days: Vec<(Arc<Point>, i64)>,
}

struct Chunk {
    point: Arc<Point>,
    start: i64,
    finish: i64,
    samples: usize,
    data: Vec<u8>,
}

struct Stored {
    start: i64,
    finish: i64,
    samples: usize,
    data: Vec<u8>,
}

/// Merges new samples with the chunks they fall into or follow on. Doing it twice gives the same chunks.
pub(super) fn merge(
    tx: &mut Tx,
    points: &[Arc<Point>],
    samples: &HashMap<i64, Vec<Sample>>,
    oldest: i64,
) -> Result<Folded, EstateError> {
    let mut new: Vec<(&Arc<Point>, Vec<Sample>)> = Vec::with_capacity(points.len());
    for point in points {
        let samples = samples.get(&point.id).map_or(&[][..], Vec::as_slice);
        let mut samples: Vec<Sample> = samples.iter().filter(|sample| sample.at >= oldest).cloned().collect();
        in_order(&mut samples);
        if !samples.is_empty() {
            new.push((point, samples));
        }
    }
    let mut stored = touched(tx, &new)?;
    let mut folded = Folded::default();
    for (point, samples) in new {
        folded.add(point, samples, stored.remove(&point.id).unwrap_or_default())?;
    }
    Ok(folded)
}

/// Per point the chunk the first new sample falls into or follows on, and all that begin before the last.
fn touched(
    tx: &mut Tx,
    new: &[(&Arc<Point>, Vec<Sample>)],
) -> Result<BTreeMap<i64, Vec<Stored>>, EstateError> {
    let rows: Vec<String> =
        (1..LOOK_UP).map(|n| n * 3).map(|n| format!("(?{}, ?{}, ?{})", n + 1, n + 2, n + 3)).collect();
    let sql = format!(
        "WITH wanted (point, first, last) AS (VALUES (CAST(?1 AS BIGINT), CAST(?2 AS BIGINT), CAST(?3 AS BIGINT)), {}),
         begun (point, start, last) AS (
           SELECT w.point, COALESCE((SELECT max(c.start) FROM history_chunk c WHERE c.point = w.point AND c.start <= w.first), w.first), w.last
           FROM wanted w)
         SELECT c.point, c.start, c.finish, c.samples, c.data FROM begun b CROSS JOIN history_chunk c
         WHERE c.point = b.point AND c.start >= b.start AND c.start <= b.last ORDER BY c.point, c.start",
        rows.join(", ")
    );
    let mut found: BTreeMap<i64, Vec<Stored>> = BTreeMap::new();
    for some in new.chunks(LOOK_UP) {
        let mut wanted: Vec<Param<'static>> = Vec::with_capacity(LOOK_UP * 3);
        for (point, samples) in some {
            let (Some(first), Some(last)) = (samples.first(), samples.last()) else { continue };
            wanted.extend([point.id.into(), first.at.into(), last.at.into()]);
        }
        // One length, one prepared statement: the rest are points that do not exist.
        wanted.resize(LOOK_UP * 3, (-1i64).into());
        tx.for_each(&sql, &wanted, |row| {
            let stored = Stored {
                start: row.get(1)?,
                finish: row.get(2)?,
                samples: row.get(3)?,
                data: row.bytes(4)?.to_vec(),
            };
            found.entry(row.get(0)?).or_default().push(stored);
            Ok(())
        })?;
    }
    Ok(found)
}

impl Folded {
    fn add(&mut self, point: &Arc<Point>, new: Vec<Sample>, stored: Vec<Stored>) -> Result<(), EstateError> {
        let (Some(first), Some(last)) = (new.first().map(|s| s.at), new.last().map(|s| s.at)) else {
            return Ok(());
        };
        let late = stored.iter().any(|chunk| chunk.finish >= first);
        // What came late may change the value that is held into the day after.
        let last_day = last.div_euclid(DAY) + i64::from(late);
        let days: BTreeSet<i64> = new.iter().map(|sample| sample.at.div_euclid(DAY)).collect();
        let reach = days.iter().flat_map(|day| [*day, day + i64::from(late)]).filter(|day| *day <= last_day);
        let days: BTreeSet<i64> = reach.filter(|day| !point.is_stale(*day)).collect();
        self.days.extend(days.into_iter().map(|day| (point.clone(), day)));

        let mut merged: Vec<Sample> = Vec::with_capacity(new.len() + CHUNK_SAMPLES);
        let mut replaced = BTreeSet::new();
        for chunk in stored {
            if chunk.samples >= CHUNK_SAMPLES && chunk.finish < first {
                continue;
            }
            let old = codec::decode(&chunk.data);
            merged.extend(old.map_err(|source| EstateError::Chunk { point: point.id, source })?);
            replaced.insert(chunk.start);
        }
        merged.extend(new);
        in_order(&mut merged);
        for samples in merged.chunks(CHUNK_SAMPLES) {
            let (Some(first), Some(last)) = (samples.first(), samples.last()) else { continue };
            replaced.remove(&first.at);
            self.chunks.push(Chunk {
                point: point.clone(),
                start: first.at,
                finish: last.at,
                samples: samples.len(),
                data: codec::encode(samples),
            });
        }
        self.gone.extend(replaced.into_iter().map(|start| (point.id, start)));
        Ok(())
    }

    /// Writes it.
    pub(super) fn write(&self, tx: &mut Tx) -> Result<(), DbError> {
        tx.unaudited("history");
        for (point, start) in &self.gone {
            tx.execute("DELETE FROM history_chunk WHERE point = ?1 AND start = ?2", params![*point, *start])?;
        }
        let chunks: Vec<Vec<Param<'_>>> = self
            .chunks
            .iter()
            .map(|chunk| {
                let Chunk { point, start, finish, samples, data } = chunk;
                vec![
                    point.id.into(),
                    (*start).into(),
                    (*finish).into(),
                    (*samples).into(),
                    point.workspace.into(),
                    data.into(),
                ]
            })
            .collect();
        tx.insert_many_with(
            "history_chunk",
            &["point", "start", "finish", "samples", "workspace", "data"],
            &chunks,
            "ON CONFLICT (point, start) DO UPDATE SET finish = excluded.finish, samples = excluded.samples, data = excluded.data",
        )?;
        let days: Vec<Vec<Param<'_>>> = self
            .days
            .iter()
            .map(|(point, day)| vec![point.id.into(), (*day).into(), point.workspace.into()])
            .collect();
        tx.insert_many_with(
            "history_stale_day",
            &["point", "day", "workspace"],
            &days,
            "ON CONFLICT (point, day) DO NOTHING",
        )?;
        let marked: Vec<(Arc<Point>, i64)> = self.days.clone();
        tx.after_commit(move || marked.iter().for_each(|(point, day)| point.mark_stale(*day)));
        Ok(())
    }
}

/// By time; of two at the same millisecond the one that came later stays.
pub(super) fn in_order(samples: &mut Vec<Sample>) {
    if samples.is_sorted_by(|a, b| a.at < b.at) {
        return;
    }
    samples.sort_by_key(|sample| sample.at);
    samples.reverse();
    samples.dedup_by_key(|sample| sample.at);
    samples.reverse();
}
