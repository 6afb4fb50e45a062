//! Drives the reading of one profile device: which reads are due, what a reply means for its status
//! variables, and what a refusal teaches. Pure; the caller brings time, sends the requests and keeps the values.

mod live;
mod search;

use crate::plan::{Block, Learned, plan};
use crate::points::Points;
use bo_link::{LinkError, ModbusOp, ModbusReply};
use bo_model::{Data, Reason, Time, Value};
use live::{Live, phase};
use search::{Forgetting, Splits};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Refused addresses and boundaries are asked again after this long: firmware is updated, devices are replaced.
const RECHECK: Duration = Duration::from_secs(3600);

/// A read that is due. Send `op`, then give the result to [`Poll::apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The request.
    pub op: ModbusOp,
    block: usize,
    generation: u32,
}

/// One value of one status variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Index into [`Poll::statuses`].
    pub status: usize,
    /// The value; bad with its reason when it could not be read.
    pub value: Value,
}

/// The reading of one device.
#[derive(Debug)]
pub struct Poll {
    unit: u8,
    seed: u64,
    points: Arc<Points>,
    learned: Learned,
    blocks: Vec<Live>,
    splits: Splits,
    generation: u32,
    replan: bool,
    recheck_at: Instant,
    forgetting: Forgetting,
    /// Points per status variable, and the one that last had a good value.
    feeders: Vec<(u32, Option<usize>)>,
}

impl Poll {
    /// Everything is due at once, so that a started edge shows values soon; from then on `seed`, which should
    /// differ per device, spreads the reads over their interval.
    pub fn new(points: Arc<Points>, unit: u8, learned: Learned, seed: u64, now: Instant) -> Poll {
        let mut feeders = vec![(0, None); points.statuses.len()];
        for status in points.points.iter().filter_map(|point| point.status) {
            feeders[status].0 += 1;
        }
        let mut poll = Poll {
            unit,
            seed,
            points,
            learned,
            blocks: Vec::new(),
            splits: Splits::default(),
            generation: 0,
            replan: false,
            recheck_at: now + RECHECK,
            forgetting: Forgetting::new(RECHECK, now),
            feeders,
        };
        poll.lay_out(now);
        poll
    }

    /// Names of the status variables, by the index in a [`Reading`].
    pub fn statuses(&self) -> &[Arc<str>] {
        &self.points.statuses
    }

    /// What the device was seen to refuse. Keep it and give it to the next [`Poll::new`] of the same model and firmware.
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// Reads and their intervals (`None` = once), for predicting what a bus will carry.
    pub fn timetable(&self) -> impl Iterator<Item = (ModbusOp, Option<Duration>)> + '_ {
        self.blocks.iter().map(|live| (live.block.op(self.unit), live.every))
    }

    /// Status variables that no read will ever bring, with the reason: the device lacks the model, or
    /// refused the address before. Ask once after [`Poll::new`].
    pub fn unavailable(&self, at: Time) -> Vec<Reading> {
        let reads =
            |point: usize| self.blocks.iter().any(|live| live.block.items.iter().any(|i| i.point == point));
        let mut fed = vec![None; self.points.statuses.len()];
        for (index, point) in self.points.points.iter().enumerate() {
            if let Some(status) = point.status {
                fed[status] = Some(fed[status].unwrap_or(false) || reads(index));
            }
        }
        let missing = |(status, fed): (usize, Option<bool>)| {
            let reason = match fed {
                None => Reason::Unimplemented,
                Some(false) => Reason::Exception(2),
                Some(true) => return None,
            };
            Some(Reading { status, value: Value::bad(reason, at) })
        };
        fed.into_iter().enumerate().filter_map(missing).collect()
    }

    /// When the next read is due; `None` while all are under way or nothing is polled.
    pub fn next_due(&self) -> Option<Instant> {
        self.blocks.iter().filter(|live| !live.in_flight).filter_map(|live| live.due).min()
    }

    /// Reads that are due. Each is under way from now on: it is not due again before [`Poll::apply`] had its result.
    pub fn due(&mut self, now: Instant) -> Vec<ReadRequest> {
        if now >= self.recheck_at {
            self.recheck(now);
        }
        let (unit, generation) = (self.unit, self.generation);
        let due = |live: &Live| !live.in_flight && live.due.is_some_and(|due| due <= now);
        self.blocks
            .iter_mut()
            .enumerate()
            .filter(|(_, live)| due(live))
            .map(|(block, live)| {
                live.in_flight = true;
                ReadRequest { op: live.block.op(unit), block, generation }
            })
            .collect()
    }

    /// The connection is back, or the device was restarted: everything is due, once-points too.
    pub fn restart(&mut self, now: Instant) {
        for live in &mut self.blocks {
            live.due = Some(now);
            live.succeeded();
        }
    }

    /// Takes the result of a read and appends what it means to `out`.
    pub fn apply(
        &mut self,
        request: &ReadRequest,
        result: &Result<ModbusReply, LinkError>,
        now: Instant,
        observed_at: Time,
        out: &mut Vec<Reading>,
    ) {
        if request.generation != self.generation || request.block >= self.blocks.len() {
            return;
        }
        let index = request.block;
        self.blocks[index].in_flight = false;
        match result {
            Ok(reply) => self.accepted(index, reply, now, observed_at, out),
            Err(LinkError::Exception(code @ (2 | 3))) => self.refused(index, *code, now, observed_at, out),
            Err(LinkError::Exception(5 | 6)) if self.blocks[index].is_asked_again(now) => {}
            Err(error) => {
                let live = &mut self.blocks[index];
                live.trouble = match error {
                    LinkError::Exception(1 | 4) => live.trouble.saturating_add(1),
                    LinkError::Exception(5 | 6) => live.trouble,
                    _ => 0,
                };
                self.all_bad(index, &Reason::from(error), observed_at, out);
                self.blocks[index].schedule(false, phase(self.seed, index), now);
            }
        }
        if self.replan && self.splits.settled() && self.blocks.iter().all(|live| !live.in_flight) {
            self.lay_out(now);
        }
    }

    fn accepted(
        &mut self,
        index: usize,
        reply: &ModbusReply,
        now: Instant,
        observed_at: Time,
        out: &mut Vec<Reading>,
    ) {
        let points = self.points.clone();
        let live = &self.blocks[index];
        let expected = usize::from(live.block.count);
        let complete = match reply {
            ModbusReply::Registers(words) => words.len() == expected,
            ModbusReply::Bits(bits) => bits.len() == expected,
            _ => false,
        };
        if !complete {
            let reason = Reason::Decode(format!("not the {expected} registers that were asked for").into());
            self.all_bad(index, &reason, observed_at, out);
            self.blocks[index].schedule(false, phase(self.seed, index), now);
            return;
        }
        for item in 0..live.block.items.len() {
            let item = self.blocks[index].block.items[item];
            let point = &points.points[item.point];
            let Some(status) = point.status else { continue };
            let at = usize::from(item.at);
            let datum = match reply {
                ModbusReply::Bits(bits) => Ok(Data::Bool(bits[at])),
                ModbusReply::Registers(words) => {
                    let exponent = match (item.scale_at, point.scale_point) {
                        (Some(at), Some(scale)) => {
                            let word = &words[usize::from(at)..=usize::from(at)];
                            points.points[scale].codec.exponent(word).map(Some)
                        }
                        _ => Ok(None),
                    };
                    let width = usize::from(point.codec.width());
                    exponent.and_then(|exponent| point.codec.decode(&words[at..at + width], exponent))
                }
                _ => continue,
            };
            self.tell(item.point, status, datum, observed_at, out);
        }
        self.blocks[index].succeeded();
        let node = self.blocks[index].split.take();
        self.splits.succeeded(node, &mut self.learned);
        if self.blocks[index].recheck {
            let table = self.blocks[index].block.table;
            for item in self.blocks[index].block.items.clone() {
                let point = &points.points[item.point];
                for address in point.address..=point.address.saturating_add(point.width() - 1) {
                    self.learned.illegal.remove(&(table, address));
                }
            }
            self.replan = true;
        }
        self.blocks[index].schedule(true, phase(self.seed, index), now);
    }

    /// Exception 2 or 3: the block holds an address the device does not have. Halve it until it is found.
    fn refused(&mut self, index: usize, code: u8, now: Instant, observed_at: Time, out: &mut Vec<Reading>) {
        let points = self.points.clone();
        let node = self.blocks[index].split.take();
        let live = &mut self.blocks[index];
        if live.recheck {
            live.due = None;
            return;
        }
        let items = live.block.items.len();
        if items > 1 {
            let members: Vec<usize> = live.block.items.iter().map(|item| item.point).collect();
            let (left, right) = members.split_at(items / 2);
            let (left, right) = (Block::of(&points, left), Block::of(&points, right));
            let boundary = (right.table, right.address);
            let node = self.splits.split(node, boundary);
            live.block = left;
            live.split = Some(node);
            live.due = Some(now);
            let second = Live { block: right, ..live.clone() };
            self.blocks.push(second);
            self.replan = true;
            return;
        }
        self.splits.failed(node);
        live.trouble = live.trouble.saturating_add(1);
        self.all_bad(index, &Reason::Exception(code), observed_at, out);
        if code == 2 && !self.is_everything(index) {
            let block = &self.blocks[index].block;
            let point = &points.points[block.items[0].point];
            let table = block.table;
            for address in point.address..=point.address.saturating_add(point.width() - 1) {
                self.learned.illegal.insert((table, address));
            }
            self.replan = true;
        }
        self.blocks[index].schedule(false, phase(self.seed, index), now);
    }

    /// A device that refuses all it is asked for is not ready, or the wrong one: that teaches nothing.
    fn is_everything(&self, index: usize) -> bool {
        self.blocks.iter().enumerate().all(|(other, live)| {
            other == index
                || live.block.items.iter().all(|item| {
                    let (low, high) = self.points.span(item.point);
                    self.learned.refuses(live.block.table, low, high)
                })
        })
    }

    fn all_bad(&mut self, index: usize, reason: &Reason, observed_at: Time, out: &mut Vec<Reading>) {
        if self.blocks[index].recheck {
            return;
        }
        for item in 0..self.blocks[index].block.items.len() {
            let point = self.blocks[index].block.items[item].point;
            if let Some(status) = self.points.points[point].status {
                self.tell(point, status, Err(reason.clone()), observed_at, out);
            }
        }
    }

    /// Where several points feed one variable, the one that exists on the device speaks for it.
    fn tell(
        &mut self,
        point: usize,
        status: usize,
        datum: Result<Data, Reason>,
        observed_at: Time,
        out: &mut Vec<Reading>,
    ) {
        let (feeders, owner) = &mut self.feeders[status];
        let value = match datum {
            Ok(data) => {
                *owner = Some(point);
                Value::good(data, observed_at)
            }
            Err(reason) => {
                if *feeders > 1 {
                    if owner.is_some_and(|owner| owner != point) {
                        return;
                    }
                    if matches!(reason, Reason::Unimplemented | Reason::Exception(1..=3)) {
                        *owner = None;
                    }
                }
                Value::bad(reason, observed_at)
            }
        };
        out.push(Reading { status, value });
    }

    /// Plans all blocks anew from what was learned, keeping the timetable of each interval.
    fn lay_out(&mut self, now: Instant) {
        let mut groups: BTreeMap<Option<Duration>, Vec<usize>> = BTreeMap::new();
        for (index, point) in self.points.points.iter().enumerate() {
            if point.status.is_some() {
                groups.entry(point.every).or_default().push(index);
            }
        }
        // The earliest of each interval: what still waits to be read once must not be taken for done.
        let mut known: BTreeMap<Option<Duration>, Option<Instant>> = BTreeMap::new();
        for live in self.blocks.iter().filter(|live| !live.recheck) {
            let due = known.entry(live.every).or_insert(live.due);
            *due = match (*due, live.due) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        self.generation = self.generation.wrapping_add(1);
        self.replan = false;
        self.splits = Splits::default();
        let mut blocks = Vec::new();
        for (every, members) in groups {
            let due = known.get(&every).copied().unwrap_or(Some(now));
            let spread = known.contains_key(&every);
            for block in plan(&self.points, &members, &self.learned).0 {
                blocks.push(Live { spread, ..Live::new(block, every, due) });
            }
        }
        self.blocks = blocks;
    }

    fn recheck(&mut self, now: Instant) {
        self.recheck_at = now + RECHECK;
        if !self.splits.settled() || self.blocks.iter().any(|live| live.in_flight) {
            return;
        }
        if self.forgetting.is_due(now, &mut self.learned) {
            self.lay_out(now);
        }
        self.blocks.retain(|live| !live.recheck);
        for (index, point) in self.points.points.iter().enumerate() {
            let (low, high) = self.points.span(index);
            if point.status.is_some() && self.learned.refuses(point.table, low, high) {
                let block = Block::of(&self.points, &[index]);
                self.blocks.push(Live { recheck: true, spread: true, ..Live::new(block, None, Some(now)) });
            }
        }
    }
}

#[cfg(test)]
mod tests;
