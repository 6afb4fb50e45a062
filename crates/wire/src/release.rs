//! A signed release: the site, its number, and the controller's signature over the hash of the exact bytes.

use bo_model::Time;
use bo_model::release::Site;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A release on the wire and on the edge's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRelease {
    /// Counts up per edge.
    pub number: u64,
    /// When it was compiled.
    pub compiled_at: Time,
    /// The site as JSON text: these very bytes are hashed and signed, so re-serialising can't change them.
    pub site: String,
    /// Hex SHA-256 over number, time and site.
    pub hash: String,
    /// Ed25519 over the hash's 32 bytes, hex.
    pub signature: String,
}

/// Why a release is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The content was changed after hashing.
    #[error("release {number} does not have the hash it claims")]
    WrongHash {
        /// Its number.
        number: u64,
    },
    /// Not signed by the controller this edge was enrolled at.
    #[error("release {number} is not signed by this edge's controller")]
    WrongSignature {
        /// Its number.
        number: u64,
    },
    /// The content is no site.
    #[error("release {number} does not read: {source}")]
    Unreadable {
        /// Its number.
        number: u64,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// The hash that names a release: hex SHA-256 over `number`, `compiled_at` (both 8 bytes, big endian) and the text.
pub fn release_hash(number: u64, compiled_at: Time, site: &str) -> String {
    hex::encode(digest(number, compiled_at, site))
}

fn digest(number: u64, compiled_at: Time, site: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(number.to_be_bytes());
    hasher.update(compiled_at.0.to_be_bytes());
    hasher.update(site.as_bytes());
    hasher.finalize().into()
}

impl SignedRelease {
    /// Compiles and signs.
    pub fn sign(
        number: u64,
        compiled_at: Time,
        site: &Site,
        key: &SigningKey,
    ) -> Result<Self, serde_json::Error> {
        let site = serde_json::to_string(site)?;
        let digest = digest(number, compiled_at, &site);
        let signature = hex::encode(key.sign(&digest).to_bytes());
        Ok(SignedRelease { number, compiled_at, site, hash: hex::encode(digest), signature })
    }

    /// Verifies hash and signature, then reads the site.
    pub fn open(&self, key: &VerifyingKey) -> Result<Site, ReleaseError> {
        let number = self.number;
        let digest = digest(number, self.compiled_at, &self.site);
        if hex::encode(digest) != self.hash {
            return Err(ReleaseError::WrongHash { number });
        }
        let signature =
            hex::decode(&self.signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        match signature {
            Some(signature) if key.verify(&digest, &signature).is_ok() => {}
            _ => return Err(ReleaseError::WrongSignature { number }),
        }
        serde_json::from_str(&self.site).map_err(|source| ReleaseError::Unreadable { number, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_opens_with_its_key_and_nothing_else() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let release = SignedRelease::sign(3, Time(9), &Site::default(), &key).unwrap();
        assert_eq!(release.open(&key.verifying_key()).unwrap(), Site::default());

        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert!(matches!(release.open(&other), Err(ReleaseError::WrongSignature { .. })));

        let mut changed = release.clone();
        changed.site = changed.site.replace('}', ", \"device\": []}");
        assert!(matches!(changed.open(&key.verifying_key()), Err(ReleaseError::WrongHash { .. })));

        let mut older = release;
        older.number = 4;
        assert!(matches!(older.open(&key.verifying_key()), Err(ReleaseError::WrongHash { .. })));
    }
}
