//! A driver's folder as one file: a tar without times, owners or luck, so that the same driver always gives the
//! same bytes and its SHA-256 names it. The edge unpacks and checks it; nothing of it is run here.

use super::Driver;
use crate::error::EstateError;
use bo_model::WorkspaceId;
use bo_model::driver::Manifest;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What of a folder belongs to a driver: no sources, no build output.
fn belongs(name: &str) -> bool {
    matches!(name, "driver.toml" | "README.md" | "LICENSE" | "signature") || name.ends_with(".wasm")
}

/// A driver and its packed bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// Manifest and hash.
    pub driver: Driver,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Reads and packs a driver's folder. A component that is built is found beside the folders, in
/// `target/components/<driver>.wasm`.
pub fn pack_folder(workspace: WorkspaceId, folder: &Path) -> Result<Packed, EstateError> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, path) in entries(folder)?.into_iter().filter(|(name, _)| belongs(name)) {
        files.insert(name, read(&path)?);
    }
    let tests = folder.join("tests");
    if tests.is_dir() {
        for (name, path) in entries(&tests)?.into_iter().filter(|(name, _)| name.ends_with(".transcript")) {
            files.insert(format!("tests/{name}"), read(&path)?);
        }
    }
    let wrong =
        |why: String| EstateError::Import(vec![format!("{}: {why}", folder.join("driver.toml").display())]);
    let text = files.get("driver.toml").ok_or_else(|| wrong("there is no driver.toml".into()))?;
    let text = String::from_utf8(text.clone()).map_err(|_| wrong("is not UTF-8".into()))?;
    let manifest = Manifest::parse(&text).map_err(wrong)?;
    if let Some(component) = &manifest.component
        && !files.contains_key(&component.file)
    {
        let built = format!("target/components/{}.wasm", manifest.driver.name);
        let place = folder.parent().unwrap_or(folder).join(&built);
        if !place.is_file() {
            return Err(wrong(format!(
                "its component is not built: neither {} nor {built} is there",
                component.file
            )));
        }
        files.insert(component.file.clone(), read(&place)?);
    }
    let bytes = pack(&files).map_err(|source| EstateError::Read { path: folder.to_owned(), source })?;
    let hash = hex::encode(Sha256::digest(&bytes));
    Ok(Packed { driver: Driver { workspace, manifest, text, hash }, bytes })
}

fn pack(files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, path, bytes.as_slice())?;
    }
    archive.into_inner()
}

/// Files of a folder by name, in order.
pub(crate) fn entries(folder: &Path) -> Result<BTreeMap<String, std::path::PathBuf>, EstateError> {
    let failed = |source| EstateError::Read { path: folder.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            found.insert(name.to_owned(), path.clone());
        }
    }
    found.retain(|_, path| path.is_file());
    Ok(found)
}

/// A file's bytes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, EstateError> {
    std::fs::read(path).map_err(|source| EstateError::Read { path: path.to_owned(), source })
}
