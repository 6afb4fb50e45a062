//! Presence becomes alarms: an edge that is silent, a device that does not answer.

use crate::alarms::{Raise, actions};
use crate::fleet::Changes;
use crate::{Estate, EstateError};
use bo_db::DbError;
use bo_model::{DeviceId, EdgeId, Time};
use bo_runtime::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// How often silence is looked for.
const SWEEP: Duration = Duration::from_secs(2);

/// Looks for edges that went silent and commands nothing was heard of, until the end.
pub async fn watch(estate: Arc<Estate>, shutdown: Shutdown) {
    while !shutdown.is_signalled() {
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = shutdown.signalled() => return,
        }
        let now = estate.clock.now();
        for (edge, changes) in estate.presence.sweep(now) {
            note(&estate, edge, changes).await;
        }
        for edge in estate.presence.owing() {
            note(&estate, edge, Changes::default()).await;
        }
        if let Err(error) = crate::commands::actions::time_out(&estate, now).await {
            tracing::warn!(%error, "overdue commands could not be closed");
        }
    }
}

/// Raises and clears what a change of presence means, and shows it.
pub(super) async fn note(estate: &Arc<Estate>, edge: EdgeId, changes: Changes) {
    let changes = estate.presence.owed(edge, changes);
    let turned = changes.came || changes.went.is_some();
    let something = turned || !changes.fell_ill.is_empty() || !changes.recovered.is_empty();
    if something && let Err(error) = store(estate, edge, changes.clone()).await {
        tracing::error!(%edge, %error, "a change of presence could not be kept and is tried again");
        estate.presence.owe(edge, changes);
    }
    if turned {
        let registry = estate.registry();
        let devices = registry.devices.values().filter(|entry| entry.edge == edge);
        devices.for_each(|entry| estate.table.touch(entry.device.id, &estate.pulse));
    }
    // Every heartbeat moves "last proved at", so whoever looks on is told.
    estate.presence_changes.put(edge, edge, &estate.pulse);
    estate.pulse.ring();
}

async fn store(estate: &Arc<Estate>, edge: EdgeId, changes: Changes) -> Result<(), EstateError> {
    let registry = estate.registry();
    let Some(entry) = registry.edges.get(&edge) else { return Ok(()) };
    let (workspace, now) = (entry.workspace, estate.clock.now());
    let edge_key = format!("edge:{edge}:offline");
    let device_key = |device: DeviceId| format!("device:{device}:offline");
    let mut raises = Vec::new();
    let mut clears = Vec::new();
    if let Some(proved_at) = changes.went {
        let text = format!("{} does not answer; its devices run on without the controller", entry.name);
        raises.push(raise(workspace, edge_key.clone(), edge, "critical", text, proved_at.unwrap_or(now)));
    }
    if changes.came {
        clears.push(edge_key);
    }
    for (device, why) in changes.fell_ill {
        let Some(found) = registry.devices.get(&device).filter(|found| found.edge == edge) else { continue };
        let text = format!("{}: {why}", found.device.name);
        let raise = raise(workspace, device_key(device), edge, "warning", text, now);
        raises.push(Raise { device: Some(device), system: Some(found.device.system), ..raise });
    }
    clears.extend(changes.recovered.into_iter().map(device_key));
    let ids = estate.ids.clone();
    let known = estate.presence.of(edge);
    let shown = estate
        .db
        .write(move |tx| {
            tx.unaudited("alarms raised by the product itself; acknowledging them is audited");
            if let Some(at) = known.proved_at {
                crate::edges::queries::save_presence(tx, edge, at, &known.agent, &known.running)?;
            }
            let mut shown = Vec::new();
            for raise in &raises {
                shown.push(actions::raise(tx, &ids, raise)?);
            }
            for key in &clears {
                shown.extend(actions::clear(tx, workspace, key, now)?);
            }
            Ok::<_, DbError>(shown)
        })
        .await?;
    shown.iter().for_each(|alarm| estate.alarms.put(alarm.id, alarm.clone(), &estate.pulse));
    Ok(())
}

fn raise(
    workspace: bo_model::WorkspaceId,
    key: String,
    edge: EdgeId,
    severity: &str,
    text: String,
    at: Time,
) -> Raise {
    Raise {
        workspace,
        key,
        edge: Some(edge),
        system: None,
        device: None,
        severity: severity.into(),
        text,
        at,
    }
}
