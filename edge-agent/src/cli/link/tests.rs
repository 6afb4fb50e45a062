//! Scans of devices that are there, over real sockets.

use super::scan::{Found, Scan};
use bo_link::{MqttMessage, MqttOp, Urgency};
use bo_link_mqtt::{BrokerConfig, Credentials, EmbeddedBroker};
use bo_model::SystemClock;
use bo_model::release::{LinkConfig, ModbusTiming};
use bo_runtime::Shutdown;
use bo_simulator::{Address, Fake, Place, start};
use clap::Parser;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    scan: Scan,
}

async fn look(arguments: &[&str]) -> Found {
    Line::parse_from([&["scan"], arguments].concat()).scan.look().await.unwrap()
}

fn fake(driver: &str, unit: u8) -> Fake {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../drivers").join(driver);
    Fake::from_folder(driver, &folder, serde_json::from_value(json!({ "unit": unit })).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_units_of_a_modbus_line_are_found_with_what_they_say_of_themselves() {
    let fakes = [fake("modbus-fancoil", 2), fake("sunspec-inverter", 5)];
    let running = start(&Place::Tcp("127.0.0.1:0".parse().unwrap()), &fakes).await.unwrap();
    let Address::Tcp(address) = running.address else { panic!("not a socket") };
    let found = look(&["--tcp", &address.to_string(), "--units", "2-5"]).await;
    assert!(
        found.remarks.iter().any(|remark| remark.contains("unit 2") && remark.contains("modbus-fancoil")),
        "{:?}",
        found.remarks
    );
    let inverter = &found.site.devices[0];
    assert_eq!((inverter.driver.as_str(), &inverter.settings["unit"]), ("sunspec-inverter", &json!(5)));
    assert_eq!(found.site.devices.len(), 1);
    // What is printed is a site file.
    let LinkConfig::ModbusTcp { timing, .. } = &found.site.links["modbus"] else { panic!("another kind") };
    assert_eq!(*timing, ModbusTiming::default(), "the haste of a scan is no way to run a plant");
    let printed = toml::to_string(&found.site).unwrap();
    let read: bo_model::release::Site = toml::from_str(&printed).unwrap();
    assert_eq!(read, found.site);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sunspec_device_is_proposed_with_the_driver_of_its_models() {
    let mut manifest = fake("sunspec-inverter", 4).manifest().clone();
    manifest.simulate = Some(json!({ "sunspec": [1, 120] }));
    let unit = serde_json::from_value(json!({ "unit": 4 })).unwrap();
    let unknown = Fake::new("nameplate", Arc::new(manifest), unit).unwrap();
    let fakes = [fake("sunspec-meter", 2), fake("sunspec-storage", 3), unknown];
    let running = start(&Place::Tcp("127.0.0.1:0".parse().unwrap()), &fakes).await.unwrap();
    let Address::Tcp(address) = running.address else { panic!("not a socket") };
    let found = look(&["--tcp", &address.to_string(), "--units", "2-4"]).await;
    let proposed: Vec<_> =
        found.site.devices.iter().map(|device| (device.driver.as_str(), device.address.as_str())).collect();
    assert_eq!(proposed, [("sunspec-meter", "Meter_1"), ("sunspec-storage", "Battery_1")]);
    let remark = found.remarks.iter().find(|remark| remark.starts_with("unit 4")).unwrap();
    assert!(remark.contains("models 1, 120: no shipped driver fits"), "{remark}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_announce_themselves_on_a_broker_are_proposed_with_their_drivers() {
    let shutdown = Shutdown::new();
    let config = BrokerConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        anonymous: true,
        credentials: Credentials::default(),
        tls: None,
        storage: None,
    };
    let broker = EmbeddedBroker::start(config, &shutdown).await.unwrap();
    let link = bo_link_mqtt::spawn(broker.agent(), Arc::new(SystemClock), &shutdown);
    let (handle, _listener) = link.user(&[], 4).unwrap();
    let announcement = MqttMessage {
        topic: "homeassistant/sensor/hall/temperature/config".into(),
        payload:
            r#"{"device_class":"temperature","unit_of_measurement":"°C","state_topic":"zigbee2mqtt/hall",
            "value_template":"{{ value_json.temperature }}","unique_id":"hall_t",
            "device":{"identifiers":["z_hall"],"name":"Hall","manufacturer":"Acme","model":"T1"}}"#
                .into(),
        qos: 1,
        retain: true,
    };
    let mut up = link.health();
    up.wait_for(|health| health.state == bo_link::LinkState::Up).await.unwrap();
    handle.call(MqttOp::Publish(announcement), Urgency::Command, Duration::from_secs(10)).await.unwrap();

    let found = look(&["--broker", &broker.address().to_string(), "--seconds", "2"]).await;
    assert_eq!(found.site.devices.len(), 1, "{found:?}");
    let device = &found.site.devices[0];
    assert_eq!(
        (device.driver.as_str(), device.address.as_str(), device.name.as_str()),
        ("acme-t1", "Sensor_1", "Hall")
    );
    bo_model::driver::Manifest::parse(&found.drivers["acme-t1"]).unwrap();
    shutdown.signal();
}
