//! Simulated Modbus devices on real sockets, run by a whole agent.

mod common;

use bo_model::command::{Priority, Stage};
use bo_model::settings::Values;
use bo_model::{Data, Quality, Reason};
use bo_simulator::{Fake, Fault, Place};
use common::*;
use serde_json::json;

fn free() -> Place {
    Place::Tcp("127.0.0.1:0".parse().unwrap())
}

fn fake(name: &str, driver: &str, settings: serde_json::Value) -> Fake {
    let settings: Values = serde_json::from_value(settings).unwrap();
    Fake::from_folder(name, &drivers().join(driver), settings).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inverter_is_found_read_limited_and_its_life_is_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let inverter = fake("Inverter_1", "sunspec-inverter", json!({"unit": 1}));
    inverter.set("power", 12_000);
    let running = bo_simulator::start(&free(), std::slice::from_ref(&inverter)).await.unwrap();
    let site = site(&format!(
        "{}{}",
        modbus_tcp("plant", &running.address),
        device(2, "Inverter_1", "sunspec-inverter", Some("plant"), "{ unit = 1 }")
    ));

    let agent = start(folder.path()).await;
    agent.apply(desired(folder.path(), &site)).await.unwrap();
    let power = until(&agent, id(2), "power", |value| value.quality.is_good()).await;
    assert_eq!(power.data.number(), Some(12_000.0));
    until(&agent, id(2), "online", |value| value.data == Data::Bool(true)).await;
    inverter.set("power", 9_000);
    until(&agent, id(2), "power", |value| value.data.number() == Some(9_000.0)).await;

    let limit = request(&agent, id(2), "set_power_limit", json!({"percent": 70}));
    assert_eq!(agent.commands.execute(limit).await, Stage::Observed);

    inverter.set_fault(Fault::Offline);
    let lost = until(&agent, id(2), "power", |value| !value.quality.is_good()).await;
    assert_eq!(lost.data.number(), Some(9_000.0), "the last datum is kept, marked bad: {lost:?}");
    until(&agent, id(2), "online", |value| value.data == Data::Bool(false)).await;
    inverter.set_fault(Fault::None);
    until(&agent, id(2), "power", |value| value.quality.is_good()).await;

    assert!(agent.stop().await);
    let written = agent.journal.state().written;
    assert!(written[bo_wire::Class::History as usize] > 10, "{written:?}");
    let evidence = agent.journal.read_after(bo_wire::Class::Command, 0, usize::MAX).unwrap();
    let stages = evidence.iter().filter_map(|record| match &record.body {
        bo_wire::Body::Step { step, passed } => Some(passed.iter().chain([&step.stage]).map(Stage::word)),
        _ => None,
    });
    let stages: Vec<&str> = stages.flatten().collect();
    assert_eq!(stages, ["authorised", "arbitrated", "written", "read-back", "observed"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_unit_does_not_disturb_its_neighbour_and_a_release_keeps_what_did_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (
        fake("Hvac_1", "modbus-fancoil", json!({"unit": 1})),
        fake("Hvac_2", "modbus-fancoil", json!({"unit": 2})),
    );
    two.set_fault(Fault::Offline);
    let running = bo_simulator::start(&free(), &[one.clone(), two.clone()]).await.unwrap();
    let link = modbus_tcp("bus", &running.address);
    let first = device(2, "Hvac_1", "modbus-fancoil", Some("bus"), "{ unit = 1 }");
    let second = device(3, "Hvac_2", "modbus-fancoil", Some("bus"), "{ unit = 2 }");

    let agent = start(folder.path()).await;
    agent.apply(desired(folder.path(), &site(&format!("{link}{first}{second}")))).await.unwrap();
    until(&agent, id(2), "mode", |value| value.data == Data::from("auto") && value.quality.is_good()).await;
    let dead = until(&agent, id(3), "mode", |value| value.quality != Quality::Bad(Reason::NeverRead)).await;
    assert!(matches!(dead.quality, Quality::Bad(_)), "{dead:?}");

    let set = request(&agent, id(2), "set_mode", json!({"mode": "heat"}));
    assert_eq!(agent.commands.execute(set).await, Stage::Observed);
    assert_eq!(one.text("mode"), "heat");
    let out = request(&agent, id(2), "set_setpoint", json!({"setpoint": 45}));
    let Stage::Refused { why } = agent.commands.execute(out).await else { panic!() };
    assert!(why.contains("must be at most 30"), "{why}");

    let kept = agent.devices.get(id(2)).unwrap();
    let switched = agent.apply(desired(folder.path(), &site(&format!("{link}{first}")))).await.unwrap();
    assert_eq!((switched.started, switched.stopped, switched.kept), (0, 1, 1));
    assert!(std::sync::Arc::ptr_eq(&kept, &agent.devices.get(id(2)).unwrap()), "not restarted");
    assert_eq!(agent.board.find(id(3), "mode"), None);
    agent.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_hold_outlives_a_restart_of_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let hvac = fake("Hvac_1", "modbus-fancoil", json!({"unit": 1}));
    let running = bo_simulator::start(&free(), std::slice::from_ref(&hvac)).await.unwrap();
    let site = site(&format!(
        "{}{}",
        modbus_tcp("bus", &running.address),
        device(2, "Hvac_1", "modbus-fancoil", Some("bus"), "{ unit = 1 }")
    ));
    let site = desired(folder.path(), &site);

    let agent = start(folder.path()).await;
    agent.apply(site.clone()).await.unwrap();
    let heat = request(&agent, id(2), "set_mode", json!({"mode": "heat"}));
    assert_eq!(agent.commands.execute(heat).await, Stage::Observed);
    agent.stop().await;

    let agent = start(folder.path()).await;
    agent.apply(site).await.unwrap();
    let mut off = request(&agent, id(2), "set_mode", json!({"mode": "off"}));
    off.priority = Priority::Trigger;
    let Stage::Refused { why } = agent.commands.execute(off).await else { panic!() };
    assert!(why.contains("an operator on site holds it"), "{why}");
    assert_eq!(hvac.text("mode"), "heat");
    agent.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_answers_nonsense_is_said_to_and_not_to_be_silent() {
    let folder = tempfile::tempdir().unwrap();
    let hvac = fake("Hvac_1", "modbus-fancoil", json!({"unit": 1}));
    hvac.set_fault(Fault::WrongUnit);
    let running = bo_simulator::start(&free(), std::slice::from_ref(&hvac)).await.unwrap();
    let device = device(2, "Hvac_1", "modbus-fancoil", Some("bus"), "{ unit = 1 }");
    let site = site(&format!("{}{device}", modbus_tcp("bus", &running.address)));

    let agent = start(folder.path()).await;
    agent.apply(desired(folder.path(), &site)).await.unwrap();
    until(&agent, id(2), "online", |value| value.data == Data::Bool(false)).await;
    let status = backoffice_edge::status::Status::of(&agent).await;
    let why = status.devices[0].unwell.clone().unwrap_or_default();
    assert!(why.contains("answered instead of unit 1"), "{why}");
    agent.stop().await;
    running.stop().await;
}
