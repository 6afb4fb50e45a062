//! The demo's estate, its devices and its world, as the controller and the edges meet them.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use bo_model::estate::Estate;
use bo_model::release::LinkConfig;
use bo_model::{ManualClock, Time};
use bo_simulator::demo::live::{Counters, Devices, Live};
use bo_simulator::demo::plan::{Size, buildings};
use bo_simulator::demo::{DemoDevices, Options, estate, start};
use bo_simulator::{Fake, Fault};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_modbus::prelude::{Reader, Slave};

fn drivers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers")
}

/// Noon of a June Wednesday in Lisbon.
const NOON: i64 = 1_781_694_000;

/// The fakes of the small estate without any socket.
fn fakes() -> Devices {
    let demo = estate::demo(Size::Small);
    let devices = demo.endpoints.iter().flat_map(|endpoint| &endpoint.devices);
    devices
        .map(|device| {
            let mut settings = device.settings.clone();
            if device.driver != "pjlink-display" {
                settings.remove("password");
            }
            let fake = Fake::from_folder(&device.name, &drivers().join(device.driver), settings);
            (device.name.clone(), fake.unwrap_or_else(|error| panic!("{}: {error}", device.name)))
        })
        .collect()
}

fn world(devices: &Devices, trouble: f64, now: i64) -> Live {
    let now = Time::from_seconds(now);
    Live::new(4, &buildings(Size::Small), devices.clone(), Counters::default(), trouble, now)
}

#[test]
fn a_day_passes_and_counters_never_fall_and_night_is_zero_watts_but_online() {
    let devices = fakes();
    let mut live = world(&devices, 0.0, NOON - 12 * 3600);
    let inverter = &devices["cedar-roof-pv/Inverter_1"];
    let meter = &devices["cedar-roof-pv/Meter_1"];
    let counters = ["energy", "import_energy", "export_energy", "total_energy", "run_hours", "lamp_hours"];
    let mut before: Vec<(String, &str, f64)> = devices
        .iter()
        .flat_map(|(name, fake)| counters.iter().map(move |c| (name.clone(), *c, fake.number(c))))
        .collect();
    let (mut most, mut asleep, mut exported) = (0.0f64, 0, false);
    for minute in 0..24 * 60 {
        live.step(Time::from_seconds(NOON - 12 * 3600 + minute * 60));
        let power = inverter.number("power");
        assert!((0.0..=27_600.0).contains(&power), "{power} W");
        assert_eq!(inverter.fault(), Fault::None);
        if inverter.text("operating_state") == "sleeping" {
            asleep += 1;
            assert_eq!(power, 0.0, "asleep at minute {minute}");
        }
        most = most.max(power);
        exported |= meter.number("power") < 0.0;
        for (name, counter, value) in &mut before {
            let now = devices[name.as_str()].number(counter);
            assert!(now >= *value, "{name} {counter} fell from {value} to {now}");
            *value = now;
        }
    }
    assert!(most > 12_000.0, "a June day yields more than {most} W");
    assert!((300..700).contains(&asleep), "{asleep} minutes of night");
    assert!(exported, "at noon there is a surplus");
}

#[test]
fn the_same_seed_makes_the_same_day() {
    let day = |devices: &Devices| {
        let mut live = world(devices, 2.0, NOON);
        for minute in 0..90 {
            live.step(Time::from_seconds(NOON + minute * 60));
        }
        devices.iter().map(|(name, fake)| (name.clone(), fake.vars(), fake.fault())).collect::<Vec<_>>()
    };
    assert_eq!(day(&fakes()), day(&fakes()));
}

#[test]
fn a_limited_plant_obeys_and_a_room_answers_its_fan_coil() {
    let devices = fakes();
    let mut live = world(&devices, 0.0, NOON);
    let inverter = &devices["cedar-roof-pv/Inverter_1"];
    inverter.set("power_limit", 10.0);
    inverter.set("power_limit_enable", 1);
    let room = &devices["cedar-l1-03/Hvac_1"];
    let before = room.number("temperature");
    room.set("setpoint", 28.0);
    room.set("mode", "heat");
    for minute in 1..=120 {
        live.step(Time::from_seconds(NOON + minute * 60));
    }
    assert!(inverter.number("power") <= 2_760.0);
    assert_eq!(inverter.text("operating_state"), "throttled");
    assert!(room.number("temperature") > before + 1.0, "two hours of heating warm an office");
    assert!(room.number("valve") > 0.0 && room.truth("running"));
}

#[test]
fn a_clock_that_jumps_back_takes_nothing_back() {
    let devices = fakes();
    let mut live = world(&devices, 0.0, NOON);
    live.step(Time::from_seconds(NOON + 600));
    let yielded = devices["cedar-roof-pv/Inverter_1"].number("energy");
    live.step(Time::from_seconds(NOON - 3600));
    assert!(devices["cedar-roof-pv/Inverter_1"].number("energy") >= yielded);
}

fn options(out: &Path, trouble: f64) -> Options {
    Options {
        size: Size::Small,
        seed: 4,
        speed: 1.0,
        hour: None,
        trouble,
        drivers: drivers(),
        out: out.into(),
    }
}

async fn demo(out: &Path) -> DemoDevices {
    let clock = ManualClock::at(Time::from_seconds(NOON));
    start(&options(out, 0.0), clock).await.unwrap()
}

fn read_estate(folder: &Path) -> Estate {
    let mut whole = Estate::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let part: Estate = toml::from_str(&std::fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            whole.merge(part).unwrap();
        }
    }
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_name_what_is_really_there() {
    let folder = tempfile::tempdir().unwrap();
    let running = demo(folder.path()).await;
    let estate = read_estate(folder.path());
    assert_eq!(estate.check(), Vec::<String>::new());
    assert_eq!(running.facts.edges.len(), 2);
    for edge in &running.facts.edges {
        // No outgoing connection is ever given such a port.
        assert!([edge.broker.port(), edge.local_page.port()].iter().all(|port| *port < 32_768), "{edge:?}");
    }
    assert!(running.facts.devices >= 130, "{} devices speak", running.facts.devices);

    let cedar = estate.edges.iter().find(|edge| edge.key == "cedar").unwrap();
    let LinkConfig::ModbusTcp { host, port, .. } = &cedar.links["inverter-1"] else { panic!("{cedar:?}") };
    let address = format!("{host}:{port}").parse().unwrap();
    let mut client = tokio_modbus::client::tcp::connect_slave(address, Slave(1)).await.unwrap();
    let marker = client.read_holding_registers(40_000, 2).await.unwrap().unwrap();
    assert_eq!(marker, vec![0x5375, 0x6E53]);
    let power = client.read_holding_registers(40_070 + 14, 1).await.unwrap().unwrap()[0];
    assert_eq!(f64::from(power), running.devices["cedar-roof-pv/Inverter_1"].number("power"));
    assert!(power > 0, "the sun shines at noon");

    let LinkConfig::ModbusRtu { line, .. } = &cedar.links["bus-l0"] else { panic!("{cedar:?}") };
    assert!(line.path.exists(), "the serial port is there");
    running.stop().await;
    assert!(folder.path().join("counters.json").exists(), "counters are kept for the next start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_go_on_where_the_last_demo_ended() {
    let folder = tempfile::tempdir().unwrap();
    let first = demo(folder.path()).await;
    let name = "cedar-roof-pv/Meter_1";
    tokio::time::sleep(Duration::from_millis(10)).await;
    let before = first.devices[name].number("import_energy");
    first.stop().await;
    let second = demo(folder.path()).await;
    assert!(second.devices[name].number("import_energy") >= before);
    assert!((second.devices[name].number("import_energy") - before).abs() < 0.01);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_goes_offline_hangs_up_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let running = demo(folder.path()).await;
    let estate = &running.estate;
    let links = &estate.edges.iter().find(|edge| edge.key == "cedar").unwrap().links;
    let LinkConfig::ModbusTcp { host, port, .. } = &links["inverter-2"] else { panic!("{links:?}") };
    let address = format!("{host}:{port}").parse().unwrap();
    let mut client = tokio_modbus::client::tcp::connect_slave(address, Slave(1)).await.unwrap();
    client.read_holding_registers(40_000, 2).await.unwrap().unwrap();
    let inverter = &running.devices["cedar-roof-pv/Inverter_2"];
    inverter.set_fault(Fault::Offline);
    assert!(client.read_holding_registers(40_000, 2).await.is_err(), "the connection was cut");
    inverter.set_fault(Fault::None);
    let mut client = tokio_modbus::client::tcp::connect_slave(address, Slave(1)).await.unwrap();
    client.read_holding_registers(40_000, 2).await.unwrap().unwrap();
    running.stop().await;
}
