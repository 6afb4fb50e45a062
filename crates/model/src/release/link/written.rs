//! A link as it is written down: all kinds in one table, read key by key, so that what is wrong is found on its own line.
//! An enum told apart by a tag would be read into memory first, and TOML would know no more than where the table begins.

use super::{LinkConfig, ModbusTiming, MqttVersion, SerialLine, TlsClient};
use serde::Deserialize;
use std::path::PathBuf;

/// Where Modbus TCP is spoken as a rule.
const MODBUS_PORT: u16 = 502;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    ModbusTcp,
    ModbusRtu,
    Serial,
    Tcp,
    Udp,
    MqttEmbedded,
    Mqtt,
    Http,
}

/// Every key of every kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    kind: Kind,
    host: Option<String>,
    port: Option<u16>,
    rtu_framing: Option<bool>,
    tls: Option<TlsClient>,
    timing: Option<ModbusTiming>,
    line: Option<SerialLine>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    version: Option<MqttVersion>,
    base: Option<String>,
}

impl TryFrom<Written> for LinkConfig {
    type Error = String;

    /// Takes the keys of its kind; one that is missing or left over is named.
    fn try_from(mut all: Written) -> Result<LinkConfig, String> {
        let link = match all.kind {
            Kind::ModbusTcp => LinkConfig::ModbusTcp {
                host: need("host", all.host.take())?,
                port: all.port.take().unwrap_or(MODBUS_PORT),
                rtu_framing: all.rtu_framing.take().unwrap_or_default(),
                tls: all.tls.take(),
                timing: all.timing.take().unwrap_or_default(),
            },
            Kind::ModbusRtu => LinkConfig::ModbusRtu {
                line: need("line", all.line.take())?,
                timing: all.timing.take().unwrap_or_default(),
            },
            Kind::Serial => LinkConfig::Serial { line: need("line", all.line.take())? },
            Kind::Tcp => LinkConfig::Tcp {
                host: need("host", all.host.take())?,
                port: all.port.take(),
                tls: all.tls.take(),
            },
            Kind::Udp => LinkConfig::Udp { host: need("host", all.host.take())?, port: all.port.take() },
            Kind::MqttEmbedded => LinkConfig::MqttEmbedded,
            Kind::Mqtt => LinkConfig::Mqtt {
                host: need("host", all.host.take())?,
                port: all.port.take(),
                tls: all.tls.take(),
                username: all.username.take(),
                password_file: all.password_file.take(),
                version: all.version.take().unwrap_or_default(),
            },
            Kind::Http => LinkConfig::Http { base: need("base", all.base.take())?, tls: all.tls.take() },
        };
        match all.left_over() {
            None => Ok(link),
            Some(key) => Err(format!("a link of this kind has no `{key}`")),
        }
    }
}

impl Written {
    /// A key that its kind does not know.
    fn left_over(&self) -> Option<&'static str> {
        let keys = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("rtu_framing", self.rtu_framing.is_some()),
            ("tls", self.tls.is_some()),
            ("timing", self.timing.is_some()),
            ("line", self.line.is_some()),
            ("username", self.username.is_some()),
            ("password_file", self.password_file.is_some()),
            ("version", self.version.is_some()),
            ("base", self.base.is_some()),
        ];
        keys.into_iter().find(|(_, written)| *written).map(|(key, _)| key)
    }
}

fn need<T>(key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{key}`"))
}

#[cfg(test)]
mod tests {
    use crate::release::Site;

    #[test]
    fn what_is_wrong_in_a_link_is_found_on_its_own_line() {
        let of = |kind: &str, rest: &str| format!("[link.bus]\nkind = \"{kind}\"\n{rest}\n");
        for (text, line, part) in [
            (of("modbus-tcp", "host = \"h\"\nprot = 1502"), 4, "unknown field `prot`"),
            (of("modbus-tcp", "host = 7"), 3, "expected a string"),
            (of("modbus-rtu", "line = { path = \"/dev/ttyUSB0\", baud = \"fast\" }"), 3, "expected u32"),
            (of("modbus-rtu", "line = { path = \"/dev/ttyUSB0\", speed = 1 }"), 3, "unknown field `speed`"),
            (of("modbus-tpc", ""), 2, "unknown variant `modbus-tpc`"),
            (of("modbus-tcp", "port = 502"), 1, "missing field `host`"),
            (of("tcp", "host = \"h\"\nbase = \"http://h\""), 1, "a link of this kind has no `base`"),
        ] {
            let error = toml::from_str::<Site>(&text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line},")) && error.contains(part), "{text}: {error}");
        }
    }
}
