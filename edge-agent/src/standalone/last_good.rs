//! The last site that ran, on disk with its drivers: what an agent runs that is started beside a broken site file.

use crate::release::{ShelfError, write};
use crate::site::{Desired, Driver};
use bo_driver_host::Package;
use bo_model::Time;
use bo_model::release::Site;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The folder `last-good` in the data directory.
pub struct LastGood {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    read_at: Time,
    site: Site,
}

impl LastGood {
    /// Below `data`.
    pub fn new(data: &Path) -> LastGood {
        LastGood { folder: data.join("last-good") }
    }

    /// Keeps a site that runs. Drivers first, so that a cut of power never leaves a site without them.
    pub fn keep(&self, desired: &Desired, read_at: Time) -> Result<(), ShelfError> {
        let wrong = |why: String| ShelfError::new(&self.folder, why);
        std::fs::create_dir_all(&self.folder).map_err(|error| wrong(error.to_string()))?;
        let mut site = desired.site.clone();
        site.drivers.clear();
        let mut names = HashSet::from(["site.json".to_owned()]);
        for (name, driver) in &desired.drivers {
            let hash = driver.package.hash.clone();
            let path = self.folder.join(&hash);
            if !path.exists() {
                let bytes = driver.package.packed().map_err(|error| wrong(error.to_string()))?;
                write(&path, &bytes)?;
            }
            names.insert(hash.clone());
            site.drivers.insert(name.clone(), hash);
        }
        let text = serde_json::to_vec(&Kept { read_at, site }).map_err(|error| wrong(error.to_string()))?;
        write(&self.folder.join("site.json"), &text)?;
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| !names.contains(name)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// The site that was kept and when it was read; `None` when there is none. The error is a sentence.
    pub fn load(&self) -> Result<Option<(Desired, Time)>, String> {
        let path = self.folder.join("site.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let kept: Kept =
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut site = kept.site;
        let mut drivers = std::collections::BTreeMap::new();
        for (name, hash) in std::mem::take(&mut site.drivers) {
            let path = self.folder.join(&hash);
            let wrong = |why: String| format!("{}: {why}", path.display());
            let bytes = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
            let package = Package::from_packed(&bytes).map_err(|error| wrong(error.to_string()))?;
            if package.hash != hash {
                return Err(wrong("its content was changed".into()));
            }
            drivers.insert(name, Driver::from(package));
        }
        let desired = Desired { release: "file".into(), site, drivers, lines: Vec::new() };
        let desired =
            desired.checked("the last good site".into(), Vec::new()).map_err(|error| error.to_string())?;
        Ok(Some((desired, kept.read_at)))
    }
}
