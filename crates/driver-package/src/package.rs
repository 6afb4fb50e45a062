//! A driver, read and checked.

use crate::error::Error;
use crate::pack::{self, Unpacked, pack, unpack};
use bo_model::driver::Manifest;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the manifest in a driver.
const MANIFEST: &str = "driver.toml";

/// A driver, read and checked.
#[derive(Clone, Debug)]
pub struct Package {
    /// `driver.toml`.
    pub manifest: Arc<Manifest>,
    /// Its component; `None` for a driver that is a profile only.
    pub component: Option<Arc<[u8]>>,
    /// SHA-256 of the component, hex; empty without one.
    pub component_hash: String,
    /// SHA-256 of the packed driver, hex.
    pub hash: String,
    /// All its files by path.
    pub files: Unpacked,
}

impl Package {
    /// Reads a driver's folder. The component is `component.wasm` in it, or what the drivers' workspace built:
    /// `../target/components/<driver>.wasm`.
    pub fn load_folder(folder: &Path) -> Result<Package, Error> {
        let mut files = pack::read_folder(folder)?;
        let place = folder.join(MANIFEST);
        let manifest = manifest(&files, &place)?;
        if let Some(component) = &manifest.component
            && !files.contains_key(&component.file)
        {
            let looked = places(folder, &component.file, &manifest.driver.name);
            let Some(found) = looked.iter().find(|path| path.is_file()) else {
                return Err(Error::NoComponent { driver: manifest.driver.name, looked });
            };
            let bytes = std::fs::read(found).map_err(|source| Error::Read { path: found.clone(), source })?;
            files.insert(component.file.clone(), bytes);
        }
        Package::assemble(manifest, files, None)
    }

    /// Reads a packed driver.
    pub fn from_packed(bytes: &[u8]) -> Result<Package, Error> {
        let files = unpack(bytes)?;
        let manifest = manifest(&files, Path::new(MANIFEST))?;
        Package::assemble(manifest, files, Some(digest(bytes)))
    }

    /// As one file.
    pub fn packed(&self) -> Result<Vec<u8>, Error> {
        pack(&self.files)
    }

    /// Its transcripts: path and text.
    pub fn transcripts(&self) -> impl Iterator<Item = (&str, String)> {
        let tests = self.files.iter().filter(|(path, _)| path.ends_with(".transcript"));
        tests.map(|(path, bytes)| (path.as_str(), String::from_utf8_lossy(bytes).into_owned()))
    }

    fn assemble(manifest: Manifest, files: Unpacked, hash: Option<String>) -> Result<Package, Error> {
        let component = match &manifest.component {
            Some(wanted) => {
                let bytes = files.get(&wanted.file).ok_or_else(|| Error::NoComponent {
                    driver: manifest.driver.name.clone(),
                    looked: vec![PathBuf::from(&wanted.file)],
                })?;
                Some(Arc::<[u8]>::from(bytes.as_slice()))
            }
            None => None,
        };
        let hash = match hash {
            Some(hash) => hash,
            None => digest(&pack(&files)?),
        };
        Ok(Package {
            component_hash: component.as_ref().map(|bytes| digest(bytes)).unwrap_or_default(),
            manifest: Arc::new(manifest),
            component,
            hash,
            files,
        })
    }
}

/// Where a component may lie beside a driver's folder.
fn places(folder: &Path, file: &str, driver: &str) -> Vec<PathBuf> {
    let built = Path::new("target/components").join(format!("{driver}.wasm"));
    let mut places = vec![folder.join(file), folder.join(&built)];
    places.extend(folder.canonicalize().ok().and_then(|full| Some(full.parent()?.join(&built))));
    places
}

fn manifest(files: &Unpacked, place: &Path) -> Result<Manifest, Error> {
    let wrong = |why: String| Error::Manifest { path: place.to_owned(), why };
    let bytes = files.get(MANIFEST).ok_or_else(|| wrong("there is no driver.toml".into()))?;
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(format!("not UTF-8: {error}")))?;
    Manifest::parse(text).map_err(wrong)
}

/// SHA-256 in hex.
fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
