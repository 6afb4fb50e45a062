//! What a driver needs to talk to its gateway: implement [`Device`] and name it once with [`driver!`].
//!
//! ```ignore
//! use backoffice_driver::*;
//!
//! struct Lamp;
//!
//! impl Device for Lamp {
//!     fn start(_: Config) -> Result<Lamp> {
//!         Ok(Lamp)
//!     }
//!     fn command(&mut self, _: &str, params: Values) -> Result<()> {
//!         let on = params.boolean("on")?;
//!         bytes::exchange(if on { b"ON" } else { b"OFF" }, 1000)?;
//!         publish("on", on);
//!         Ok(())
//!     }
//! }
//!
//! driver!(Lamp);
//! ```

pub mod bindings;
mod data;
#[cfg(target_arch = "wasm32")]
mod memory;
mod values;

pub use bindings::backoffice::driver::host::{cancel_timer, now, set_timer};
pub use bindings::backoffice::driver::types::{Data, Error, Level};
pub use bindings::backoffice::driver::{bytes, host, http, modbus, mqtt, system};
pub use bindings::exports::backoffice::driver::device::{Event, Input, Message};
pub use data::sentence;
pub use serde_json::{Value as Json, json};
pub use values::Values;

/// What every call of a driver returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What makes this device different from others of its driver.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address in the system: `Display_1`.
    pub address: String,
    /// Its settings, checked against the manifest, defaults filled in, lengths of time in milliseconds.
    pub settings: Values,
}

/// A driver. One value of it lives per device.
pub trait Device: Sized {
    /// Called once, before anything else. An error is shown to people, and the device is tried again later.
    fn start(config: Config) -> Result<Self>;

    /// Something happened. An error is written to the device's log.
    fn event(&mut self, event: Event) -> Result<()> {
        let _ = event;
        Ok(())
    }

    /// Carries out a command of the manifest; returning means that the device accepted it.
    fn command(&mut self, name: &str, params: Values) -> Result<()> {
        let _ = params;
        Err(Error::Refused(format!("this driver does not know the command `{name}`")))
    }
}

/// Publishes a status variable, good and observed now.
pub fn publish(status: &str, value: impl Into<Data>) {
    host::publish(status, &value.into());
}

/// Says that a status variable can't be known at present, and why.
pub fn publish_bad(status: &str, why: &str) {
    host::publish_bad(status, why);
}

/// Writes to the device's log, for people.
pub fn log(level: Level, message: impl AsRef<str>) {
    host::log(level, message.as_ref());
}

/// Makes a type that implements [`Device`] the driver of this component.
#[macro_export]
macro_rules! driver {
    ($device:ty) => {
        #[doc(hidden)]
        mod __driver {
            use super::*;
            use std::cell::RefCell;
            use $crate::bindings::exports::backoffice::driver::device as wit;

            thread_local! {
                static DEVICE: RefCell<Option<$device>> = const { RefCell::new(None) };
            }

            pub struct Glue;

            fn with<T>(call: impl FnOnce(&mut $device) -> $crate::Result<T>) -> $crate::Result<T> {
                DEVICE.with_borrow_mut(|device| match device {
                    Some(device) => call(device),
                    None => Err($crate::Error::Failed("the driver was not started".into())),
                })
            }

            impl wit::Guest for Glue {
                fn start(config: wit::Config) -> $crate::Result<()> {
                    let settings = $crate::Values::parse(&config.settings)?;
                    let config = $crate::Config { address: config.address, settings };
                    let device = <$device as $crate::Device>::start(config)?;
                    DEVICE.set(Some(device));
                    Ok(())
                }

                fn handle(event: wit::Event) -> $crate::Result<()> {
                    with(|device| $crate::Device::event(device, event))
                }

                fn command(name: String, params: String) -> $crate::Result<()> {
                    let params = $crate::Values::parse(&params)?;
                    with(|device| $crate::Device::command(device, &name, params))
                }
            }

            $crate::bindings::export_driver!(Glue with_types_in $crate::bindings);
        }
    };
}
