//! One message from an edge, into the handler and back as answers. Nonsense is logged and ignored: the edge's own
//! deadline makes it try again, and a broken edge hurts nobody else.

use crate::handler::{Handler, HandlerError};
use crate::registry::Outgoing;
use bo_model::EdgeId;
use bo_wire::{Ack, BLOB_CHUNK, BlobChunk, BlobRequest, Down, Records, Up};
use std::time::Duration;

/// Handles one message and returns what to send back, in order.
pub(crate) async fn dispatch<H: Handler>(
    handler: &H,
    edge: EdgeId,
    kind: &str,
    payload: &[u8],
    deadline: Duration,
) -> Option<Outgoing> {
    let up = match Up::decode(kind, payload) {
        Ok(up) => up,
        Err(why) => {
            tracing::warn!(%edge, kind, why, "message not understood");
            return None;
        }
    };
    let answer = tokio::time::timeout(deadline, answer(handler, edge, up)).await;
    answer.unwrap_or_else(|_| {
        tracing::error!(%edge, kind, "handling took longer than {deadline:?}");
        (kind == "records").then(|| Down::Ack(Ack { cursors: Vec::new(), resend: true }).encode())
    })
}

async fn answer<H: Handler>(handler: &H, edge: EdgeId, up: Up) -> Option<Outgoing> {
    let failed = |what: &str, error: HandlerError| tracing::error!(%edge, %error, "{what} failed");
    match up {
        Up::Hello(hello) => match handler.hello(edge, hello).await {
            Ok(cursors) => Some(Down::Ack(Ack { cursors, resend: false }).encode()),
            Err(error) => {
                failed("hello", error);
                None
            }
        },
        Up::Records(records) => take(handler, edge, records).await,
        Up::Snapshot(snapshot) => {
            handler.snapshot(edge, snapshot).await;
            None
        }
        Up::Heartbeat(heartbeat) => {
            handler.heartbeat(edge, heartbeat).await;
            None
        }
        Up::BlobRequest(request) => Some(("blob", part(handler, edge, &request).await?.encode())),
        Up::Renew(request) => match handler.renew(edge, request).await {
            Ok(renewed) => Some(Down::Renewed(renewed).encode()),
            Err(error) => {
                failed("renewing a certificate", error);
                None
            }
        },
    }
}

async fn take<H: Handler>(handler: &H, edge: EdgeId, records: Records) -> Option<Outgoing> {
    let backfill = records.backfill;
    let ack = match handler.records(edge, records).await {
        Ok(receipt) => Ack { cursors: vec![receipt.cursor], resend: receipt.resend },
        Err(error) => {
            tracing::error!(%edge, %error, "records could not be kept; the edge keeps them");
            Ack { cursors: Vec::new(), resend: true }
        }
    };
    (!backfill).then(|| Down::Ack(ack).encode())
}

async fn part<H: Handler>(handler: &H, edge: EdgeId, request: &BlobRequest) -> Option<BlobChunk> {
    let Some(hash) = hex::decode(&request.hash).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
    else {
        tracing::warn!(%edge, "blob request without a SHA-256");
        return None;
    };
    let blob = handler.blob(edge, hash).await.unwrap_or_default();
    let total = blob.len();
    let start = usize::try_from(request.offset).unwrap_or(usize::MAX).min(total);
    let end = start.saturating_add(BLOB_CHUNK).min(total);
    Some(BlobChunk { hash, offset: start as u64, total: total as u64, bytes: blob[start..end].to_vec() })
}
