//! What edges say, taken in: implements the uplink's [`Handler`]. A batch is one transaction; what it changed is
//! shown to people after the commit, and only then the edge is acknowledged.

mod apply;
mod audit;
mod presence;

use crate::Estate;
use crate::edges::queries::Standing;
use crate::history::Sample;
use crate::registry::Registry;
use crate::state::{LogEntry, LogOf, RunEntry};
use apply::{Applied, Batch};
use bo_db::Event;
use bo_model::EdgeId;
use bo_model::command::Actor;
use bo_model::{Kind, Object};
use bo_uplink::{Admission, Handler, HandlerError, Receipt};
use bo_wire::{Body, Cursor, Heartbeat, Hello, Records, Renew, Renewed, Snapshot};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use presence::watch;

/// The estate's side of the uplink.
pub struct Ingest {
    estate: Arc<Estate>,
}

impl Ingest {
    /// Takes in for this estate.
    pub fn new(estate: Arc<Estate>) -> Arc<Ingest> {
        Arc::new(Ingest { estate })
    }

    fn show(&self, edge: EdgeId, applied: Applied) {
        let estate = &self.estate;
        let now = estate.clock.now();
        for value in &applied.values {
            let point = &value.point;
            estate.table.put(point.device, point.id, &point.name, &value.value, now, &estate.pulse);
        }
        if let Some(row) = applied.journal_row {
            let kept = applied.values.iter().filter(|value| value.keep);
            estate.history.pending.add(row, kept.map(|value| (value.point.id, Sample::of(&value.value))));
        }
        estate.values_in.fetch_add(applied.values.len() as u64, Ordering::Relaxed);
        for alarm in applied.alarms {
            estate.alarms.put(alarm.id, alarm, &estate.pulse);
        }
        for command in applied.commands {
            estate.commands.put(command.request.id, command, &estate.pulse);
        }
        for (at, line) in applied.logs {
            let of = line.device.map_or(LogOf::Edge(edge), LogOf::Device);
            estate.logs.push(of, LogEntry { at, line }, &estate.pulse);
        }
        for (at, run) in applied.runs {
            estate.runs.push(run.trigger, RunEntry { at, run }, &estate.pulse);
        }
        estate.pulse.ring();
        applied.gaps.iter().for_each(|gap| crate::fleet::backfill::after(estate, edge, gap));
    }

    /// The estate as it is for this batch. A device that was added a moment ago by another process is not known here
    /// yet: before its values are dropped, the estate is read again if it changed.
    fn registry_for(&self, records: &Records) -> Arc<Registry> {
        let registry = self.estate.registry();
        let unknown = records.records.iter().any(|record| match &record.body {
            Body::Status(change) => !registry.devices.contains_key(&change.device),
            _ => false,
        });
        if unknown && let Err(error) = self.estate.refresh() {
            tracing::error!(%error, "the estate could not be read again");
        }
        if unknown { self.estate.registry() } else { registry }
    }
}

/// A key that keeps one edge's transactions in order.
fn lane(edge: EdgeId) -> u64 {
    edge.0.as_u64_pair().1
}

impl Handler for Ingest {
    async fn admit(&self, edge: EdgeId, serial: &str) -> Admission {
        match self.estate.db.read(|tx| crate::edges::queries::standing(tx, edge, serial)) {
            Ok(Standing::Good) => Admission::Welcome,
            Ok(Standing::Revoked(at)) => Admission::Refused(format!("it was revoked at {at}")),
            Ok(Standing::Unknown) => Admission::Refused("no certificate was issued for this".into()),
            Err::<_, bo_db::DbError>(error) => {
                Admission::Refused(format!("the database can't be asked: {error}"))
            }
        }
    }

    async fn connected(&self, edge: EdgeId, connected: bool) {
        tracing::info!(%edge, connected, "gateway");
    }

    async fn hello(&self, edge: EdgeId, hello: Hello) -> Result<Vec<Cursor>, HandlerError> {
        self.estate.presence.hello(edge, &hello);
        let asked = hello.cursors.clone();
        let known = self.estate.db.read(|tx| {
            asked
                .into_iter()
                .map(|cursor| {
                    let (seq, ..) = crate::fleet::queries::watermark(tx, edge, cursor.class, cursor.epoch)?;
                    Ok(Cursor { seq, ..cursor })
                })
                .collect::<Result<Vec<_>, bo_db::DbError>>()
        });
        let known = known.map_err(|error| HandlerError(error.to_string()))?;
        if let Err(error) = self.estate.announce(edge, &hello.release) {
            tracing::error!(%edge, %error, "the newest release could not be announced");
        }
        Ok(known)
    }

    async fn records(&self, edge: EdgeId, records: Records) -> Result<Receipt, HandlerError> {
        let (estate, registry) = (self.estate.clone(), self.registry_for(&records));
        let workspace = registry
            .edges
            .get(&edge)
            .map(|edge| edge.workspace)
            .ok_or_else(|| HandlerError("the estate has no such gateway".into()))?;
        let batch = Batch { estate: estate.clone(), registry, workspace, edge, records };
        let applied = estate.db.ingest(lane(edge), move |tx| apply::apply(tx, &batch)).await;
        let applied = applied.map_err(|error| HandlerError(error.to_string()))?;
        let receipt = applied.receipt.clone();
        self.show(edge, applied);
        Ok(receipt)
    }

    async fn snapshot(&self, edge: EdgeId, snapshot: Snapshot) {
        let (estate, registry) = (&self.estate, self.estate.registry());
        let now = estate.clock.now();
        for each in snapshot.values {
            let Some(entry) = registry.devices.get(&each.device).filter(|entry| entry.edge == edge) else {
                continue;
            };
            let workspace = entry.device.workspace;
            if let Some(point) = estate.history.points.resolve(workspace, each.device, &each.name) {
                estate.table.put(each.device, point.id, &point.name, &each.value, now, &estate.pulse);
            }
        }
        estate.pulse.ring();
    }

    async fn heartbeat(&self, edge: EdgeId, heartbeat: Heartbeat) {
        let now = self.estate.clock.now();
        let changes = self.estate.presence.heartbeat(edge, &heartbeat, now);
        presence::note(&self.estate, edge, changes).await;
    }

    async fn blob(&self, edge: EdgeId, hash: [u8; 32]) -> Option<Arc<[u8]>> {
        let hash = hex::encode(hash);
        let workspace = self.estate.registry().edges.get(&edge)?.workspace;
        let found = self.estate.db.read(|tx| {
            if !crate::releases::queries::names_package(tx, edge, &hash)? {
                return Ok(None);
            }
            crate::drivers::queries::package(tx, workspace, &hash)
        });
        match found {
            Ok(bytes) => bytes.map(Arc::from),
            Err::<_, bo_db::DbError>(error) => {
                tracing::error!(%edge, hash, %error, "a driver package could not be read");
                None
            }
        }
    }

    async fn renew(&self, edge: EdgeId, request: Renew) -> Result<Renewed, HandlerError> {
        let failed = |error: &dyn std::fmt::Display| HandlerError(error.to_string());
        let estate = &self.estate;
        let entry = estate.registry().edges.get(&edge).cloned().ok_or_else(|| failed(&"no such gateway"))?;
        let issued = estate.authority.issue(edge, &request.csr).map_err(|error| failed(&error))?;
        let certificate = issued.certificate.clone();
        let stored = estate.db.write(move |tx| {
            tx.act_as(Actor::Edge { id: edge });
            crate::edges::queries::add_certificate(
                tx,
                entry.workspace,
                edge,
                &issued.serial,
                issued.expires_at,
            )?;
            tx.audit(
                Event::new("edge.renew", Object::new(Kind::EDGE, edge))
                    .name(&entry.name)
                    .workspace(entry.workspace)
                    .after(json!({ "serial": issued.serial, "expires_at": issued.expires_at })),
            );
            Ok::<_, bo_db::DbError>(())
        });
        stored.await.map_err(|error| failed(&error))?;
        Ok(Renewed { certificate })
    }
}
