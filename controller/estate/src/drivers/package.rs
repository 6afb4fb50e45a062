//! Drivers from their folders, packed to be served by hash. The edge unpacks and checks them; nothing of them is run here.

use super::Driver;
use crate::error::EstateError;
use bo_driver_package::Package;
use bo_model::WorkspaceId;
use std::collections::BTreeMap;
use std::path::Path;

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
    let package = Package::load_folder(folder).map_err(wrong)?;
    let bytes = package.packed().map_err(wrong)?;
    Ok(Packed { driver: described(workspace, &package), bytes })
}

/// Reads a packed driver, as `backoffice-edge driver pack` makes it.
pub fn from_packed(workspace: WorkspaceId, bytes: &[u8]) -> Result<Packed, EstateError> {
    let package = Package::from_packed(bytes).map_err(wrong)?;
    Ok(Packed { driver: described(workspace, &package), bytes: bytes.to_vec() })
}

fn wrong(error: bo_driver_package::Error) -> EstateError {
    EstateError::invalid("file", error.to_string())
}

fn described(workspace: WorkspaceId, package: &Package) -> Driver {
    let text = package.files.get("driver.toml").map(|text| String::from_utf8_lossy(text).into_owned());
    let manifest = (*package.manifest).clone();
    Driver { workspace, manifest, text: text.unwrap_or_default(), hash: package.hash.clone(), held: false }
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
