//! A disk that is small enough to fill up.

use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;

/// A file system of so many MiB of its own; gone when this is dropped. `None` where only others may mount.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Makes one.
    pub fn mount(mib: u32) -> Result<Option<SmallDisk>> {
        let folder = tempfile::tempdir()?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("left out: only root may mount a small disk to fill up");
        }
        Ok(mounted.then_some(SmallDisk(folder)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room on it.
    pub fn fill(&self) -> Result<()> {
        let ballast = self.path().join("ballast");
        let mut fill = Command::new("dd");
        let filled =
            fill.args(["if=/dev/zero", "bs=4k"]).arg(format!("of={}", ballast.display())).output()?;
        ensure!(!filled.status.success(), "the disk is not full");
        Ok(())
    }

    /// Makes room again.
    pub fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.path().join("ballast"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}
