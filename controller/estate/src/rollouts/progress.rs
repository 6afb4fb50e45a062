//! How far each gateway of a rollout is, from what the rollout did and what the gateway proves. Pure.

use super::Rollout;
use crate::fleet::EdgePresence;
use bo_model::EdgeId;
use serde::Serialize;

/// How far one gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Part {
    /// Its ring's turn has not come.
    Waiting,
    /// Its ring was released, and nothing was different for it by then.
    Unchanged,
    /// It was released, and the gateway does not run it yet.
    Taking,
    /// The gateway runs it and is as well as before.
    Well,
    /// The gateway runs it, and so many more devices are not well.
    Worse {
        /// More than before.
        more: usize,
    },
}

/// How far a gateway of a rollout is.
pub fn part(rollout: &Rollout, edge: EdgeId, known: &EdgePresence) -> Part {
    let Some(published) = rollout.published.get(&edge) else {
        let released = rollout.rings.iter().take(rollout.ring + usize::from(rollout.ring_at.is_some()));
        return if released.flatten().any(|each| *each == edge) { Part::Unchanged } else { Part::Waiting };
    };
    if !known.online || known.running != published.hash {
        return Part::Taking;
    }
    let before = rollout.unwell.get(&edge).copied().unwrap_or_default();
    match known.unwell.len().saturating_sub(before) {
        0 => Part::Well,
        more => Part::Worse { more },
    }
}
