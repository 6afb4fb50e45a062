//! Bringing an edge in and putting it out.

use super::{Edge, queries};
use crate::Estate;
use crate::error::EstateError;
use crate::registry;
use bo_db::audit::{Author, Outcome};
use bo_db::{DbError, Event, Tx};
use bo_model::command::Actor;
use bo_model::{EdgeId, Kind, Object};
use bo_uplink::{Authority, CODE_LIFE, CodeState, Enrolment, Refusal, enroll, hash_code, new_code};
use bo_wire::{EnrollCode, EnrollReply, EnrollRequest};
use serde_json::json;
use std::sync::Arc;

/// Makes a one-time code for an edge; the text is shown once. An enrolled edge is put out only when the new code is used.
pub fn make_code(tx: &mut Tx, authority: &Authority, edge: &Edge) -> Result<String, DbError> {
    let (code, hash) = new_code(authority);
    let expires_at = tx.now().after(CODE_LIFE);
    queries::add_code(tx, edge, &hash, expires_at)?;
    tx.audit(
        Event::new("edge.code", Object::new(Kind::EDGE, edge.id))
            .name(&edge.name)
            .workspace(edge.workspace)
            .after(json!({ "expires_at": expires_at })),
    );
    Ok(code.to_string())
}

/// Why an enrolment was not done.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The request was turned away.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Judges a request, issues the certificate, uses the code up: one transaction. A refusal is audited with its reason.
pub async fn enrol(
    estate: &Arc<Estate>,
    author: Author,
    enrolment: Enrolment,
    request: EnrollRequest,
) -> Result<EnrollReply, EnrollError> {
    let (authority, registry) = (estate.authority.clone(), estate.registry());
    let name_of =
        move |edge: EdgeId| registry.edges.get(&edge).map(|edge| edge.name.clone()).unwrap_or_default();
    let (host, asked) = (request.host.chars().take(120).collect::<String>(), author.clone());
    let hash = request.code.parse::<EnrollCode>().map(|code| hash_code(&code)).unwrap_or_default();
    let tried = hash.clone();
    let outcome = estate
        .db
        .write(move |tx| {
            tx.attribute(author.clone());
            let stored = queries::code(tx, &hash)?;
            let known = stored.map(|(edge, _, expires_at, used_at)| CodeState { edge, expires_at, used_at });
            let find = |_: &str| known.clone();
            let done = enroll(&authority, &enrolment, &request, tx.now(), find)?;
            let Some((edge, workspace, ..)) = stored else { return Err(Refusal::Unknown.into()) };
            if !queries::use_code(tx, &hash)? {
                return Err(Refusal::Used(tx.now()).into());
            }
            // A new machine takes the old one's place: what the old one holds is refused from now on.
            queries::revoke(tx, edge)?;
            let issued = &done.issued;
            queries::add_certificate(tx, workspace, edge, &issued.serial, issued.expires_at)?;
            registry::touch(tx)?;
            tx.audit(
                Event::new("edge.enrol", Object::new(Kind::EDGE, edge))
                    .name(name_of(edge))
                    .workspace(workspace)
                    .by(Actor::Edge { id: edge })
                    .after(json!({ "host": host, "serial": issued.serial, "expires_at": issued.expires_at })),
            );
            Ok::<_, EnrollError>(done.reply)
        })
        .await;
    match &outcome {
        Ok(reply) => {
            estate.uplink.kick(reply.edge);
            if let Err(error) = estate.refresh() {
                tracing::error!(%error, "the estate could not be read again");
            }
        }
        Err(EnrollError::Refused(refusal)) => note_refusal(estate, asked, tried, refusal).await,
        Err(EnrollError::Db(_)) => {}
    }
    outcome
}

/// A code that was good once names its gateway: then those who run it see who tried.
async fn note_refusal(estate: &Arc<Estate>, author: Author, hash: String, refusal: &Refusal) {
    let why = refusal.to_string();
    let noted = estate.db.write(move |tx| {
        tx.attribute(author.clone());
        let event = match queries::code(tx, &hash)? {
            Some((edge, workspace, ..)) => {
                Event::new("edge.enrol", Object::new(Kind::EDGE, edge)).workspace(workspace)
            }
            None => Event::new("edge.enrol", Object::new(Kind::EDGE, "unknown")),
        };
        tx.audit(event.outcome(Outcome::Denied, why.clone()));
        Ok::<_, DbError>(())
    });
    if let Err(error) = noted.await {
        tracing::error!(%error, "a refused enrolment could not be audited");
    }
}

/// Refuses an edge from now on and puts it out at once.
pub async fn revoke(
    estate: &Arc<Estate>,
    author: Author,
    edge: EdgeId,
    reason: String,
) -> Result<(), EstateError> {
    let registry = estate.registry();
    let entry = registry.edges.get(&edge).cloned().ok_or_else(|| EstateError::missing("gateway", edge))?;
    estate
        .db
        .write(move |tx| {
            tx.attribute(author.clone());
            queries::revoke(tx, edge)?;
            registry::touch(tx)?;
            tx.audit(
                Event::new("edge.revoke", Object::new(Kind::EDGE, edge))
                    .name(&entry.name)
                    .workspace(entry.workspace)
                    .reason(&reason),
            );
            Ok::<_, DbError>(())
        })
        .await?;
    estate.uplink.kick(edge);
    estate.refresh()?;
    Ok(())
}
