//! Who is told of what: alarms and the notices of triggers, by mail, webhook and MQTT.
//!
//! A channel says to whom, from which severity on, for which zone, and after how long: one with a delay is an escalation,
//! told only of alarms that nobody has seen to by then. Raising an alarm puts an event into the outbox in the same
//! transaction; [`handle`] turns it into messages, which `bo-delivery` sends.

pub mod actions;
mod handle;
pub mod maintenance;
pub mod queries;
pub mod routes;
mod through;

pub use handle::{HANDLER, escalate, notices};

use bo_model::{Kind, Object, Time, WorkspaceId, ZoneId};
use serde::Serialize;

bo_model::ids! {
    /// A way to tell people or programs.
    ChannelId,
    /// A time in which alarms are expected.
    MaintenanceId,
}

bo_db::id_columns!(ChannelId, MaintenanceId);

/// How a channel reaches its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Mail to a group's members or one person.
    Mail,
    /// A signed POST.
    Webhook,
    /// A message at the configured broker.
    Mqtt,
}

impl ChannelKind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            ChannelKind::Mail => "mail",
            ChannelKind::Webhook => "webhook",
            ChannelKind::Mqtt => "mqtt",
        }
    }

    fn parse(word: &str) -> ChannelKind {
        match word {
            "webhook" => ChannelKind::Webhook,
            "mqtt" => ChannelKind::Mqtt,
            _ => ChannelKind::Mail,
        }
    }
}

/// A way to tell people or programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// For people; triggers name it in `notify`.
    pub name: String,
    /// How.
    pub kind: ChannelKind,
    /// Mail: a group or an account.
    pub recipient: Option<Object>,
    /// Webhook: the URL. MQTT: the topic.
    pub address: String,
    /// Signs webhooks; written and never shown.
    #[serde(skip)]
    pub secret: String,
    /// Only what is in this zone and below; everything when absent.
    pub zone: Option<ZoneId>,
    /// From this severity on.
    pub severity: String,
    /// Only what nobody has seen to after so many minutes; at once when 0.
    pub after_minutes: i64,
    /// The same condition again within so many minutes is not told.
    pub quiet_minutes: i64,
    /// Used when true.
    pub enabled: bool,
}

impl Channel {
    /// As messages and the audit log name it.
    pub fn object(&self) -> Object {
        Object::new(Kind("channel"), self.id)
    }
}

/// A time in which alarms of an object, and of all in it, are expected: they are kept, and nobody is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Maintenance {
    /// Its id.
    pub id: MaintenanceId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// A zone, system, device or gateway.
    pub object: Object,
    /// From then on.
    pub starts_at: Time,
    /// Until then.
    pub ends_at: Time,
    /// What is done.
    pub reason: String,
    /// By whom it was planned, by name.
    pub made_by: String,
    /// When it was planned.
    pub made_at: Time,
}

/// `info` < `warning` < `critical`.
pub fn rank(severity: &str) -> u8 {
    match severity {
        "critical" => 3,
        "warning" => 2,
        _ => 1,
    }
}
