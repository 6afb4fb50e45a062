//! Folding an edge's own audit chain into the controller's log.

use bo_db::audit::{FromEdge, Origin, Outcome};
use bo_db::{DbError, Event, Tx};
use bo_model::{EdgeId, Kind, Object, WorkspaceId};
use bo_wire::{AuditEntry, Record};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Where a folded record came from.
pub(super) fn origin(edge: EdgeId, record: &Record, hash: String) -> Origin {
    Origin { edge: Some(FromEdge { id: edge, at: record.at, seq: record.seq, hash }), ..Origin::default() }
}

/// Adds an entry to the log and returns its hash, the chain's new head. A broken link is itself a record: somebody
/// changed or removed an entry on the gateway. An empty head is not checked: the chain begins, or follows a loss.
pub(super) fn fold(
    tx: &mut Tx,
    workspace: WorkspaceId,
    edge: EdgeId,
    record: &Record,
    entry: &AuditEntry,
    head: &str,
) -> Result<String, DbError> {
    let hash = hex::encode(Sha256::digest(crate::json(entry).as_bytes()));
    let origin = origin(edge, record, hash.clone());
    if !head.is_empty() && entry.previous != head {
        let why = "an audit entry of the gateway does not follow on the one before it";
        tx.audit(
            Event::new("audit.chain-broken", Object::new(Kind::EDGE, edge))
                .workspace(workspace)
                .from(origin.clone())
                .after(json!({ "expected": head, "found": entry.previous, "seq": record.seq }))
                .outcome(Outcome::Failed, why),
        );
        tracing::error!(%edge, seq = record.seq, why);
    }
    let outcome = match entry.outcome.split_once(':').map_or(entry.outcome.as_str(), |(word, _)| word) {
        "done" => Outcome::Done,
        "refused" | "denied" => Outcome::Denied,
        _ => Outcome::Failed,
    };
    let object = Object::parse(&entry.object).unwrap_or_else(|| Object::new(Kind::EDGE, edge));
    let event = Event::new("edge.record", object)
        .workspace(workspace)
        .by(entry.actor.clone())
        .from(Origin { address: entry.origin.chars().take(200).collect(), ..origin })
        .after(json!({ "verb": entry.verb, "detail": entry.detail }));
    let reason = if outcome == Outcome::Done { String::new() } else { entry.outcome.clone() };
    tx.audit(event.outcome(outcome, reason));
    Ok(hash)
}
