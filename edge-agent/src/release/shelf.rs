//! Releases and drivers on disk. Files are written beside their place, fsynced and renamed, so that a cut of
//! power leaves the old or the new one and nothing between.

use bo_wire::SignedRelease;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Refused releases remembered, so that one that was reverted does not come back by itself.
const REFUSED: usize = 32;

/// Which releases there are, and how the current one is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Hash of the release to run.
    pub current: Option<String>,
    /// Hash of the one to go back to.
    pub previous: Option<String>,
    /// Starts of the agent since the current release is on trial; absent once it has proved itself.
    pub trial: Option<u32>,
    /// Hashes that were reverted or refused.
    pub refused: Vec<String>,
    /// Hash of the newest release that was accepted, whether its configuration runs or not: its people count. Who was let go
    /// does not come back because devices fell ill.
    pub people: Option<String>,
}

impl Ledger {
    /// Remembers a release that is not to be run.
    pub fn refuse(&mut self, hash: &str) {
        self.refused.retain(|known| known != hash);
        self.refused.push(hash.to_owned());
        let excess = self.refused.len().saturating_sub(REFUSED);
        self.refused.drain(..excess);
    }
}

/// A file that can't be read or written, or is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct ShelfError {
    path: PathBuf,
    why: String,
}

impl ShelfError {
    /// About `path`.
    pub(crate) fn new(path: &Path, why: String) -> ShelfError {
        ShelfError { path: path.to_owned(), why }
    }
}

/// The folders `releases` and `drivers` in the data directory.
#[derive(Clone, Debug)]
pub struct Shelf {
    releases: PathBuf,
    drivers: PathBuf,
}

impl Shelf {
    /// Below `data`.
    pub fn open(data: &Path) -> Result<Shelf, ShelfError> {
        let shelf = Shelf { releases: data.join("releases"), drivers: data.join("drivers") };
        for folder in [&shelf.releases, &shelf.drivers] {
            std::fs::create_dir_all(folder).map_err(|error| wrong(folder, error))?;
        }
        // Releases hold what devices are signed in to with: nobody but the agent reads them.
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&shelf.releases, private).map_err(|error| wrong(&shelf.releases, error))?;
        Ok(shelf)
    }

    /// What is known of the releases; empty on a fresh edge.
    pub fn ledger(&self) -> Result<Ledger, ShelfError> {
        let path = self.releases.join("ledger.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(&path, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ledger::default()),
            Err(error) => Err(wrong(&path, error)),
        }
    }

    /// Writes the ledger and removes what no release in it needs any more.
    pub fn keep(&self, ledger: &Ledger) -> Result<(), ShelfError> {
        let bytes = serde_json::to_vec_pretty(ledger).map_err(|error| wrong(&self.releases, error))?;
        write(&self.releases.join("ledger.json"), &bytes)?;
        self.tidy(ledger);
        Ok(())
    }

    /// A release by its hash.
    pub fn release(&self, hash: &str) -> Result<SignedRelease, ShelfError> {
        let path = self.releases.join(format!("{hash}.json"));
        let bytes = std::fs::read(&path).map_err(|error| wrong(&path, error))?;
        serde_json::from_slice(&bytes).map_err(|error| wrong(&path, error))
    }

    /// Stores a release whose signature was checked.
    pub fn store_release(&self, release: &SignedRelease) -> Result<(), ShelfError> {
        let path = self.releases.join(format!("{}.json", release.hash));
        let bytes = serde_json::to_vec(release).map_err(|error| wrong(&path, error))?;
        write(&path, &bytes)
    }

    /// A packed driver by its hash; `None` when it is not here or damaged.
    pub fn driver(&self, hash: &str) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.drivers.join(hash)).ok()?;
        (hex::encode(Sha256::digest(&bytes)) == hash).then_some(bytes)
    }

    /// Stores a packed driver.
    pub fn store_driver(&self, hash: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        write(&self.drivers.join(hash), bytes)
    }

    fn tidy(&self, ledger: &Ledger) {
        let kept: HashSet<&String> =
            ledger.current.iter().chain(&ledger.previous).chain(&ledger.people).collect();
        let mut drivers = HashSet::new();
        for hash in &kept {
            // A release that can't be read says nothing about its drivers: leave all of them.
            let Ok(release) = self.release(hash) else { return };
            let Ok(site) = serde_json::from_str::<bo_model::release::Site>(&release.site) else { return };
            drivers.extend(site.drivers.into_values());
        }
        let stale_release = |name: &str| {
            name.strip_suffix(".json")
                .is_some_and(|hash| hash != "ledger" && !kept.contains(&hash.to_owned()))
        };
        remove(&self.releases, stale_release);
        remove(&self.drivers, |name| !drivers.contains(name));
    }
}

fn remove(folder: &Path, is_stale: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(&is_stale) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> ShelfError {
    ShelfError { path: path.to_owned(), why: why.to_string() }
}

/// Replaces a file in one step that is on disk when this returns.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ShelfError> {
    let beside = path.with_extension("new");
    let written = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        match path.parent() {
            Some(folder) => std::fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    written().map_err(|error| wrong(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::Time;
    use bo_model::release::Site;
    use ed25519_dalek::SigningKey;

    fn release(number: u64, driver: &str) -> SignedRelease {
        let mut site = Site::default();
        site.drivers.insert("x".into(), driver.into());
        SignedRelease::sign(number, Time(1), &site, &SigningKey::from_bytes(&[7; 32])).unwrap()
    }

    #[test]
    fn releases_are_read_by_nobody_else_on_the_machine_those_of_older_agents_included() {
        let folder = tempfile::tempdir().unwrap();
        let releases = folder.path().join("releases");
        std::fs::create_dir_all(&releases).unwrap();
        std::fs::set_permissions(&releases, std::fs::Permissions::from_mode(0o755)).unwrap();
        Shelf::open(folder.path()).unwrap();
        assert_eq!(std::fs::metadata(&releases).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_no_release_needs_is_removed_and_the_way_back_stays() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let hash = |content: &[u8]| hex::encode(Sha256::digest(content));
        let drivers = [hash(b"one"), hash(b"two"), hash(b"three")];
        for (hash, content) in drivers.iter().zip([&b"one"[..], b"two", b"three"]) {
            shelf.store_driver(hash, content).unwrap();
        }
        let releases: Vec<_> = (0..3).map(|n| release(n as u64, &drivers[n])).collect();
        for release in &releases {
            shelf.store_release(release).unwrap();
        }
        let ledger = Ledger {
            current: Some(releases[2].hash.clone()),
            previous: Some(releases[1].hash.clone()),
            ..Ledger::default()
        };
        shelf.keep(&ledger).unwrap();
        assert_eq!(shelf.ledger().unwrap(), ledger);
        assert!(shelf.release(&releases[0].hash).is_err() && shelf.release(&releases[1].hash).is_ok());
        assert!(shelf.driver(&drivers[0]).is_none() && shelf.driver(&drivers[1]).is_some());
    }

    #[test]
    fn a_driver_that_was_damaged_on_disk_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let hash = hex::encode(Sha256::digest(b"one"));
        shelf.store_driver(&hash, b"one, but damaged").unwrap();
        assert_eq!(shelf.driver(&hash), None);
    }
}
