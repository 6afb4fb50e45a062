//! Driver folders to bytes and back, with limits on what comes in.

use crate::error::Error;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Files by path, in order.
pub type Unpacked = BTreeMap<String, Vec<u8>>;

/// Largest driver, unpacked.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Most files in a driver.
const MOST_FILES: usize = 500;

/// Whether a driver may hold a file of this path. Sources and build output are not part of it.
fn belongs(path: &str) -> bool {
    match path.split_once('/') {
        None => {
            matches!(path, "driver.toml" | "README.md" | "LICENSE" | "signature") || path.ends_with(".wasm")
        }
        Some(("tests", name)) => name.ends_with(".transcript") && !name.contains(['/', '\\']),
        Some(_) => false,
    }
}

/// The files of a folder that belong to a driver.
pub(crate) fn read_folder(folder: &Path) -> Result<Unpacked, Error> {
    let mut files = Unpacked::new();
    for (sub, prefix) in [(folder.to_owned(), ""), (folder.join("tests"), "tests/")] {
        let entries = match std::fs::read_dir(&sub) {
            Ok(entries) => entries,
            Err(_) if !prefix.is_empty() => continue,
            Err(source) => return Err(Error::Read { path: sub, source }),
        };
        for entry in entries {
            let entry = entry.map_err(|source| Error::Read { path: sub.clone(), source })?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if belongs(&path) && entry.path().is_file() {
                let bytes = std::fs::read(entry.path())
                    .map_err(|source| Error::Read { path: entry.path(), source })?;
                files.insert(path, bytes);
            }
        }
    }
    Ok(files)
}

/// One file: a tar without times, owners or luck.
pub fn pack(files: &Unpacked) -> Result<Vec<u8>, Error> {
    let wrong = |path: &str, why: std::io::Error| Error::Unpack(format!("{path}: {why}"));
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, path, bytes.as_slice()).map_err(|why| wrong(path, why))?;
    }
    archive.into_inner().map_err(|why| wrong("end", why))
}

/// Its files. Refuses links, strange paths, and more than a driver can be.
pub fn unpack(bytes: &[u8]) -> Result<Unpacked, Error> {
    let wrong = |why: std::io::Error| Error::Unpack(why.to_string());
    let mut files = Unpacked::new();
    let mut left = LARGEST;
    for entry in tar::Archive::new(bytes).entries().map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let path = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| Error::Unpack("a file name is not UTF-8".into()))?;
        if entry.header().entry_type() != tar::EntryType::Regular || !belongs(&path) {
            return Err(Error::Unpack(format!("`{path}` does not belong into a driver")));
        }
        let size = entry.size();
        if size > left || files.len() >= MOST_FILES {
            return Err(Error::Unpack("it is larger than a driver can be".into()));
        }
        left -= size;
        let mut content = Vec::new();
        entry.take(size).read_to_end(&mut content).map_err(wrong)?;
        if content.len() as u64 != size {
            return Err(Error::Unpack(format!("`{path}` is cut short")));
        }
        if files.insert(path.clone(), content).is_some() {
            return Err(Error::Unpack(format!("`{path}` is there twice")));
        }
    }
    if files.is_empty() {
        return Err(Error::Unpack("it is empty".into()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver() -> Unpacked {
        Unpacked::from([
            ("driver.toml".into(), b"[driver]".to_vec()),
            ("tests/a.transcript".into(), b"connect".to_vec()),
        ])
    }

    #[test]
    fn the_same_driver_packs_to_the_same_bytes_and_comes_out_whole() {
        let packed = pack(&driver()).unwrap();
        assert_eq!(packed, pack(&driver()).unwrap());
        assert_eq!(unpack(&packed).unwrap(), driver());
    }

    #[test]
    fn paths_that_leave_the_driver_and_links_are_refused() {
        let mut files = driver();
        files.insert("tests/../../etc.transcript".into(), Vec::new());
        assert!(pack(&files).is_err() || unpack(&pack(&files).unwrap()).is_err());
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, "driver.toml", "/etc/passwd").unwrap();
        let error = unpack(&archive.into_inner().unwrap()).unwrap_err().to_string();
        assert!(error.contains("does not belong"), "{error}");
    }

    #[test]
    fn a_cut_or_foreign_file_is_an_error_and_not_half_a_driver() {
        let packed = pack(&driver()).unwrap();
        for length in [1, 100, 511, 513, 600] {
            assert!(unpack(&packed[..length]).is_err(), "{length}");
        }
        assert!(unpack(b"PK\x03\x04 not a tar at all").is_err());
        assert!(unpack(b"").is_err());
    }
}
