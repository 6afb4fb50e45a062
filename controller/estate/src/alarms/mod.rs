//! Alarms: conditions with a life, active or cleared and acknowledged or not, each on its own.

pub mod actions;
pub mod queries;
pub mod routes;

use bo_model::{AccountId, AlarmId, DeviceId, EdgeId, Object, SystemId, Time, WorkspaceId};
use serde::Serialize;

/// An alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// Its id; each time a condition begins anew it gets another.
    pub id: AlarmId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Stable name of the condition.
    pub key: String,
    /// The edge that saw it, or that it is about.
    pub edge: Option<EdgeId>,
    /// System it belongs to.
    pub system: Option<SystemId>,
    /// Device it belongs to.
    pub device: Option<DeviceId>,
    /// `info`, `warning`, `critical`.
    pub severity: String,
    /// For people.
    pub text: String,
    /// The condition holds.
    pub active: bool,
    /// Somebody has seen to it.
    pub acknowledged: bool,
    /// When it began.
    pub raised_at: Time,
    /// When it ended.
    pub cleared_at: Option<Time>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Time>,
    /// By whom, by name.
    pub acknowledged_by: Option<String>,
    /// What they said.
    pub comment: String,
    /// Who sees to it.
    pub assignee: Option<AccountId>,
    /// Their name.
    pub assignee_name: Option<String>,
    /// It began during maintenance of its place, so nobody was told.
    pub muted: bool,
}

impl Alarm {
    /// The object whose permission decides who sees it: its device, system or edge.
    pub fn subject(&self) -> Object {
        match (self.device, self.system, self.edge) {
            (Some(device), ..) => Object::new(bo_model::Kind::DEVICE, device),
            (None, Some(system), _) => Object::new(bo_model::Kind::SYSTEM, system),
            (None, None, Some(edge)) => Object::new(bo_model::Kind::EDGE, edge),
            (None, None, None) => Object::area(self.workspace, "alarms"),
        }
    }

    /// Needs somebody: active, or cleared but nobody has seen to it.
    pub fn is_open(&self) -> bool {
        self.active || !self.acknowledged
    }
}

/// What somebody wrote beside an alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// When.
    pub at: Time,
    /// Who, by name.
    pub author: String,
    /// What.
    pub text: String,
}

/// A condition that begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Raise {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Stable name of the condition.
    pub key: String,
    /// The edge that saw it, or that it is about.
    pub edge: Option<EdgeId>,
    /// System it belongs to.
    pub system: Option<SystemId>,
    /// Device it belongs to.
    pub device: Option<DeviceId>,
    /// `info`, `warning`, `critical`.
    pub severity: String,
    /// For people.
    pub text: String,
    /// Since when.
    pub at: Time,
}
