//! Messages of `/api/v1/live`, as `PROTOCOL.md` describes them.

use super::view::LiveValue;
use crate::alarms::Alarm;
use crate::commands::actions::Ask;
use crate::state::LogEntry;
use bo_model::command::Step;
use bo_model::{CommandId, DeviceId, EdgeId, SystemId, Time, TriggerId, ZoneId};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// Devices one subscription may name.
pub const MAX_DEVICES: usize = 2000;

/// What a client asks.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// Comes back in the answer.
    pub id: u64,
    #[serde(flatten)]
    pub body: Do,
}

/// Kinds of request.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Do {
    Subscribe {
        to: To,
        #[serde(default)]
        resume: Option<String>,
    },
    Unsubscribe {
        subscription: u64,
    },
    Command {
        device: DeviceId,
        #[serde(flatten)]
        ask: AskFields,
    },
    Ping,
}

/// [`Ask`] without its refusal of unknown fields, which flattening does not allow.
#[derive(Debug, Deserialize)]
pub struct AskFields {
    command: String,
    #[serde(default)]
    params: bo_model::settings::Values,
    #[serde(default)]
    key: Option<CommandId>,
    #[serde(default)]
    reason: Option<String>,
}

impl From<AskFields> for Ask {
    fn from(fields: AskFields) -> Ask {
        Ask {
            command: fields.command,
            params: fields.params,
            id: fields.key,
            within: None,
            reason: fields.reason,
        }
    }
}

/// What can be subscribed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// Values of these devices.
    Devices(Vec<DeviceId>),
    /// Values of a system's devices.
    System(SystemId),
    /// Values of all devices in a zone and below it.
    Zone(ZoneId),
    /// Alarms that need somebody.
    Alarms(bool),
    /// A device's log.
    Log(DeviceId),
    /// A command's evidence.
    Command(CommandId),
    /// Runs of a trigger instance.
    Trigger(TriggerId),
    /// Presence of gateways.
    Edges(bool),
}

/// A message about a subscription.
#[derive(Debug, Default, Serialize)]
pub struct Change {
    pub subscription: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<LiveValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<AlarmLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<crate::state::RunEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgeLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<&'static str>,
}

impl Change {
    /// Says nothing new.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.alarms.is_empty()
            && self.log.is_empty()
            && self.steps.is_empty()
            && self.runs.is_empty()
            && self.edges.is_empty()
            && self.ended.is_none()
    }
}

/// An alarm.
#[derive(Debug, Serialize)]
pub struct AlarmLine {
    #[serde(flatten)]
    pub alarm: Alarm,
    /// When it began.
    pub since: Time,
}

/// An edge's presence.
#[derive(Debug, Serialize)]
pub struct EdgeLine {
    pub id: EdgeId,
    pub online: bool,
    pub proved_at: Option<Time>,
    pub since: Option<Time>,
    pub backlog: u64,
    pub unwell: usize,
}

/// `{"id": …, "ok": …}`
pub fn ok(id: u64, body: Json) -> String {
    json!({ "id": id, "ok": body }).to_string()
}

/// `{"id": …, "error": …}`
pub fn error(id: u64, code: &str, message: &str) -> String {
    json!({ "id": id, "error": { "code": code, "message": message } }).to_string()
}
