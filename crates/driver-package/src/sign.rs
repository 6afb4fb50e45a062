//! Signatures of packed drivers: who vouches for them. The file `signature` holds the public key and an ed25519
//! signature over the SHA-256 of everything else, both in hex, a line each.

use crate::error::Error;
use crate::pack::{Unpacked, pack};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

const FILE: &str = "signature";

/// Signs a driver, in place of any earlier signature.
pub fn sign(files: &mut Unpacked, key: &SigningKey) -> Result<(), Error> {
    let signature = key.sign(&content(files)?);
    let text =
        format!("{}\n{}\n", hex::encode(key.verifying_key().as_bytes()), hex::encode(signature.to_bytes()));
    files.insert(FILE.into(), text.into_bytes());
    Ok(())
}

/// Who signed a driver; `None` when nobody did. The caller decides whether it trusts that key. `driver` is for the
/// error's text.
pub fn verify(driver: &str, files: &Unpacked) -> Result<Option<VerifyingKey>, Error> {
    let Some(file) = files.get(FILE) else { return Ok(None) };
    let wrong = || Error::Signature(driver.to_owned());
    let mut lines = std::str::from_utf8(file).map_err(|_| wrong())?.lines();
    let mut next = || lines.next().and_then(|line| hex::decode(line).ok()).ok_or_else(wrong);
    let key: [u8; 32] = next()?.try_into().map_err(|_| wrong())?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| wrong())?;
    let signature = Signature::from_slice(&next()?).map_err(|_| wrong())?;
    key.verify_strict(&content(files)?, &signature).map_err(|_| wrong())?;
    Ok(Some(key))
}

fn content(files: &Unpacked) -> Result<[u8; 32], Error> {
    let mut unsigned = files.clone();
    unsigned.remove(FILE);
    Ok(Sha256::digest(pack(&unsigned)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_driver_does_not_fit_its_signature() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let mut files = Unpacked::from([("driver.toml".into(), b"[driver]".to_vec())]);
        assert_eq!(verify("x", &files).unwrap(), None);
        sign(&mut files, &key).unwrap();
        assert_eq!(verify("x", &files).unwrap(), Some(key.verifying_key()));
        files.insert("driver.toml".into(), b"[driver] ".to_vec());
        assert!(verify("x", &files).unwrap_err().to_string().contains("does not fit"));
    }
}
