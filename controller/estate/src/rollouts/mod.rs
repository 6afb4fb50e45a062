//! Rollouts: the configuration of many gateways changed in rings. Somebody proposes, sees what would change and approves;
//! each ring is released and watched, and only when its gateways run and are as well as before the next one begins. When
//! they are not, it stops and what was released goes back.

pub mod actions;
mod progress;
pub mod queries;
pub mod routes;
mod watch;

pub use progress::{Part, part};
pub use watch::step;

use bo_model::{EdgeId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

bo_model::ids! {
    /// A change of many gateways.
    RolloutId,
}

bo_db::id_columns!(RolloutId);

/// How far a rollout came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Waits for approval.
    Proposed,
    /// Goes ring by ring.
    Running,
    /// Somebody halted it where it is; it goes on when they say so.
    Paused,
    /// Everywhere.
    Done,
    /// Ended before it was everywhere; what was released stays.
    Stopped,
    /// Ended, and what was released went back.
    Reverted,
}

impl Stage {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Proposed => "proposed",
            Stage::Running => "running",
            Stage::Paused => "paused",
            Stage::Done => "done",
            Stage::Stopped => "stopped",
            Stage::Reverted => "reverted",
        }
    }

    /// Whether it may still release something.
    pub fn is_under_way(self) -> bool {
        matches!(self, Stage::Proposed | Stage::Running | Stage::Paused)
    }

    fn parse(word: &str) -> Stage {
        match word {
            "running" => Stage::Running,
            "paused" => Stage::Paused,
            "done" => Stage::Done,
            "stopped" => Stage::Stopped,
            "reverted" => Stage::Reverted,
            _ => Stage::Proposed,
        }
    }
}

/// A release of one gateway that a rollout made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Its number.
    pub number: u64,
    /// What the gateway says when it runs it.
    pub hash: String,
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rollout {
    /// Its id.
    pub id: RolloutId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// For people: what changes.
    pub title: String,
    /// Gateways, ring by ring.
    pub rings: Vec<Vec<EdgeId>>,
    /// Hash of each gateway's configuration as it was proposed: what is released is what was approved.
    #[serde(skip)]
    pub contents: BTreeMap<EdgeId, String>,
    /// How long a ring has to be well before the next begins, in seconds.
    pub watch_seconds: i64,
    /// How far it came.
    pub state: Stage,
    /// The ring it is at, from 0.
    pub ring: usize,
    /// When that was released; absent before.
    pub ring_at: Option<Time>,
    /// What was released.
    pub published: BTreeMap<EdgeId, Published>,
    /// Devices that were not well before a gateway's release.
    #[serde(skip)]
    pub unwell: BTreeMap<EdgeId, usize>,
    /// Why it ended early.
    pub why: String,
    /// Who proposed it, by name.
    pub made_by: String,
    /// When.
    pub made_at: Time,
    /// Who approved it, by name.
    pub approved_by: Option<String>,
    /// When.
    pub approved_at: Option<Time>,
}
