//! What a driver can reach: handles of links it was given, never a concrete link, and its system's devices.
//! A part that is `None` was not granted.

use bo_link::{BytesOp, BytesReply, Handle, HttpReply, HttpRequest, ModbusOp, ModbusReply, MqttOp};
use bo_model::settings::Values;
use bo_model::{DeviceId, Value};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::error::CommandError;

/// The links of one device. Give the one its manifest asks for; the edge feeds what arrives unasked back with
/// [`crate::Device::event`].
#[derive(Clone, Default)]
pub struct Links {
    /// Framed bytes.
    pub bytes: Option<Handle<BytesOp, BytesReply>>,
    /// Modbus; the unit comes from the device's setting `unit` (1 when absent).
    pub modbus: Option<Handle<ModbusOp, ModbusReply>>,
    /// MQTT.
    pub mqtt: Option<Handle<MqttOp, ()>>,
    /// HTTP.
    pub http: Option<Handle<HttpRequest, HttpReply>>,
    /// The other devices of the system.
    pub system: Option<Arc<dyn System>>,
}

/// Another device of the same system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// `Display_1`.
    pub address: String,
    /// `Display`.
    pub module: String,
}

/// A status variable as a neighbour sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The value, staleness already judged.
    pub value: Value,
}

/// A future in a box, as [`System::command`] returns it.
pub type Reply<'a> = Pin<Box<dyn Future<Output = Result<(), CommandError>> + Send + 'a>>;

/// A device's view of its system. The edge runtime implements it; commands go through the same arbitration as
/// anybody's, with the device as the actor.
pub trait System: Send + Sync + 'static {
    /// All devices of the asker's system but itself, by address.
    fn devices(&self) -> Vec<Neighbour>;
    /// What a status variable shows now; `None` when the device or variable is unknown or was never seen.
    fn status(&self, address: &str, name: &str) -> Option<Reading>;
    /// From now on changes of this variable reach `asker` as [`crate::Event::Input`], the present value at once.
    /// The error is a sentence: no such device, too many watched.
    fn watch(&self, asker: DeviceId, address: &str, name: &str) -> Result<(), String>;
    /// Commands a device and waits for its answer, `within` at most.
    fn command<'a>(
        &'a self,
        asker: DeviceId,
        address: &'a str,
        name: &'a str,
        params: Values,
        within: Duration,
    ) -> Reply<'a>;
}
