//! What a person, a trigger and the controller can rely on when they command a device.

use super::*;
use crate::devices::{Carried, CommandError, CommandQueue, Direct, Done};
use bo_model::command::Lease;
use bo_model::driver::Manifest;
use bo_model::release::SiteDevice;
use bo_model::settings::Values;
use bo_model::{Clock, ManualClock, Time, Value};
use serde_json::json;

const DRIVER: &str = r#"
[driver]
name = "relay"
version = "1.0.0"
title = "Relay"
kind = "hardware"
module = "Relay"
[status.power]
type = "boolean"
[command.set_power]
target = "power"
publish = [{ topic = "x", payload = "{on}" }]
effect = { status = "power", equals = "{on}", within = "5s" }
params.on = { type = "boolean", required = true }
[command.blink]
publish = [{ topic = "x", payload = "blink" }]
"#;

const RELAY: &str = "0198c0de-0000-7000-8000-000000000001";

type Written = Arc<Mutex<Vec<(String, Values)>>>;

struct Site {
    commands: Commands,
    clock: Arc<ManualClock>,
    records: Arc<Mutex<Vec<Body>>>,
    written: Written,
    store: Store,
    shutdown: Shutdown,
    folder: tempfile::TempDir,
}

/// A site with one relay. `obeys`: it shows what it was told.
fn site(obeys: bool) -> Site {
    let folder = tempfile::tempdir().unwrap();
    start(folder, ManualClock::at(Time::from_seconds(1_000)), obeys)
}

fn start(folder: tempfile::TempDir, clock: Arc<ManualClock>, obeys: bool) -> Site {
    start_with(folder, clock, obeys, None)
}

fn start_with(
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    obeys: bool,
    direct: Option<Direct>,
) -> Site {
    let records: Arc<Mutex<Vec<Body>>> = Arc::default();
    let sink = records.clone();
    let record: Recorder = Arc::new(move |_, _, body| sink.lock().unwrap().push(body.clone()));
    let board = Board::new(clock.clone(), record.clone());
    let devices = Arc::new(Devices::default());
    let shutdown = Shutdown::new();
    let manifest = Arc::new(Manifest::parse(DRIVER).unwrap());
    let slots = board.add(RELAY.parse().unwrap(), &manifest.status, |_| None);
    let written = Written::default();
    let relay = SiteDevice {
        id: RELAY.parse().unwrap(),
        system: RELAY.parse().unwrap(),
        address: "Relay_1".into(),
        name: String::new(),
        driver: "relay".into(),
        link: None,
        settings: Values::new(),
        enabled: true,
    };
    let (shown, place, now, log) = (board.clone(), slots.clone(), clock.clone(), written.clone());
    devices.start(
        &shutdown,
        &board,
        relay.into(),
        manifest,
        slots,
        direct,
        move |queue: CommandQueue, shutdown| {
            let (shown, place, now, log) = (shown.clone(), place.clone(), now.clone(), log.clone());
            async move {
                let mut queue = queue.lock().await;
                loop {
                    let command = tokio::select! {
                        Some(command) = queue.recv() => command,
                        () = shutdown.signalled() => return Ok(()),
                    };
                    if command.name == "blink" {
                        let _ = command.reply.send(Err(CommandError::Failed("the lamp is broken".into())));
                        continue;
                    }
                    log.lock().unwrap().push((command.name, command.params.clone()));
                    let _ = command.reply.send(Ok(Carried::Written));
                    if obeys {
                        let on = command.params["on"] == json!(true);
                        shown.set(place.slot("power").unwrap(), Value::good(on, now.now()));
                    }
                }
            }
        },
    );
    let path = folder.path().join("state.sqlite");
    let store = Store::open(&path).unwrap();
    let parts = Parts {
        board,
        devices,
        record,
        store: store.clone(),
        clock: clock.clone(),
        ids: Arc::new(IdGen::new(clock.clone(), 1)),
        policy: Policy { manual: Duration::from_secs(3600), life_safety: Duration::from_secs(7200) },
        shutdown: shutdown.clone(),
    };
    let commands = Commands::start(parts, &path).unwrap();
    Site { commands, clock, records, written, store, shutdown, folder }
}

impl Site {
    fn request(&self, command: &str, params: serde_json::Value) -> CommandRequest {
        CommandRequest {
            id: self.commands.id(),
            device: RELAY.parse().unwrap(),
            command: command.into(),
            params: serde_json::from_value(params).unwrap(),
            actor: Actor::Operator,
            priority: Priority::Manual,
            deadline: self.clock.now().after(Duration::from_secs(30)),
            lease: None,
            reason: None,
        }
    }

    fn steps(&self, id: CommandId) -> Vec<&'static str> {
        let records = self.records.lock().unwrap();
        let steps = records.iter().filter_map(|body| match body {
            Body::Step { step, passed } if step.command == id => {
                Some(passed.iter().chain([&step.stage]).map(Stage::word))
            }
            _ => None,
        });
        steps.flatten().collect()
    }

    async fn stop(self) -> (tempfile::TempDir, Arc<ManualClock>) {
        assert!(self.shutdown.drain(Duration::from_secs(5)).await);
        self.store.close().await.unwrap();
        (self.folder, self.clock)
    }
}

#[tokio::test]
async fn a_command_leaves_its_evidence_up_to_the_observed_effect() {
    let site = site(true);
    let request = site.request("set_power", json!({"on": true}));
    assert_eq!(site.commands.execute(request.clone()).await, Stage::Observed);
    assert_eq!(site.steps(request.id), ["authorised", "arbitrated", "written", "observed"]);
    site.stop().await;
}

#[tokio::test]
async fn the_same_id_twice_is_done_once_even_across_a_restart() {
    let first = site(true);
    let request = first.request("set_power", json!({"on": true}));
    first.commands.execute(request.clone()).await;
    assert_eq!(first.commands.execute(request.clone()).await, Stage::Observed);
    assert_eq!(first.written.lock().unwrap().len(), 1);
    let (folder, clock) = first.stop().await;

    let second = start(folder, clock, true);
    assert_eq!(second.commands.execute(request).await, Stage::Observed);
    assert!(second.written.lock().unwrap().is_empty());
    second.stop().await;
}

#[tokio::test]
async fn bad_requests_are_refused_in_words_and_nothing_is_written() {
    let site = site(true);
    let cases = [
        (site.request("set_power", json!({})), "`on` is required"),
        (site.request("explode", json!({})), "no command `explode`"),
        (
            CommandRequest { deadline: site.clock.now(), ..site.request("set_power", json!({"on": true})) },
            "deadline",
        ),
    ];
    for (request, part) in cases {
        let Stage::Refused { why } = site.commands.execute(request).await else { panic!("{part}") };
        assert!(why.contains(part), "{why}");
    }
    assert!(site.written.lock().unwrap().is_empty());
    site.stop().await;
}

#[tokio::test]
async fn an_effect_that_is_not_seen_is_not_claimed() {
    let site = site(false);
    let deadline = site.clock.now().after(Duration::from_secs(3));
    let request = CommandRequest { deadline, ..site.request("set_power", json!({"on": true})) };
    let last = site.commands.execute(request).await;
    assert_eq!(last, Stage::TimedOut { waiting_for: "power to be on".into() });
    site.stop().await;
}

#[tokio::test]
async fn a_trigger_waits_behind_a_person_until_the_person_lets_go() {
    let site = site(true);
    site.commands.execute(site.request("set_power", json!({"on": true}))).await;
    let trigger = |site: &Site| CommandRequest {
        priority: Priority::Trigger,
        ..site.request("set_power", json!({"on": false}))
    };
    let Stage::Refused { why } = site.commands.execute(trigger(&site)).await else { panic!() };
    assert!(why.contains("an operator on site holds it"), "{why}");
    assert!(site.commands.release(RELAY.parse().unwrap(), "power"));
    assert_eq!(site.commands.execute(trigger(&site)).await, Stage::Observed);
    site.stop().await;
}

async fn eventually(mut seen: impl FnMut() -> bool, what: &str) {
    let waited = async {
        while !seen() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), waited).await.is_ok(), "{what}");
}

fn trigger(site: &Site, n: u32, on: bool) -> CommandRequest {
    let id = format!("0198c0de-0000-7000-8000-{n:012}").parse().unwrap();
    CommandRequest {
        actor: Actor::Trigger { id, name: "night".into() },
        priority: Priority::Trigger,
        ..site.request("set_power", json!({"on": on}))
    }
}

#[tokio::test]
async fn what_a_trigger_wanted_while_a_person_held_the_target_is_done_when_the_hold_ends() {
    let first = site(true);
    first.commands.execute(first.request("set_power", json!({"on": true}))).await;
    let Stage::Refused { why } = first.commands.execute(trigger(&first, 7, false)).await else { panic!() };
    assert!(why.ends_with("it is asked again when that ends"), "{why}");
    // The wish survives a restart, the end of the hold is met by the clock, and the evidence says why.
    let (folder, clock) = first.stop().await;
    let second = start(folder, clock.clone(), true);
    assert!(second.written.lock().unwrap().is_empty(), "still held");
    let (folder, clock) = second.stop().await;
    clock.advance(Duration::from_secs(3601));
    let third = start(folder, clock, true);
    eventually(|| third.written.lock().unwrap().len() == 1, "never written").await;
    assert_eq!(third.written.lock().unwrap()[0].1["on"], json!(false));
    let reasons: Vec<_> = third
        .records
        .lock()
        .unwrap()
        .iter()
        .filter_map(|body| match body {
            Body::Command { request } => request.reason.clone(),
            _ => None,
        })
        .collect();
    assert!(reasons[0].contains("the target was held"), "{reasons:?}");
    third.stop().await;
}

#[tokio::test]
async fn a_trigger_that_thinks_otherwise_meanwhile_is_not_obeyed_later() {
    let site = site(true);
    let relay = RELAY.parse().unwrap();
    site.commands.execute(site.request("set_power", json!({"on": true}))).await;
    site.commands.execute(trigger(&site, 7, false)).await;
    site.commands.execute(trigger(&site, 8, true)).await;
    site.commands.forget_wishes("0198c0de-0000-7000-8000-000000000008".parse().unwrap());
    let before = site.written.lock().unwrap().len();
    assert!(site.commands.release(relay, "power"));
    // Whatever would be asked again is asked before this one.
    assert_eq!(site.commands.execute(trigger(&site, 9, false)).await, Stage::Observed);
    assert_eq!(site.written.lock().unwrap().len(), before + 1);
    site.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_forward_ends_no_hold() {
    let site = site(true);
    site.commands.execute(site.request("set_power", json!({"on": true}))).await;
    site.clock.advance(Duration::from_secs(100 * 3600));
    let told = |body: &Body| matches!(body, Body::Log(line) if line.text.contains("the clock was set by"));
    let noticed = async {
        while !site.records.lock().unwrap().iter().any(told) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), noticed).await.expect("the clock is looked at");
    assert_eq!(site.commands.holds().len(), 1, "still held");
    site.stop().await;
}

#[tokio::test]
async fn a_command_that_failed_holds_nothing() {
    let site = site(true);
    let last = site.commands.execute(site.request("blink", json!({}))).await;
    assert_eq!(last, Stage::Failed { why: "the lamp is broken".into() });
    assert!(site.commands.holds().is_empty());
    site.stop().await;
}

#[tokio::test]
async fn a_lease_that_ended_while_the_agent_was_down_is_made_good_at_start() {
    let first = site(true);
    let lease = Lease {
        until: first.clock.now().after(Duration::from_secs(600)),
        then: Some(Values::from([("on".into(), json!(false))])),
    };
    let request = CommandRequest { lease: Some(lease), ..first.request("set_power", json!({"on": true})) };
    assert_eq!(first.commands.execute(request).await, Stage::Observed);
    let (folder, clock) = first.stop().await;
    clock.advance(Duration::from_secs(900));

    let second = start(folder, clock, true);
    let done = async {
        while second.written.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), done).await.unwrap();
    assert_eq!(second.written.lock().unwrap()[0].1["on"], json!(false));
    second.stop().await;
}

/// Confirmations that a device reached directly still owes.
type Owed = Arc<Mutex<Vec<Done>>>;

fn reached_directly() -> (Site, Owed) {
    let owed = Owed::default();
    let into = owed.clone();
    let direct: Direct = Arc::new(move |_, _, _, done| into.lock().unwrap().push(done));
    let clock = ManualClock::at(Time::from_seconds(1_000));
    (start_with(tempfile::tempdir().unwrap(), clock, false, Some(direct)), owed)
}

fn blink(site: &Site, within: Duration) -> CommandRequest {
    let trigger = Actor::Trigger { id: RELAY.parse().unwrap(), name: "t".into() };
    let deadline = site.clock.now().after(within);
    CommandRequest {
        actor: trigger,
        priority: Priority::Trigger,
        deadline,
        ..site.request("blink", json!({}))
    }
}

async fn until_ended(site: &Site, id: CommandId) -> Vec<&'static str> {
    for _ in 0..1_000 {
        let steps = site.steps(id);
        if steps.last().is_some_and(|last| ["done", "failed"].contains(last)) {
            return steps;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never ends: {:?}", site.steps(id));
}

#[tokio::test]
async fn a_direct_command_is_written_at_once_and_done_when_it_is_confirmed() {
    let (site, owed) = reached_directly();
    let request = blink(&site, Duration::from_secs(30));
    let id = request.id;
    site.commands.give(request);
    assert_eq!(site.steps(id), ["authorised", "arbitrated"]);
    let done = owed.lock().unwrap().pop().unwrap();
    done(Ok(Carried::Written));
    assert_eq!(until_ended(&site, id).await, ["authorised", "arbitrated", "written", "done"]);
    site.stop().await;
}

#[tokio::test]
async fn a_direct_command_that_nobody_confirms_fails_at_its_deadline_or_when_the_agent_stops() {
    let (site, owed) = reached_directly();
    let (soon, late) = (blink(&site, Duration::from_millis(50)), blink(&site, Duration::from_secs(3_600)));
    let (first, second) = (soon.id, late.id);
    site.commands.give(soon);
    site.commands.give(late);
    assert_eq!(until_ended(&site, first).await, ["authorised", "arbitrated", "failed"]);
    let confirmed_late = owed.lock().unwrap().remove(0);
    confirmed_late(Ok(Carried::Written));
    assert_eq!(site.steps(second), ["authorised", "arbitrated"]);
    let records = site.records.clone();
    site.stop().await;
    let ends = records
        .lock()
        .unwrap()
        .iter()
        .filter(|body| matches!(body, Body::Step { step, .. } if step.stage.is_final()))
        .count();
    assert_eq!(ends, 2, "each has one end, the late confirmation none");
}
