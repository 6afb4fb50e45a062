//! Releases: an edge's desired configuration, compiled, signed, and told apart from the one before.

pub mod access;
pub mod actions;
pub mod compile;
pub mod diff;
pub mod local;
pub mod queries;
pub mod routes;
