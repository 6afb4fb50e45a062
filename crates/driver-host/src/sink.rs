//! Where everything goes that a driver says. The edge's point board implements it; it must not block.

use crate::error::Fault;
use bo_model::{DeviceId, Value};
use std::sync::Arc;
use std::time::Duration;

/// How loud a line of a device's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the author of the driver.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something does not work.
    Error,
}

/// How a driver instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Being started.
    Starting,
    /// Started, and answering.
    Running,
    /// Ended for a reason, and started again after a pause.
    Faulted {
        /// Why.
        fault: Fault,
        /// Times in a row.
        failures: u32,
        /// Until it is tried again; `None` when only a new release can help.
        retry_in: Option<Duration>,
    },
    /// Stopped on purpose.
    Stopped,
}

/// Receives what a driver publishes and says.
pub trait Sink: Send + Sync + 'static {
    /// A status variable, named as in the manifest.
    fn publish(&self, device: DeviceId, status: &Arc<str>, value: Value);
    /// The instance's life.
    fn state(&self, device: DeviceId, state: DeviceState);
    /// The device answered a request of its driver, or did not: by that its presence can be judged.
    fn answered(&self, _device: DeviceId, _answered: bool) {}
    /// A line of the device's log, secrets already struck out.
    fn log(&self, device: DeviceId, level: Level, message: &str);
}
