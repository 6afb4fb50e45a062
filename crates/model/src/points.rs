//! Points of a profile: how a datum lies in a device's registers or messages. Data only; the codec
//! lives with the link (`crates/links/modbus`, `crates/links/mqtt`).

use crate::settings::Values;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Which of the four Modbus tables (Modbus Application Protocol V1.1b3 §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// FC1 read, FC5/15 write.
    Coil,
    /// FC2 read.
    Discrete,
    /// FC4 read.
    Input,
    /// FC3 read, FC6/16 write.
    #[default]
    Holding,
}

/// How registers spell a datum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// One bit: a coil, a discrete input, or bit `bit` of a register.
    Bool,
    /// Signed 16 bit.
    I16,
    /// Unsigned 16 bit.
    #[default]
    U16,
    /// Signed 32 bit.
    I32,
    /// Unsigned 32 bit.
    U32,
    /// Signed 64 bit.
    I64,
    /// Unsigned 64 bit.
    U64,
    /// IEEE 754 single.
    F32,
    /// IEEE 754 double.
    F64,
    /// ASCII, two characters a register, padded with NUL or space; `length` registers.
    String,
    /// SunSpec scale factor: signed 16 bit power of ten.
    Sunssf,
    /// SunSpec accumulator, 32 bit: 0 means not implemented.
    Acc32,
    /// SunSpec accumulator, 64 bit: 0 means not implemented.
    Acc64,
}

/// Order of bytes on the wire for a 32-bit value 0xAABBCCDD; 64-bit values follow the same pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// Big endian words and bytes: what the standard says.
    #[default]
    ABCD,
    /// Words swapped.
    CDAB,
    /// Bytes swapped within words.
    BADC,
    /// Little endian throughout.
    DCBA,
}

/// What a write costs the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wear {
    /// RAM: write as often as needed.
    #[default]
    Volatile,
    /// Flash or EEPROM: counted against a daily budget and refused beyond it.
    Flash,
}

/// One point of a Modbus profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusPoint {
    /// Status variable it feeds; its own name when absent. Several points may feed one variable (int and
    /// float models of one device): the one that exists on the device does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Which table.
    #[serde(default)]
    pub table: Table,
    /// 0-based address. Absent for points in a SunSpec model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<u16>,
    /// SunSpec: the model's name in `[modbus.sunspec.models]`; `offset` counts from the model's id register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Registers from the start of `model`, its id register being 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u16>,
    /// How registers spell it.
    #[serde(rename = "type", default)]
    pub encoding: Encoding,
    /// Registers, for strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u16>,
    /// Byte and word order; the profile's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Which bit, 0 = least significant, for `bool` in a register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit: Option<u8>,
    /// raw × scale + add = value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// raw × scale + add = value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<f64>,
    /// Point that holds the power of ten to scale by; always read in the same block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_point: Option<String>,
    /// Raw number → datum, for registers that hold a choice: `{ 0 = "off", 1 = "heat" }`. Applied instead of
    /// `scale`, and backwards on writes. A raw number that is not listed is bad quality (`out-of-range`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub map: BTreeMap<String, serde_json::Value>,
    /// Raw values that mean "not implemented". SunSpec points know theirs from their type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unimplemented: Vec<i64>,
    /// Poll group; `once` = read at start, absent = the first group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<String>,
    /// May be written (by commands only).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write: bool,
    /// Write with FC16/FC15 even where one register or coil would do with FC6/FC5.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write_multiple: bool,
    /// Write one bit of a register with FC22, for devices that know it: without, the register is read, changed and
    /// written, and what another master changed in between is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write_mask: bool,
    /// What a write costs.
    #[serde(default)]
    pub wear: Wear,
    /// Writes allowed a day when `wear = "flash"`; 24 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_budget: Option<u32>,
    /// Values outside are bad quality (`out-of-range`) when read and refused when written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// See `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// A poll group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollGroup {
    /// Wanted interval between reads.
    #[serde(with = "crate::span")]
    pub every: Duration,
}

/// SunSpec discovery: models this driver knows, by a name of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sunspec {
    /// Where to look for `SunS`; 40000, 0 and 50000 when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<u16>,
    /// Name → model ids that satisfy it, preferred first.
    pub models: BTreeMap<String, Vec<u16>>,
}

/// The `[modbus]` part of a driver: a device described by data, read and written without code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusProfile {
    /// Registers in one read, at most 125; some devices take less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_read: Option<u16>,
    /// Unused registers a read may span to merge two blocks; 16 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<u16>,
    /// Order for points that name none.
    #[serde(default)]
    pub order: Order,
    /// Groups by name; the first by name is the default one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub poll: BTreeMap<String, PollGroup>,
    /// Present for SunSpec devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunspec: Option<Sunspec>,
    /// Points by name.
    #[serde(rename = "point", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub points: BTreeMap<String, ModbusPoint>,
}

/// One point of an MQTT profile. `{key}` in a topic is the device's setting `key`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttPoint {
    /// Status variable it feeds; its own name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Topic filter, `+` allowed.
    pub topic: String,
    /// Path in a JSON payload, dots between keys; absent = the payload as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// raw × scale + add = value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// raw × scale + add = value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<f64>,
    /// Payload word → datum: `{ "ON" = true, "OFF" = false }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub map: BTreeMap<String, serde_json::Value>,
}

/// The `[mqtt]` part of a driver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttProfile {
    /// Topic that says whether the device is there, and the payloads that mean yes and no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// Published (topic, payload) after each connect, to make the device say what it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_connect: Vec<Publish>,
    /// Points by name.
    #[serde(rename = "point", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub points: BTreeMap<String, MqttPoint>,
}

/// Presence as MQTT devices tell it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Availability {
    /// Topic; `{key}` as in points.
    pub topic: String,
    /// Path in a JSON payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Payload that means online.
    pub online: String,
    /// Payload that means offline.
    pub offline: String,
}

/// A message to send. `{key}` is a setting of the device or a parameter of the command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: String,
    /// What the device calls a parameter's value: `{ true = "on", false = "off" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
}

impl Publish {
    /// `params` in the device's words.
    pub fn worded(&self, params: &Values) -> Values {
        let worded = params.iter().map(|(key, value)| {
            let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (key.clone(), self.words.get(&plain).map_or_else(|| value.clone(), |word| word.as_str().into()))
        });
        worded.collect()
    }
}
