//! Whose drivers may run: a list of public keys, or everybody's when the list is empty.

use crate::error::Error;
use crate::package::Package;
use crate::sign::verify;
use ed25519_dalek::VerifyingKey;

/// The keys whose drivers are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(Vec<VerifyingKey>);

impl Trust {
    /// From public keys in hex, as a configuration lists them. With none, drivers need no signature.
    pub fn new(keys: &[String]) -> Result<Trust, Error> {
        let read = |text: &String| {
            let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
            key.ok_or_else(|| Error::Key(text.clone()))
        };
        keys.iter().map(read).collect::<Result<_, _>>().map(Trust)
    }

    /// Refuses a driver that is not signed by one of the keys. A signature that does not fit is refused in any case.
    pub fn check(&self, package: &Package) -> Result<(), Error> {
        let driver = &package.manifest.driver.name;
        match verify(driver, &package.files)? {
            _ if self.0.is_empty() => Ok(()),
            None => Err(Error::Unsigned(driver.clone())),
            Some(key) if self.0.contains(&key) => Ok(()),
            Some(key) => Err(Error::Untrusted { driver: driver.clone(), key: hex::encode(key.as_bytes()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pack, sign};
    use ed25519_dalek::SigningKey;

    const MANIFEST: &str = "[driver]\nname = \"acme-lamp\"\nversion = \"1.0.0\"\ntitle = \"Lamp\"\nkind = \"hardware\"\n\
        module = \"Lamp\"\n[link]\nkind = \"none\"\n";

    fn driver(key: Option<&SigningKey>) -> Package {
        let mut files = crate::Unpacked::from([("driver.toml".into(), MANIFEST.into())]);
        if let Some(key) = key {
            sign(&mut files, key).unwrap();
        }
        Package::from_packed(&pack(&files).unwrap()).unwrap()
    }

    fn hex_of(key: &SigningKey) -> String {
        hex::encode(key.verifying_key().as_bytes())
    }

    #[test]
    fn a_driver_runs_only_when_a_trusted_key_signed_it_and_the_refusal_says_what_to_do() {
        let (ours, other) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
        let trust = Trust::new(&[hex_of(&ours)]).unwrap();
        trust.check(&driver(Some(&ours))).unwrap();
        let unsigned = trust.check(&driver(None)).unwrap_err().to_string();
        assert!(unsigned.contains("`acme-lamp` is not signed") && unsigned.contains("--key"), "{unsigned}");
        let foreign = trust.check(&driver(Some(&other))).unwrap_err().to_string();
        assert!(foreign.contains(&hex_of(&other)) && foreign.contains("trusted_driver_keys"), "{foreign}");
        let anybody = Trust::default();
        anybody.check(&driver(None)).unwrap();
        anybody.check(&driver(Some(&other))).unwrap();
    }

    #[test]
    fn a_changed_driver_is_refused_even_where_no_signature_is_asked_for() {
        let mut changed = driver(Some(&SigningKey::from_bytes(&[7; 32])));
        changed.files.insert("README.md".into(), b"new".to_vec());
        assert!(matches!(Trust::default().check(&changed), Err(Error::Signature(_))));
    }

    #[test]
    fn a_key_that_does_not_read_is_named() {
        for wrong in ["", "abc", "zz"] {
            assert!(matches!(Trust::new(&[wrong.to_owned()]), Err(Error::Key(text)) if text == wrong));
        }
    }
}
