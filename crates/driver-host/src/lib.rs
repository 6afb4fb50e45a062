//! Runs driver components: the only crate that knows WebAssembly.
//!
//! A [`Package`] is a driver (manifest, component, tests) with its hash; `bo-driver-package` reads it. The [`Engine`] compiles components once
//! and keeps the result on disk. A [`Device`] is one instance with its own memory, processor and time limits,
//! restarted with back-off when it faults; it reaches its device only through the [`Links`] it was given, and
//! what it publishes goes to a [`Sink`]. Versions of the interface lie in `drivers/wit/<version>/`.

mod bindings;
mod budget;
mod cache;
mod device;
mod engine;
mod error;
mod grant;
mod host;
mod instance;
mod links;
mod sink;
mod stack;
mod stdio;
mod supervisor;
mod ticker;
pub mod transcript;

pub use bo_driver_package::{Package, Trust, Unpacked, pack, sign, unpack, verify};
pub use device::{Device, DeviceConfig, Event};
pub use engine::{Engine, Loaded};
pub use error::{CommandError, Error, Fault};
pub use links::{Links, Neighbour, Reading, System};
pub use sink::{DeviceState, Level, Sink};
pub use supervisor::Supervisor;

/// Version of the WIT package this host speaks; a manifest names it in `[component] wit`.
pub const WIT_VERSION: &str = "0.1";
