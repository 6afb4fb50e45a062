//! A driver as a folder and as one file, with who vouches for it. Here and not in the driver host, because the
//! controller packs drivers too and runs none.
//!
//! Packed, a driver is a plain tar with fixed times, owners and order: the same driver always gives the same
//! bytes, so its SHA-256 names it everywhere (releases, caches, the console), and `tar tf` shows what is inside.

mod error;
mod pack;
mod package;
mod sign;
mod trust;

pub use error::Error;
pub use pack::{Unpacked, pack, unpack};
pub use package::Package;
pub use sign::{sign, verify};
pub use trust::Trust;
