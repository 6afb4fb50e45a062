//! Links that a release brings to a gateway: datagrams, and TLS whose certificates lie on the gateway alone.

use anyhow::{Context, Result, ensure};
use backoffice_tests::api::Api;
use backoffice_tests::controller::{Controller, databases};
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::edge::{Edge, good};
use backoffice_tests::peers::{Mosquitto, has_programs, has_python_peers, publish_as, python};
use bo_link_stream::testing::Authority;
use bo_testkit::process::Process;
use bo_testkit::{free_port, root, skip_without, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const PASSWORD: &str = "wall-panel";
const BROKER: (&str, &str) = ("gateway", "of the house");

/// The devices, each of a program that others could have written, and where they listen.
struct Devices {
    display: u16,
    bus: u16,
    switcher: u16,
    broker: Mosquitto,
    panel: Process,
    line: Process,
    matrix: Process,
}

impl Devices {
    /// `certificates` holds the authority's certificate, and the servers' with its key.
    fn start(folder: &Path, certificates: &Path) -> Result<Devices> {
        let (display, bus, switcher, secured) = (free_port()?, free_port()?, free_port()?, free_port()?);
        let of = certificates.display().to_string();
        let passwords = folder.join("passwords");
        fs::write(&passwords, format!("{}:{}\n", BROKER.0, BROKER.1))?;
        backoffice_tests::edge::done(
            std::process::Command::new("mosquitto_passwd").arg("-U").arg(&passwords),
        )?;
        let broker = Mosquitto::start(
            &folder.join("mosquitto"),
            &format!(
                "listener {secured} 127.0.0.1\ncafile {of}/ca.pem\ncertfile {of}/server.pem\nkeyfile {of}/server.key\n\
                 allow_anonymous false\npassword_file {}",
                passwords.display()
            ),
        )?;
        Ok(Devices {
            display,
            bus,
            switcher,
            broker: Mosquitto { secured: Some(secured), ..broker },
            panel: python("pjlink.py", &[&display.to_string(), PASSWORD, &of])?,
            line: python("modbus.py", &["tls", &bus.to_string(), &of])?,
            matrix: python("switcher.py", &[&switcher.to_string()])?,
        })
    }

    fn estate(&self) -> Result<String> {
        let mut estate = format!(
            "[organisation]\nname = \"Rig\"\ntime_zone = \"UTC\"\n[[zone]]\nkey = \"all\"\nkind = \"organisation\"\nname = \"Rig\"\n\
             [[edge]]\nkey = \"edge-1\"\nname = \"Edge one\"\nzone = \"all\"\n\
             [edge.link.display]\nkind = \"tcp\"\nhost = \"localhost\"\nport = {}\ntls = {{ ca_file = \"plant/ca.pem\" }}\n\
             [edge.link.bus]\nkind = \"modbus-tcp\"\nhost = \"127.0.0.1\"\nport = {}\n[edge.link.bus.tls]\nserver_name = \"localhost\"\n\
             ca_file = \"plant/ca.pem\"\nclient_cert_file = \"plant/client.pem\"\nclient_key_file = \"plant/client.key\"\n\
             [edge.link.matrix]\nkind = \"udp\"\nhost = \"127.0.0.1\"\nport = {}\n\
             [edge.link.house]\nkind = \"mqtt\"\nhost = \"localhost\"\nport = {}\nusername = {:?}\npassword_file = \"house.password\"\n\
             tls = {{ ca_file = \"plant/ca.pem\" }}\n\
             [[system]]\nkey = \"room\"\nname = \"Room\"\nzone = \"all\"\nedge = \"edge-1\"\n",
            self.display,
            self.bus,
            self.switcher,
            self.broker.secured.context("no secured listener")?,
            BROKER.0,
        );
        for (address, driver, link, settings) in [
            (
                "Display_1",
                "pjlink-display",
                "display",
                format!("{{ password = {PASSWORD:?}, poll = \"1s\" }}"),
            ),
            ("Hvac_1", "modbus-fancoil", "bus", "{ unit = 1 }".into()),
            ("Switcher_1", "av-switcher", "matrix", "{ poll = \"1s\" }".into()),
            ("Sensor_1", "zigbee2mqtt-sensor", "house", "{ name = \"hall\" }".into()),
        ] {
            estate += &format!(
                "[[system.device]]\naddress = \"{address}\"\ndriver = \"{driver}\"\nlink = \"{link}\"\nsettings = {settings}\n"
            );
        }
        Ok(estate)
    }
}

#[test]
fn a_release_brings_datagrams_and_tls_and_finds_the_certificates_beside_the_gateways_data() -> Result<()> {
    let built = ["pjlink-display", "av-switcher"]
        .iter()
        .all(|name| root().join(format!("drivers/target/components/{name}.wasm")).is_file());
    if skip_without("components, mosquitto, pymodbus", built && has_programs() && has_python_peers()) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let certificates = folder.path().join("certificates");
    fs::create_dir_all(&certificates)?;
    let authority = Authority::new("The plant");
    authority.file(&certificates);
    authority.server(&certificates, "localhost");
    authority.client(&certificates, "edge-1");
    let mut devices = Devices::start(folder.path(), &certificates)?;

    let database = databases()?.into_iter().next().context("no database")?;
    let mut controller = Controller::prepare(&folder.path().join("controller"), database)?;
    controller.import(&devices.estate()?, &[])?;
    controller.start()?;
    let mut edge = Edge::prepare(&folder.path().join("edge"), "", "")?;
    controller.enrol("edge-1", &edge)?;
    edge.start()?;

    // What needs no file works; what lacks one says which, on site and in the console.
    edge.shows("Switcher_1", "firmware", |value| good(value, &json!("1.04")))?;
    let api = controller.api()?;
    let id = api.all("/edges")?[0]["id"].as_str().context("no id")?.to_owned();
    for (device, file) in
        [("Display_1", "plant/ca.pem"), ("Hvac_1", "plant/ca.pem"), ("Sensor_1", "plant/ca.pem")]
    {
        is_missed(&edge, &api, &id, device, file)?;
    }

    // Somebody puts them there, and nothing is restarted.
    let plant = edge.home.join("data/plant");
    fs::create_dir_all(&plant)?;
    for file in ["client.pem", "client.key", "ca.pem"] {
        fs::copy(certificates.join(file), plant.join(file))?;
    }
    fs::write(edge.home.join("data/house.password"), BROKER.1)?;
    edge.shows("Display_1", "power", |value| good(value, &json!("off"))).context("TLS")?;
    edge.shows("Hvac_1", "temperature", |value| good(value, &json!(21.4)))
        .context("a client's certificate")?;
    edge.write("Display_1", "power", &["on=true"])?;
    devices.panel.line("POWR 1", PATIENCE)?;
    edge.write("Hvac_1", "set_setpoint", &["setpoint=23.5"])?;
    devices.line.line("1 1 235", PATIENCE)?;
    edge.write("Switcher_1", "route", &["output=2", "input=3"])?;
    devices.matrix.line("2 3", PATIENCE)?;
    edge.shows("Switcher_1", "output_2", |value| good(value, &json!(3)))?;
    publish_as(&devices.broker, BROKER, "zigbee2mqtt/hall", &json!({ "people": 5 }).to_string())?;
    edge.shows("Sensor_1", "people", |value| good(value, &json!(5)))
        .context("a broker with TLS and password")?;
    wait_for("the console to have nothing to complain of", PATIENCE, || {
        let unwell = &api.get(&format!("/edges/{id}"))?["unwell_devices"];
        ensure!(unwell.as_array().is_some_and(Vec::is_empty), "{unwell}");
        Ok(Some(()))
    })
}

/// Waits until the device is said to be unwell for want of the file.
fn is_missed(edge: &Edge, api: &Api, id: &str, device: &str, file: &str) -> Result<()> {
    let said = |devices: &Value| {
        devices.as_array().into_iter().flatten().any(|entry| {
            let entry = entry.to_string();
            entry.contains(device) && entry.contains(file)
        })
    };
    wait_for(&format!("{device} to miss {file}"), PATIENCE, || {
        let status = edge.status()?;
        ensure!(said(&status["devices"]), "on site: {}", status["devices"]);
        let unwell = api.get(&format!("/edges/{id}"))?["unwell_devices"].clone();
        ensure!(said(&unwell), "in the console: {unwell}");
        Ok(Some(()))
    })
}
