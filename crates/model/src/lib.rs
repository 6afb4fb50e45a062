//! The words of the product as types: pure, without I/O, without a clock of its own.
//!
//! Everything else depends on this crate and it depends on nothing of ours. A file per noun.

// `ids!` names this crate the same way from inside and from outside.
extern crate self as bo_model;

pub mod clock;
pub mod command;
pub mod drawing;
pub mod driver;
pub mod estate;
pub mod id;
pub mod json;
pub mod level;
pub mod map;
pub mod object;
pub mod people;
pub mod points;
pub mod release;
pub mod settings;
pub mod span;
pub mod value;

pub use clock::{Clock, ManualClock, SystemClock, Time};
pub use id::*;
pub use level::Level;
pub use object::{Kind, Object};
pub use value::{Data, Quality, Reason, Value};
#[doc(hidden)]
pub use {serde, uuid};
