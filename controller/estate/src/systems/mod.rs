//! Systems: devices, rules and metadata that work as one space. Contained in their zone.

pub mod queries;
pub mod routes;

use bo_model::settings::Values;
use bo_model::{EdgeId, SystemId, WorkspaceId, ZoneId};
use serde::Serialize;
use std::collections::BTreeSet;

/// A system. Its settings are not part of its JSON, because some are secret: see [`crate::settings`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct System {
    /// Its id.
    pub id: SystemId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Stable name in estate files and map bindings.
    pub key: String,
    /// For people.
    pub name: String,
    /// Its zone.
    pub zone: ZoneId,
    /// The edge it runs on.
    pub edge: EdgeId,
    /// Free words.
    pub tags: Vec<String>,
    /// Settings for its devices.
    #[serde(skip)]
    pub settings: Values,
    /// Keys of settings that are never shown, beside those a driver declares so.
    #[serde(skip)]
    pub secrets: BTreeSet<String>,
    /// Named JSON.
    pub metadata: Values,
}
