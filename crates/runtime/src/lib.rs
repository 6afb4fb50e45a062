//! What both daemons need around their work: configuration files, logs, units that are restarted with
//! back-off, and an orderly end.

pub mod backoff;
pub mod clock;
pub mod config;
pub mod help;
pub mod logging;
pub mod memory;
pub mod program;
pub mod shutdown;
pub mod unit;

pub use backoff::Backoff;
pub use clock::ClockWatch;
pub use config::ConfigError;
pub use shutdown::Shutdown;
pub use unit::{UnitState, supervise};
