//! Commands: asked for here or on site, carried out by an edge, each step kept as evidence.

pub mod actions;
pub mod queries;
pub mod routes;

use bo_model::command::{CommandRequest, Step};
use bo_model::{EdgeId, Time, WorkspaceId};
use serde::Serialize;

/// A command and how far it came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Command {
    /// What was asked for.
    #[serde(flatten)]
    pub request: CommandRequest,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// The edge that carries it out.
    pub edge: EdgeId,
    /// When it was asked for.
    pub asked_at: Time,
    /// `requested`, `written`, `observed`, ….
    pub stage: String,
    /// Nothing further will happen.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The evidence, oldest first.
    pub steps: Vec<Step>,
}
