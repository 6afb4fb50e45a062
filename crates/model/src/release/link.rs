//! Endpoints as a site file and a release describe them: `docs/links.md` explains each key.

mod written;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", try_from = "written::Written")]
pub enum LinkConfig {
    /// Modbus TCP, or RTU frames over TCP.
    ModbusTcp {
        /// Host name or address.
        host: String,
        /// 502 when absent. Devices with TLS listen on 802 as a rule.
        port: u16,
        /// RTU frames instead of MBAP.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        rtu_framing: bool,
        /// Present for TLS ("MODBUS/TCP Security"), which as a rule wants a client certificate.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
        /// How requests are timed.
        timing: ModbusTiming,
    },
    /// Modbus RTU on a serial port.
    ModbusRtu {
        /// Port and line settings.
        line: SerialLine,
        /// How requests are timed.
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
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// Present for TLS.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
    },
    /// Datagrams.
    Udp {
        /// Host name or address.
        host: String,
        /// Port; the driver's when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
    },
    /// The edge's own broker.
    MqttEmbedded,
    /// A broker somewhere on site.
    Mqtt {
        /// Host name or address.
        host: String,
        /// 1883, or 8883 with TLS, when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// Present for TLS.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
        /// User name.
        #[serde(skip_serializing_if = "Option::is_none")]
        username: Option<String>,
        /// File that holds the password.
        #[serde(skip_serializing_if = "Option::is_none")]
        password_file: Option<PathBuf>,
        /// 3.1.1 when absent.
        #[serde(skip_serializing_if = "MqttVersion::is_usual")]
        version: MqttVersion,
    },
    /// HTTP requests below one base address.
    Http {
        /// `https://host:port/base`.
        base: String,
        /// Pinned CA or client certificate.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls: Option<TlsClient>,
    },
}

impl LinkConfig {
    /// Looks for the files it names (certificates, passwords) in `folder`, unless they are absolute.
    pub fn files_in(&mut self, folder: &Path) {
        let (tls, password) = match self {
            LinkConfig::ModbusTcp { tls, .. }
            | LinkConfig::Tcp { tls, .. }
            | LinkConfig::Http { tls, .. } => (tls.as_mut(), None),
            LinkConfig::Mqtt { tls, password_file, .. } => (tls.as_mut(), password_file.as_mut()),
            LinkConfig::ModbusRtu { .. }
            | LinkConfig::Serial { .. }
            | LinkConfig::Udp { .. }
            | LinkConfig::MqttEmbedded => (None, None),
        };
        let of_tls = tls.into_iter().flat_map(|tls| {
            [&mut tls.ca_file, &mut tls.client_cert_file, &mut tls.client_key_file].into_iter().flatten()
        });
        of_tls.chain(password).for_each(|file| *file = folder.join(&*file));
    }
}

/// A version of MQTT, written as a number: 3 or 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum MqttVersion {
    /// 3.1.1, which every broker speaks.
    #[default]
    V3,
    /// 5: the broker says what it grants and why it refuses.
    V5,
}

impl MqttVersion {
    fn is_usual(&self) -> bool {
        *self == MqttVersion::default()
    }
}

impl From<MqttVersion> for u8 {
    fn from(version: MqttVersion) -> u8 {
        match version {
            MqttVersion::V3 => 3,
            MqttVersion::V5 => 5,
        }
    }
}

impl TryFrom<u8> for MqttVersion {
    type Error = String;

    fn try_from(number: u8) -> Result<MqttVersion, String> {
        match number {
            3 => Ok(MqttVersion::V3),
            5 => Ok(MqttVersion::V5),
            other => Err(format!("there is no MQTT version {other} here: 3 (which is 3.1.1) or 5")),
        }
    }
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
    pub listen: SocketAddr,
    /// Lets them write too. They do so unseen by permission, arbitration and audit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writes: bool,
}

/// What is wrong with the shares of a gateway, as the link's name and a sentence each.
pub fn share_mistakes(
    links: &BTreeMap<String, LinkConfig>,
    shares: &BTreeMap<String, ModbusShare>,
) -> Vec<(String, String)> {
    let mut mistakes = Vec::new();
    let mut taken: BTreeMap<SocketAddr, &str> = BTreeMap::new();
    for (name, share) in shares {
        let mut wrong = |why: String| mistakes.push((name.clone(), format!("share.{name}: {why}")));
        match links.get(name) {
            Some(LinkConfig::ModbusTcp { .. } | LinkConfig::ModbusRtu { .. }) => {}
            Some(_) => wrong(format!("link {name} does not speak Modbus; only Modbus links can be shared")),
            None => wrong(format!("there is no [link.{name}] to share")),
        }
        if share.listen.port() != 0
            && let Some(other) = taken.insert(share.listen, name)
        {
            wrong(format!("share.{other} listens on {} already", share.listen));
        }
    }
    mistakes
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
    fn a_broker_is_spoken_to_in_3_1_1_unless_the_link_says_5_and_other_versions_are_named() {
        let read =
            |more: &str| toml::from_str::<LinkConfig>(&format!("kind = \"mqtt\"\nhost = \"h\"\n{more}"));
        for (text, expected) in
            [("", MqttVersion::V3), ("version = 3", MqttVersion::V3), ("version = 5", MqttVersion::V5)]
        {
            assert!(
                matches!(read(text), Ok(LinkConfig::Mqtt { version, .. }) if version == expected),
                "{text}"
            );
        }
        let error = read("version = 4").unwrap_err().to_string();
        assert!(error.contains("no MQTT version 4") && error.contains("3 (which is 3.1.1) or 5"), "{error}");
        assert!(!toml::to_string(&read("").unwrap()).unwrap().contains("version"), "hashes of releases stay");
    }
}
