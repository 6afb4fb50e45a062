//! Zones: the tree of places. Every zone is an object of the permission graph, contained in its parent.

pub mod queries;
pub mod routes;

use bo_model::estate::ZoneKind;
use bo_model::settings::Values;
use bo_model::{WorkspaceId, ZoneId};
use serde::Serialize;
use std::collections::BTreeSet;

/// A place in the tree. Its settings are not part of its JSON, because some are secret: see [`crate::settings`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Zone {
    /// Its id.
    pub id: ZoneId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Stable name in estate files.
    pub key: String,
    /// The zone it lies in; absent for the root.
    pub parent: Option<ZoneId>,
    /// What it is.
    pub kind: ZoneKind,
    /// For people.
    pub name: String,
    /// Place among its siblings.
    pub rank: i64,
    /// Free words.
    pub tags: Vec<String>,
    /// IANA time zone; the parent's when absent.
    pub time_zone: Option<String>,
    /// Latitude and longitude in degrees; the parent's when absent.
    pub position: Option<(f64, f64)>,
    /// Name of its map.
    pub map: Option<String>,
    /// Settings for every device below.
    #[serde(skip)]
    pub settings: Values,
    /// Keys of settings that are never shown, beside those a driver declares so.
    #[serde(skip)]
    pub secrets: BTreeSet<String>,
    /// Named JSON.
    pub metadata: Values,
}
