//! Keeping the file below its bound. What goes, in this order: what the controller has anyway, log lines, history between one
//! sample a minute and variable, history, status, commands. Audit and alarm records never. A loss the controller did not see
//! leaves a gap record in its place.

use super::Limits;
use super::store::{Store, insert_gap, meta, record, set_meta};
use bo_model::{DeviceId, Time};
use bo_wire::{Body, Class, Gap};
use rusqlite::{OptionalExtension, params};
use std::collections::HashSet;

/// Records looked at in one transaction.
const CHUNK: u64 = 2_000;
const MINUTE: i64 = 60_000_000;
/// After the bound was hit, room is made down to this part of it, so that it is not hit again at once.
const TARGET: f64 = 0.9;

impl Store {
    /// Makes room when the bound is hit. Returns the bytes in use afterwards.
    pub(super) fn keep_bound(&mut self, limits: &Limits, now: Time) -> rusqlite::Result<u64> {
        let mut bytes = self.bytes()?;
        if bytes > limits.max_bytes {
            let target = (limits.max_bytes as f64 * TARGET) as u64;
            while bytes > target && self.make_room(now)? {
                bytes = self.bytes()?;
            }
        } else if bytes > limits.retain_bytes {
            while bytes > limits.retain_bytes && self.drop_acknowledged()? {
                bytes = self.bytes()?;
            }
        }
        Ok(bytes)
    }

    /// One step down the ladder; false when there is nothing left that may go.
    fn make_room(&mut self, now: Time) -> rusqlite::Result<bool> {
        Ok(self.drop_acknowledged()?
            || self.drop_oldest(Class::Log, now)?
            || self.thin_history(now)?
            || self.drop_oldest(Class::History, now)?
            || self.drop_oldest(Class::Status, now)?
            || self.drop_oldest(Class::Command, now)?)
    }

    fn drop_acknowledged(&mut self) -> rusqlite::Result<bool> {
        let mut gone = 0;
        for class in [Class::History, Class::Status] {
            let (id, upto) = (class as i64, self.acknowledged[class as usize]);
            let first: Option<u64> =
                self.db.query_row("SELECT min(seq) FROM record WHERE class = ?1", [id], |row| row.get(0))?;
            if let Some(first) = first.filter(|first| *first <= upto) {
                gone += self.db.execute(
                    "DELETE FROM record WHERE class = ?1 AND seq <= ?2",
                    params![id, upto.min(first + CHUNK)],
                )?;
            }
        }
        Ok(gone > 0)
    }

    /// Puts one gap record in the place of the oldest unacknowledged records of a class.
    fn drop_oldest(&mut self, class: Class, now: Time) -> rusqlite::Result<bool> {
        let (id, start) = (class as i64, self.acknowledged[class as usize] + 1);
        let tx = self.db.transaction()?;
        let end: Option<u64> = tx
            .query_row(
                "SELECT max(seq) FROM (SELECT seq FROM record WHERE class = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3)",
                params![id, start, CHUNK],
                |row| row.get(0),
            )
            .optional()?
            .flatten();
        let Some(end) = end else { return Ok(false) };
        let (rows, lost): (u64, u64) = tx.query_row(
            "SELECT count(*), sum(coalesce(gap_count, 1)) FROM record WHERE class = ?1 AND seq BETWEEN ?2 AND ?3",
            params![id, start, end],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if rows < 2 {
            return Ok(false); // one gap record for one record frees nothing
        }
        tx.execute("DELETE FROM record WHERE class = ?1 AND seq BETWEEN ?2 AND ?3", params![id, start, end])?;
        insert_gap(
            &tx,
            class,
            now,
            &Gap { from: start, to: end, count: lost, why: "disk bound reached".into() },
        )?;
        tx.commit()?;
        Ok(true)
    }

    /// Thins the oldest history that was not thinned yet: of each variable the first sample of a minute stays. Each run in
    /// between becomes one gap record, so numbers stay without holes.
    fn thin_history(&mut self, now: Time) -> rusqlite::Result<bool> {
        let id = Class::History as i64;
        let thinned: u64 = meta(&self.db, "thinned")?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let start = thinned.max(self.acknowledged[Class::History as usize]) + 1;
        let rows = self
            .db
            .prepare_cached(
                "SELECT seq, at, body FROM record WHERE class = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
            )?
            .query_map(params![id, start, CHUNK * 5], record)?
            .collect::<Result<Vec<_>, _>>()?;
        let Some(last) = rows.last().map(|record| record.seq) else { return Ok(false) };

        let mut seen: HashSet<(DeviceId, String, i64)> = HashSet::new();
        let mut runs: Vec<Gap> = Vec::new();
        for row in rows {
            let lost = match row.body {
                Body::Status(change) => {
                    let minute = change.value.observed_at.0.div_euclid(MINUTE);
                    // A change for the worse is news, whatever the minute.
                    let plain = change.value.quality.is_good();
                    (plain && !seen.insert((change.device, change.name, minute))).then_some((row.seq, 1))
                }
                Body::Gap(gap) => Some((gap.from, gap.count)),
                _ => None,
            };
            let Some((from, count)) = lost else { continue };
            match runs.last_mut().filter(|run| run.to + 1 == from) {
                Some(run) => {
                    run.to = row.seq;
                    run.count += count;
                }
                None => {
                    runs.push(Gap { from, to: row.seq, count, why: "thinned to one sample a minute".into() })
                }
            }
        }
        let tx = self.db.transaction()?;
        for run in &runs {
            tx.prepare_cached("DELETE FROM record WHERE class = ?1 AND seq BETWEEN ?2 AND ?3")?
                .execute(params![id, run.from, run.to])?;
            insert_gap(&tx, Class::History, now, run)?;
        }
        set_meta(&tx, "thinned", &last.to_string())?;
        tx.commit()?;
        Ok(true)
    }
}
