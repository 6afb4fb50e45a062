//! The demo: a believable organisation with two buildings (or twenty), as estate files and as fake devices in a simulated world.

pub mod estate;
pub mod live;
pub mod map;
mod people;
pub mod plan;
mod start;

pub use plan::Size;
pub use start::{DemoDevices, EdgeFacts, Facts, Options, start};
