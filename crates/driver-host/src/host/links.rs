//! Imports that talk to the device. Each waits on the host's side, which costs the driver no processor time.

use super::{HostState, MOST_FILTERS};
use crate::bindings::backoffice::driver as wit;
use bo_link::{
    BytesOp, BytesReply, Handle, HttpRequest, LinkError, ModbusOp, ModbusReply, MqttMessage, MqttOp, Urgency,
};
use bo_model::points::Table;
use bytes::Bytes;
use std::time::Duration;
use wit::types::Error;

/// How long a request may take where the driver can't say.
const REPLY: Duration = Duration::from_secs(5);
/// Largest frame, payload or body a driver may send.
const LARGEST: usize = 256 * 1024;

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Error {
        match error {
            LinkError::Offline(why) => Error::Offline(why.to_string()),
            LinkError::Timeout => Error::Timeout,
            LinkError::BackedOff(_) | LinkError::Closed => Error::Offline(error.to_string()),
            LinkError::Exception(code) => Error::Exception(code),
            LinkError::Protocol(what) => Error::Protocol(what.to_string()),
            LinkError::Busy => Error::Busy,
            LinkError::Invalid(what) => Error::Invalid(what.to_string()),
        }
    }
}

/// What the outcome of a request says about the device being there; `None` when it says nothing.
fn proves<Reply>(outcome: &Result<Reply, LinkError>) -> Option<bool> {
    match outcome {
        Ok(_) => Some(true),
        // 0x0A and 0x0B are said by a gateway about a device that is not there.
        Err(LinkError::Exception(code)) => Some(!matches!(code, 0x0A | 0x0B)),
        Err(LinkError::Timeout | LinkError::Offline(_) | LinkError::BackedOff(_)) => Some(false),
        Err(LinkError::Protocol(_) | LinkError::Busy | LinkError::Invalid(_) | LinkError::Closed) => None,
    }
}

impl HostState {
    /// Sends one request on a link; the wait is not the driver's processor time.
    async fn call<Op, Reply>(
        &mut self,
        handle: Option<Handle<Op, Reply>>,
        op: Op,
        within: Duration,
    ) -> Result<Reply, LinkError> {
        let handle = handle.ok_or_else(|| LinkError::Offline("this device has no link".into()))?;
        self.waited = true;
        let urgency = if self.commanding { Urgency::Command } else { Urgency::Poll };
        let outcome = handle.call(op, urgency, within).await;
        self.waited = true;
        outcome
    }

    /// A request that the device itself answers.
    async fn ask_device<Op, Reply>(
        &mut self,
        handle: Option<Handle<Op, Reply>>,
        op: Op,
        within: Duration,
    ) -> Result<Reply, Error> {
        let outcome = self.call(handle, op, within).await;
        if let Some(answered) = proves(&outcome) {
            self.outside.sink.answered(self.outside.device, answered);
        }
        outcome.map_err(Error::from)
    }

    /// A request that the link answers, or the broker.
    async fn ask<Op, Reply>(
        &mut self,
        handle: Option<Handle<Op, Reply>>,
        op: Op,
        within: Duration,
    ) -> Result<Reply, Error> {
        self.call(handle, op, within).await.map_err(Error::from)
    }
}

fn bounded(bytes: Vec<u8>) -> Result<Bytes, Error> {
    if bytes.len() > LARGEST {
        return Err(Error::Invalid(format!("{} bytes are too many, at most {LARGEST}", bytes.len())));
    }
    Ok(bytes.into())
}

impl wit::bytes::Host for HostState {
    async fn send(&mut self, frame: Vec<u8>) -> Result<(), Error> {
        let op = BytesOp::Send(bounded(frame)?);
        self.ask(self.outside.links.bytes.clone(), op, REPLY).await.map(|_| ())
    }

    async fn exchange(&mut self, frame: Vec<u8>, timeout_ms: u32) -> Result<Vec<u8>, Error> {
        let op = BytesOp::Exchange(bounded(frame)?);
        match self.ask_device(self.outside.links.bytes.clone(), op, Self::within(timeout_ms)).await? {
            BytesReply::Frame(frame) => Ok(frame.into()),
            BytesReply::Sent => Err(Error::Protocol("the link sent, but gave no reply".into())),
        }
    }

    async fn reconnect(&mut self) -> Result<(), Error> {
        self.ask(self.outside.links.bytes.clone(), BytesOp::Reconnect, REPLY).await.map(|_| ())
    }
}

impl HostState {
    async fn modbus(&mut self, op: ModbusOp) -> Result<ModbusReply, Error> {
        self.ask_device(self.outside.links.modbus.clone(), op, REPLY).await
    }
}

impl wit::modbus::Host for HostState {
    async fn read_bits(
        &mut self,
        table: wit::modbus::Bits,
        address: u16,
        count: u16,
    ) -> Result<Vec<bool>, Error> {
        let table = match table {
            wit::modbus::Bits::Coil => Table::Coil,
            wit::modbus::Bits::Discrete => Table::Discrete,
        };
        match self.modbus(ModbusOp::Read { unit: self.outside.unit, table, address, count }).await? {
            ModbusReply::Bits(bits) => Ok(bits),
            _ => Err(Error::Protocol("the reply holds no bits".into())),
        }
    }

    async fn read_registers(
        &mut self,
        table: wit::modbus::Registers,
        address: u16,
        count: u16,
    ) -> Result<Vec<u16>, Error> {
        let table = match table {
            wit::modbus::Registers::Input => Table::Input,
            wit::modbus::Registers::Holding => Table::Holding,
        };
        match self.modbus(ModbusOp::Read { unit: self.outside.unit, table, address, count }).await? {
            ModbusReply::Registers(values) => Ok(values),
            _ => Err(Error::Protocol("the reply holds no registers".into())),
        }
    }

    async fn write_coils(&mut self, address: u16, values: Vec<bool>) -> Result<(), Error> {
        let op = ModbusOp::WriteCoils { unit: self.outside.unit, address, values, multiple: false };
        self.modbus(op).await.map(|_| ())
    }

    async fn write_registers(&mut self, address: u16, values: Vec<u16>) -> Result<(), Error> {
        let op = ModbusOp::WriteRegisters { unit: self.outside.unit, address, values, multiple: false };
        self.modbus(op).await.map(|_| ())
    }

    async fn mask_register(&mut self, address: u16, and: u16, or: u16) -> Result<(), Error> {
        let op = ModbusOp::MaskWrite { unit: self.outside.unit, address, and, or };
        self.modbus(op).await.map(|_| ())
    }

    async fn write_read_registers(
        &mut self,
        write_address: u16,
        values: Vec<u16>,
        read_address: u16,
        read_count: u16,
    ) -> Result<Vec<u16>, Error> {
        let unit = self.outside.unit;
        match self
            .modbus(ModbusOp::WriteRead { unit, write_address, values, read_address, read_count })
            .await?
        {
            ModbusReply::Registers(values) => Ok(values),
            _ => Err(Error::Protocol("the reply holds no registers".into())),
        }
    }
}

impl wit::mqtt::Host for HostState {
    async fn publish(&mut self, topic: String, payload: Vec<u8>, retain: bool) -> Result<(), Error> {
        let message = MqttMessage { topic, payload: bounded(payload)?, qos: 1, retain };
        self.ask(self.outside.links.mqtt.clone(), MqttOp::Publish(message), REPLY).await
    }

    async fn subscribe(&mut self, filter: String) -> Result<(), Error> {
        if !self.filters.contains(&filter) {
            if self.filters.len() >= MOST_FILTERS {
                return Err(Error::Invalid(format!("at most {MOST_FILTERS} filters")));
            }
            self.filters.push(filter.clone());
        }
        self.ask(self.outside.links.mqtt.clone(), MqttOp::Subscribe(filter), REPLY).await
    }
}

impl wit::http::Host for HostState {
    async fn send(
        &mut self,
        request: wit::http::Request,
        timeout_ms: u32,
    ) -> Result<wit::http::Response, Error> {
        let request = HttpRequest {
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: bounded(request.body)?,
        };
        let reply =
            self.ask_device(self.outside.links.http.clone(), request, Self::within(timeout_ms)).await?;
        Ok(wit::http::Response { status: reply.status, headers: reply.headers, body: reply.body.into() })
    }
}
