//! Devices on the edge's own broker, a trigger over them, and a person on top.

mod common;

use backoffice_edge::agent::Agent;
use bo_model::Data;
use bo_model::command::Stage;
use bo_simulator::{Broker, Fake, Place, Running};
use common::*;
use serde_json::json;
use std::sync::Arc;

const TRIGGER: &str = r#"
name = "light-on-presence"
title = "Light while somebody is there"
[input.occupied]
of = "Sensor_1.occupancy"
[when]
input = "occupied"
equals = true
[[on_active]]
command = "Relay_1.set_power"
params = { on = true }
[[on_clear]]
command = "Relay_1.set_power"
params = { on = false }
"#;

struct House {
    agent: Arc<Agent>,
    sensor: Fake,
    relay: Fake,
    _running: Running,
    _folder: tempfile::TempDir,
}

async fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let agent =
        start_with(folder.path(), Arc::new(bo_model::SystemClock), |config| config.broker.anonymous = true)
            .await;
    let trigger = format!(
        "[[trigger]]\nid = \"0198c0de-0000-7000-8000-000000000077\"\nsystem = \"{SYSTEM}\"\nname = \"light-on-presence\"\ndefinition = '''{TRIGGER}'''\n"
    );
    let site = site(&format!(
        "[link.broker]\nkind = \"mqtt-embedded\"\n{}{}{trigger}",
        device(2, "Sensor_1", "zigbee2mqtt-sensor", Some("broker"), "{ name = \"s1\" }"),
        device(3, "Relay_1", "tasmota-relay", Some("broker"), "{ topic = \"plug1\" }"),
    ));
    agent.apply(desired(folder.path(), &site)).await.unwrap();
    let address = agent.links.broker_address().await.unwrap();
    let fake = |name: &str, driver: &str, settings: serde_json::Value| {
        Fake::from_folder(name, &drivers().join(driver), serde_json::from_value(settings).unwrap()).unwrap()
    };
    let sensor = fake("Sensor_1", "zigbee2mqtt-sensor", json!({"name": "s1"}));
    let relay = fake("Relay_1", "tasmota-relay", json!({"topic": "plug1"}));
    let broker = Place::Broker(Broker { host: address.ip().to_string(), port: address.port(), login: None });
    let running = bo_simulator::start(&broker, &[sensor.clone(), relay.clone()]).await.unwrap();
    for device in [2, 3] {
        until(&agent, id(device), "online", |value| value.data == Data::Bool(true)).await;
    }
    until(&agent, id(2), "occupancy", |value| value.quality.is_good()).await;
    House { agent, sensor, relay, _running: running, _folder: folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_closes_the_loop_and_a_person_wins_against_it() {
    let house = house().await;
    let agent = &house.agent;
    house.sensor.set("occupancy", true);
    until(agent, id(3), "power", |value| value.data == Data::Bool(true)).await;
    assert!(house.relay.truth("power"));
    house.sensor.set("occupancy", false);
    until(agent, id(3), "power", |value| value.data == Data::Bool(false)).await;

    let on = request(agent, id(3), "set_power", json!({"on": true}));
    assert_eq!(agent.commands.execute(on).await, Stage::Observed);
    house.sensor.set("occupancy", true);
    until(agent, id(2), "occupancy", |value| value.data == Data::Bool(true)).await;
    house.sensor.set("occupancy", false);
    until(agent, id(2), "occupancy", |value| value.data == Data::Bool(false)).await;
    let shown = agent.triggers.show().await;
    assert_eq!(shown.len(), 1);
    assert!(shown[0].traces.len() >= 2, "{:?}", shown[0].traces);
    assert!(house.relay.truth("power"), "the person's choice stands");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_leaves_the_broker_is_offline_and_its_values_are_not_trusted() {
    let house = house().await;
    house.sensor.set_fault(bo_simulator::Fault::Offline);
    until(&house.agent, id(2), "online", |value| value.data == Data::Bool(false)).await;
    let gone = until(&house.agent, id(2), "occupancy", |value| !value.quality.is_good()).await;
    assert_eq!(gone.quality, bo_model::Quality::Bad(bo_model::Reason::Offline));
    until(&house.agent, id(3), "online", |value| value.data == Data::Bool(true)).await;
    house.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_share_a_client_id_are_named_in_an_alarm_and_the_others_go_on() {
    let house = house().await;
    let address = house.agent.links.broker_address().await.unwrap();
    let device = |stop: Arc<std::sync::atomic::AtomicBool>| {
        std::thread::spawn(move || {
            // A plain MQTT 3.1.1 CONNECT with client id "twin", again as soon as it is thrown out.
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                use std::io::{Read, Write};
                let Ok(mut stream) = std::net::TcpStream::connect(address) else { return };
                let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(200)));
                let connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04twin";
                if stream.write_all(connect).is_err() {
                    continue;
                }
                let mut byte = [0; 64];
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    match stream.read(&mut byte) {
                        Ok(0) => break,
                        Err(error)
                            if !matches!(
                                error.kind(),
                                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                            ) =>
                        {
                            break;
                        }
                        _ => {}
                    }
                }
            }
        })
    };
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let twins = [device(stop.clone()), device(stop.clone())];
    let alarm = async {
        loop {
            let all = house.agent.alarms.active();
            if let Some(alarm) = all.into_iter().find(|alarm| alarm.key == "edge:mqtt-client-id") {
                return alarm.text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let text = tokio::time::timeout(PATIENCE, alarm).await.expect("an alarm");
    assert!(text.contains("twin") && text.contains("an id of its own"), "{text}");
    house.sensor.set("occupancy", true);
    until(&house.agent, id(3), "power", |value| value.data == Data::Bool(true)).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    twins.into_iter().for_each(|twin| twin.join().unwrap());
    house.agent.stop().await;
}
