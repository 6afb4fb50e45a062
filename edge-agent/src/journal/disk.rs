//! How much room the disk has for the journal.

use super::Limits;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What the journal may have however full the disk is: audit and alarms need a place.
const LEAST: u64 = 4 << 20;

/// Tells the free bytes of the disk a path is on; `None` when the disk does not say.
#[derive(Clone)]
pub struct FreeSpace(pub Arc<dyn Fn(&Path) -> Option<u64> + Send + Sync>);

impl Default for FreeSpace {
    /// Free for an ordinary user (statvfs(3), `f_bavail`).
    fn default() -> Self {
        FreeSpace(Arc::new(|path| {
            let disk = rustix::fs::statvfs(path).ok()?;
            Some(disk.f_bavail.saturating_mul(disk.f_frsize))
        }))
    }
}

impl fmt::Debug for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeSpace")
    }
}

impl Limits {
    /// Bytes the journal may use now, its file taking `file` bytes: the configured bound, less when others fill the disk.
    pub(super) fn bound(&self, path: &Path, file: u64) -> u64 {
        if self.keep_free == 0 {
            return self.max_bytes;
        }
        let Some(free) = (self.free.0)(path) else { return self.max_bytes };
        let room = file.saturating_add(free).saturating_sub(self.keep_free);
        room.max(LEAST).min(self.max_bytes)
    }
}
