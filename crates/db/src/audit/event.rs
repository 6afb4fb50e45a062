//! What a caller says happened, and the record it becomes.

use super::redact::scrub;
use bo_model::command::Actor;
use bo_model::{EdgeId, Object, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    #[default]
    Done,
    /// Permission was missing.
    Denied,
    /// It was tried and failed.
    Failed,
}

impl Outcome {
    /// The word that is stored and filtered by.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
        }
    }
}

/// Where a request came from. All empty for what the product does by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Address of the client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Session or token id (never its secret).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session: String,
    /// Request id, as in the log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// When the record was made on an edge, possibly offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<FromEdge>,
}

/// A record an edge made, folded in when it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromEdge {
    /// The edge.
    pub id: EdgeId,
    /// When it happened, by the edge's clock; the record's own time is when it was folded in.
    pub at: Time,
    /// Its number in the edge's own chain.
    pub seq: u64,
    /// Its hash in the edge's own chain, hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// Who acts in a transaction, and from where: set once, used by each of its records.
#[derive(Clone, Debug)]
pub struct Author {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// In which workspace.
    pub workspace: Option<WorkspaceId>,
}

impl Default for Author {
    fn default() -> Author {
        Author { actor: Actor::System, origin: Origin::default(), workspace: None }
    }
}

/// What happened: `Event::new("system.rename", Object::new(Kind::SYSTEM, id)).change(before, after)`.
///
/// Actor, origin and workspace come from the transaction's [`Author`] unless set here.
#[derive(Clone, Debug)]
pub struct Event {
    /// `<noun>.<verb>`, a stable word: `system.rename`, `session.open`.
    pub verb: &'static str,
    /// What it was done to.
    pub object: Object,
    /// The object's name at that time, for people.
    pub name: String,
    /// State before, of the fields that changed.
    pub before: Option<Json>,
    /// State after, of the fields that changed.
    pub after: Option<Json>,
    /// Why, in the actor's words, or why it was denied or failed.
    pub reason: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Instead of the transaction's author.
    pub actor: Option<Actor>,
    /// Instead of the transaction's origin.
    pub origin: Option<Origin>,
    /// Instead of the transaction's workspace.
    pub workspace: Option<WorkspaceId>,
}

impl Event {
    /// An event that was done, by the transaction's author.
    pub fn new(verb: &'static str, object: Object) -> Event {
        Event {
            verb,
            object,
            name: String::new(),
            before: None,
            after: None,
            reason: String::new(),
            outcome: Outcome::Done,
            actor: None,
            origin: None,
            workspace: None,
        }
    }

    /// The object's name for people.
    pub fn name(mut self, name: impl Into<String>) -> Event {
        self.name = name.into();
        self
    }

    /// State before.
    pub fn before(mut self, before: Json) -> Event {
        self.before = Some(before);
        self
    }

    /// State after.
    pub fn after(mut self, after: Json) -> Event {
        self.after = Some(after);
        self
    }

    /// Before and after, reduced to the fields that differ.
    pub fn change(mut self, before: Json, after: Json) -> Event {
        let (before, after) = super::redact::changes(before, after);
        self.before = Some(before);
        self.after = Some(after);
        self
    }

    /// Why.
    pub fn reason(mut self, reason: impl Into<String>) -> Event {
        self.reason = reason.into();
        self
    }

    /// It was refused, or failed, for that reason.
    pub fn outcome(mut self, outcome: Outcome, reason: impl Into<String>) -> Event {
        self.outcome = outcome;
        self.reason = reason.into();
        self
    }

    /// Somebody other than the transaction's author did it.
    pub fn by(mut self, actor: Actor) -> Event {
        self.actor = Some(actor);
        self
    }

    /// It came from elsewhere than the transaction: a record folded in from an edge.
    pub fn from(mut self, origin: Origin) -> Event {
        self.origin = Some(origin);
        self
    }

    /// It belongs to that workspace.
    pub fn workspace(mut self, workspace: WorkspaceId) -> Event {
        self.workspace = Some(workspace);
        self
    }

    pub(crate) fn record(self, author: &Author, at: Time) -> Record {
        Record {
            seq: 0,
            prev: String::new(),
            at,
            workspace: self.workspace.or(author.workspace),
            actor: self.actor.unwrap_or_else(|| author.actor.clone()),
            origin: self.origin.unwrap_or_else(|| author.origin.clone()),
            verb: self.verb.to_owned(),
            object: self.object,
            name: self.name,
            before: self.before.map(scrub),
            after: self.after.map(scrub),
            reason: self.reason,
            outcome: self.outcome,
        }
    }
}

/// A stored record. Its JSON, byte for byte as stored and exported, is what the leaf hash covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Leaf index, from 0, without gaps.
    pub seq: u64,
    /// Leaf hash of the record before, hex; empty for the first.
    pub prev: String,
    /// When it was recorded.
    pub at: Time,
    /// Whose data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// Who.
    pub actor: Actor,
    /// From where.
    #[serde(default)]
    pub origin: Origin,
    /// What.
    pub verb: String,
    /// To what.
    pub object: Object,
    /// Its name at that time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// `account`, `trigger`, … and the id, as the log's columns hold an actor.
pub fn actor_key(actor: &Actor) -> String {
    match actor {
        Actor::Account { id, .. } => format!("account:{id}"),
        Actor::Trigger { id, .. } => format!("trigger:{id}"),
        Actor::Driver { device } => format!("driver:{device}"),
        Actor::Operator => "operator:".into(),
        Actor::Edge { id } => format!("edge:{id}"),
        Actor::Anonymous => "anonymous:".into(),
        Actor::System => "system:".into(),
    }
}
