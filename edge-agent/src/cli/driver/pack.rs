//! `driver pack`: one file, named by its content, signed when a key is given. `driver key`: keys to sign with.

use anyhow::Context;
use bo_driver_host::{Package, sign};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Packs `folder`; prints where and under which hash.
pub fn run(folder: &Path, out: Option<PathBuf>, key: Option<&Path>) -> anyhow::Result<()> {
    let mut package = Package::load_folder(folder)?;
    if let Some(path) = key {
        sign(&mut package.files, &read(path)?)?;
    }
    let packed = package.packed()?;
    let package = Package::from_packed(&packed)?;
    let identity = &package.manifest.driver;
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}-{}.driver", identity.name, identity.version)));
    std::fs::write(&out, &packed).with_context(|| format!("can't write {}", out.display()))?;
    println!("{}  {}  {} bytes", package.hash, out.display(), packed.len());
    Ok(())
}

/// Prints the public half of the key in `path`, which gateways trust. Makes the key when there is none, for this user alone.
pub fn key(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        make(path)?;
        eprintln!(
            "{} is a new key: keep it where only those who may sign drivers can read it",
            path.display()
        );
    }
    println!("{}", public(path)?);
    Ok(())
}

/// The public half in hex.
fn public(path: &Path) -> anyhow::Result<String> {
    Ok(hex::encode(read(path)?.verifying_key().as_bytes()))
}

fn read(path: &Path) -> anyhow::Result<SigningKey> {
    let pem = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    SigningKey::from_pkcs8_pem(&pem)
        .with_context(|| format!("{} is no ed25519 key in PKCS#8 PEM", path.display()))
}

fn make(path: &Path) -> anyhow::Result<()> {
    let mut seed = [0; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut seed)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    let pem =
        SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF).context("can't write the key as PEM")?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("can't make {}", path.display()))?;
    file.write_all(pem.as_bytes()).with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::driver::Link;
    use crate::cli::driver::new::create;
    use bo_driver_host::Trust;

    #[test]
    fn a_driver_signed_with_a_new_key_is_trusted_by_whoever_trusts_the_printed_half() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("ours.pem"), folder.path().join("other.pem"));
        for path in [&ours, &other] {
            key(path).unwrap();
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&ours).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let driver = create(folder.path(), "acme-meter", Link::Modbus, false).unwrap();
        let out = folder.path().join("acme.driver");
        run(&driver, Some(out.clone()), Some(&ours)).unwrap();
        let package = Package::from_packed(&std::fs::read(out).unwrap()).unwrap();
        Trust::new(&[public(&ours).unwrap()]).unwrap().check(&package).unwrap();
        let refused =
            Trust::new(&[public(&other).unwrap()]).unwrap().check(&package).unwrap_err().to_string();
        assert!(refused.contains("not among the trusted ones"), "{refused}");
    }
}
