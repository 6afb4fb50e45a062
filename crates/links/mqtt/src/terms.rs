//! What a broker grants a session when it lets us in, and what it makes of our messages. Pure.

use crate::packets::{Broken, MAX_PACKET, level, said};
use bo_link::MqttMessage;
use bo_model::release::MqttVersion;
use mqtt5::Properties;
use mqtt5::packet::connack::ConnAckPacket;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::properties::{PropertyId, PropertyValue};
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use std::sync::Arc;
use std::time::Duration;

/// How long both sides may be silent, when the broker wants nothing shorter.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Publishes the broker has not acknowledged.
pub(crate) const IN_FLIGHT: usize = 256;
/// Topics that may have a short name, in either direction.
pub(crate) const ALIASES: u16 = 64;
/// Room for a packet's header, its topic's length, its id and the properties we set (MQTT 5 §3.3).
const AROUND: usize = 5 + 2 + 2 + 10;

/// What the broker grants. MQTT 3.1.1 brokers can't say, so they grant all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Unacknowledged publishes.
    pub in_flight: usize,
    /// Highest quality of service.
    pub qos: u8,
    /// Whether it keeps retained messages.
    pub retain: bool,
    /// Bytes of a packet.
    pub packet: usize,
    /// Topics we may give short names.
    pub aliases: u16,
    /// Whether filters may have wildcards.
    pub wildcards: bool,
    /// How long we may be silent.
    pub keep_alive: Duration,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            in_flight: IN_FLIGHT,
            qos: 2,
            retain: true,
            packet: MAX_PACKET,
            aliases: 0,
            wildcards: true,
            keep_alive: KEEP_ALIVE,
        }
    }
}

impl Terms {
    /// Of the broker's greeting; when it refuses, in words.
    pub(crate) fn of(greeting: &ConnAckPacket, version: MqttVersion) -> Result<Terms, Broken> {
        let properties = &greeting.properties;
        match greeting.reason_code {
            ReasonCode::Success => {}
            ReasonCode::UnsupportedProtocolVersion if version == MqttVersion::V5 => {
                return Err(Broken::off(
                    "the broker does not speak MQTT 5: take `version = 5` out of this link",
                ));
            }
            code => {
                return Err(Broken::off(format!("the broker did not let us in: {}", said(code, properties))));
            }
        }
        let byte = |id| match properties.get(id) {
            Some(PropertyValue::Byte(value)) => Some(*value),
            _ => None,
        };
        let own = Terms::default();
        let keep_alive = match properties.get_server_keep_alive() {
            None | Some(0) => KEEP_ALIVE,
            Some(seconds) => KEEP_ALIVE.min(Duration::from_secs(seconds.into())),
        };
        Ok(Terms {
            in_flight: greeting.receive_maximum().map_or(IN_FLIGHT, |most| IN_FLIGHT.min(most.max(1).into())),
            qos: byte(PropertyId::MaximumQoS).unwrap_or(own.qos).min(own.qos),
            retain: byte(PropertyId::RetainAvailable) != Some(0),
            packet: greeting.maximum_packet_size().map_or(MAX_PACKET, |most| MAX_PACKET.min(most as usize)),
            aliases: greeting.topic_alias_maximum().unwrap_or(0).min(ALIASES),
            wildcards: byte(PropertyId::WildcardSubscriptionAvailable) != Some(0),
            keep_alive,
        })
    }

    /// Whether the broker would take this message; if not, why.
    pub(crate) fn admit(&self, message: &MqttMessage) -> Result<(), Arc<str>> {
        if message.retain && !self.retain {
            return Err("the broker keeps no retained messages".into());
        }
        let size = message.topic.len() + message.payload.len() + AROUND;
        if size > self.packet {
            return Err(format!("a message of {size} bytes; the broker takes {} at most", self.packet).into());
        }
        Ok(())
    }
}

/// Our greeting. A session of our own ends with its connection (decision 8), so a broker need not keep anything for it.
pub(crate) fn greeting(config: &crate::MqttConfig) -> ConnectPacket {
    let mut properties = Properties::default();
    if config.version == MqttVersion::V5 {
        properties.set_session_expiry_interval(0);
        properties.set_receive_maximum(IN_FLIGHT as u16);
        properties.set_maximum_packet_size(MAX_PACKET as u32);
        properties.set_topic_alias_maximum(ALIASES);
    }
    ConnectPacket {
        protocol_version: level(config.version),
        clean_start: true,
        keep_alive: KEEP_ALIVE.as_secs() as u16,
        client_id: config.client_id.clone(),
        username: config.login.as_ref().map(|(user, _)| user.clone()),
        password: config.login.as_ref().map(|(_, password)| password.clone().into_bytes()),
        will: None,
        properties,
        will_properties: Properties::default(),
    }
}
