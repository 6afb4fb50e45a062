//! A small estate under test: a controller and one edge that is enrolled, MQTT sensors, two relays and an inverter as
//! processes of their own. What outages are tried on.

use crate::api::Api;
use crate::controller::Controller;
use crate::demo::PATIENCE;
use crate::edge::{Edge, done};
use crate::peers::Mosquitto;
use anyhow::{Result, ensure};
use bo_db::testing::TestDb;
use bo_testkit::process::Process;
use bo_testkit::{binary, free_port, root, wait_for};
use std::process::Command;

/// How the edge reaches the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The controller's own gate.
    Gate,
    /// An external Mosquitto, set up as `backoffice broker` says.
    Broker,
}

/// All of it.
pub struct Rig {
    /// The controller.
    pub controller: Controller,
    /// Its edge, `edge-1`.
    pub edge: Edge,
    /// Relay 1 and 2; each prints its position as JSON whenever it changes.
    pub relays: Vec<Process>,
    /// The external broker, when there is one.
    pub broker: Option<Mosquitto>,
    _inverter: Process,
    _folder: tempfile::TempDir,
}

/// The trigger: sensor 2 switches relay 2. Sensor 1 and relay 1 are left to the tests.
pub const TRIGGER: &str = r#"
name = "light-on-presence"
title = "Light while somebody is there"
[input.occupied]
of = "Sensor_2.occupancy"
[when]
input = "occupied"
equals = true
[[on_active]]
command = "Relay_2.set_power"
params = { on = true }
[[on_clear]]
command = "Relay_2.set_power"
params = { on = false }
"#;

/// The estate as a file; the inverter listens on that port.
pub fn estate(inverter: u16) -> String {
    let device = |address: &str, driver: &str, settings: &str| {
        format!(
            "[[system.device]]\naddress = \"{address}\"\ndriver = \"{driver}\"\nlink = \"broker\"\nsettings = {settings}\n"
        )
    };
    [
        "[organisation]\nname = \"Rig\"\ntime_zone = \"UTC\"\n",
        "[[zone]]\nkey = \"all\"\nkind = \"organisation\"\nname = \"Rig\"\n",
        "[[edge]]\nkey = \"edge-1\"\nname = \"Edge one\"\nzone = \"all\"\n[edge.link.broker]\nkind = \"mqtt-embedded\"\n",
        &format!("[edge.link.plant]\nkind = \"modbus-tcp\"\nhost = \"127.0.0.1\"\nport = {inverter}\n"),
        "[[edge]]\nkey = \"edge-2\"\nname = \"Edge two\"\nzone = \"all\"\n",
        "[[system]]\nkey = \"room\"\nname = \"Room\"\nzone = \"all\"\nedge = \"edge-1\"\n",
        &device("Sensor_1", "zigbee2mqtt-sensor", "{ name = \"s1\" }"),
        &device("Sensor_2", "zigbee2mqtt-sensor", "{ name = \"s2\" }"),
        &device("Relay_1", "tasmota-relay", "{ topic = \"plug1\" }"),
        &device("Relay_2", "tasmota-relay", "{ topic = \"plug2\" }"),
        "[[system.device]]\naddress = \"Inverter_1\"\ndriver = \"sunspec-inverter\"\nlink = \"plant\"\n",
        "[[system.trigger]]\nname = \"light-on-presence\"\n",
    ]
    .concat()
}

impl Rig {
    /// Starts everything and waits until the edge runs its release.
    pub fn start(database: TestDb, way: Way) -> Result<Rig> {
        let folder = tempfile::tempdir()?;
        let (plant, controller) = (free_port()?, folder.path().join("controller"));
        let mut rig = Rig {
            controller: Controller::prepare(&controller, database)?,
            edge: Edge::prepare(&folder.path().join("edge-1"), "", "")?,
            relays: Vec::new(),
            broker: None,
            _inverter: simulate("sunspec-inverter", &["--listen", &format!("127.0.0.1:{plant}")])?,
            _folder: folder,
        };
        rig.controller.import(&estate(plant), &[("light-on-presence", TRIGGER)])?;
        if way == Way::Broker {
            rig.start_broker(free_port()?)?;
        }
        rig.controller.start()?;
        rig.controller.enrol("edge-1", &rig.edge)?;
        rig.edge.start()?;
        let broker = format!("127.0.0.1:{}", rig.edge.broker);
        for plug in ["topic=plug1", "topic=plug2"] {
            rig.relays.push(simulate("tasmota-relay", &["--broker", &broker, "--set", plug])?);
        }
        rig.edge.shows("Relay_1", "power", |value| value["quality"] == "good")?;
        rig.edge.shows("Relay_2", "power", |value| value["quality"] == "good")?;
        rig.edge.shows("Inverter_1", "power", |value| value["quality"] == "good")?;
        Ok(rig)
    }

    /// Starts Mosquitto on `port`, and tells the controller at the first time.
    pub fn start_broker(&mut self, port: u16) -> Result<()> {
        let folder = self.controller.home.join("broker");
        if !folder.exists() {
            let mut write = self.controller.command(&["broker", "127.0.0.1", "--port", &port.to_string()])?;
            self.controller.configure(&done(write.arg("--out").arg(&folder))?)?;
        }
        self.broker = Some(Mosquitto::of_file(&folder.join("mosquitto.conf"), port)?);
        Ok(())
    }

    /// Where the edge stands in the API.
    pub fn edge_view(&self, api: &Api) -> Result<serde_json::Value> {
        let edges = api.all("/edges")?;
        let id = edges.iter().find(|edge| edge["key"] == "edge-1").map(|edge| edge["id"].clone());
        api.get(&format!("/edges/{}", id.unwrap_or_default().as_str().unwrap_or_default()))
    }

    /// Waits until the edge is online in the API.
    pub fn online(&self, api: &Api) -> Result<()> {
        wait_for("the edge to be online", PATIENCE, || {
            let view = self.edge_view(api)?;
            ensure!(view["presence"]["online"] == true, "{}", view["presence"]);
            Ok(Some(()))
        })
    }
}

/// A simulated device of a shipped driver.
pub fn simulate(driver: &str, arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new(binary("backoffice-edge")?);
    command.arg("simulate").arg(root().join("drivers").join(driver)).args(arguments);
    Process::start(driver, &mut command)
}
