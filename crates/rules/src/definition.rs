//! `trigger.toml`: what an integrator or the console's form writes. `docs/triggers.md` explains it.
//!
//! One shape serves the file and the form (as JSON). Names and references are checked when it is compiled
//! for a system, because only then is known which devices there are.

use crate::diagnostic::{self, Error};
use bo_model::command::Priority;
use bo_model::settings::{Field, Values};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A `trigger.toml` longer than this is refused, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// A whole `trigger.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The folder's name: `room-empty-off`.
    pub name: String,
    /// For people.
    pub title: String,
    /// One or two sentences.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Its commands' priority: `trigger`, or `schedule` for what yields to every other trigger.
    #[serde(default = "trigger_priority")]
    pub priority: Priority,
    /// The result must stand this long before anything happens, in both directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debounce: Option<String>,
    /// After it cleared it does not become active again for this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<String>,
    /// Once active it stays active at least this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_active: Option<String>,
    /// Commands that `rule.rhai` may give beyond those of the actions below: `Hvac_1.set_mode`, `Display_*.power`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permit: Vec<String>,
    /// `[input.<name>]`.
    #[serde(rename = "input", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Input>,
    /// `[param.<name>]`: what each instance may tune.
    #[serde(rename = "param", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Field>,
    /// `[when]`: active when true. Absent when `rule.rhai` has `condition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// `[until]`: once active, stays so until this is true; absent = until `when` is no longer true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Condition>,
    /// `[[on_active]]`: what happens when it becomes active, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_active: Vec<Action>,
    /// `[[on_clear]]`: what happens when it clears, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_clear: Vec<Action>,
}

fn trigger_priority() -> Priority {
    Priority::Trigger
}

impl Definition {
    /// Reads a `trigger.toml`. An unknown key or a wrong type is an error with its line.
    pub fn parse(text: &str) -> Result<Definition, Error> {
        diagnostic::read_toml("trigger.toml", text, MAX_TEXT)
    }
}

/// `[input.<name>]`: a status variable by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `Sensor_1.people`; `Inverter_*.power` with `fold`.
    pub of: String,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Which qualities the rule may act on.
    #[serde(default)]
    pub quality: Policy,
    /// How the values of several devices become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// A number is multiplied by this: `-1` turns import into surplus, `0.001` W into kW.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Used where the device is absent or its value may not be acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Json>,
}

/// Which qualities a rule may act on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Good alone.
    #[default]
    Good,
    /// Good and uncertain.
    Uncertain,
    /// All: with bad quality the last good datum.
    Any,
}

/// How the values of several devices become one. Each has to be one that may be acted on, except that for
/// `any` a single true one, and for `all` a single false one, is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// Their sum.
    Sum,
    /// Their arithmetic mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// True when one is.
    Any,
    /// True when each is.
    All,
    /// How many are true.
    Count,
}

/// One condition: a group, a comparison, a time, a call, presence or the script; each may be `held_for`.
/// Exactly one of its kinds is given; compiling names the place where it is not so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Condition {
    /// True when each is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Condition>>,
    /// True when one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Condition>>,
    /// True when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,

    /// Name of an `[input]`, with one of the comparisons that follow. Their right sides are literals or `"{name}"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Input equals this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Json>,
    /// Input differs from this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_equals: Option<Json>,
    /// Input < this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<Json>,
    /// Input ≤ this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Json>,
    /// Input > this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<Json>,
    /// Input ≥ this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Json>,
    /// low ≤ input ≤ high.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<(Json, Json)>,
    /// Input equals one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Json>>,
    /// Input changed within the last `for`, a second when absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// Input has this quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityTest>,

    /// `mon-fri`, `sat,sun`; every day when absent. With or without `from` and `to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<String>,
    /// `18:00`, `sunset`, `sunset - 30min`; midnight when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Likewise; the day's end when absent. Not after `from` means the next day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Five fields of cron, six with seconds first; true for `for` afterwards, a minute when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// IANA time zone of this schedule; the system's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,

    /// Name of a webhook; true for `for` after it was called, a second when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// `Display_1`, `Display_*` or `*`: one of them can't be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline: Option<String>,
    /// With `offline`: each device counts by itself. `held_for` is of each, and while the trigger is active its
    /// `on_active` is carried out again for every further device that stays away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub each: bool,
    /// Likewise: each of them can be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<String>,
    /// `condition`: the function of that name in `rule.rhai`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,

    /// How long an event stays true: for `changed`, `cron` and `webhook`.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<String>,
    /// True only after it was true for this long without a break.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_for: Option<String>,
}

/// Asks for a quality instead of a datum; never held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QualityTest {
    /// Good.
    Good,
    /// Anything else.
    NotGood,
    /// Uncertain.
    Uncertain,
    /// Bad.
    Bad,
    /// Uncertain because it is old.
    Stale,
}

/// One action; exactly one of `command`, `alarm`, `notify`, `emit` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Action {
    /// `Hvac_1.set_mode`, `Display_*.power`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The command's parameters: literals, or `"{name}"` of an input or a param.
    #[serde(skip_serializing_if = "Values::is_empty")]
    pub params: Values,
    /// Holds the command's target for a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseFor>,
    /// How long the command may take to reach the device; 30 s when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Raises an alarm, which clears with the trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<AlarmText>,
    /// Tells somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notice>,
    /// Publishes an event to the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emit: Option<Event>,
}

/// A claim on a command's target that ends by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseFor {
    /// How long.
    #[serde(rename = "for")]
    pub lasts: String,
    /// Parameters of the same command that are sent afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Values>,
}

/// How urgent an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Needs somebody today.
    Warning,
    /// Needs somebody now.
    Critical,
}

impl Severity {
    /// As records and the API write it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// What an alarm says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmText {
    /// How urgent.
    pub severity: Severity,
    /// One sentence; `{name}` stands for an input or a param.
    pub text: String,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Channels: names of groups or of people, as the workspace knows them.
    pub to: Vec<String>,
    /// Short; the trigger's title when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The message; `{name}` stands for an input or a param.
    pub text: String,
}

/// An event for the controller's modules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Dotted name: `room.no-show`.
    pub event: String,
    /// What goes with it.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub data: Values,
}
