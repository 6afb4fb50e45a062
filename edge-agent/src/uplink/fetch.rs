//! Fetching a blob part by part. What is there already survives a lost connection. Pure but for the answer's channel.

use bo_wire::{BlobChunk, BlobRequest};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A part that is not there by then is asked for again.
const PATIENCE: Duration = Duration::from_secs(15);
/// Whoever fetches gives up after this.
pub const FETCH_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Why a blob did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The controller does not have it, or not for this edge.
    #[error("the controller does not have blob {0}")]
    Unknown(String),
    /// It came, and is not what its hash says.
    #[error("blob {0} does not have the hash it was asked for by")]
    WrongHash(String),
    /// It did not come in time.
    #[error("blob {0} did not come in time")]
    TimedOut(String),
    /// The agent ends.
    #[error("the uplink was closed")]
    Closed,
}

/// One fetch under way.
pub(super) struct Fetch {
    hash: [u8; 32],
    bytes: Vec<u8>,
    asked: Option<Instant>,
    started: Instant,
    answer: oneshot::Sender<Result<Vec<u8>, FetchError>>,
}

impl Fetch {
    pub(super) fn new(hash: [u8; 32], answer: oneshot::Sender<Result<Vec<u8>, FetchError>>) -> Fetch {
        Fetch { hash, bytes: Vec::new(), asked: None, started: Instant::now(), answer }
    }

    /// The next part to ask for, if it is time to ask.
    pub(super) fn ask(&mut self, now: Instant) -> Option<BlobRequest> {
        if self.asked.is_some_and(|at| now.duration_since(at) < PATIENCE) {
            return None;
        }
        self.asked = Some(now);
        Some(BlobRequest { hash: hex::encode(self.hash), offset: self.bytes.len() as u64 })
    }

    /// A new connection: what was asked for is not coming.
    pub(super) fn reconnected(&mut self) {
        self.asked = None;
    }

    /// Takes a part. Gives itself back while there is more to come.
    pub(super) fn take(mut self, part: BlobChunk) -> Option<Fetch> {
        if part.hash != self.hash || part.offset != self.bytes.len() as u64 {
            return Some(self); // of an earlier question
        }
        let name = hex::encode(self.hash);
        if part.total == 0 {
            let _ = self.answer.send(Err(FetchError::Unknown(name)));
            return None;
        }
        self.bytes.extend_from_slice(&part.bytes);
        self.asked = None;
        if (self.bytes.len() as u64) < part.total {
            return Some(self);
        }
        let found: [u8; 32] = Sha256::digest(&self.bytes).into();
        let result = if found == self.hash { Ok(self.bytes) } else { Err(FetchError::WrongHash(name)) };
        let _ = self.answer.send(result);
        None
    }

    /// Gives up when nobody waits any more or it took too long.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.answer.is_closed() || now.duration_since(self.started) > FETCH_DEADLINE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(blob: &[u8], hash: [u8; 32], offset: usize, length: usize) -> BlobChunk {
        let end = (offset + length).min(blob.len());
        BlobChunk { hash, offset: offset as u64, total: blob.len() as u64, bytes: blob[offset..end].to_vec() }
    }

    #[tokio::test]
    async fn a_blob_is_put_together_over_a_lost_connection_and_checked() {
        let blob: Vec<u8> = (0..1000u32).map(|n| n as u8).collect();
        let hash: [u8; 32] = Sha256::digest(&blob).into();
        let (answer, result) = oneshot::channel();
        let mut fetch = Fetch::new(hash, answer);
        let now = Instant::now();
        assert_eq!(fetch.ask(now).unwrap().offset, 0);
        assert!(fetch.ask(now).is_none(), "one question at a time");
        fetch = fetch.take(part(&blob, hash, 0, 600)).unwrap();
        assert_eq!(fetch.ask(now).unwrap().offset, 600);
        fetch.reconnected();
        assert_eq!(fetch.ask(now).unwrap().offset, 600, "what is there stays");
        fetch = fetch.take(part(&blob, hash, 0, 600)).unwrap();
        assert!(fetch.take(part(&blob, hash, 600, 600)).is_none());
        assert_eq!(result.await.unwrap().unwrap(), blob);
    }

    #[tokio::test]
    async fn a_changed_blob_and_an_unknown_one_are_errors() {
        for (total, expected) in [(4, "hash"), (0, "does not have blob")] {
            let (answer, result) = oneshot::channel();
            let bytes = vec![1; total];
            let fetch = Fetch::new([9; 32], answer);
            assert!(fetch.take(BlobChunk { hash: [9; 32], offset: 0, total: total as u64, bytes }).is_none());
            let error = result.await.unwrap().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
