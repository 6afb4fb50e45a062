//! The form of a link as data: which fields each kind has, and how they become the link's JSON and back.

use bo_model::release::{LinkConfig, ModbusShare};
use bo_model::settings::{Field, FieldKind, Values};
use bo_web::{Input, Result, WebError};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Kinds of links: (word, title, what it is for).
pub const KINDS: [(&str, &str, &str); 8] = [
    (
        "modbus-tcp",
        "Modbus TCP",
        "Meters, inverters and controllers in the network, or behind a Modbus gateway.",
    ),
    ("modbus-rtu", "Modbus RTU", "Devices on an RS-485 line at the gateway's serial port."),
    ("serial", "Serial", "A device with a text or byte protocol on a serial port: switchers, projectors."),
    ("tcp", "TCP or TLS", "A device with a text or byte protocol in the network."),
    ("udp", "UDP", "A device that takes datagrams."),
    (
        "mqtt-embedded",
        "MQTT, the gateway's own broker",
        "Devices on site that connect to the gateway by MQTT.",
    ),
    ("mqtt", "MQTT, a broker on site", "Devices that speak to a broker that is there already."),
    ("http", "HTTP", "Devices and services with an HTTP interface."),
];

fn text(title: &str, about: &str, required: bool) -> Field {
    Field {
        kind: FieldKind::Text,
        title: title.into(),
        about: about.into(),
        required,
        max: Some(200.0),
        ..Field::default()
    }
}

fn whole(title: &str, about: &str, (min, max): (f64, f64), default: Option<i64>) -> Field {
    Field {
        kind: FieldKind::Integer,
        title: title.into(),
        about: about.into(),
        min: Some(min),
        max: Some(max),
        default: default.map(Json::from),
        ..Field::default()
    }
}

fn choice(title: &str, choices: &[(&str, &str)], default: &str) -> Field {
    let choices = choices.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
    Field {
        kind: FieldKind::Choice,
        title: title.into(),
        choices,
        default: Some(json!(default)),
        ..Field::default()
    }
}

/// What TLS takes besides being switched on: (place in the link's JSON, title, about).
const OF_TLS: [(&str, &str, &str); 4] = [
    (
        "tls.ca_file",
        "CA file",
        "PEM file with the CA to trust, when it is not a public one. Files lie on the gateway, in its data directory.",
    ),
    ("tls.server_name", "Name in its certificate", "When it is another one than the host's."),
    (
        "tls.client_cert_file",
        "The gateway's certificate",
        "PEM file, for devices that want to know who connects, as those with Modbus/TCP Security do.",
    ),
    ("tls.client_key_file", "Its key", "PEM file with the key of that certificate."),
];

/// The fields of a kind of link: (place in its JSON, field), in the order of the form.
pub fn fields(kind: &str) -> Vec<(&'static str, Field)> {
    let host = || ("host", text("Host", "Name or address in the building's network.", true));
    let port = |default| ("port", whole("Port", "Empty takes the usual one.", (1.0, 65_535.0), default));
    let tls = || {
        (
            "tls",
            Field {
                kind: FieldKind::Boolean,
                title: "Encrypted (TLS)".into(),
                about: "The certificate is verified.".into(),
                ..Field::default()
            },
        )
    };
    let of_tls = || OF_TLS.map(|(place, title, about)| (place, text(title, about, false)));
    match kind {
        "modbus-tcp" => vec![
            host(),
            port(Some(502)),
            (
                "rtu_framing",
                Field {
                    kind: FieldKind::Boolean,
                    title: "RTU frames".into(),
                    about: "For converters that pass serial frames through unchanged.".into(),
                    ..Field::default()
                },
            ),
            tls(),
        ]
        .into_iter()
        .chain(of_tls())
        .collect(),
        "modbus-rtu" | "serial" => vec![
            (
                "line.path",
                text("Port", "Like /dev/ttyUSB0, or better a path below /dev/serial/by-id/.", true),
            ),
            ("line.baud", whole("Speed", "Bits per second.", (300.0, 921_600.0), Some(9600))),
            ("line.data_bits", whole("Data bits", "", (5.0, 8.0), Some(8))),
            ("line.parity", choice("Parity", &[("none", "None"), ("even", "Even"), ("odd", "Odd")], "none")),
            ("line.stop_bits", whole("Stop bits", "", (1.0, 2.0), Some(1))),
        ],
        "tcp" => [host(), port(None), tls()].into_iter().chain(of_tls()).collect(),
        "udp" => vec![host(), port(None)],
        "mqtt" => vec![
            host(),
            port(None),
            ("username", text("User name", "", false)),
            (
                "password_file",
                text("Password file", "A file in the gateway's data directory that holds it.", false),
            ),
            tls(),
        ]
        .into_iter()
        .chain(of_tls())
        .collect(),
        "http" => {
            let base = ("base", text("Base address", "https://host:port/base", true));
            [base].into_iter().chain(of_tls()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a kind of link can be shared with other masters.
pub fn is_shareable(kind: &str) -> bool {
    kind.starts_with("modbus")
}

/// The fields with which a Modbus link is shared.
pub fn share_fields() -> [(&'static str, Field); 3] {
    let switch = |title: &str, about: &str| Field {
        kind: FieldKind::Boolean,
        title: title.into(),
        about: about.into(),
        ..Field::default()
    };
    let address = "Port of the gateway that they connect to, like 1502, or 10.0.0.5:1502 to be reached in one network only. \
        Whoever reaches it reads the devices: let nobody in whom you would not let look.";
    [
        (
            "share",
            switch(
                "Other Modbus masters read through the gateway",
                "For meters and inverters that take one connection, and lines that take one master: a building management system \
                 asks the gateway instead of the device, and both read the same.",
            ),
        ),
        ("share-listen", text("Where they connect", address, false)),
        (
            "share-writes",
            switch(
                "They may also write",
                "What they write is not checked against permissions, gives way to nothing, and is not in the audit log.",
            ),
        ),
    ]
}

/// How a share is typed.
pub fn typed_share(share: &ModbusShare) -> [(String, String); 3] {
    let listen = match share.listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => share.listen.port().to_string(),
        _ => share.listen.to_string(),
    };
    [
        ("share".into(), "true".into()),
        ("share-listen".into(), listen),
        ("share-writes".into(), share.writes.to_string()),
    ]
}

/// The share of a link's form; none when the link is not to be shared.
pub fn read_share(kind: &str, input: &Input) -> Result<Option<ModbusShare>> {
    if !is_shareable(kind) || !input.checked("share") {
        return Ok(None);
    }
    let typed = input.text("share-listen");
    let listen = match typed.parse::<u16>() {
        Ok(port) => Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        Err(_) => typed.parse().ok(),
    };
    let listen = listen.filter(|listen: &SocketAddr| listen.port() != 0).ok_or_else(|| {
        WebError::field("share-listen", "must be a port, like 1502, or an address of the gateway with a port")
    })?;
    Ok(Some(ModbusShare { listen, writes: input.checked("share-writes") }))
}

/// A form's name for a place: dots belong to JSON.
pub fn field_name(place: &str) -> String {
    place.replace('.', "-")
}

/// What is stored at a place, as a form shows it.
pub fn stored(link: &Json, place: &str) -> Option<String> {
    let pointer = format!("/{}", place.replace('.', "/"));
    match link.pointer(&pointer)? {
        Json::String(text) => Some(text.clone()),
        Json::Object(_) => Some("true".into()),
        other => Some(other.to_string()),
    }
}

/// A link's JSON from a form over what is stored: what the form does not know stays.
pub fn read(kind: &str, held: &Json, input: &Input) -> Result<LinkConfig> {
    let described = fields(kind);
    let named: BTreeMap<String, Field> =
        described.iter().map(|(place, field)| (field_name(place), field.clone())).collect();
    let values: Values = input.values(&named)?;
    let mut link = if held.is_object() { held.clone() } else { json!({}) };
    link["kind"] = json!(kind);
    for (place, field) in &described {
        let value = values.get(&field_name(place)).cloned();
        match (*place, value) {
            ("tls", Some(Json::Bool(true))) => {
                if !link["tls"].is_object() {
                    link["tls"] = json!({});
                }
            }
            ("tls", _) => drop(link.as_object_mut().and_then(|link| link.remove("tls"))),
            (place, value) if let Some(key) = place.strip_prefix("tls.") => match value {
                Some(value) if link["tls"].is_object() || kind == "http" => link["tls"][key] = value,
                _ => {
                    if let Some(tls) = link.get_mut("tls").and_then(Json::as_object_mut) {
                        tls.remove(key);
                    }
                }
            },
            (place, value) => match (place.split_once('.'), value) {
                (Some((outer, inner)), Some(value)) => link[outer][inner] = value,
                (None, Some(value)) => link[place] = value,
                (None, None) if field.default.is_none() => {
                    drop(link.as_object_mut().and_then(|link| link.remove(place)))
                }
                _ => {}
            },
        }
    }
    for (one, other) in [("client_cert_file", "client_key_file"), ("client_key_file", "client_cert_file")] {
        if link["tls"][one].is_string() && !link["tls"][other].is_string() {
            let place = field_name(&format!("tls.{other}"));
            return Err(WebError::field(place, "certificate and key belong together"));
        }
    }
    serde_json::from_value(link).map_err(|error| WebError::field("", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_changes_what_it_knows_of_a_link_and_keeps_the_rest() {
        let held = json!({ "kind": "modbus-tcp", "host": "10.0.0.7", "port": 502, "tls": { "server_name": "meter" } });
        let sent = Input::filled([
            ("host", "10.0.0.8"),
            ("port", "1502"),
            ("rtu_framing", "false"),
            ("tls", "true"),
            ("tls-server_name", "meter"),
        ]);
        let link = read("modbus-tcp", &held, &sent).unwrap();
        let LinkConfig::ModbusTcp { host, port, tls, .. } = &link else { panic!("another kind") };
        assert_eq!((host.as_str(), *port), ("10.0.0.8", 1502));
        assert_eq!(tls.as_ref().and_then(|tls| tls.server_name.as_deref()), Some("meter"));
        let client = Input::filled([
            ("host", "10.0.0.8"),
            ("tls", "true"),
            ("tls-client_cert_file", "edge.pem"),
            ("tls-client_key_file", "edge.key"),
        ]);
        let Ok(LinkConfig::ModbusTcp { tls: Some(tls), .. }) = read("modbus-tcp", &held, &client) else {
            panic!("refused")
        };
        assert_eq!(tls.client_cert_file.as_deref(), Some("edge.pem".as_ref()));
        assert_eq!(tls.client_key_file.as_deref(), Some("edge.key".as_ref()));
        assert_eq!(tls.server_name, None, "what is emptied in the form is gone");
        let half = [("host", "10.0.0.8"), ("tls", "true"), ("tls-client_cert_file", "edge.pem")];
        let refused = read("modbus-tcp", &held, &Input::filled(half));
        assert!(matches!(refused, Err(WebError::BadInput(fields)) if fields[0].0 == "tls-client_key_file"));
        let plain = Input::filled([("host", "10.0.0.8"), ("tls", "false"), ("tls-ca_file", "ca.pem")]);
        let Ok(LinkConfig::ModbusTcp { tls, .. }) = read("modbus-tcp", &held, &plain) else {
            panic!("refused")
        };
        assert!(tls.is_none());
    }

    #[test]
    fn a_share_is_typed_as_a_port_or_an_address_and_shown_as_it_was_typed() {
        let typed = |listen: &str, writes: &str| {
            let sent = [("share", "true"), ("share-listen", listen), ("share-writes", writes)];
            read_share("modbus-tcp", &Input::filled(sent))
        };
        let share = typed("1502", "false").unwrap().unwrap();
        assert_eq!((share.listen.to_string().as_str(), share.writes), ("0.0.0.0:1502", false));
        assert_eq!(typed_share(&share)[1].1, "1502");
        let share = typed("10.0.0.5:1502", "true").unwrap().unwrap();
        assert_eq!((typed_share(&share)[1].1.as_str(), share.writes), ("10.0.0.5:1502", true));
        for wrong in ["", "0", "meters", "10.0.0.5", "70000"] {
            assert!(
                matches!(typed(wrong, "false"), Err(WebError::BadInput(fields)) if fields[0].0 == "share-listen")
            );
        }
        let sent = [("share", "true"), ("share-listen", "1502")];
        assert_eq!(read_share("http", &Input::filled(sent)).unwrap(), None, "only Modbus is shared");
        assert_eq!(read_share("modbus-rtu", &Input::filled([("share-listen", "1502")])).unwrap(), None);
    }

    #[test]
    fn every_kind_of_link_can_be_made_from_its_form() {
        for (kind, ..) in KINDS {
            let sent = ["host", "base", "line-path"]
                .map(|name| (name, if name == "base" { "https://x" } else { "x" }));
            assert!(read(kind, &Json::Null, &Input::filled(sent)).is_ok(), "{kind}");
        }
        let empty = read("serial", &Json::Null, &Input::default());
        assert!(matches!(empty, Err(WebError::BadInput(fields)) if fields[0].0 == "line-path"));
    }
}
