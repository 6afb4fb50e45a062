//! Maintenance: planned, ended early. Alarms of that time are kept and marked, and nobody is told.

use super::{Maintenance, MaintenanceId, queries};
use bo_db::Event;
use bo_model::{Kind, Level, Object, Time};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// The longest maintenance: what is forgotten must not keep quiet for ever.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// A maintenance to plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMaintenance {
    /// A zone, system, device or gateway: `zone:0190…`.
    pub object: Object,
    /// From then on; now when absent. Microseconds since 1970.
    #[serde(default)]
    pub starts_at: Option<Time>,
    /// Until then.
    pub ends_at: Time,
    /// What is done.
    pub reason: String,
}

/// Plans one; level `edit` on the object.
pub async fn plan(ctx: &Ctx, new: NewMaintenance) -> Result<Maintenance> {
    let known = [Kind::ZONE, Kind::SYSTEM, Kind::DEVICE, Kind::EDGE];
    if !known.iter().any(|kind| new.object.is(*kind)) {
        return Err(WebError::field("object", "must be a zone, system, device or gateway"));
    }
    let reason = new.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > 300 {
        return Err(WebError::field("reason", "must say what is done, in at most 300 characters"));
    }
    let now = ctx.now();
    let starts_at = new.starts_at.unwrap_or(now);
    if new.ends_at <= starts_at.max(now) || new.ends_at.since(starts_at) > LONGEST {
        return Err(WebError::field("ends_at", "must be after it starts, and at most 90 days after"));
    }
    let viewer = ctx.who()?;
    let planned = Maintenance {
        id: ctx.make_id(),
        workspace: viewer.workspace,
        object: new.object,
        starts_at,
        ends_at: new.ends_at,
        reason,
        made_by: viewer.name.clone(),
        made_at: now,
    };
    let (kept, may) = (planned.clone(), crate::configure::require(ctx));
    ctx.write(move |tx| {
        may(tx, &planned.object, Level::Edit)?;
        queries::save_maintenance(tx, &planned)?;
        tx.audit(
            Event::new("maintenance.plan", planned.object.clone())
                .after(json!(planned))
                .reason(&planned.reason),
        );
        Ok::<_, WebError>(())
    })
    .await?;
    Ok(kept)
}

/// Ends one now, or takes it back before it begins; level `edit` on its object.
pub async fn end(ctx: &Ctx, id: MaintenanceId) -> Result<()> {
    let (workspace, may) = (ctx.workspace()?, crate::configure::require(ctx));
    ctx.write(move |tx| {
        let held = queries::maintenance(tx, id)?.filter(|held| held.workspace == workspace);
        let held = held.ok_or(WebError::NotFound)?;
        may(tx, &held.object, Level::Edit)?;
        let now = tx.now();
        if held.ends_at <= now {
            return Err(WebError::Conflict("It is over already.".into()));
        }
        queries::save_maintenance(tx, &Maintenance { ends_at: now, ..held.clone() })?;
        tx.audit(
            Event::new("maintenance.end", held.object.clone())
                .change(json!({ "ends_at": held.ends_at }), json!({ "ends_at": now })),
        );
        Ok(())
    })
    .await
}
