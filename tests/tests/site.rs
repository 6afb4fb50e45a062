//! A site without a controller, against devices and brokers that others wrote: values with their scale factors, commands
//! that arrive, a cable that is cut and plugged in again, an address that does not exist.

use anyhow::{Context, Result, ensure};
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::edge::{Edge, good, text};
use backoffice_tests::peers::{Cable, Mosquitto, has_programs, has_python_peers, publish, python, subscribe};
use bo_testkit::http::curl;
use bo_testkit::process::Process;
use bo_testkit::{free_port, root, skip_without, wait_for};
use serde_json::{Value, json};
use std::path::Path;

const PASSWORD: &str = "wall-panel";

fn site(plant: u16, line: &Path, house: u16, display: Option<u16>) -> String {
    let mut site = format!(
        "[link.plant]\nkind = \"modbus-tcp\"\nhost = \"127.0.0.1\"\nport = {plant}\n\
         [link.line]\nkind = \"modbus-rtu\"\nline = {{ path = {line:?} }}\n\
         [link.site]\nkind = \"mqtt-embedded\"\n\
         [link.house]\nkind = \"mqtt\"\nhost = \"127.0.0.1\"\nport = {house}\n\
         [[system]]\nid = \"0198c0de-0000-7000-8000-000000000001\"\nname = \"Plant room\"\n"
    );
    let mut device = |number: u32, address: &str, driver: &str, link: &str, settings: &str| {
        site += &format!(
            "[[device]]\nid = \"0198c0de-0000-7000-8000-{number:012}\"\nsystem = \"0198c0de-0000-7000-8000-000000000001\"\n\
             address = \"{address}\"\ndriver = \"{driver}\"\nlink = \"{link}\"\nsettings = {settings}\n"
        );
    };
    device(2, "Inverter_1", "sunspec-inverter", "plant", "{ unit = 1 }");
    device(3, "Meter_1", "sdm630-meter", "line", "{ unit = 3 }");
    device(4, "Hvac_1", "modbus-fancoil", "line", "{ unit = 1 }");
    device(5, "Relay_1", "tasmota-relay", "site", "{ topic = \"plug1\" }");
    device(6, "Sensor_1", "zigbee2mqtt-sensor", "house", "{ name = \"hall\" }");
    if let Some(port) = display {
        device(
            7,
            "Display_1",
            "pjlink-display",
            "display",
            &format!("{{ password = \"{PASSWORD}\", poll = \"1s\" }}"),
        );
        site += &format!("[link.display]\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\n");
    }
    site
}

#[test]
fn a_site_speaks_with_devices_and_brokers_that_others_wrote() -> Result<()> {
    if skip_without("mosquitto, socat, pymodbus and pysunspec2", has_programs() && has_python_peers()) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let (plant, display) = (free_port()?, free_port()?);
    let mut inverter = python("modbus.py", &["tcp", &plant.to_string()])?;
    let (cable, mut line) = plug(folder.path())?;
    let house = Mosquitto::start(&at("mosquitto"), "allow_anonymous true")?;
    let built = root().join("drivers/target/components/pjlink-display.wasm").is_file();
    let mut panel = match built {
        true => Some(python("pjlink.py", &[&display.to_string(), PASSWORD])?),
        false => None,
    };
    let display = panel.as_ref().map(|_| display);
    let mut edge = Edge::of_site(&at("edge"), &site(plant, &cable.ours, house.port, display))?;
    edge.run(&["check-config"])?;
    edge.start()?;

    an_inverter_of_pysunspec2(&edge, &mut inverter).context("the inverter")?;
    a_line_of_pymodbus(&edge, &mut line).context("the serial line")?;
    a_relay_on_the_edges_own_broker(&edge).context("the relay")?;
    a_sensor_on_a_broker_of_the_house(&edge, house.port).context("the sensor")?;
    match &mut panel {
        Some(panel) => a_display(&edge, panel).context("the display")?,
        None => eprintln!("the component of pjlink-display is not built: the display is left out"),
    }
    what_a_person_on_site_sees(&edge).context("on site")?;
    a_cut_cable(&edge, cable, line, folder.path()).context("the cut cable")
}

/// A serial line with its devices; the processes end with what is given back.
fn plug(folder: &Path) -> Result<(Cable, Process)> {
    let cable = Cable::plug(folder)?;
    let devices = python("modbus.py", &["rtu", &cable.theirs.display().to_string()])?;
    Ok((cable, devices))
}

fn an_inverter_of_pysunspec2(edge: &Edge, inverter: &mut Process) -> Result<()> {
    let expected = [
        ("power", json!(21340)),
        ("energy", json!(184220.4)),
        ("ac_current", json!(30.93)),
        ("ac_voltage", json!(230.4)),
        ("frequency", json!(50.02)),
        ("dc_voltage", json!(612.7)),
        ("dc_power", json!(21800)),
        ("temperature", json!(41.3)),
        ("operating_state", json!("mppt")),
        ("mppt1_power", json!(10900)),
        ("mppt2_power", json!(10880)),
        ("rated_power", json!(30000)),
        ("manufacturer", json!("Peer")),
        ("serial", json!("S-4711")),
    ];
    for (name, datum) in expected {
        edge.shows("Inverter_1", name, |value| good(value, &datum))
            .with_context(|| format!("not {datum}"))?;
    }
    for name in ["ac_voltage_b", "reactive_power"] {
        let value = edge.value("Inverter_1", name)?;
        ensure!(
            value["quality"] != "good" && value["data"] != 0,
            "{name} is not implemented, and shows {value}"
        );
    }
    edge.write("Inverter_1", "set_power_limit", &["percent=60"])?;
    // WMaxLimPct lies at offset 5 of model 123, in tenths of a percent; its scale factor says so.
    inverter.line(" 600", PATIENCE)?;
    edge.shows("Inverter_1", "power_limit", |value| good(value, &json!(60)))?;
    let refused =
        edge.command(&["point", "write", "Inverter_1", "set_power_limit", "percent=200"])?.output()?;
    ensure!(!refused.status.success() && text(&refused).contains("at most 100"), "{}", text(&refused));
    Ok(())
}

fn a_line_of_pymodbus(edge: &Edge, line: &mut Process) -> Result<()> {
    let expected = [
        ("Meter_1", "voltage_l1", json!(230.4)),
        ("Meter_1", "power", json!(1880)),
        ("Meter_1", "power_l3", json!(-310.75)),
        ("Meter_1", "frequency", json!(49.98)),
        ("Hvac_1", "temperature", json!(21.4)),
        ("Hvac_1", "setpoint", json!(21.5)),
        ("Hvac_1", "mode", json!("auto")),
        ("Hvac_1", "valve", json!(35)),
        ("Hvac_1", "running", json!(true)),
    ];
    for (device, name, datum) in expected {
        edge.shows(device, name, |value| good(value, &datum))
            .with_context(|| format!("{device}, not {datum}"))?;
    }
    // 32767 says that no sensor is fitted; the running hours lie beyond the device's last address.
    for name in ["supply_temperature", "run_hours"] {
        let bad = |value: &Value| {
            value["quality"]["bad"] != Value::Null && value["quality"] != json!({ "bad": "never-read" })
        };
        let value = edge.shows("Hvac_1", name, bad)?;
        ensure!(value["data"] != 0, "{value}");
    }
    edge.write("Hvac_1", "set_setpoint", &["setpoint=23.5"])?;
    line.line("1 1 235", PATIENCE)?;
    edge.write("Hvac_1", "set_mode", &["mode=cool"])?;
    line.line("1 0 2", PATIENCE).map(drop)
}

fn a_relay_on_the_edges_own_broker(edge: &Edge) -> Result<()> {
    let mut commands = subscribe(edge.broker, "cmnd/plug1/POWER")?;
    publish(edge.broker, "tele/plug1/LWT", "Online")?;
    publish(edge.broker, "stat/plug1/POWER", "OFF")?;
    publish(
        edge.broker,
        "tele/plug1/SENSOR",
        &json!({ "ENERGY": { "Power": 1240, "Voltage": 231 } }).to_string(),
    )?;
    edge.shows("Relay_1", "power", |value| good(value, &json!(false)))?;
    edge.shows("Relay_1", "active_power", |value| good(value, &json!(1240)))?;
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| edge.write("Relay_1", "set_power", &["on=true"]));
        commands.line("cmnd/plug1/POWER true", PATIENCE)?;
        publish(edge.broker, "stat/plug1/POWER", "ON")?;
        asked.join().map_err(|_| anyhow::anyhow!("panicked"))?.map(drop)
    })?;
    edge.shows("Relay_1", "power", |value| good(value, &json!(true))).map(drop)
}

fn a_sensor_on_a_broker_of_the_house(edge: &Edge, house: u16) -> Result<()> {
    let said = json!({ "occupancy": true, "people": 3, "co2": 871, "temperature": 22.5, "humidity": 41 });
    publish(house, "zigbee2mqtt/hall", &said.to_string())?;
    for name in ["occupancy", "people", "co2", "temperature", "humidity"] {
        edge.shows("Sensor_1", name, |value| good(value, &said[name])).with_context(|| name.to_owned())?;
    }
    publish(house, "zigbee2mqtt/hall", "{ this is no JSON")?;
    publish(house, "zigbee2mqtt/hall/availability", "{\"state\":\"offline\"}")?;
    edge.shows("Sensor_1", "online", |value| value["data"] == false)?;
    edge.shows("Sensor_1", "people", |value| value["quality"] != "good")?;
    publish(house, "zigbee2mqtt/hall/availability", "{\"state\":\"online\"}")?;
    publish(house, "zigbee2mqtt/hall", &json!({ "people": 4 }).to_string())?;
    edge.shows("Sensor_1", "people", |value| good(value, &json!(4))).map(drop)
}

fn a_display(edge: &Edge, panel: &mut Process) -> Result<()> {
    edge.shows("Display_1", "power", |value| good(value, &json!("off")))?;
    edge.write("Display_1", "power", &["on=true"])?;
    panel.line("POWR 1", PATIENCE)?;
    edge.shows("Display_1", "input", |value| good(value, &json!("31")))?;
    edge.write("Display_1", "input", &["source=\"32\""])?;
    panel.line("INPT 32", PATIENCE).map(drop)
}

fn what_a_person_on_site_sees(edge: &Edge) -> Result<()> {
    let tested = edge.run(&["link", "test"])?;
    for link in ["plant: up", "line: up", "site: up", "house: up"] {
        ensure!(tested.contains(link), "`{link}` is not said: {tested}");
    }
    let status = edge.run(&["status"])?;
    ensure!(status.contains("controller  none") && status.contains("links"), "{status}");
    let page = curl(&[&format!("http://127.0.0.1:{}/", edge.page)])?;
    ensure!(
        page.status == 200 && page.body.contains("Inverter_1") && page.body.contains("Plant room"),
        "{page:?}"
    );
    let read = edge.run(&["point", "read", "Inverter_1", "power"])?;
    ensure!(read.contains("21340 W") && read.contains("good"), "{read}");
    Ok(())
}

fn a_cut_cable(edge: &Edge, cable: Cable, line: Process, folder: &Path) -> Result<()> {
    drop(cable);
    drop(line);
    let lost = edge.shows("Meter_1", "power", |value| value["quality"] != "good")?;
    ensure!(lost["data"] == 1880.0, "the last datum is kept, marked: {lost}");
    edge.shows("Hvac_1", "online", |value| value["data"] == false)?;
    let tested = edge.command(&["link", "test", "line"])?.output()?;
    ensure!(!tested.status.success() && text(&tested).contains("line: down"), "{}", text(&tested));
    ensure!(good(&edge.value("Inverter_1", "power")?, &json!(21340)), "another link suffers");

    let (_cable, _line) = plug(folder)?;
    edge.shows("Meter_1", "power", |value| good(value, &json!(1880)))?;
    edge.shows("Hvac_1", "temperature", |value| good(value, &json!(21.4)))?;
    wait_for("the link to be up again", PATIENCE, || {
        let tested = edge.run(&["link", "test", "line"])?;
        ensure!(tested.contains("line: up"), "{tested}");
        Ok(Some(()))
    })
}
