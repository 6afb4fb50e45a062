//! Predicts what a serial line will carry before it is asked to. Pure.
//!
//! A read costs its characters on the wire, two silences, and the time the device takes to turn around; on a
//! line the sum of all reads is what limits, never the processor.

use crate::error::ProfileError;
use crate::pdu::{self, IdentifyFrom};
use crate::plan::{Learned, plan};
use crate::points::Points;
use crate::session::Session;
use crate::sunspec::Found;
use crate::timing::LineTiming;
use bo_link::ModbusOp;
use bo_model::points::ModbusProfile;
use bo_model::release::{ModbusTiming, SerialLine};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// What a device takes from the end of a request to the start of its reply when nothing is measured.
pub const TURNAROUND: Duration = Duration::from_millis(5);
/// A line that is busy for more than this part of the time has no room for commands and repetitions.
const COMFORTABLE: f64 = 0.8;

/// How long one transaction keeps the line busy.
pub fn transaction(line: LineTiming, gap: Duration, turnaround: Duration, op: &ModbusOp) -> Duration {
    let mut request = Vec::with_capacity(260);
    pdu::encode(op, IdentifyFrom::START, &mut request);
    let bits = matches!(
        op,
        ModbusOp::Read { table: bo_model::points::Table::Coil | bo_model::points::Table::Discrete, .. }
    );
    let reply = match op {
        ModbusOp::Read { count, .. } if bits => 5 + usize::from(*count).div_ceil(8),
        _ => Session::longest_reply(op),
    };
    line.characters(1 + request.len() + 2 + reply) + line.silence * 2 + turnaround + gap
}

/// The reads of a device and their intervals (`None` = once) as its profile alone tells them: before the device was
/// asked which models it has and which addresses it refuses. Of points that feed the same variable the first counts,
/// because a device has one of them.
pub fn timetable(
    profile: &ModbusProfile,
    unit: u8,
    is_status: impl Fn(&str) -> bool,
) -> Result<Vec<(ModbusOp, Option<Duration>)>, ProfileError> {
    let found = profile.sunspec.as_ref().map(|_| Found::assumed(profile));
    let points = Points::new(profile, found.as_ref(), is_status)?;
    let mut fed = HashSet::new();
    let mut groups: BTreeMap<Option<Duration>, Vec<usize>> = BTreeMap::new();
    for (index, point) in points.points.iter().enumerate() {
        if point.status.is_some_and(|status| fed.insert(status)) {
            groups.entry(point.every).or_default().push(index);
        }
    }
    let reads = groups.into_iter().flat_map(|(every, members)| {
        let (blocks, _) = plan(&points, &members, &Learned::default());
        blocks.into_iter().map(move |block| (block.op(unit), every)).collect::<Vec<_>>()
    });
    Ok(reads.collect())
}

/// What one unit takes of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnitLoad {
    /// All its reads once.
    pub cycle: Duration,
    /// Part of the line's time it needs to keep its intervals, 0 to 1 and beyond.
    pub load: f64,
}

/// The prediction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BusPlan {
    /// All reads of all units once: the best interval every value could have.
    pub cycle: Duration,
    /// Part of the line's time needed to keep all intervals.
    pub load: f64,
    /// Per unit address.
    pub units: BTreeMap<u8, UnitLoad>,
}

impl BusPlan {
    /// For `reads` with their intervals (`None` = once, which does not count) on this line.
    pub fn predict(
        line: &SerialLine,
        timing: &ModbusTiming,
        turnaround: Duration,
        reads: impl IntoIterator<Item = (ModbusOp, Option<Duration>)>,
    ) -> BusPlan {
        let speed = LineTiming::of(line);
        let mut plan = BusPlan::default();
        for (op, every) in reads {
            let Some(every) = every else { continue };
            let busy = transaction(speed, timing.gap, turnaround, &op);
            let load = busy.as_secs_f64() / every.as_secs_f64().max(0.001);
            plan.cycle += busy;
            plan.load += load;
            let unit = plan.units.entry(op.unit()).or_default();
            unit.cycle += busy;
            unit.load += load;
        }
        plan
    }

    /// More than the line can carry: no order of requests keeps the intervals.
    pub fn is_impossible(&self) -> bool {
        self.load > 1.0
    }

    /// What is wrong and what to do about it; `None` when there is room.
    pub fn problem(&self, line: &SerialLine) -> Option<String> {
        if self.load <= COMFORTABLE {
            return None;
        }
        let (unit, heaviest) = self.units.iter().max_by(|a, b| a.1.load.total_cmp(&b.1.load))?;
        Some(format!(
            "{} at {} baud would be busy {:.0} % of the time; {:.0} % leaves room for commands. Reading everything once takes {:.1} s: \
             read less often, raise the baud rate, or move units to another line. Unit {unit} alone takes {:.0} %",
            line.path.display(),
            line.baud,
            self.load * 100.0,
            COMFORTABLE * 100.0,
            self.cycle.as_secs_f64(),
            heaviest.load * 100.0,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::points::Table;
    use bo_model::release::Parity;

    fn line(baud: u32) -> SerialLine {
        SerialLine { parity: Parity::Even, ..SerialLine::new("/dev/ttyUSB0", baud) }
    }

    fn read(unit: u8, count: u16) -> ModbusOp {
        ModbusOp::Read { unit, table: Table::Holding, address: 0, count }
    }

    #[test]
    fn reads_per_second_are_those_of_the_wire() {
        // (baud, turnaround in ms, reads per second for 1, 10, 100 and 125 registers), computed by hand from
        // 11 bits a character, 8 + 5 + 2N characters and two silences.
        for (baud, turnaround, expected) in [
            (9_600, 0, [39.7, 21.8, 4.0, 3.2]),
            (19_200, 0, [79.3, 43.6, 7.9, 6.5]),
            (115_200, 0, [203.0, 150.0, 42.0, 35.0]),
            (9_600, 5, [33.1, 19.7, 3.9, 3.2]),
            (19_200, 5, [56.8, 35.8, 7.6, 6.3]),
        ] {
            for (count, expected) in [1, 10, 100, 125].into_iter().zip(expected) {
                let turnaround = Duration::from_millis(turnaround);
                let busy =
                    transaction(LineTiming::of(&line(baud)), Duration::ZERO, turnaround, &read(1, count));
                let rate = 1.0 / busy.as_secs_f64();
                assert!((rate / expected - 1.0).abs() < 0.02, "{baud} baud, {count} registers: {rate}");
            }
        }
    }

    #[test]
    fn an_overloaded_line_is_named_with_the_unit_that_loads_it_most() {
        let second = Some(Duration::from_secs(1));
        let reads = (1..=15).map(|unit| (read(unit, if unit == 4 { 60 } else { 10 }), second));
        let line = line(9600);
        let plan = BusPlan::predict(&line, &ModbusTiming::default(), TURNAROUND, reads);
        let problem = plan.problem(&line).unwrap();
        assert!(problem.contains("9600 baud") && problem.contains("Unit 4"), "{problem}");
        let calm = BusPlan::predict(&line, &ModbusTiming::default(), TURNAROUND, [(read(1, 10), second)]);
        assert_eq!(calm.problem(&line), None);
        assert!(!plan.is_impossible(), "little room is not none");
        let hasty = BusPlan::predict(
            &line,
            &ModbusTiming::default(),
            TURNAROUND,
            [(read(1, 125), second), (read(2, 125), second), (read(3, 125), second), (read(4, 125), second)],
        );
        assert!(hasty.is_impossible());
    }

    #[test]
    fn a_profile_tells_its_reads_before_the_device_was_asked() {
        let profile = toml::from_str(
            "[sunspec]\nmodels = { a = [103], b = [113] }\n[poll.fast]\nevery = \"1s\"\n[poll.slow]\nevery = \"1min\"\n\
             [point.int]\nmodel = \"a\"\noffset = 4\nstatus = \"power\"\n[point.float]\nmodel = \"b\"\noffset = 4\nstatus = \"power\"\n\
             [point.x]\naddress = 7\npoll = \"slow\"",
        )
        .unwrap();
        let reads = timetable(&profile, 3, |_| true).unwrap();
        let seconds: Vec<_> = reads.iter().map(|(_, every)| every.unwrap().as_secs()).collect();
        assert_eq!(seconds, [1, 60], "one of the two models counts: {reads:?}");
        assert!(reads.iter().all(|(op, _)| op.unit() == 3));
    }
}
