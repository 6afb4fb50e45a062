//! Fake devices that speak: made from the same `driver.toml` as the real ones' drivers, on a real socket,
//! serial port or broker. For tests, for the demo, for training, and for commissioning before the hardware is there.
//!
//! A [`Fake`] has named variables, the driver's status variables. A world (see [`demo`]) or a test sets them;
//! what a client writes or commands changes them the way the device would. [`start`] puts fakes on an endpoint.
//!
//! Pure parts: `spec` (the `[simulate]` section), `fake`, `registers`, `modbus` (frames), `dialogue`, `topics`.
//! Parts that touch sockets: `serve/*`.

pub mod demo;
mod dialogue;
mod error;
mod fake;
mod modbus;
mod pack;
mod registers;
mod run;
mod serve;
mod spec;
mod sunspec;
mod template;
mod topics;
pub mod world;

pub use error::SimulatorError;
pub use fake::{Fake, Fault};
pub use run::{SimulateArgs, run};
pub use serve::{Address, Broker, Place, Running, start};
pub use spec::Simulate;
