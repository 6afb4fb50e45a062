//! The controller's end of the uplink: who an edge is, what it may say, and when it is told "I have it".
//!
//! Edges come in through the [`gate`](GateConfig): TLS with a client certificate of our own authority, one task
//! per connection, each packet checked for topic and size. Where a cluster of brokers carries the edges,
//! an [`ExternalBroker`] is joined instead or as well. Either way each message ends in the [`Handler`], which the
//! estate implements: it commits, then answers with the watermark, and only then the edge is acknowledged.
//! [`watermark::accept`] is the pure rule for what of a batch is new.
//!
//! Enrolment needs no connection: [`Authority`] issues certificates, [`enroll`] judges a request.

mod authority;
mod broker;
mod dispatch;
mod enroll;
mod error;
mod gate;
mod handler;
mod pace;
mod registry;
mod seats;
mod session;
mod uplink;
pub mod watermark;

pub use authority::{Authority, Issued};
pub use broker::ExternalBroker;
pub use enroll::{CODE_LIFE, CodeState, Enrolled, Enrolment, Refusal, enroll, hash_code, new_code};
pub use error::UplinkError;
pub use gate::GateConfig;
pub use handler::{Admission, Handler, HandlerError, Receipt};
pub use uplink::{SendError, Uplink, UplinkConfig};
