//! End-to-end tests: real processes, real protocols, a real browser. The tests are in `tests/`; here is what
//! several of them share.

pub mod api;
pub mod books;
pub mod browser;
pub mod controller;
pub mod demo;
pub mod disk;
pub mod edge;
pub mod load;
pub mod peers;
pub mod rig;
