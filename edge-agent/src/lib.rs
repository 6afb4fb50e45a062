//! The edge agent: it keeps a building running with no controller in reach, and tells the controller
//! everything when there is one.
//!
//! `board` holds every value; `devices` and `links` feed it; `triggers` and `commands` act on it; `journal`
//! and `uplink` carry it up; `release` decides what all of them run. `src/main.rs` is the command line.

pub mod agent;
pub mod alarms;
pub mod board;
pub mod bus;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod controller;
pub mod devices;
pub mod enroll;
pub mod error;
pub mod journal;
pub mod links;
pub mod local_page;
pub mod operate;
pub mod presence;
pub mod release;
pub mod shares;
pub mod site;
pub mod standalone;
pub mod status;
pub mod store;
pub mod triggers;
pub mod uplink;

pub use error::EdgeError;
