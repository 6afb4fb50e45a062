//! Estate files into the database: read, check, compare, apply. Importing the same files twice changes nothing.

pub mod apply;
pub mod export;
pub mod library;
pub mod plan;
pub mod prune;

pub use apply::apply;
pub use library::Library;
pub use plan::{Change, Plan};
pub use prune::prune;

use crate::drivers::package::{entries, read};
use crate::error::EstateError;
use bo_model::estate::Estate as EstateFile;
use std::path::Path;

/// Reads every `*.toml` of a folder, or one file, as one estate and checks it.
///
/// # Errors
/// [`EstateError::Import`] with every fault: file, line and what was expected.
pub fn read_folder(folder: &Path) -> Result<EstateFile, EstateError> {
    let mut estate = EstateFile::default();
    let mut faults = Vec::new();
    let mut files = 0;
    let all = match folder.is_file() {
        true => vec![(folder.display().to_string(), folder.to_owned())],
        false => entries(folder)?.into_iter().filter(|(name, _)| name.ends_with(".toml")).collect(),
    };
    for (name, path) in all {
        files += 1;
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        let merged = toml::from_str::<EstateFile>(&text)
            .map_err(|error| error.to_string())
            .and_then(|part| estate.merge(part));
        faults.extend(merged.err().map(|why| format!("{name}: {why}")));
    }
    if files == 0 {
        faults.push(format!("there is no .toml file in {}", folder.display()));
    } else if faults.is_empty() {
        faults = estate.check();
    }
    if faults.is_empty() { Ok(estate) } else { Err(EstateError::Import(faults)) }
}
