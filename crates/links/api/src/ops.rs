//! Requests and replies per kind of link.

use bo_model::points::Table;
use bytes::Bytes;

/// A Modbus transaction. Addresses are 0-based, `unit` is 0–255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModbusOp {
    /// FC1–4 by table; `count` ≤ 125 registers or 2000 bits.
    Read {
        /// Unit (slave) address.
        unit: u8,
        /// Table.
        table: Table,
        /// First address.
        address: u16,
        /// Registers or bits.
        count: u16,
    },
    /// FC6, or FC16 when `multiple` or more than one.
    WriteRegisters {
        /// Unit (slave) address.
        unit: u8,
        /// First address.
        address: u16,
        /// Values, at most 123.
        values: Vec<u16>,
        /// Use FC16 for a single register too.
        multiple: bool,
    },
    /// FC5, or FC15 when `multiple` or more than one.
    WriteCoils {
        /// Unit (slave) address.
        unit: u8,
        /// First address.
        address: u16,
        /// Values, at most 1968.
        values: Vec<bool>,
        /// Use FC15 for a single coil too.
        multiple: bool,
    },
    /// FC22: the register becomes (register AND `and`) OR (`or` AND NOT `and`), in one step on the device.
    MaskWrite {
        /// Unit (slave) address.
        unit: u8,
        /// Address.
        address: u16,
        /// Bits that stay as they are.
        and: u16,
        /// What the other bits become.
        or: u16,
    },
    /// FC23: writes, then reads, in one transaction that no other master comes between.
    WriteRead {
        /// Unit (slave) address.
        unit: u8,
        /// First address written.
        write_address: u16,
        /// Values, at most 121.
        values: Vec<u16>,
        /// First address read.
        read_address: u16,
        /// Registers read, at most 125.
        read_count: u16,
    },
    /// FC43/14: vendor, product code, revision and further objects.
    Identify {
        /// Unit (slave) address.
        unit: u8,
    },
}

impl ModbusOp {
    /// The unit it is for.
    pub fn unit(&self) -> u8 {
        match self {
            ModbusOp::Read { unit, .. }
            | ModbusOp::WriteRegisters { unit, .. }
            | ModbusOp::WriteCoils { unit, .. }
            | ModbusOp::MaskWrite { unit, .. }
            | ModbusOp::WriteRead { unit, .. }
            | ModbusOp::Identify { unit } => *unit,
        }
    }
}

/// A Modbus reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModbusReply {
    /// Of holding and input registers.
    Registers(Vec<u16>),
    /// Of coils and discrete inputs, exactly as many as asked for.
    Bits(Vec<bool>),
    /// A write was accepted.
    Written,
    /// Object id → text.
    Identity(Vec<(u8, String)>),
}

/// A request on a framed byte link. Frames come and go without their delimiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BytesOp {
    /// Send and expect nothing.
    Send(Bytes),
    /// Send, and take the next frame as the reply. Frames that arrive unasked go to the subscribers.
    Exchange(Bytes),
    /// Drop the connection and make a new one (the peer wants a fresh greeting).
    Reconnect,
}

/// A reply on a byte link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BytesReply {
    /// Sent.
    Sent,
    /// The frame that followed.
    Frame(Bytes),
}

/// A request on an MQTT link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MqttOp {
    /// Publish one message.
    Publish(MqttMessage),
    /// Subscribe a filter; matching messages go to every subscriber of the link.
    Subscribe(String),
}

/// An MQTT message, in or out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttMessage {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Bytes,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Retain flag; on a message received it means "not live".
    pub retain: bool,
}

/// An HTTP request below the link's base address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, joined to the base.
    pub path: String,
    /// Header name and value.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
}

/// An HTTP reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Header name and value.
    pub headers: Vec<(String, String)>,
    /// Body, at most the link's limit.
    pub body: Bytes,
}
