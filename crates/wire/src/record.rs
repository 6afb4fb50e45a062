//! Records of the journal: what an edge keeps until the controller has it.

use crate::raw::Raw;
use bo_model::command::{Actor, CommandRequest, Stage, Step};
use bo_model::{DeviceId, SystemId, Time, TriggerId, Value};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt;

/// Priority classes, most important first. Sequence numbers are per (edge, class, epoch), without holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Who did what on site. Never dropped.
    Audit,
    /// Alarms raised and cleared on site. Never dropped.
    Alarm,
    /// Commands and their evidence.
    Command,
    /// Values whose every change matters: modes, states, texts, presence; trigger runs.
    Status,
    /// Measurements. Thinned before dropped.
    History,
    /// Log lines of drivers and the agent. Dropped first.
    Log,
}

impl Class {
    /// All classes, most important first.
    pub const ALL: [Class; 6] =
        [Class::Audit, Class::Alarm, Class::Command, Class::Status, Class::History, Class::Log];

    /// Its word, as in JSON.
    pub fn word(self) -> &'static str {
        ["audit", "alarm", "command", "status", "history", "log"][self as usize]
    }

    /// May never be dropped, whatever the disk says.
    pub fn is_protected(self) -> bool {
        matches!(self, Class::Audit | Class::Alarm)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// 1, 2, 3 … per class and epoch.
    pub seq: u64,
    /// When it happened, by the edge's clock.
    pub at: Time,
    /// What happened.
    pub body: Body,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "t")]
pub enum Body {
    /// A status variable changed (classes `status` and `history`).
    Status(StatusChange),
    /// Somebody or something asked for a command (class `command`).
    Command {
        /// The request, as it was taken.
        request: CommandRequest,
    },
    /// A link of a command's evidence chain (class `command`).
    Step {
        /// The step.
        step: Step,
        /// Stages that it went through at the same moment, on the way to this one. Who does not know of them (controllers
        /// earlier than this) sees the one they led to.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        passed: Cow<'static, [Stage]>,
    },
    /// An alarm condition began or ended (class `alarm`).
    Alarm(AlarmEvent),
    /// A trigger fired, cleared, or was held back (class `status`).
    Trigger(TriggerRun),
    /// Something was done or refused on site (class `audit`), chained.
    Audit(AuditEntry),
    /// A log line (class `log`).
    Log(LogLine),
    /// Records were lost; stands in their place with the last lost sequence number.
    Gap(Gap),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Tag {
    Status,
    Command,
    Step,
    Alarm,
    Trigger,
    Audit,
    Log,
    Gap,
}

impl Tag {
    fn read<'de, D: Deserializer<'de>>(self, fields: D) -> Result<Body, D::Error> {
        #[derive(Deserialize)]
        struct Asked {
            request: CommandRequest,
        }
        #[derive(Deserialize)]
        struct Evidence {
            step: Step,
            #[serde(default)]
            passed: Cow<'static, [Stage]>,
        }
        Ok(match self {
            Tag::Status => Body::Status(StatusChange::deserialize(fields)?),
            Tag::Command => Body::Command { request: Asked::deserialize(fields)?.request },
            Tag::Step => {
                let Evidence { step, passed } = Evidence::deserialize(fields)?;
                Body::Step { step, passed }
            }
            Tag::Alarm => Body::Alarm(AlarmEvent::deserialize(fields)?),
            Tag::Trigger => Body::Trigger(TriggerRun::deserialize(fields)?),
            Tag::Audit => Body::Audit(AuditEntry::deserialize(fields)?),
            Tag::Log => Body::Log(LogLine::deserialize(fields)?),
            Tag::Gap => Body::Gap(Gap::deserialize(fields)?),
        })
    }
}

/// Written by hand: what is derived for a tagged enum copies all fields first, in case the tag comes last. We write it
/// first, so that the fields are read in place; wherever else it is, it is found all the same.
impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> de::Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record's body")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let mut fields = serde_json::Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key != "t" {
                fields.insert(key, map.next_value()?);
                continue;
            }
            let tag: Tag = map.next_value()?;
            if fields.is_empty() {
                return tag.read(MapAccessDeserializer::new(map));
            }
            while let Some((key, value)) = map.next_entry::<String, Json>()? {
                fields.insert(key, value);
            }
            return tag.read(Json::Object(fields)).map_err(de::Error::custom);
        }
        Err(de::Error::missing_field("t"))
    }
}

/// A changed status variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusChange {
    /// Device.
    pub device: DeviceId,
    /// Status variable.
    pub name: String,
    /// New value.
    pub value: Value,
}

/// Begin or end of an alarm condition. `key` is the same for both and for each repetition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmEvent {
    /// Stable name of the condition: `trigger:<id>` or `device:<id>:offline`.
    pub key: String,
    /// True when it begins.
    pub active: bool,
    /// `info`, `warning`, `critical`.
    pub severity: String,
    /// For people.
    pub text: String,
    /// System it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemId>,
    /// Device it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
}

/// One evaluation worth keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriggerRun {
    /// The trigger instance.
    pub trigger: TriggerId,
    /// `activated`, `cleared`, `held-back`, `failed`.
    pub outcome: String,
    /// Inputs, qualities, sub-conditions and actions as `crates/rules` writes them.
    pub trace: Raw,
    /// Notifications to send: channel and text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Json>,
}

/// An audit record made on site. `previous` is the hash of the one before it (hex SHA-256 of its JSON), so
/// that a removed or changed one is found when the controller folds them in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Who.
    pub actor: Actor,
    /// From where: `local-page 10.0.0.7`, `command-line`.
    pub origin: String,
    /// What: `command.execute`, `release.switch`, `journal.gap`.
    pub verb: String,
    /// On what: `device:<id>`.
    pub object: String,
    /// Before, after, parameters; secrets redacted.
    #[serde(default)]
    pub detail: Json,
    /// `done`, `refused: why`, `failed: why`.
    pub outcome: String,
    /// Hash of the entry before; empty for the first of an epoch.
    pub previous: String,
}

impl AuditEntry {
    /// What the next entry carries as `previous`: hex SHA-256 of this one as JSON.
    pub fn hash(&self) -> String {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever writes the driver.
    Debug,
    /// Normal life.
    Info,
    /// Worth a look.
    Warn,
    /// Needs somebody.
    Error,
}

/// A log line of a device's driver, or of the agent itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// The device; absent for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// How loud.
    pub level: LogLevel,
    /// One line, limited in length.
    pub text: String,
}

/// Lost records, owned up to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// First lost sequence number.
    pub from: u64,
    /// Last lost sequence number; the gap record's own `seq`.
    pub to: u64,
    /// How many records were lost (thinning loses some of a range).
    pub count: u64,
    /// Why, in words: `disk bound reached`, `thinned to one sample a minute`, `journal file damaged`.
    pub why: String,
}
