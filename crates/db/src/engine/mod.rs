//! The two engines: opening connections, running statements. Everything above speaks [`Tx`](crate::Tx).

pub mod postgres;
pub mod sqlite;
mod tls;
