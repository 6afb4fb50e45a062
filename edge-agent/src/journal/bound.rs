//! Keeping the file below its bound. What goes, in this order: what the controller has anyway, log lines, history between one
//! sample a minute and variable, history, status, commands. Audit and alarm records never. A loss the controller did not see
//! leaves a gap record in its place.

use super::Limits;
use super::block::{Block, lines, text};
use super::store::{PAGE, Store, insert, meta, push, set_meta};
use bo_model::{DeviceId, Time};
use bo_wire::{Body, Class, Gap};
use rusqlite::params;
use std::collections::HashSet;

/// Bytes of records dropped in one transaction.
const DROP: u64 = 256 * 1024;
/// Bytes of history looked at in one transaction, as they lie in the file: some 3 MiB of text.
const THIN: u64 = 512 * 1024;
const MINUTE: i64 = 60_000_000;
/// After the bound was hit, room is made down to this part of it, so that it is not hit again at once.
const TARGET: f64 = 0.9;

impl Store {
    /// Makes room when the bound is hit, and gives the disk back what it lacks. Returns the bytes in use afterwards, and
    /// those it may use when a short disk makes that less than configured.
    pub(super) fn keep_bound(&mut self, limits: &Limits, now: Time) -> rusqlite::Result<(u64, Option<u64>)> {
        let mut bytes = self.bytes()?;
        let file = self.file_bytes()?;
        let bound = limits.bound(&self.path, file);
        let squeezed = (bound < limits.max_bytes).then_some(bound);
        if bytes > bound {
            let target = (bound as f64 * TARGET) as u64;
            while bytes > target && self.make_room(now)? {
                bytes = self.bytes()?;
            }
        } else if bytes > limits.retain_bytes {
            while bytes > limits.retain_bytes && self.drop_acknowledged()? {
                bytes = self.bytes()?;
            }
        }
        if file > bound.max(bytes) {
            let pages = (file - bound.max(bytes)).div_ceil(PAGE);
            // It frees a page per step: executed as a batch it would free one.
            let mut vacuum = self.db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut steps = vacuum.query([])?;
            while steps.next()?.is_some() {}
            drop(steps);
            drop(vacuum);
            self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        }
        Ok((bytes, squeezed))
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
            let upto = self.acknowledged[class as usize];
            if let Some(last) = self.oldest(class, 0, upto, DROP)?.last() {
                gone += self.db.execute(
                    "DELETE FROM block WHERE class = ?1 AND upto <= ?2",
                    params![class as i64, last],
                )?;
            }
        }
        Ok(gone > 0)
    }

    /// The oldest blocks that end within `from ..= to`, by their ends, up to about `bytes` of them and at least one.
    fn oldest(&self, class: Class, from: u64, to: u64, bytes: u64) -> rusqlite::Result<Vec<u64>> {
        let mut query = self.db.prepare_cached(
            "SELECT upto, length(body) FROM block WHERE class = ?1 AND upto BETWEEN ?2 AND ?3 ORDER BY upto",
        )?;
        let mut rows = query.query(params![class as i64, from, to])?;
        let (mut ends, mut sum) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            ends.push(row.get(0)?);
            sum += row.get::<_, u64>(1)?;
            if sum >= bytes {
                break;
            }
        }
        Ok(ends)
    }

    /// Puts one gap record in the place of the oldest unacknowledged records of a class.
    fn drop_oldest(&mut self, class: Class, now: Time) -> rusqlite::Result<bool> {
        let start = self.acknowledged[class as usize] + 1;
        let ends = self.oldest(class, start, i64::MAX as u64, DROP)?;
        let Some(end) = ends.last().copied() else { return Ok(false) };
        if ends.len() < 2 && end == start {
            return Ok(false); // one gap record for one record frees nothing
        }
        let tx = self.db.transaction()?;
        let (first, bytes): (u64, u64) = tx.query_row(
            "SELECT min(first), sum(length(body)) FROM block WHERE class = ?1 AND upto BETWEEN ?2 AND ?3",
            params![class as i64, start, end],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let from = first.max(start);
        let gap = Gap { from, to: end, count: end + 1 - from, why: "disk bound reached".into() };
        let mut block = Block::default();
        push(&mut block, end, now, &Body::Gap(gap));
        if block.body().len() as u64 >= bytes {
            return Ok(false);
        }
        tx.execute(
            "DELETE FROM block WHERE class = ?1 AND upto BETWEEN ?2 AND ?3",
            params![class as i64, start, end],
        )?;
        insert(&tx, class, &mut block)?;
        tx.commit()?;
        Ok(true)
    }

    /// Thins the oldest history that was not thinned yet: of each variable the first sample of a minute stays. Each run in
    /// between becomes one gap record, so numbers stay without holes.
    fn thin_history(&mut self, now: Time) -> rusqlite::Result<bool> {
        let class = Class::History;
        let thinned: u64 = meta(&self.db, "thinned")?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let done = thinned.max(self.acknowledged[class as usize]);
        let ends = self.oldest(class, done + 1, i64::MAX as u64, THIN)?;
        let Some(last) = ends.last().copied() else { return Ok(false) };

        let mut seen: HashSet<(DeviceId, String, i64)> = HashSet::new();
        let mut run: Option<Gap> = None;
        let (mut block, mut thin) = (Block::default(), Vec::new());
        let tx = self.db.transaction()?;
        for end in ends {
            let (first, body): (u64, Vec<u8>) = tx
                .prepare_cached("SELECT first, body FROM block WHERE class = ?1 AND upto = ?2")?
                .query_row(params![class as i64, end], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for line in lines(&text(&body, first, end)).filter(|line| line.seq > done) {
                let lost = match line.record().body {
                    Body::Status(change) => {
                        let minute = change.value.observed_at.0.div_euclid(MINUTE);
                        // A change for the worse is news, whatever the minute.
                        let plain = change.value.quality.is_good();
                        (plain && !seen.insert((change.device, change.name, minute))).then_some(line.seq)
                    }
                    Body::Gap(gap) => Some(gap.from.max(done + 1)),
                    _ => None,
                };
                match (lost, &mut run) {
                    (Some(_), Some(run)) => run.to = line.seq,
                    (Some(from), None) => {
                        let why = "thinned to one sample a minute".to_owned();
                        run = Some(Gap { from, to: line.seq, count: 0, why });
                    }
                    (None, _) => {
                        end_run(&mut block, &mut run, now);
                        block.push_line(&line);
                    }
                }
                if block.is_full() {
                    thin.push(std::mem::take(&mut block));
                }
            }
        }
        end_run(&mut block, &mut run, now);
        thin.push(block);
        tx.execute(
            "DELETE FROM block WHERE class = ?1 AND upto BETWEEN ?2 AND ?3",
            params![class as i64, done + 1, last],
        )?;
        for block in &mut thin {
            insert(&tx, class, block)?;
        }
        set_meta(&tx, "thinned", &last.to_string())?;
        tx.commit()?;
        Ok(true)
    }
}

/// Writes the gap of a run that has ended.
fn end_run(block: &mut Block, run: &mut Option<Gap>, now: Time) {
    if let Some(mut gap) = run.take() {
        gap.count = gap.to + 1 - gap.from;
        push(block, gap.to, now, &Body::Gap(gap));
    }
}
