//! Signed roots: a *signed note* in the format of C2SP `tlog-checkpoint` and `signed-note`, which transparency-log
//! tools of others read.
//!
//! ```text
//! backoffice-audit
//! 1042
//! <root, base64>
//!
//! — backoffice-audit <key id and Ed25519 signature, base64>
//! ```

use super::append;
use super::merkle::Hash;
use crate::db::Db;
use crate::error::DbError;
use crate::params;
use crate::tx::Tx;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;

/// Name of the log in its checkpoints.
pub const ORIGIN: &str = "backoffice-audit";

/// The key that signs checkpoints. Keep it where whoever can write the database can't read it, if you can.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// What checkpoints are verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A root that was signed: `size` records, in this order, with this content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of records.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
}

impl SigningKey {
    /// Reads a PKCS#8 PEM file; makes a fresh key, readable by its owner only, when there is no file.
    ///
    /// # Errors
    /// [`DbError::Key`] when the file is not a key, or can't be read or written.
    pub fn load_or_create(path: &Path) -> Result<SigningKey, DbError> {
        let failed = |why: String| DbError::Key { path: path.to_owned(), why };
        match std::fs::read_to_string(path) {
            Ok(pem) => ed25519_dalek::SigningKey::from_pkcs8_pem(&pem)
                .map(SigningKey)
                .map_err(|error| failed(format!("not an Ed25519 key in PKCS#8 PEM: {error}"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = SigningKey::generate();
                let pem = key.0.to_pkcs8_pem(LineEnding::LF).map_err(|error| failed(error.to_string()))?;
                write_private(path, pem.as_bytes()).map_err(|error| failed(error.to_string()))?;
                Ok(key)
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// A fresh key.
    pub fn generate() -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(&rand::random()))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// A signed note.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text();
        let signature = self.0.sign(text.as_bytes());
        let key = self.public().key_id();
        let line = STANDARD.encode([key.as_slice(), &signature.to_bytes()].concat());
        format!("{text}\n\u{2014} {ORIGIN} {line}\n")
    }
}

pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl PublicKey {
    /// From SPKI PEM, as [`PublicKey::pem`] writes it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pem(pem: &str) -> Result<PublicKey, String> {
        VerifyingKey::from_public_key_pem(pem)
            .map(PublicKey)
            .map_err(|error| format!("not an Ed25519 public key: {error}"))
    }

    /// SPKI PEM, for whoever verifies.
    pub fn pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// First bytes of SHA-256 over name and key: C2SP `signed-note`, signature type 1 (Ed25519).
    fn key_id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(ORIGIN)
            .chain_update([b'\n', 1])
            .chain_update(self.0.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Reads a signed note and checks its signature.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(&self, note: &str) -> Result<Checkpoint, String> {
        let (text, signatures) = note.split_once("\n\n").ok_or("a checkpoint has a text and a signature")?;
        let text = format!("{text}\n");
        let line = signatures
            .lines()
            .find_map(|line| line.strip_prefix(&format!("\u{2014} {ORIGIN} ")))
            .ok_or("it is not signed by this log")?;
        let bytes = STANDARD.decode(line.trim()).map_err(|_| "its signature is not base64")?;
        let (id, signature) = bytes.split_at_checked(4).ok_or("its signature is too short")?;
        if id != self.key_id() {
            return Err("it is signed with another key".into());
        }
        let signature = Signature::from_slice(signature).map_err(|_| "its signature has a wrong length")?;
        self.0.verify_strict(text.as_bytes(), &signature).map_err(|_| "its signature does not fit")?;
        Checkpoint::parse(&text).ok_or_else(|| "its text is not a checkpoint".into())
    }
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{ORIGIN}\n{}\n{}\n", self.size, STANDARD.encode(self.root))
    }

    fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.lines();
        if lines.next()? != ORIGIN {
            return None;
        }
        let size = lines.next()?.parse().ok()?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        Some(Checkpoint { size, root })
    }
}

impl Db {
    /// Signs the log as it is now, if it grew since the last time. Run it every minute and before stopping: what came
    /// after the last checkpoint is not protected yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&self, key: &std::sync::Arc<SigningKey>) -> Result<Option<String>, DbError> {
        let signed = self.read(last_size)?;
        let size = self.read(|tx| append::head(tx).map(|head| head.frontier.size()))?;
        if signed == Some(size) {
            return Ok(None);
        }
        let key = key.clone();
        self.write(move |tx| sign_head(tx, &key).map(Some)).await
    }

    /// [`Db::checkpoint`] for the command line.
    ///
    /// # Errors
    /// When the database fails.
    pub fn checkpoint_blocking(&self, key: std::sync::Arc<SigningKey>) -> Result<String, DbError> {
        self.write_blocking(move |tx| sign_head(tx, &key))
    }
}

fn sign_head(tx: &mut Tx, key: &SigningKey) -> Result<String, DbError> {
    let head = append::head(tx)?;
    let checkpoint = Checkpoint { size: head.frontier.size(), root: head.frontier.root() };
    let note = key.sign(&checkpoint);
    let now = tx.now();
    tx.unaudited("a checkpoint is about the log, not in it");
    tx.execute(
        "INSERT INTO audit_checkpoint (size, at, note) VALUES (?1, ?2, ?3)
         ON CONFLICT (size) DO UPDATE SET at = excluded.at, note = excluded.note",
        params![checkpoint.size, now, &note],
    )?;
    Ok(note)
}

fn last_size(tx: &mut Tx) -> Result<Option<u64>, DbError> {
    Ok(tx
        .query_opt("SELECT MAX(size) FROM audit_checkpoint", &[], |row| row.get::<Option<u64>>(0))?
        .flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_verified_with_the_public_half_alone() {
        let key = SigningKey::generate();
        let checkpoint = Checkpoint { size: 42, root: [7; 32] };
        let note = key.sign(&checkpoint);
        let public = PublicKey::from_pem(&key.public().pem()).unwrap();
        assert_eq!(public.open(&note), Ok(checkpoint));
        assert!(public.open(&note.replace("42", "43")).unwrap_err().contains("does not fit"));
        let other = SigningKey::generate().public();
        assert!(other.open(&note).unwrap_err().contains("another key"));
    }

    #[test]
    fn a_key_is_made_once_and_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.key");
        let made = SigningKey::load_or_create(&path).unwrap();
        let read = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(made.public(), read.public());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(SigningKey::load_or_create(&path).is_err());
    }
}
