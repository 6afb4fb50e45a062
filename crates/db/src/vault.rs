//! What is kept of secrets that have to be read again: keys of authenticator apps, passwords at providers, signing keys of
//! webhooks. They lie in the database sealed, under keys that do not: whoever has a copy of the database alone has none of
//! them.
//!
//! The key file holds one key per line, newest first. To change the key, write a fresh line above the others and start again:
//! new secrets are sealed under the first, old ones can still be opened, and what a module reseals at its start (see
//! [`crate::SealedColumn`]) no longer needs the old line.

use crate::error::DbError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use std::path::Path;

/// What a sealed secret begins with; behind it the key's name, then nonce and sealed bytes.
const MARK: &str = "sealed:1:";

/// Keys that secrets are sealed with: ChaCha20-Poly1305 (RFC 8439), a random nonce each.
pub struct Vault(Vec<Key>);

struct Key {
    /// The first four bytes of its SHA-256, in hex.
    name: String,
    key: LessSafeKey,
}

impl Key {
    fn of(bytes: &[u8; 32]) -> Result<Key, DbError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| sealed("a key is of no use"))?;
        Ok(Key { name: hex::encode(&Sha256::digest(bytes)[..4]), key: LessSafeKey::new(key) })
    }
}

fn sealed(why: &str) -> DbError {
    DbError::Sealed { why: why.into() }
}

impl Vault {
    /// The keys of a file; one is made, for its owner only, when there is no file.
    ///
    /// # Errors
    /// [`DbError::Key`] says what is wrong with it.
    pub fn load_or_create(path: &Path) -> Result<Vault, DbError> {
        let failed = |why: String| DbError::Key { path: path.to_owned(), why };
        if !path.exists() {
            let line = format!("{}\n", hex::encode(rand::random::<[u8; 32]>()));
            crate::audit::checkpoint::write_private(path, line.as_bytes())
                .map_err(|error| failed(error.to_string()))?;
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<Key>, DbError> = lines
            .map(|line| {
                let bytes = hex::decode(line).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                Key::of(&bytes.ok_or_else(|| failed("a line is not 32 bytes in hex".into()))?)
            })
            .collect();
        let keys = keys?;
        if keys.is_empty() { Err(failed("it holds no key".into())) } else { Ok(Vault(keys)) }
    }

    /// A vault that lasts as long as the process.
    ///
    /// # Errors
    /// Never, with keys of the right length.
    pub fn of_keys(keys: &[[u8; 32]]) -> Result<Vault, DbError> {
        keys.iter().map(Key::of).collect::<Result<_, _>>().map(Vault)
    }

    /// Seals a text for a place, such as `totp:<account>`: it can only be opened as that of the same place.
    ///
    /// # Errors
    /// [`DbError::Sealed`] when there is no key.
    pub fn seal(&self, place: &str, text: &str) -> Result<String, DbError> {
        let key = self.0.first().ok_or_else(|| sealed("there is no key to seal with"))?;
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut bytes = text.as_bytes().to_vec();
        key.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut bytes,
            )
            .map_err(|_| sealed("a secret could not be sealed"))?;
        Ok(self.current()? + &URL_SAFE_NO_PAD.encode([nonce.as_slice(), &bytes].concat()))
    }

    /// Opens what was sealed for a place. What was stored before there was a vault is given as it is.
    ///
    /// # Errors
    /// [`DbError::Sealed`] when its key is not among ours, or it is not of that place, or was changed.
    pub fn open(&self, place: &str, stored: &str) -> Result<String, DbError> {
        let Some(rest) = stored.strip_prefix(MARK) else { return Ok(stored.to_owned()) };
        let (name, data) = rest.split_once(':').ok_or_else(|| sealed("it is cut off"))?;
        let key = self.0.iter().find(|key| key.name == name).ok_or_else(|| {
            sealed(&format!("the key {name} is not in the key file; put its line back at the end of it"))
        })?;
        let bytes = URL_SAFE_NO_PAD.decode(data).map_err(|_| sealed("it is damaged"))?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or_else(|| sealed("it is cut off"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| sealed("it is damaged"))?;
        let mut rest = rest.to_vec();
        let clear = key
            .key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut rest)
            .map_err(|_| sealed("it was changed, or belongs elsewhere"))?;
        String::from_utf8(clear.to_vec()).map_err(|_| sealed("it holds no text"))
    }

    /// What everything begins with that is sealed under the newest key. What does not should be sealed again:
    /// [`crate::SealedColumn::reseal`].
    ///
    /// # Errors
    /// [`DbError::Sealed`] when there is no key.
    pub fn current(&self) -> Result<String, DbError> {
        let key = self.0.first().ok_or_else(|| sealed("there is no key to seal with"))?;
        Ok(format!("{MARK}{}:", key.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_opened_in_its_own_place_only_and_never_after_it_was_changed() {
        let vault = Vault::of_keys(&[[7; 32]]).unwrap();
        let stored = vault.seal("totp:ada", "JBSWY3DP").unwrap();
        assert!(!stored.contains("JBSWY3DP"), "{stored}");
        assert_ne!(stored, vault.seal("totp:ada", "JBSWY3DP").unwrap(), "no two look alike");
        assert_eq!(vault.open("totp:ada", &stored).unwrap(), "JBSWY3DP");
        assert!(vault.open("totp:bob", &stored).is_err(), "moved to another's row");
        let mut changed = stored.clone();
        let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
        changed.push(last);
        assert!(vault.open("totp:ada", &changed).is_err());
        assert!(vault.open("totp:ada", &stored[..20]).is_err());
        assert_eq!(vault.open("totp:ada", "from before").unwrap(), "from before");
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_still_opens_until_it_is_taken_away() {
        let old = Vault::of_keys(&[[1; 32]]).unwrap();
        let stored = old.seal("p", "s").unwrap();
        let both = Vault::of_keys(&[[2; 32], [1; 32]]).unwrap();
        assert_eq!(both.open("p", &stored).unwrap(), "s");
        assert!(!stored.starts_with(&both.current().unwrap()));
        let again = both.seal("p", &both.open("p", &stored).unwrap()).unwrap();
        let new = Vault::of_keys(&[[2; 32]]).unwrap();
        assert!(again.starts_with(&new.current().unwrap()));
        assert_eq!(new.open("p", &again).unwrap(), "s");
        let error = new.open("p", &stored).unwrap_err().to_string();
        assert!(error.contains("put its line back"), "{error}");
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner_only_and_a_wrong_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.key");
        let stored = Vault::load_or_create(&path).unwrap().seal("p", "s").unwrap();
        assert_eq!(Vault::load_or_create(&path).unwrap().open("p", &stored).unwrap(), "s");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short\n").unwrap();
        assert!(Vault::load_or_create(&path).is_err());
    }
}
