//! HTTP links: requests below one base address, for devices and services with a web interface.
//!
//! [`spawn`] starts the task. [`target`] decides, purely, where a request may go: never to another host, never above
//! the base address.

mod error;
pub mod target;
mod task;

pub use error::ConfigError;
pub use task::spawn;
