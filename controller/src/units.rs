//! What runs beside the servers: folding history, checkpoints, looking for changes, signing the audit log.

use anyhow::Result;
use bo_db::Db;
use bo_db::audit::SigningKey;
use bo_db::outbox::Handler;
use bo_estate::Estate;
use bo_estate::history::prune::Retention;
use bo_estate::history::sample::millis;
use bo_model::EdgeId;
use bo_runtime::Shutdown;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// History is folded this often, in seconds, or when so many samples wait. They take about 50 bytes each; the more of
/// a point's samples are folded at once, the less often its last chunk is written again.
const FLUSH_EVERY: u32 = 60;
const FLUSH_AT: usize = 2_000_000;
/// What is older than it is kept is looked for this often, in seconds.
const PRUNE_EVERY: u32 = 15;
/// Last values and presence are stored this often, in seconds.
const CHECKPOINT_EVERY: u32 = 30;
/// Days that are over are looked for this often, in seconds.
const ROLL_UP_EVERY: u32 = 600;
/// The audit log's end is signed this often, in seconds.
const SIGN_EVERY: u32 = 60;
/// Gateways in a rollout are looked at this often, in seconds.
const ROLLOUT_EVERY: u32 = 5;
/// Alarms that nobody has seen to are looked at this often, in seconds.
const ESCALATE_EVERY: u32 = 5;
/// Permissions that gateways have to know of are looked for this often, in seconds.
const ACCESS_EVERY: u32 = 2;
/// Organisations whose time has come are removed this often, in seconds, in so many bits at most.
const REMOVE_EVERY: u32 = 10;
const BITS: usize = 20;
/// Changes by other processes are looked for this often, in seconds.
const REFRESH_EVERY: u32 = 2;

/// Starts all of them; they end with `shutdown`.
pub fn start(estate: &Arc<Estate>, audit_key: Arc<SigningKey>, retention: Retention, shutdown: &Shutdown) {
    shutdown.spawn(bo_estate::ingest::watch(estate.clone(), shutdown.clone()));
    shutdown.spawn(keep(estate.clone(), audit_key, retention, shutdown.clone()));
}

/// Hands events to everybody who listens to them, until `shutdown`. What is cut off in between is done again.
pub fn outbox(db: &Db, handlers: Vec<Handler>, shutdown: &Shutdown) {
    // Lives as long as the process; the dispatcher's tasks want it so.
    let handlers: &'static [Handler] = handlers.leak();
    let (db, ended) = (db.clone(), shutdown.clone());
    shutdown.spawn(async move {
        tokio::select! {
            () = bo_db::outbox::dispatch(db, handlers) => {}
            () = ended.signalled() => {}
        }
    });
}

/// One loop, one second a turn: none of this is urgent, and so no two of them compete for the writer.
async fn keep(estate: Arc<Estate>, audit_key: Arc<SigningKey>, retention: Retention, shutdown: Shutdown) {
    let mut announced: HashMap<EdgeId, String> = HashMap::new();
    let mut prune_from = 0;
    // Signed from the first second on: a log that nobody signed proves nothing.
    report("signing the audit log", estate.db.checkpoint(&audit_key).await.map_err(Into::into));
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
        if every(ACCESS_EVERY) {
            let brought = bo_estate::releases::access::step(&estate).await;
            report("bringing changed permissions to gateways", brought.map_err(Into::into));
        }
        if every(FLUSH_EVERY) || estate.history.pending.len() > FLUSH_AT {
            report("folding history", estate.history.flush(&estate.db).await.map_err(Into::into));
        }
        if every(ROLL_UP_EVERY) {
            let now = millis(estate.clock.now());
            report("rolling up history", estate.history.roll_up(&estate.db, now).await.map_err(Into::into));
        }
        if every(PRUNE_EVERY) {
            report("pruning history", prune(&estate, retention, &mut prune_from).await);
        }
        if every(ROLLOUT_EVERY) {
            report("carrying rollouts on", bo_estate::rollouts::step(&estate).await.map_err(Into::into));
        }
        if every(ESCALATE_EVERY) {
            let told = bo_estate::notify::escalate(&estate.db).await;
            report("telling of alarms that nobody has seen to", told.map_err(Into::into));
        }
        if every(REMOVE_EVERY) {
            report("removing organisations", remove(&estate.db).await);
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

async fn prune(estate: &Estate, retention: Retention, from: &mut i64) -> Result<()> {
    let (registry, now) = (estate.registry(), estate.clock.now());
    let pruned = estate.history.prune(&estate.db, &registry, retention, now, *from).await?;
    *from = pruned.next;
    if (pruned.chunks, pruned.days, pruned.runs, pruned.points) != (0, 0, 0, 0) {
        tracing::debug!(?pruned, "removed what is older than it is kept");
    }
    Ok(())
}

async fn remove(db: &Db) -> Result<()> {
    for _ in 0..BITS {
        if !bo_identity::closing::step(db, &crate::modules::PARTS).await? {
            break;
        }
    }
    Ok(())
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
    metrics::gauge!("bo_database_writable").set(f64::from(u8::from(estate.db.unwritable().is_none())));
    metrics::gauge!("bo_values_known").set(estate.table.len() as f64);
    metrics::counter!("bo_values_taken_in_total").absolute(estate.values_in.load(Ordering::Relaxed));
    metrics::gauge!("bo_history_samples_waiting").set(estate.history.pending.len() as f64);
    let known = estate.presence.all();
    metrics::gauge!("bo_gateways_online").set(known.iter().filter(|(_, edge)| edge.online).count() as f64);
    metrics::gauge!("bo_gateways_backlog")
        .set(known.iter().map(|(_, edge)| edge.backlog).sum::<u64>() as f64);
}
