//! Drivers as the controller keeps them: manifest and packed bytes by hash. Device code is never run here.
//!
//! Of each driver one version is in use. A device names its driver, `acme-lamp`, and runs that one, or holds a version,
//! `acme-lamp@1.2.0`, and keeps it whatever is in use. A release carries both under those names, so two versions run side by
//! side on one gateway: a new one is tried on a few devices first, and the old one stays at hand.

pub mod actions;
pub mod package;
pub mod queries;
pub mod routes;

use bo_model::WorkspaceId;
use bo_model::driver::Manifest;

/// The driver behind the name that a device gives: `acme-lamp` of `acme-lamp@1.2.0`.
#[must_use]
pub fn plain(label: &str) -> &str {
    held(label).map_or(label, |(name, _)| name)
}

/// Driver and version of a name that holds one.
#[must_use]
pub fn held(label: &str) -> Option<(&str, &str)> {
    label.split_once('@')
}

/// A version of a driver: the one in use, or one that devices hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Driver {
    /// Whose.
    pub workspace: WorkspaceId,
    /// `driver.toml`, read.
    pub manifest: Manifest,
    /// Its text.
    pub text: String,
    /// Hex SHA-256 of the packed driver.
    pub hash: String,
    /// It is kept for devices that hold this version.
    pub held: bool,
}

impl Driver {
    /// Settings whose values are never shown.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        let settings = self.manifest.settings.iter();
        settings.filter(|(_, field)| field.secret).map(|(key, _)| key.clone())
    }

    /// How devices name it.
    pub fn label(&self) -> String {
        match self.held {
            true => format!("{}@{}", self.name(), self.manifest.driver.version),
            false => self.name().to_owned(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.driver.name
    }
}
