//! What the controller does with what edges say. The estate implements it; this crate calls it.
//!
//! Calls for one edge come one after the other, in the order the edge sent; calls for different edges run at the
//! same time. A call that takes longer than [`crate::UplinkConfig::handler_deadline`] counts as failed.

use bo_model::EdgeId;
use bo_wire::{Cursor, Heartbeat, Hello, Records, Renew, Renewed, Snapshot};
use std::future::Future;
use std::sync::Arc;

/// May this edge come in?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Known and welcome.
    Welcome,
    /// Turned away, with the reason for the log.
    Refused(String),
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The committed watermark of the batch's class and epoch.
    pub cursor: Cursor,
    /// The batch did not follow on the watermark (or could not be kept): send again from there.
    pub resend: bool,
}

/// The handler could not do it now; nothing was committed. The edge keeps its records and is asked to send again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HandlerError(pub String);

/// The controller's side of every message an edge can send.
///
/// Crash rule: return from [`Handler::records`] only after the commit. Whatever is returned is acknowledged, and what
/// is acknowledged the edge forgets.
pub trait Handler: Send + Sync + 'static {
    /// Asked after the TLS handshake, before the first packet: is this certificate's edge known, and is neither it
    /// nor this certificate (hex serial number) revoked? `serial` is empty when an external broker has verified the
    /// certificate; then only the edge is asked about.
    fn admit(&self, edge: EdgeId, serial: &str) -> impl Future<Output = Admission> + Send;

    /// The edge connected or went away. Presence itself comes from heartbeats.
    fn connected(&self, edge: EdgeId, connected: bool) -> impl Future<Output = ()> + Send;

    /// First message of a connection. Answer with every watermark known for the epochs it names (seq 0 for none);
    /// it is sent as `Ack`. Announce a release or repeat pending commands from here with `Uplink::send`.
    fn hello(
        &self,
        edge: EdgeId,
        hello: Hello,
    ) -> impl Future<Output = Result<Vec<Cursor>, HandlerError>> + Send;

    /// A batch. In one transaction: read the watermark of (edge, class, epoch), ask [`crate::watermark::accept`]
    /// what is new, store it, store the new watermark, commit. With `backfill` set nothing moves: store what is
    /// missing; the receipt is not sent.
    fn records(
        &self,
        edge: EdgeId,
        records: Records,
    ) -> impl Future<Output = Result<Receipt, HandlerError>> + Send;

    /// A part of the edge's current values. Not kept, not acknowledged.
    fn snapshot(&self, edge: EdgeId, snapshot: Snapshot) -> impl Future<Output = ()> + Send;

    /// Proof of life.
    fn heartbeat(&self, edge: EdgeId, heartbeat: Heartbeat) -> impl Future<Output = ()> + Send;

    /// The packed driver with this SHA-256, if this edge may have it (its release names it). `None` tells the edge
    /// that there is no such blob.
    fn blob(&self, edge: EdgeId, hash: [u8; 32]) -> impl Future<Output = Option<Arc<[u8]>>> + Send;

    /// The edge asks for its next certificate over a connection its current one has proved: issue it with
    /// [`crate::Authority::issue`], store its serial number and end, audit it.
    fn renew(
        &self,
        edge: EdgeId,
        request: Renew,
    ) -> impl Future<Output = Result<Renewed, HandlerError>> + Send;
}
