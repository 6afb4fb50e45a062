//! For tests with real processes: start them, wait for a condition instead of sleeping, end them by id.

#[cfg(feature = "guest")]
pub mod guest;
pub mod http;
pub mod journal;
pub mod keys;
pub mod measure;
mod ports;
pub mod process;
pub mod sample;

pub use ports::free_port;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// A built binary of this workspace, or one in the folder that `BO_TEST_BINARIES` names (a release build, say).
/// The test command builds all of them first.
pub fn binary(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("BO_TEST_BINARIES") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::current_exe()?.ancestors().nth(2).map(Path::to_owned).unwrap_or_default(),
    };
    let path = folder.join(name);
    if !path.exists() {
        bail!("{} is not built; run `cargo build --workspace --bins` or `cargo xtask test`", path.display());
    }
    Ok(path)
}

/// Looks again and again until `look` finds something; the last look's error is part of the failure.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        let found = look();
        if let Ok(Some(found)) = found {
            return Ok(found);
        }
        if Instant::now() > end {
            let why = found.err().map(|error| format!(": {error:#}")).unwrap_or_default();
            bail!("waited {} s for {what}{why}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// True when a peer the test needs is missing and that is acceptable: a plain `cargo test` on a developer's
/// machine. Under the test command (`BO_TEST_PEERS=required`) a missing peer fails the test.
pub fn skip_without(peer: &str, there: bool) -> bool {
    if there {
        return false;
    }
    let required = std::env::var("BO_TEST_PEERS").is_ok_and(|value| value == "required");
    assert!(!required, "this test needs {peer}; `cargo xtask test` installs it");
    eprintln!("skipped: {peer} is not installed");
    true
}

/// True when a program is installed.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    std::env::split_paths(&path).chain(sbin).any(|folder| folder.join(program).is_file())
}
