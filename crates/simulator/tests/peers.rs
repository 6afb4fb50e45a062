//! Clients written by others understand the fake devices: pysunspec2 and pymodbus over TCP and a serial line, and
//! Mosquitto's client over a Mosquitto broker. Skipped, with a word, where they are not installed; `CI` forbids skipping.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use bo_simulator::{Address, Broker, Fake, Fault, Place, start};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

fn driver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers").join(name)
}

fn fake(name: &str, settings: Json) -> Fake {
    Fake::from_folder(name, &driver(name), serde_json::from_value(settings).unwrap()).unwrap()
}

fn local() -> Place {
    Place::Tcp("127.0.0.1:0".parse().unwrap())
}

/// Whether a tool is there. Where it must be, its absence is a failure.
async fn have(program: &str, arguments: &[&str]) -> bool {
    let status =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    let found =
        status.is_ok_and(|status| status.code() != Some(127) && (program != "python3" || status.success()));
    assert!(found || std::env::var_os("CI").is_none(), "{program} {arguments:?} is needed for this test");
    if !found {
        eprintln!("skipped: {program} {arguments:?} is not installed");
    }
    found
}

/// Runs a Python client that prints one JSON document.
async fn python(script: &str, arguments: &[String]) -> Json {
    let output = Command::new("python3").arg("-c").arg(script).args(arguments).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| {
        panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    })
}

const SUNSPEC: &str = r#"
import json, sys
import sunspec2.modbus.client as client
d = client.SunSpecModbusClientDeviceTCP(slave_id=int(sys.argv[2]), ipaddr="127.0.0.1", ipport=int(sys.argv[1]), timeout=3)
d.scan()
m, c = d.models[103][0], d.models[123][0]
out = {p: getattr(m, p).cvalue for p in ("W", "WH", "Hz", "A", "PhVphA", "DCV", "DCW", "TmpCab", "St", "Evt1", "VAr", "PPVphAB")}
out.update({"models": sorted(k for k in d.models if isinstance(k, int)), "Mn": d.models[1][0].Mn.value, "SN": d.models[1][0].SN.value})
out["string2"] = d.models[160][0].module[1].DCW.cvalue
out["WRtg"] = d.models[120][0].WRtg.cvalue
c.WMaxLimPct.cvalue = 60.0
c.WMaxLim_Ena.value = 1
c.write()
print(json.dumps(out))
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pysunspec2_finds_every_model_and_reads_the_values_that_were_set() {
    if !have("python3", &["-c", "import sunspec2.modbus.client"]).await {
        return;
    }
    let inverter = fake("sunspec-inverter", json!({ "unit": 7 }));
    for (name, value) in [
        ("power", 21_345.0),
        ("energy", 184_220.4),
        ("frequency", 50.02),
        ("ac_current", 30.93),
        ("ac_voltage", 230.4),
        ("dc_voltage", 612.7),
        ("dc_power", 21_800.0),
        ("temperature", 41.3),
        ("mppt2_power", 10_900.0),
    ] {
        inverter.set(name, value);
    }
    inverter.set("operating_state", "mppt");
    let running = start(&local(), std::slice::from_ref(&inverter)).await.unwrap();
    let Address::Tcp(address) = running.address else { panic!("not a socket") };
    let seen = python(SUNSPEC, &[address.port().to_string(), "7".into()]).await;

    assert_eq!(seen["models"], json!([1, 103, 120, 121, 122, 123, 160]));
    assert_eq!(seen["Mn"], "Solvane");
    for (point, expected) in [
        ("W", 21_345.0),
        ("WH", 184_220_400.0),
        ("Hz", 50.02),
        ("A", 30.93),
        ("PhVphA", 230.4),
        ("DCV", 612.7),
        ("DCW", 21_800.0),
        ("TmpCab", 41.3),
        ("St", 4.0),
        ("string2", 10_900.0),
        ("WRtg", 30_000.0),
    ] {
        let got = seen[point].as_f64().unwrap_or(f64::NAN);
        assert!((got - expected).abs() < 0.01, "{point}: {got} instead of {expected}");
    }
    assert_eq!(seen["PPVphAB"], Json::Null, "what was not set is not implemented, never 0");
    assert_eq!(inverter.number("power_limit"), 60.0, "the client's limit arrived");
    assert_eq!(inverter.number("power_limit_enable"), 1.0);
    running.stop().await;
}

const MODBUS: &str = r#"
import json, struct, sys
from pymodbus.client import ModbusTcpClient, ModbusSerialClient
where = sys.argv[1]
c = ModbusSerialClient(where, baudrate=9600, timeout=2) if where.startswith("/") else ModbusTcpClient("127.0.0.1", port=int(where), timeout=2)
c.connect()
out = {}
r = c.read_input_registers(52, count=2, device_id=101)
out["power"] = struct.unpack(">f", struct.pack(">HH", *r.registers))[0]
r = c.read_input_registers(0, count=4, device_id=2)
out["room"] = r.registers
out["set"] = c.write_register(1, 235, device_id=2).isError()
out["set_too_high"] = c.write_register(1, 400, device_id=2).exception_code
out["mode"] = c.write_registers(0, [2], device_id=2).isError()
out["back"] = c.read_holding_registers(0, count=3, device_id=2).registers
out["hole"] = c.read_holding_registers(7, count=1, device_id=2).exception_code
out["flags"] = c.read_discrete_inputs(0, count=3, device_id=2).bits[:3]
out["coil"] = c.write_coil(0, True, device_id=2).isError()
out["flags_after"] = c.read_discrete_inputs(0, count=3, device_id=2).bits[:3]
print(json.dumps(out))
"#;

async fn a_bus_of_two(place: Place) {
    if !have("python3", &["-c", "import pymodbus.client, serial"]).await {
        return;
    }
    let meter = fake("sdm630-meter", json!({ "unit": 101 }));
    meter.set("power", -4321.5);
    let room = fake("modbus-fancoil", json!({ "unit": 2 }));
    room.set("temperature", -3.2);
    room.set("supply_temperature", 31.0);
    room.set("valve", 40);
    room.set("running", true);
    room.set("filter_dirty", true);
    let running = start(&place, &[meter, room.clone()]).await.unwrap();
    let place = match &running.address {
        Address::Tcp(address) => address.port().to_string(),
        other => other.to_string(),
    };
    let seen = python(MODBUS, &[place]).await;
    assert_eq!(seen["power"], -4321.5);
    assert_eq!(seen["room"], json!([65504, 310, 40, 1]), "tenths of a degree, signed");
    assert_eq!(seen["set"], false);
    assert_eq!(seen["set_too_high"], 3, "40 °C is refused");
    assert_eq!(seen["back"], json!([2, 235, 0]));
    assert_eq!(seen["hole"], 2, "what is not there is refused");
    assert_eq!(seen["flags"], json!([false, true, false]));
    assert_eq!(seen["flags_after"], json!([false, false, false]), "the filter was reset");
    assert_eq!(room.text("mode"), "cool");
    assert_eq!(room.number("setpoint"), 23.5);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pymodbus_reads_and_writes_two_units_behind_one_address() {
    a_bus_of_two(local()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pymodbus_reads_and_writes_two_units_on_a_serial_line() {
    a_bus_of_two(Place::Serial { baud: Some(19_200) }).await;
}

/// A Mosquitto of our own on a free port.
struct Mosquitto {
    _child: tokio::process::Child,
    _folder: tempfile::TempDir,
    port: u16,
}

async fn mosquitto() -> Mosquitto {
    let port = bo_testkit::free_port().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mosquitto.conf");
    std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    let child = Command::new("mosquitto")
        .arg("-c")
        .arg(config)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    Mosquitto { _child: child, _folder: folder, port }
}

struct Listener {
    _child: tokio::process::Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Listener {
    /// The next message of this topic, its payload.
    async fn next(&mut self, topic: &str) -> String {
        let wait = std::time::Duration::from_secs(20);
        let found = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("mosquitto_sub ended");
                if let Some(payload) = line.strip_prefix(topic).and_then(|rest| rest.strip_prefix(' ')) {
                    return payload.to_owned();
                }
            }
        };
        tokio::time::timeout(wait, found).await.unwrap_or_else(|_| panic!("nothing on {topic}"))
    }
}

/// Listens to everything; resolves once it is subscribed.
async fn listen(port: u16) -> Listener {
    loop {
        let mut child = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-v", "-t", "#"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A marker published until it comes back proves that the subscription stands; a broker that is not up yet
        // ends the child.
        loop {
            publish(port, "marker", "here").await;
            let quick = std::time::Duration::from_millis(200);
            match tokio::time::timeout(quick, lines.next_line()).await {
                Ok(Ok(Some(_))) => return Listener { _child: child, lines },
                Ok(_) => break,
                Err(_) => {}
            }
        }
    }
}

async fn publish(port: u16, topic: &str, payload: &str) {
    let port = port.to_string();
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &port, "-t", topic, "-m", payload]);
    let _ = command.stderr(Stdio::null()).status().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_carries_what_devices_say_and_are_told() {
    if !have("mosquitto", &["-h"]).await || !have("mosquitto_sub", &["--help"]).await {
        return;
    }
    let broker = mosquitto().await;
    let mut listener = listen(broker.port).await;
    let sensor = fake("zigbee2mqtt-sensor", json!({ "name": "room-1-02" }));
    let relay = fake("tasmota-relay", json!({ "topic": "boiler" }));
    let place = Place::Broker(Broker { host: "127.0.0.1".into(), port: broker.port, login: None });
    let running = start(&place, std::slice::from_ref(&sensor)).await.unwrap();

    assert_eq!(listener.next("zigbee2mqtt/room-1-02/availability").await, r#"{"state":"online"}"#);
    listener.next("zigbee2mqtt/room-1-02").await;
    sensor.set("people", 3);
    let told: Json = serde_json::from_str(&listener.next("zigbee2mqtt/room-1-02").await).unwrap();
    assert_eq!(told["people"], 3);
    assert_eq!(told["occupancy"], false, "the whole state is told each time");
    sensor.set_fault(Fault::Offline);
    assert_eq!(listener.next("zigbee2mqtt/room-1-02/availability").await, r#"{"state":"offline"}"#);
    sensor.set_fault(Fault::None);
    assert_eq!(listener.next("zigbee2mqtt/room-1-02/availability").await, r#"{"state":"online"}"#);
    running.stop().await;

    let running = start(&place, std::slice::from_ref(&relay)).await.unwrap();
    assert_eq!(listener.next("tele/boiler/LWT").await, "Online");
    publish(broker.port, "cmnd/boiler/POWER", "true").await;
    while listener.next("stat/boiler/POWER").await != "ON" {}
    assert!(relay.truth("power"));
    relay.set("active_power", 1987.0);
    publish(broker.port, "cmnd/boiler/TelePeriod", "").await;
    let told: Json = serde_json::from_str(&listener.next("tele/boiler/SENSOR").await).unwrap();
    assert!(told["ENERGY"]["Power"].is_number());
    running.stop().await;
}
