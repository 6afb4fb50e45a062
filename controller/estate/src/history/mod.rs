//! History: what every point was, kept small and never lost once acknowledged.
//!
//! A batch from an edge goes into `history_journal` as one blob, in the transaction that moves the watermark:
//! that is what makes it durable. In memory its samples wait in [`pending`]; every minute, or when many wait,
//! [`store::History::flush`] folds them into compressed chunks per point and removes the journal's rows. A crash
//! in between costs nothing: the journal is read again, and folding twice gives the same chunks.
//!
//! A day that is over is rolled up into quarter hours ([`rollup`]). Hours and days, in any time zone, are made
//! of quarter hours when asked for; minutes are made of the samples.

pub mod bits;
pub mod codec;
mod fold;
pub mod journal;
pub(crate) mod last;
pub mod pending;
pub mod points;
pub mod prune;
pub mod queries;
pub mod rollup;
pub mod routes;
pub mod sample;
pub mod store;

pub use rollup::Bucket;
pub use sample::{Datum, Grade, Sample};
pub use store::History;
