//! What the board promises to those who read it.

use super::*;
use bo_model::settings::{Field, FieldKind};
use bo_model::{Clock, ManualClock};

type Records = Arc<Mutex<Vec<(Class, Body)>>>;

fn board() -> (Arc<Board>, Arc<ManualClock>, Records) {
    let clock = ManualClock::at(Time::from_seconds(1_000));
    let records = Records::default();
    let sink = records.clone();
    let record: Recorder = Arc::new(move |class, _, body| sink.lock().unwrap().push((class, body.clone())));
    (Board::new(clock.clone(), record), clock, records)
}

fn status(kind: FieldKind, deadband: Option<f64>, stale_after: Option<Duration>) -> Status {
    Status { field: Field { kind, ..Field::default() }, deadband, stale_after, ..Status::default() }
}

fn device(n: u32) -> DeviceId {
    format!("0198c0de-0000-7000-8000-{n:012}").parse().unwrap()
}

fn meter() -> BTreeMap<String, Status> {
    BTreeMap::from([
        ("power".to_owned(), status(FieldKind::Number, Some(1.0), Some(Duration::from_secs(3)))),
        ("mode".to_owned(), status(FieldKind::Choice, None, None)),
    ])
}

#[test]
fn an_unchanged_value_is_no_news_but_stays_young() {
    let (board, clock, records) = board();
    let slots = board.add(device(1), &meter(), |_| None);
    let power = slots.slot("power").unwrap();
    assert!(board.set(power, Value::good(100.0, clock.now())));
    clock.advance(Duration::from_secs(2));
    assert!(!board.set(power, Value::good(100.4, clock.now())), "within the deadband");
    assert_eq!(records.lock().unwrap().len(), 1);
    assert_eq!(board.get(power).unwrap().observed_at, clock.now());
    assert!(board.set(power, Value::good(101.5, clock.now())));
}

#[test]
fn small_steps_add_up_against_the_value_last_passed_on() {
    let (board, clock, _) = board();
    let slots = board.add(device(1), &meter(), |_| None);
    let power = slots.slot("power").unwrap();
    board.set(power, Value::good(100.0, clock.now()));
    assert!(!board.set(power, Value::good(100.6, clock.now())));
    assert!(board.set(power, Value::good(101.2, clock.now())), "a slow drift is not swallowed");
}

#[test]
fn measurements_are_history_and_states_are_status() {
    let (board, clock, records) = board();
    let slots = board.add(device(1), &meter(), |_| None);
    board.set(slots.slot("power").unwrap(), Value::good(1.0, clock.now()));
    board.set(slots.slot("mode").unwrap(), Value::good("heat", clock.now()));
    board.set_online(&slots, true);
    let classes: Vec<Class> = records.lock().unwrap().iter().map(|(class, _)| *class).collect();
    assert_eq!(classes, [Class::History, Class::Status, Class::Status]);
}

#[test]
fn a_failed_read_keeps_the_last_datum_with_its_age_and_says_why() {
    let (board, clock, _) = board();
    let slots = board.add(device(1), &meter(), |_| None);
    let power = slots.slot("power").unwrap();
    let seen = clock.now();
    board.set(power, Value::good(100.0, seen));
    clock.advance(Duration::from_secs(5));
    board.set(power, Value::bad(Reason::Timeout, clock.now()));
    let value = board.get(power).unwrap();
    assert_eq!(value.data, Data::Float(100.0));
    assert_eq!(value.quality, Quality::Bad(Reason::Timeout));
    assert_eq!(value.observed_at, seen);
    assert!(!board.set(power, Value::bad(Reason::Timeout, clock.now())), "the same failure again is no news");
    assert!(board.set(power, Value::good(100.0, clock.now())), "recovery is news even with the same datum");
}

#[test]
fn what_is_not_confirmed_turns_stale_and_a_clock_that_jumps_changes_nothing() {
    let (board, clock, records) = board();
    let slots = board.add(device(1), &meter(), |_| None);
    let power = slots.slot("power").unwrap();
    board.set(power, Value::good(100.0, clock.now()));
    clock.advance(Duration::from_secs(86_400));
    board.sweep();
    assert!(
        board.get(power).unwrap().quality.is_good(),
        "a day's jump of the clock is not a day without news"
    );
    for _ in 0..12 {
        board.sweep();
    }
    assert_eq!(board.get(power).unwrap().quality, Quality::Uncertain(Reason::Stale));
    assert_eq!(records.lock().unwrap().len(), 2, "said once");
    assert!(board.set(power, Value::good(100.0, clock.now())));
}

#[tokio::test]
async fn a_reader_gets_every_change_in_order_and_is_told_what_it_lost() {
    let (board, clock, _) = board();
    let slots = board.add(device(1), &meter(), |_| None);
    let power = slots.slot("power").unwrap();
    let mut feed = board.watch(&[power], 4);
    {
        let mut update = board.update();
        for watts in 0..6 {
            update.set(power, Value::good(f64::from(watts) * 10.0, clock.now()));
        }
    }
    board.set(slots.slot("mode").unwrap(), Value::good("heat", clock.now()));
    let mut changes = Vec::new();
    assert_eq!(feed.recv(&mut changes).await, 2);
    let watts: Vec<f64> = changes.iter().filter_map(|change| change.value.data.number()).collect();
    assert_eq!(watts, [20.0, 30.0, 40.0, 50.0], "only what was asked for, oldest lost first");
}

#[test]
fn a_device_that_leaves_gives_its_place_to_one_of_the_same_shape() {
    let (board, clock, _) = board();
    let first = board.add(device(1), &meter(), |_| None);
    board.add(device(2), &meter(), |_| None);
    board.set(first.slot("power").unwrap(), Value::good(5.0, clock.now()));
    board.remove(device(1));
    assert!(
        !board.set(first.slot("power").unwrap(), Value::good(6.0, clock.now())),
        "its task may be a moment late"
    );
    let third = board.add(device(3), &meter(), |_| None);
    assert_eq!(third.slot("power"), first.slot("power"));
    assert_eq!(board.find(device(3), "power").unwrap().quality, Quality::Bad(Reason::NeverRead));
    assert_eq!(board.snapshot().len(), 6);
}
