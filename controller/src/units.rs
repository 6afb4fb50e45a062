//! What runs beside the servers: folding history, checkpoints, looking for changes, signing the audit log.

use anyhow::Result;
use bo_db::audit::SigningKey;
use bo_estate::Estate;
use bo_estate::history::sample::millis;
use bo_model::EdgeId;
use bo_runtime::Shutdown;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// History is folded this often, or when so many samples wait.
const FLUSH_EVERY: u32 = 60;
const FLUSH_AT: usize = 400_000;
/// Last values and presence are stored this often, in seconds.
const CHECKPOINT_EVERY: u32 = 30;
/// Days that are over are looked for this often, in seconds.
const ROLL_UP_EVERY: u32 = 600;
/// The audit log's end is signed this often, in seconds.
const SIGN_EVERY: u32 = 60;
/// Changes by other processes are looked for this often, in seconds.
const REFRESH_EVERY: u32 = 2;

/// Starts all of them; they end with `shutdown`.
pub fn start(estate: &Arc<Estate>, audit_key: Arc<SigningKey>, shutdown: &Shutdown) {
    shutdown.spawn(bo_estate::ingest::watch(estate.clone(), shutdown.clone()));
    shutdown.spawn(keep(estate.clone(), audit_key, shutdown.clone()));
}

/// One loop, one second a turn: none of this is urgent, and so no two of them compete for the writer.
async fn keep(estate: Arc<Estate>, audit_key: Arc<SigningKey>, shutdown: Shutdown) {
    let mut announced: HashMap<EdgeId, String> = HashMap::new();
    let mut second: u32 = 0;
    while !shutdown.is_signalled() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = shutdown.signalled() => break,
        }
        second = second.wrapping_add(1);
        let every = |seconds: u32| second.is_multiple_of(seconds);
        if every(REFRESH_EVERY) {
            report("looking for changes", refresh(&estate, &mut announced));
        }
        if every(FLUSH_EVERY) || estate.history.pending.len() > FLUSH_AT {
            report("folding history", estate.history.flush(&estate.db).await.map_err(Into::into));
        }
        if every(ROLL_UP_EVERY) {
            let now = millis(estate.clock.now());
            report("rolling up history", estate.history.roll_up(&estate.db, now).await.map_err(Into::into));
        }
        if every(CHECKPOINT_EVERY) {
            report("storing last values", estate.checkpoint().await.map_err(Into::into));
        }
        if every(SIGN_EVERY) {
            report("signing the audit log", estate.db.checkpoint(&audit_key).await.map_err(Into::into));
        }
        numbers(&estate);
    }
}

/// The end: everything that is only in memory goes to disk.
pub async fn finish(estate: &Arc<Estate>, audit_key: &Arc<SigningKey>) {
    report("folding history", estate.history.flush(&estate.db).await.map_err(Into::into));
    report("storing last values", estate.checkpoint().await.map_err(Into::into));
    report("signing the audit log", estate.db.checkpoint(audit_key).await.map_err(Into::into));
}

fn report<T>(what: &str, outcome: Result<T>) {
    if let Err(error) = outcome {
        tracing::error!(%error, "{what} failed and is tried again");
    }
}

/// Reads the estate again if another process changed it, and tells edges of releases they do not run.
fn refresh(estate: &Arc<Estate>, announced: &mut HashMap<EdgeId, String>) -> Result<()> {
    estate.refresh()?;
    let newest = estate.db.read(bo_estate::releases::queries::newest_hashes)?;
    for (edge, hash) in newest {
        let known = estate.presence.of(edge);
        if !known.online || known.running == hash || announced.get(&edge) == Some(&hash) {
            continue;
        }
        if estate.announce(edge, &known.running)? {
            announced.insert(edge, hash);
        }
    }
    Ok(())
}

fn numbers(estate: &Estate) {
    metrics::gauge!("bo_values_known").set(estate.table.len() as f64);
    metrics::counter!("bo_values_taken_in_total").absolute(estate.values_in.load(Ordering::Relaxed));
    metrics::gauge!("bo_history_samples_waiting").set(estate.history.pending.len() as f64);
    let known = estate.presence.all();
    metrics::gauge!("bo_gateways_online").set(known.iter().filter(|(_, edge)| edge.online).count() as f64);
    metrics::gauge!("bo_gateways_backlog")
        .set(known.iter().map(|(_, edge)| edge.backlog).sum::<u64>() as f64);
}
