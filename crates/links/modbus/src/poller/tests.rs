//! The poller against a register bank that refuses what it does not have.

use super::live::ONCE_RETRY;
use super::*;
use bo_model::points::Table;
use std::collections::BTreeSet;
use std::time::Duration;

/// A device: 1000 registers that hold their own address, some of which it refuses.
struct Device {
    refuses: BTreeSet<u16>,
    reads: Vec<(u16, u16)>,
}

impl Device {
    fn new(refuses: impl IntoIterator<Item = u16>) -> Device {
        Device { refuses: refuses.into_iter().collect(), reads: Vec::new() }
    }

    fn read(&mut self, op: &ModbusOp) -> Result<ModbusReply, LinkError> {
        let ModbusOp::Read { address, count, .. } = *op else { panic!() };
        self.reads.push((address, count));
        if self.refuses.range(address..address + count).next().is_some() {
            return Err(LinkError::Exception(2));
        }
        Ok(ModbusReply::Registers((address..address + count).collect()))
    }
}

fn poll(toml: &str, learned: Learned) -> Poll {
    let points = Points::new(&toml::from_str(toml).unwrap(), None, |_| true).unwrap();
    Poll::new(Arc::new(points), 1, learned, 7, Instant::now())
}

/// Sends everything that is due until nothing is. Gives the last value per status variable.
fn round(poll: &mut Poll, device: &mut Device, now: Instant) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    for _ in 0..50 {
        let due = poll.due(now);
        if due.is_empty() {
            return values;
        }
        for request in due {
            let result = device.read(&request.op);
            let mut out = Vec::new();
            poll.apply(&request, &result, now, Time(1), &mut out);
            values.extend(out.into_iter().map(|r| (poll.statuses()[r.status].to_string(), r.value)));
        }
    }
    panic!("reads without end: {:?}", device.reads);
}

fn many(count: u16) -> String {
    (0..count).map(|at| format!("[point.p{at:02}]\naddress = {at}\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn one_refused_address_costs_its_own_value_and_is_never_asked_for_again() {
    let mut poll = poll(&many(16), Learned::default());
    let mut device = Device::new([5]);
    let now = Instant::now();
    let values = round(&mut poll, &mut device, now);
    assert_eq!(values["p05"], Value::bad(Reason::Exception(2), Time(1)));
    assert_eq!(values.values().filter(|value| value.quality.is_good()).count(), 15);
    device.reads.clear();
    let again = round(&mut poll, &mut device, now + Duration::from_secs(60));
    assert_eq!(device.reads, [(0, 5), (6, 10)], "two reads around it");
    assert_eq!(again.len(), 15);
    let kept: Learned = serde_json::from_str(&serde_json::to_string(poll.learned()).unwrap()).unwrap();
    let mut next = self::poll(&many(16), kept);
    device.reads.clear();
    round(&mut next, &mut device, now);
    assert_eq!(device.reads, [(0, 5), (6, 10)], "the next device of that model profits");
    assert_eq!(
        next.unavailable(Time(2)),
        [Reading { status: 5, value: Value::bad(Reason::Exception(2), Time(2)) }]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_gap_splits_the_read_and_costs_no_value() {
    let mut poll =
        poll("[point.a]\naddress = 0\n[point.b]\naddress = 9\n[point.c]\naddress = 10", Learned::default());
    let mut device = Device::new([4]);
    let now = Instant::now();
    let values = round(&mut poll, &mut device, now);
    assert!(values.values().all(|value| value.quality.is_good()));
    device.reads.clear();
    round(&mut poll, &mut device, now + Duration::from_secs(60));
    assert_eq!(device.reads, [(0, 1), (9, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_refuses_everything_while_it_starts_teaches_nothing() {
    let mut poll = poll(&many(8), Learned::default());
    let now = Instant::now();
    let values = round(&mut poll, &mut Device::new(0..1000), now);
    assert!(values.values().all(|value| !value.quality.is_good()));
    let mut later = now;
    let mut good = 0;
    for _ in 0..2000 {
        later += Duration::from_secs(5);
        good = good.max(
            round(&mut poll, &mut Device::new([]), later).values().filter(|v| v.quality.is_good()).count(),
        );
    }
    assert!(good > 0);
    assert!(poll.learned().illegal.is_empty(), "{:?}", poll.learned());
}

#[tokio::test(start_paused = true)]
async fn a_refused_address_is_asked_again_after_an_hour() {
    let mut poll = poll(&many(4), Learned::default());
    let now = Instant::now();
    round(&mut poll, &mut Device::new([2]), now);
    assert!(!poll.learned().illegal.is_empty());
    let after_update = round(&mut poll, &mut Device::new([]), now + RECHECK);
    assert!(after_update["p02"].quality.is_good());
    assert!(poll.learned().illegal.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_device_that_was_replaced_is_read_whole_again_after_an_hour() {
    let mut poll = poll("[point.a]\naddress = 0\n[point.b]\naddress = 9", Learned::default());
    let now = Instant::now();
    round(&mut poll, &mut Device::new([4]), now);
    assert_eq!(poll.learned().breaks, [(Table::Holding, 9)].into());
    let mut replaced = Device::new([]);
    let values = round(&mut poll, &mut replaced, now + RECHECK / 2);
    assert_eq!((values.len(), &replaced.reads[..]), (2, &[(0, 1), (9, 1)][..]));
    replaced.reads.clear();
    let values = round(&mut poll, &mut replaced, now + RECHECK);
    assert_eq!((values.len(), &replaced.reads[..]), (2, &[(0, 10)][..]), "one read again");
    assert_eq!(*poll.learned(), Learned::default(), "and so is it kept");
    replaced.reads.clear();
    round(&mut poll, &mut Device::new([4]), now + RECHECK * 3 / 2);
    assert!(!poll.learned().breaks.is_empty(), "a boundary that comes back is found again");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_goes_on_to_mind_a_boundary_is_tried_less_and_less_often_and_loses_no_value() {
    let mut poll = poll("[point.a]\naddress = 0\n[point.b]\naddress = 9", Learned::default());
    let mut device = Device::new([4]);
    let start = Instant::now();
    let mut tries = Vec::new();
    for minutes in 0..7 * 24 * 60 {
        device.reads.clear();
        let values = round(&mut poll, &mut device, start + Duration::from_secs(60 * minutes));
        assert!(values.len() == 2 && values.values().all(|value| value.quality.is_good()), "{values:?}");
        if device.reads.contains(&(0, 10)) {
            tries.push(minutes / 60);
        }
    }
    assert_eq!(tries, [0, 1, 3, 7, 15, 31, 55, 79, 103, 127, 151], "hours of its reads across the boundary");
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_is_bad_quality_and_never_a_number() {
    let mut poll = poll(&many(2), Learned::default());
    let now = Instant::now();
    let request = poll.due(now).remove(0);
    let mut out = Vec::new();
    poll.apply(&request, &Err(LinkError::Timeout), now, Time(1), &mut out);
    assert_eq!(out.len(), 2);
    assert!(out.iter().all(|r| r.value == Value::bad(Reason::Timeout, Time(1))));
    out.clear();
    let request = poll.due(now + Duration::from_secs(60)).remove(0);
    poll.apply(&request, &Ok(ModbusReply::Registers(vec![1])), now, Time(1), &mut out);
    assert!(
        out.iter().all(|r| matches!(r.value.quality.reason(), Some(Reason::Decode(_)))),
        "short reply: {out:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_busy_for_a_moment_keeps_its_values_and_one_that_stays_busy_is_asked_less() {
    let mut poll = poll("[poll.fast]\nevery = \"1s\"\n[point.a]\naddress = 7", Learned::default());
    let (mut now, busy) = (Instant::now(), Err(LinkError::Exception(6)));
    let mut ask = |result: Option<&Result<ModbusReply, LinkError>>, now: Instant| {
        let request = poll.due(now).remove(0);
        let read = Device::new([]).read(&request.op);
        let mut out = Vec::new();
        poll.apply(&request, result.unwrap_or(&read), now, Time(1), &mut out);
        (out, poll.next_due().unwrap())
    };
    for _ in 0..3 {
        let (told, again) = ask(Some(&busy), now);
        assert!(told.is_empty() && again <= now + Duration::from_secs(1), "{told:?}");
        now = again;
    }
    let (read, next) = ask(None, now);
    assert_eq!(read[0].value, Value::good(7i64, Time(1)), "it was busy three times, and nobody noticed");
    now = next;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let (told, again) = ask(Some(&busy), now);
        if let Some(told) = told.first() {
            assert_eq!(told.value, Value::bad(Reason::Exception(6), Time(1)));
            pauses.push((again - now).as_secs());
        }
        now = again;
    }
    assert!(pauses.len() == 9 && pauses.is_sorted() && pauses.last() == Some(&32), "{pauses:?}");
    let (read, next) = ask(None, now);
    assert!(read[0].value.quality.is_good() && next <= now + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_point_that_exists_on_the_device_feeds_the_variable() {
    let toml = "[point.as_int]\nstatus = \"power\"\naddress = 0\nunimplemented = [0]\n[point.as_float]\nstatus = \"power\"\naddress = 50";
    let mut poll = poll(toml, Learned::default());
    let mut device = Device::new([]);
    let now = Instant::now();
    round(&mut poll, &mut device, now);
    for at in 1..5 {
        let values = round(&mut poll, &mut device, now + Duration::from_secs(60 * at));
        assert_eq!(values["power"], Value::good(50i64, Time(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn reads_keep_their_interval_do_not_drift_and_skip_what_was_missed() {
    let mut poll = poll("[poll.fast]\nevery = \"1s\"\n[point.a]\naddress = 0", Learned::default());
    let mut device = Device::new([]);
    let start = Instant::now();
    let mut now = start;
    for _ in 0..1000 {
        round(&mut poll, &mut device, now);
        now = poll.next_due().unwrap() + Duration::from_millis(3);
    }
    let per_read = (now - start).as_secs_f64() / 1000.0;
    assert!((0.99..1.01).contains(&per_read), "{per_read}");
    device.reads.clear();
    round(&mut poll, &mut device, now + Duration::from_secs(100));
    assert_eq!(device.reads.len(), 1, "one read after a stall, not a hundred");
}

#[tokio::test(start_paused = true)]
async fn a_read_under_way_is_not_due_again_and_a_point_read_once_is_read_once() {
    let mut poll = poll("[point.a]\naddress = 0\npoll = \"once\"", Learned::default());
    let now = Instant::now();
    let request = poll.due(now).remove(0);
    assert_eq!(poll.due(now + Duration::from_secs(60)), []);
    let mut out = Vec::new();
    poll.apply(&request, &Err(LinkError::Timeout), now, Time(1), &mut out);
    assert_eq!(poll.next_due(), Some(now + ONCE_RETRY));
    round(&mut poll, &mut Device::new([]), now + ONCE_RETRY);
    assert_eq!(poll.next_due(), None);
    poll.restart(now);
    assert_eq!(poll.next_due(), Some(now));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_one_read_does_not_make_another_that_failed_count_as_done() {
    let toml = "[point.a]\naddress = 0\npoll = \"once\"\n[point.b]\naddress = 200\npoll = \"once\"\n[point.c]\naddress = 201\npoll = \"once\"";
    let mut poll = poll(toml, Learned::default());
    let now = Instant::now();
    let first = poll.due(now).remove(0);
    poll.apply(&first, &Err(LinkError::Timeout), now, Time(1), &mut Vec::new());
    round(&mut poll, &mut Device::new([201]), now);
    let later = round(&mut poll, &mut Device::new([201]), now + ONCE_RETRY);
    assert!(later["a"].quality.is_good(), "{later:?}");
}
