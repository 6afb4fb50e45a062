//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses its part")]

use bo_driver_host::Package;
use std::path::Path;

/// A driver whose component must have been built.
pub fn load(folder: &Path) -> Package {
    Package::load_folder(folder)
        .unwrap_or_else(|error| panic!("{error}\nbuild the drivers first: cargo xtask drivers"))
}
