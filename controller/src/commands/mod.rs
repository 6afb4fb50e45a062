//! Commands beside `serve`, a file each.

pub mod audit;
pub mod bootstrap;
pub mod broker;
pub mod driver;
pub mod enroll;
pub mod export;
pub mod import;
pub mod status;
