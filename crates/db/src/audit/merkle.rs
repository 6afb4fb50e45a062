//! RFC 6962 §2.1: the Merkle tree of the log, pure. Leaf `SHA-256(0x00 ‖ data)`, node `SHA-256(0x01 ‖ left ‖ right)`.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Hash of one record's bytes.
pub fn leaf(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Roots of the perfect subtrees that make up a tree, largest first: all that appending needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// From its stored form; `None` when the count of peaks does not fit the size.
    pub fn from_parts(size: u64, bytes: &[u8]) -> Option<Frontier> {
        let (chunks, rest) = bytes.as_chunks::<32>();
        (rest.is_empty() && chunks.len() == size.count_ones() as usize)
            .then(|| Frontier { size, peaks: chunks.to_vec() })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// As it is stored: the peaks, one after the other.
    pub fn bytes(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// Appends a leaf: one hash per trailing one bit of the size, two on average over time.
    pub fn push(&mut self, leaf: Hash) {
        let mut carry = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                carry = node(&left, &carry);
            }
        }
        self.peaks.push(carry);
        self.size += 1;
    }

    /// The root of the whole tree; of no leaves it is the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}

/// Largest power of two smaller than `n`, for `n ≥ 2`.
fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

/// Root of a tree of these leaves.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// Audit path of leaf `index` (RFC 6962 §2.1.1), nearest first. Empty when the index is outside.
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 || index >= leaves.len() {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if index < k {
        let mut path = inclusion_proof(left, index);
        path.push(root(right));
        path
    } else {
        let mut path = inclusion_proof(right, index - k);
        path.push(root(left));
        path
    }
}

/// Whether `leaf` is at `index` in the tree of `size` leaves with that root (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], expected: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The recursive definition of RFC 6962 §2.1, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let k = split(many.len());
                node(&by_definition(&many[..k]), &by_definition(&many[k..]))
            }
        }
    }

    #[test]
    fn hashes_are_those_of_the_rfc_6962_reference_log() {
        // Test vectors of the certificate-transparency reference implementation (merkletree/merkle_tree_test.cc).
        let inputs: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let leaves: Vec<Hash> = inputs.iter().map(|data| leaf(data)).collect();
        assert_eq!(
            hex::encode(root(&leaves[..1])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex::encode(root(&leaves)),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    proptest! {
        #[test]
        fn the_frontier_agrees_with_the_definition_and_every_proof_holds(count in 0usize..70) {
            let leaves: Vec<Hash> = (0..count).map(|i| leaf(&i.to_be_bytes())).collect();
            let root = root(&leaves);
            prop_assert_eq!(root, by_definition(&leaves));
            for index in 0..count {
                let proof = inclusion_proof(&leaves, index);
                prop_assert!(verify_inclusion(leaves[index], index as u64, count as u64, &proof, &root));
                prop_assert!(!verify_inclusion(leaf(b"other"), index as u64, count as u64, &proof, &root));
                prop_assert!(count == 1 || !verify_inclusion(leaves[index], (index as u64 + 1) % count as u64, count as u64, &proof, &root));
            }
        }

        #[test]
        fn a_frontier_survives_storage(count in 0u64..300) {
            let mut frontier = Frontier::default();
            (0..count).for_each(|i| frontier.push(leaf(&i.to_be_bytes())));
            prop_assert_eq!(Frontier::from_parts(count, &frontier.bytes()), Some(frontier));
        }
    }
}
