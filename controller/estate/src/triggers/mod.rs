//! Triggers: definitions from the library, bound to systems as instances. Edges evaluate them.

pub mod queries;
pub mod replay;
pub mod routes;

use bo_model::settings::Values;
use bo_model::{SystemId, TriggerId, WorkspaceId};
use serde::Serialize;

/// `triggers/<name>` as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriggerDefinition {
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// The folder's name.
    pub name: String,
    /// For people.
    pub title: String,
    /// One or two sentences.
    pub about: String,
    /// Text of `trigger.toml`.
    pub definition: String,
    /// Text of `rule.rhai`.
    pub script: Option<String>,
}

/// A definition bound to a system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriggerInstance {
    /// Its id.
    pub id: TriggerId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Its system.
    pub system: SystemId,
    /// Name of its definition.
    pub name: String,
    /// Parameters of this instance.
    pub params: Values,
    /// Evaluated when true.
    pub enabled: bool,
}
