//! `driver pack`: one file, named by its content, signed when a key is given.

use anyhow::Context;
use bo_driver_host::{Package, sign};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use std::path::{Path, PathBuf};

/// Packs `folder`; prints where and under which hash.
pub fn run(folder: &Path, out: Option<PathBuf>, key: Option<&Path>) -> anyhow::Result<()> {
    let mut package = Package::load_folder(folder)?;
    if let Some(path) = key {
        let pem = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        let key = SigningKey::from_pkcs8_pem(&pem)
            .with_context(|| format!("{} is no ed25519 key in PKCS#8 PEM", path.display()))?;
        sign(&mut package.files, &key)?;
    }
    let packed = package.packed()?;
    let package = Package::from_packed(&packed)?;
    let identity = &package.manifest.driver;
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}-{}.driver", identity.name, identity.version)));
    std::fs::write(&out, &packed).with_context(|| format!("can't write {}", out.display()))?;
    println!("{}  {}  {} bytes", package.hash, out.display(), packed.len());
    Ok(())
}
