//! Edges: the gateways, their links, enrolment and revocation.

pub mod actions;
pub mod queries;
pub mod routes;

use bo_model::release::{LinkConfig, ModbusShare};
use bo_model::{EdgeId, Time, WorkspaceId, ZoneId};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far an edge's enrolment came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeState {
    /// Waits for its one-time code to be used.
    #[default]
    New,
    /// Has a certificate.
    Enrolled,
    /// Its certificates are refused.
    Revoked,
}

impl EdgeState {
    /// Its word in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            EdgeState::New => "new",
            EdgeState::Enrolled => "enrolled",
            EdgeState::Revoked => "revoked",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> EdgeState {
        match word {
            "enrolled" => EdgeState::Enrolled,
            "revoked" => EdgeState::Revoked,
            _ => EdgeState::New,
        }
    }
}

/// A gateway.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// Its id.
    pub id: EdgeId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Stable name in estate files.
    pub key: String,
    /// For people.
    pub name: String,
    /// The zone it serves.
    pub zone: ZoneId,
    /// Its links by name.
    pub links: BTreeMap<String, LinkConfig>,
    /// Modbus links that other masters may use, by the link's name.
    pub shares: BTreeMap<String, ModbusShare>,
    /// How far its enrolment came.
    pub state: EdgeState,
    /// When it was enrolled.
    pub enrolled_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}
