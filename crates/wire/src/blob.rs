//! Parts of a blob: 32 bytes hash, 8 bytes offset, 8 bytes total length (big endian), then the bytes.

/// Bytes in one part.
pub const BLOB_CHUNK: usize = 192 * 1024;

/// Largest blob, 64 MiB: a packed driver is far below it.
const MAX_BLOB: u64 = 64 * 1024 * 1024;
const HEAD: usize = 48;

/// One part of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobChunk {
    /// SHA-256 of the whole.
    pub hash: [u8; 32],
    /// Where this part begins.
    pub offset: u64,
    /// Length of the whole; 0 with no bytes = the controller does not have it.
    pub total: u64,
    /// The part.
    pub bytes: Vec<u8>,
}

/// What is wrong with a part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Shorter than its head.
    #[error("blob part of {0} bytes has no head")]
    NoHead(usize),
    /// Lengths that do not fit.
    #[error("blob part at {offset} with {len} bytes does not fit a blob of {total}")]
    DoesNotFit {
        /// Claimed offset.
        offset: u64,
        /// Bytes in the part.
        len: usize,
        /// Claimed total.
        total: u64,
    },
}

impl BlobChunk {
    /// To bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.bytes.len());
        bytes.extend_from_slice(&self.hash);
        bytes.extend_from_slice(&self.offset.to_be_bytes());
        bytes.extend_from_slice(&self.total.to_be_bytes());
        bytes.extend_from_slice(&self.bytes);
        bytes
    }

    /// From bytes.
    pub fn decode(payload: &[u8]) -> Result<BlobChunk, BlobError> {
        let (Some(head), Some(body)) = (payload.first_chunk::<HEAD>(), payload.get(HEAD..)) else {
            return Err(BlobError::NoHead(payload.len()));
        };
        let number = |at: usize| head[at..at + 8].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        let (offset, total) = (number(32), number(40));
        let mut hash = [0; 32];
        hash.copy_from_slice(&head[..32]);
        let end = offset.checked_add(body.len() as u64);
        if total > MAX_BLOB || body.len() > BLOB_CHUNK || end.is_none_or(|end| end > total) {
            return Err(BlobError::DoesNotFit { offset, len: body.len(), total });
        }
        Ok(BlobChunk { hash, offset, total, bytes: body.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_part_reads_back(hash: [u8; 32], offset in 0u64..1000, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let part = BlobChunk { hash, offset, total: offset + bytes.len() as u64 + 5, bytes };
            prop_assert_eq!(BlobChunk::decode(&part.encode()), Ok(part));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = BlobChunk::decode(&bytes);
        }
    }
}
