//! A release: one immutable version of an edge's desired configuration. The controller compiles it, signs
//! its hash, and the edge runs from it without asking anybody (`crates/wire` has the signed envelope).
//!
//! The same shape as TOML is a **site file**: what `backoffice-edge run --site` and tests start from.

use crate::id::{DeviceId, EdgeId, SystemId, TriggerId, ZoneId};
use crate::map::ZoneMap;
use crate::people::SitePerson;
use crate::settings::Values;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Everything one edge needs to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The edge it is for; absent in a hand-written site file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeId>,
    /// Zones this edge's systems lie in, parents first.
    #[serde(rename = "zone", default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<SiteZone>,
    /// Systems on this edge.
    #[serde(rename = "system", default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<SiteSystem>,
    /// Endpoints by name.
    #[serde(rename = "link", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, LinkConfig>,
    /// Modbus links that other masters may use, by the link's name.
    #[serde(rename = "share", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, ModbusShare>,
    /// Devices.
    #[serde(rename = "device", default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<SiteDevice>,
    /// Triggers bound to systems.
    #[serde(rename = "trigger", default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<SiteTrigger>,
    /// People who may sign in on the edge's local page.
    #[serde(rename = "person", default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<SitePerson>,
    /// How long people may operate without a word from the controller; afterwards they may only look. For ever when absent.
    #[serde(default, with = "crate::span::option", skip_serializing_if = "Option::is_none")]
    pub people_valid_for: Option<Duration>,
    /// Floor maps by name.
    #[serde(rename = "map", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub maps: BTreeMap<String, SiteMap>,
    /// Driver name → hash of the packed driver, hex SHA-256. Absent in a hand-written site file: the folder is used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drivers: BTreeMap<String, String>,
}

/// A zone as the edge needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteZone {
    /// Its id.
    pub id: ZoneId,
    /// The zone it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ZoneId>,
    /// For people.
    pub name: String,
    /// What `{zone}` means on its map.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Name of its floor map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// IANA time zone; the parent's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A floor map as the edge shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteMap {
    /// `map.svg`.
    pub svg: String,
    /// `map.toml`.
    pub bindings: ZoneMap,
}

/// A system as the edge needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSystem {
    /// Its id.
    pub id: SystemId,
    /// For people.
    pub name: String,
    /// How floor maps name it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The zone it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneId>,
    /// IANA time zone its schedules run in, resolved; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Latitude and longitude in degrees, for sun times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<(f64, f64)>,
}

/// A device as the edge needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteDevice {
    /// Its id.
    pub id: DeviceId,
    /// The system it belongs to.
    pub system: SystemId,
    /// Its address there: `Display_1`.
    pub address: String,
    /// For people; the address when empty.
    #[serde(default)]
    pub name: String,
    /// The driver's name.
    pub driver: String,
    /// Name of the link; absent for logic devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Settings, resolved per key.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub settings: Values,
    /// Runs when true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// A trigger bound to a system. `crates/rules` reads the definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteTrigger {
    /// Its id.
    pub id: TriggerId,
    /// The system whose devices its inputs name.
    pub system: SystemId,
    /// `triggers/<name>`.
    pub name: String,
    /// Text of `trigger.toml`. Absent in a hand-written site file: the folder is used.
    #[serde(default)]
    pub definition: String,
    /// Text of `rule.rhai`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Parameters of this instance.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub params: Values,
    /// Evaluated when true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum LinkConfig {
    /// Modbus TCP, or RTU frames over TCP.
    ModbusTcp {
        /// Host name or address.
        host: String,
        /// 502 when absent. Devices with TLS listen on 802 as a rule.
        #[serde(default = "modbus_port")]
        port: u16,
        /// RTU frames instead of MBAP.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rtu_framing: bool,
        /// Present for TLS ("MODBUS/TCP Security"), which as a rule wants a client certificate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
        /// How requests are timed.
        #[serde(default)]
        timing: ModbusTiming,
    },
    /// Modbus RTU on a serial port.
    ModbusRtu {
        /// Port and line settings.
        line: SerialLine,
        /// How requests are timed.
        #[serde(default)]
        timing: ModbusTiming,
    },
    /// Bytes on a serial port.
    Serial {
        /// Port and line settings.
        line: SerialLine,
    },
    /// Bytes over TCP, or TLS.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port; the driver's when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// Present for TLS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
    },
    /// Datagrams.
    Udp {
        /// Host name or address.
        host: String,
        /// Port; the driver's when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
    },
    /// The edge's own broker.
    MqttEmbedded,
    /// A broker somewhere on site.
    Mqtt {
        /// Host name or address.
        host: String,
        /// 1883, or 8883 with TLS, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// Present for TLS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<String>,
        /// File that holds the password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_file: Option<PathBuf>,
    },
    /// HTTP requests below one base address.
    Http {
        /// `https://host:port/base`.
        base: String,
        /// Pinned CA or client certificate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
    },
}

fn modbus_port() -> u16 {
    502
}

/// A serial port and its line settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialLine {
    /// `/dev/ttyUSB0`, or better a path in `/dev/serial/by-id/`.
    pub path: PathBuf,
    /// Bits per second; 9600 when absent.
    #[serde(default = "baud")]
    pub baud: u32,
    /// 5 to 8; 8 when absent.
    #[serde(default = "eight")]
    pub data_bits: u8,
    /// None when absent.
    #[serde(default)]
    pub parity: Parity,
    /// 1 or 2; 1 when absent.
    #[serde(default = "one")]
    pub stop_bits: u8,
    /// Who turns an RS-485 line round; the adapter when absent.
    #[serde(default, skip_serializing_if = "Direction::is_default")]
    pub direction: Direction,
}

impl SerialLine {
    /// A port with eight data bits, no parity and one stop bit.
    pub fn new(path: impl Into<PathBuf>, baud: u32) -> SerialLine {
        SerialLine {
            path: path.into(),
            baud,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
            direction: Direction::Adapter,
        }
    }
}

/// Who turns an RS-485 line round between sending and receiving. On two wires only one may send at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The adapter does it by itself, as nearly all on USB do; also for RS-232 and RS-422.
    #[default]
    Adapter,
    /// The kernel's driver of the port does it with the RTS line: exact to the bit, where the driver can.
    Kernel,
    /// The agent raises RTS while it sends: for ports whose driver can't.
    Rts,
}

impl Direction {
    fn is_default(&self) -> bool {
        *self == Direction::default()
    }
}

fn baud() -> u32 {
    9600
}
fn eight() -> u8 {
    8
}
fn one() -> u8 {
    1
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// None.
    #[default]
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// How requests on a Modbus link are timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModbusTiming {
    /// How long a reply may take.
    #[serde(with = "crate::span")]
    pub timeout: Duration,
    /// Pause between two transactions, on top of the frame gap a serial line needs.
    #[serde(with = "crate::span")]
    pub gap: Duration,
    /// Pause after connecting: some gateways need one.
    #[serde(with = "crate::span")]
    pub after_connect: Duration,
}

impl Default for ModbusTiming {
    fn default() -> Self {
        ModbusTiming { timeout: Duration::from_secs(1), gap: Duration::ZERO, after_connect: Duration::ZERO }
    }
}

/// A Modbus link offered to other masters over Modbus TCP: for devices that take one connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusShare {
    /// Where masters connect: `0.0.0.0:1502`.
    pub listen: std::net::SocketAddr,
    /// Lets them write too. They do so unseen by permission, arbitration and audit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writes: bool,
}

/// TLS as a client. The server is always verified.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsClient {
    /// PEM file with the CAs to trust instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Name to verify instead of the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// PEM files of a client certificate and its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cert_file: Option<PathBuf>,
    /// See `client_cert_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_file_reads_and_a_typo_is_named_with_its_line() {
        let text = r#"
[link.bus]
kind = "modbus-rtu"
line = { path = "/dev/ttyUSB0", baud = 19200, parity = "even" }
timing = { timeout = "500ms" }
[link.broker]
kind = "mqtt-embedded"
[[system]]
id = "0198c0de-0000-7000-8000-000000000001"
name = "Room 1.01"
[[device]]
id = "0198c0de-0000-7000-8000-000000000002"
system = "0198c0de-0000-7000-8000-000000000001"
address = "Meter_1"
driver = "sdm630-meter"
link = "bus"
settings = { unit = 3 }
"#;
        let site: Site = toml::from_str(text).unwrap();
        assert_eq!(site.links.len(), 2);
        let error = toml::from_str::<Site>(&text.replace("baud", "boud")).unwrap_err().to_string();
        assert!(error.contains("boud"), "{error}");
    }
}
