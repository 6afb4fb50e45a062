//! Drivers as the controller keeps them: manifest and packed bytes by hash. Device code is never run here.

pub mod package;
pub mod queries;
pub mod routes;

use bo_model::WorkspaceId;
use bo_model::driver::Manifest;

/// The version of a driver in use.
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
}

impl Driver {
    /// Settings whose values are never shown.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        let settings = self.manifest.settings.iter();
        settings.filter(|(_, field)| field.secret).map(|(key, _)| key.clone())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.driver.name
    }
}
