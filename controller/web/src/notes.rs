//! What is written down beside an answer: refused attempts, and that a session was used.

use crate::ctx::Head;
use crate::error::WebError;
use crate::need::Need;
use crate::routes::Route;
use bo_db::audit::{Author, Origin, Outcome};
use bo_db::{DbError, Event};
use bo_model::{Kind, Object};
use std::collections::BTreeMap;
use std::time::Duration;

/// Denied attempts that are audited per account and minute.
const DENIALS_PER_MINUTE: u32 = 20;
/// A session's last use is noted at most this often.
const TOUCH_EVERY: Duration = Duration::from_secs(60);
/// A refused attempt of somebody signed in is audited, not more than a few per minute each.
pub fn denial(head: &Head, route: &Route, params: &BTreeMap<String, String>, error: &WebError) {
    let (Some(viewer), WebError::Forbidden(_) | WebError::NotFound) = (&head.viewer, error) else { return };
    let now = head.app.clock.now();
    {
        let mut denials = head.app.denials.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        denials.retain(|_, (since, _)| now.since(*since) < Duration::from_secs(60));
        let (_, count) = denials.entry(viewer.account).or_insert((now, 0));
        *count += 1;
        if *count > DENIALS_PER_MINUTE {
            return;
        }
    }
    let object = match route.need {
        Need::Object { kind, param, .. } => Object::new(kind, params.get(param).map_or("", String::as_str)),
        Need::Area { area, .. } | Need::Some { area, .. } => Object::area(viewer.workspace, area),
        Need::Module { module, .. } => Object::module(viewer.workspace, module),
        Need::Anyone(_) | Need::SignedIn | Need::Account => Object::new(Kind::ACCOUNT, viewer.account),
    };
    let author = Author { actor: viewer.actor(), origin: origin(head), workspace: Some(viewer.workspace) };
    let reason = format!("{} {}: {}", route.method, route.path, route.need.words());
    let db = head.app.db.clone();
    tokio::spawn(async move {
        let event = Event::new("access.denied", object).outcome(Outcome::Denied, reason);
        let written = db.write(move |tx| -> Result<(), DbError> {
            tx.attribute(author.clone());
            tx.audit(event.clone());
            Ok(())
        });
        if let Err(error) = written.await {
            tracing::error!(%error, "a denied attempt was not audited");
        }
    });
}

fn origin(head: &Head) -> Origin {
    Origin {
        address: head.address.clone(),
        session: head.viewer.as_ref().map(|viewer| viewer.session.to_string()).unwrap_or_default(),
        request: head.request_id.clone(),
        edge: None,
    }
}

/// Notes that a session was used, beside the request.
pub fn used(head: &Head) {
    let Some(viewer) = &head.viewer else { return };
    if head.app.clock.now().since(viewer.seen) < TOUCH_EVERY {
        return;
    }
    let (db, touch, session) = (head.app.db.clone(), head.app.access.touch.clone(), viewer.session);
    tokio::spawn(async move {
        let noted = db.write(move |tx| {
            tx.unaudited("a session's last use");
            touch(tx, session)
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "a session's use was not noted");
        }
    });
}
