//! `[simulate]` in a `driver.toml`: what the fake device knows beyond the profile. The edge does not read it.
//!
//! Text in `reply`, `greeting`, `set` and the like may hold `{name}`: a named group of the rule's pattern, a
//! setting, or a variable, in that order.

use bo_model::settings::Values;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The section.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simulate {
    /// Values at start, by status variable or by point.
    pub values: Values,
    /// SunSpec: the models of the device, in the order they lie.
    pub sunspec: Vec<u16>,
    /// SunSpec: where `SunS` lies; 40000 when absent.
    pub base: Option<u16>,
    /// Modbus: registers between the points are refused (exception 2) instead of read as 0.
    pub strict: bool,
    /// Modbus: what happens when a point is written, besides its taking the value.
    pub writes: BTreeMap<String, Reaction>,
    /// MQTT: how often everything is published; every 10 s when absent.
    #[serde(with = "bo_model::span::option")]
    pub every: Option<Duration>,
    /// MQTT: points whose topics are published as soon as they change; all when empty.
    pub on_change: Vec<String>,
    /// A conversation in text.
    pub dialogue: Option<Dialogue>,
}

/// What a command or a write does to the device.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reaction {
    /// Variables that change at once.
    pub set: Values,
    /// Variables that change later; the same command given again starts this anew.
    pub later: Vec<Later>,
}

/// A change that takes its time: warming up, cooling down, going back to normal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// How long: `5s`, or `{revert}s`. Nothing happens when it comes to zero.
    pub after: String,
    /// Variables that change then.
    pub set: Values,
}

/// How a device converses in lines of text.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialogue {
    /// Sent on connect; `{nonce}` is eight random hexadecimal digits.
    pub greeting: Option<String>,
    /// Sent instead when the setting named in `password` is empty.
    pub open_greeting: Option<String>,
    /// How a client proves that it knows the password.
    pub auth: Option<Auth>,
    /// The device hangs up after this long without a line.
    #[serde(with = "bo_model::span::option")]
    pub idle: Option<Duration>,
    /// Status variable → datum → what stands for it on the wire.
    pub words: BTreeMap<String, BTreeMap<String, String>>,
    /// `[[simulate.dialogue.on]]`: the first rule that fits answers.
    #[serde(rename = "on")]
    pub rules: Vec<Rule>,
    /// `[[simulate.dialogue.notify]]`: lines sent unasked when something else changed a variable.
    pub notify: Vec<Notify>,
}

/// Digest in front of the first line: the hexadecimal MD5 of a text both sides know.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The setting that holds the password; nothing is asked for when it is empty.
    pub password: String,
    /// What is digested: `{nonce}{password}`.
    pub digest_of: String,
    /// Sent when the digest is missing or wrong.
    pub refuse: String,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Regular expression for the whole line.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Only while these variables have these values, or one of these values.
    #[serde(default)]
    pub when: Values,
    /// The answer; none when absent.
    #[serde(default)]
    pub reply: Option<String>,
    /// See [`Reaction`].
    #[serde(default)]
    pub set: Values,
    /// See [`Reaction`].
    #[serde(default)]
    pub later: Vec<Later>,
}

/// One unasked line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The variable; `output_*` is every variable that begins so, and `{suffix}` what follows.
    pub status: String,
    /// The line; `{value}` is the new value in the wire's words.
    pub send: String,
}
