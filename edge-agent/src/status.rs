//! How the agent is, in one document: for `status`, the local page and whoever asks the control socket.

use crate::agent::Agent;
use crate::bus::LinePlan;
use crate::commands::arbiter::{name, word as priority};
use crate::controller::{vitals, word};
use crate::presence::{proved_at, unwell};
use crate::shares::Shared;
use crate::standalone::SiteFile;
use bo_model::driver::Manifest;
use bo_model::{DeviceId, Time, Value};
use bo_wire::{AlarmEvent, Class};
use serde::{Deserialize, Serialize};

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the agent.
    pub version: String,
    /// The edge's clock.
    pub at: Time,
    /// Hash of the release it runs, `file` for a site file, empty for none.
    pub release: String,
    /// The site file, on an agent that runs one.
    #[serde(default)]
    pub site_file: Option<SiteFile>,
    /// The controller, on an enrolled edge.
    pub controller: Option<ControllerStatus>,
    /// What waits for the controller.
    pub journal: JournalStatus,
    /// Where the on-site broker listens.
    pub broker: Option<String>,
    /// Endpoints.
    pub links: Vec<LinkStatus>,
    /// What each serial Modbus line is predicted to carry.
    #[serde(default)]
    pub lines: Vec<LinePlan>,
    /// Links other Modbus masters may use.
    #[serde(default)]
    pub shares: Vec<Shared>,
    /// Devices, by address.
    pub devices: Vec<DeviceStatus>,
    /// What is held, and by whom.
    pub holds: Vec<HoldStatus>,
    /// Active conditions.
    pub alarms: Vec<AlarmEvent>,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// Whether the controller is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ControllerStatus {
    /// It answers.
    pub connected: bool,
    /// Since when it is so.
    pub since: Time,
    /// Last message from it.
    pub last_proved: Option<Time>,
    /// Why it is not connected.
    pub why: Option<String>,
}

/// The journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalStatus {
    /// Records the controller does not have yet.
    pub backlog: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes it may use, when a disk that is nearly full makes that less than configured.
    #[serde(default)]
    pub squeezed: Option<u64>,
    /// Records ever written, per class.
    pub written: Vec<(String, u64)>,
    /// Why nothing can be written at present.
    pub stuck: Option<String>,
}

/// A link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Its name.
    pub name: String,
    /// `up`, `down`, `connecting`.
    pub state: String,
    /// Why it is down.
    pub why: Option<String>,
    /// Since when.
    pub since: Time,
    /// Last reply or message.
    pub last_proved: Option<Time>,
    /// Requests since start.
    pub requests: u64,
    /// Failures since start.
    pub failures: u64,
    /// Connections made since start.
    pub connects: u64,
}

/// A device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Its id.
    pub id: DeviceId,
    /// `Display_1`.
    pub address: String,
    /// For people.
    pub name: String,
    /// Name of its system.
    pub system: String,
    /// Its driver.
    pub driver: String,
    /// Why it is not well; absent when it is.
    pub unwell: Option<String>,
    /// When it last answered.
    pub last_proved: Option<Time>,
    /// Its variables: name, label, value, and how the value reads for a person.
    pub values: Vec<Shown>,
}

/// One variable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its label.
    pub title: String,
    /// The value.
    pub value: Value,
    /// The value for people, with unit.
    pub text: String,
}

/// A hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldStatus {
    /// The device.
    pub device: DeviceId,
    /// `Display_1`.
    pub address: String,
    /// What of it.
    pub target: String,
    /// Who.
    pub who: String,
    /// With which priority.
    pub priority: String,
    /// Until when.
    pub until: Time,
}

impl Status {
    /// As it is now.
    pub async fn of(agent: &Agent) -> Status {
        let journal = agent.journal.state();
        let written =
            Class::ALL.iter().map(|class| (class.word().to_owned(), journal.written[*class as usize]));
        let desired = agent.desired().borrow().clone();
        let system = |id| {
            let system = desired.site.systems.iter().find(|system| system.id == id);
            system.map(|system| system.name.clone()).unwrap_or_default()
        };
        let all = agent.devices.all();
        let devices = all.iter().map(|device| DeviceStatus {
            id: device.site.id,
            address: device.site.address.clone(),
            name: device.site.name.clone(),
            system: system(device.site.system),
            driver: device.site.driver.clone(),
            unwell: unwell(&agent.board, device),
            last_proved: proved_at(&agent.board, device),
            values: values(agent, device.site.id, &device.manifest),
        });
        let address = |id| {
            all.iter()
                .find(|device| device.site.id == id)
                .map(|device| device.site.address.clone())
                .unwrap_or_default()
        };
        let holds = agent.commands.holds().into_iter().map(|hold| HoldStatus {
            device: hold.device,
            address: address(hold.device),
            target: hold.target,
            who: name(&hold.actor),
            priority: priority(hold.priority).into(),
            until: hold.until,
        });
        let vitals = vitals(agent);
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            at: agent.clock.now(),
            release: vitals.release,
            site_file: agent.site_file(),
            controller: agent.uplink().map(|uplink| {
                let state = uplink.state().borrow().clone();
                ControllerStatus {
                    connected: state.connected,
                    since: state.since,
                    last_proved: state.last_proved,
                    why: state.why.map(|why| why.to_string()),
                }
            }),
            journal: JournalStatus {
                backlog: journal.backlog(),
                bytes: journal.bytes,
                squeezed: journal.squeezed,
                written: written.collect(),
                stuck: journal.stuck.map(|why| why.to_string()),
            },
            broker: agent.links.broker_address().await.map(|address| address.to_string()),
            links: agent.links.health().into_iter().map(|(name, health)| link(name, &health)).collect(),
            lines: desired.lines.clone(),
            shares: agent.shares.all(),
            devices: devices.collect(),
            holds: holds.collect(),
            alarms: agent.alarms.active(),
            memory: vitals.memory,
        }
    }
}

fn link(name: String, health: &bo_link::Health) -> LinkStatus {
    LinkStatus {
        name,
        state: word(&health.state).into(),
        why: match &health.state {
            bo_link::LinkState::Down(why) => Some(why.to_string()),
            _ => health.limited.as_ref().map(|what| what.to_string()),
        },
        since: health.since,
        last_proved: health.last_proved,
        requests: health.requests,
        failures: health.failures,
        connects: health.connects,
    }
}

/// A device's variables as people read them.
pub fn values(agent: &Agent, device: DeviceId, manifest: &Manifest) -> Vec<Shown> {
    let entries = agent.board.of_device(device).into_iter();
    entries
        .map(|entry| {
            let field = manifest.status.get(&*entry.name).map(|status| &status.field);
            let text =
                field.map_or_else(|| entry.value.data.to_string(), |field| field.show(&entry.value.data));
            let title = field.map(|field| field.title.clone()).filter(|title| !title.is_empty());
            Shown {
                name: entry.name.to_string(),
                title: title.unwrap_or_else(|| entry.name.to_string()),
                value: entry.value,
                text,
            }
        })
        .collect()
}
