//! Asking a gateway again for records it may still have: by itself after a small loss, or because somebody wants it after
//! a database was put back or a device was not known yet. What comes is filled into history; nothing else moves.

use super::queries::GapLine;
use crate::Estate;
use crate::error::EstateError;
use bo_db::{DbError, Event};
use bo_model::{EdgeId, Kind, Object};
use bo_wire::{Backfill, Class, Down};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Losses of at most so many records are asked for again without anybody's doing.
pub const AUTOMATIC: u64 = 10_000;
/// Records asked for at most by one request.
pub const LIMIT: u64 = 1_000_000;

/// What somebody asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// `status` or `history`.
    pub class: Class,
    /// The journal's epoch, as in the gap or the watermark.
    pub epoch: u64,
    /// First record.
    pub from: u64,
    /// Last record.
    pub to: u64,
}

/// Asks; answers come whenever the gateway has nothing newer to say.
pub async fn ask(
    estate: &Arc<Estate>,
    author: bo_db::audit::Author,
    edge: EdgeId,
    ask: Ask,
) -> Result<(), EstateError> {
    if !matches!(ask.class, Class::Status | Class::History) {
        return Err(EstateError::invalid("class", "must be status or history: only values are filled in"));
    }
    if ask.from == 0 || ask.to < ask.from || ask.to - ask.from >= LIMIT {
        return Err(EstateError::invalid(
            "to",
            "must not be before `from`, nor a million records or more behind it",
        ));
    }
    let name = estate.registry().edges.get(&edge).map(|edge| edge.name.clone()).unwrap_or_default();
    let Ask { class, epoch, from, to } = ask;
    send(estate, edge, Backfill { class, epoch, from, to })?;
    let asked = estate.db.write(move |tx| {
        tx.attribute(author.clone());
        super::queries::asked_again(tx, edge, class, epoch, from, to)?;
        let event = Event::new("edge.backfill", Object::new(Kind::EDGE, edge)).name(&name);
        tx.audit(event.after(json!({ "class": class.word(), "epoch": epoch, "from": from, "to": to })));
        Ok::<_, DbError>(())
    });
    Ok(asked.await?)
}

/// After a gap record was kept: small ones are asked for at once. A gateway that is away again is not waited for.
pub(crate) fn after(estate: &Estate, edge: EdgeId, gap: &GapLine) {
    let Some(class) = super::queries::class(&gap.class) else { return };
    if !matches!(class, Class::Status | Class::History) || gap.last - gap.first >= AUTOMATIC {
        return;
    }
    if let Err(error) =
        send(estate, edge, Backfill { class, epoch: gap.epoch, from: gap.first, to: gap.last })
    {
        tracing::info!(%edge, %error, "a loss was not asked for again");
    }
}

fn send(estate: &Estate, edge: EdgeId, backfill: Backfill) -> Result<(), EstateError> {
    estate.uplink.send(edge, &Down::Backfill(backfill)).map_err(|error| EstateError::Send(error.to_string()))
}
