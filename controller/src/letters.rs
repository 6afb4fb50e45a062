//! Letters of identity (activation, a new password) become messages on their way out. Their links are secrets: once a letter
//! is queued, the outbox forgets what it said.

use bo_db::outbox::{Handler, Message};
use bo_db::{DbError, Tx, params};
use bo_delivery::{Mail, New, queue};
use bo_identity::letter;
use bo_model::WorkspaceId;
use std::time::Duration;

/// How long a letter is worth sending: its link works no longer than that.
const WITHIN: Duration = Duration::from_secs(86_400);

/// Listens to letters.
pub const HANDLER: Handler = Handler { name: "letters", topics: &[letter::TOPIC], run: post };

fn post(tx: &mut Tx, event: &Message) -> Result<(), DbError> {
    let workspace = match event.payload["workspace"].as_str().and_then(|id| id.parse().ok()) {
        Some(workspace) => Some(workspace),
        None => tx.query_opt(
            "SELECT m.workspace FROM member m JOIN workspace w ON w.id = m.workspace
             WHERE m.account = ?1 ORDER BY w.kind, m.joined_at, m.workspace LIMIT 1",
            params![event.reference.id()],
            |row| row.get::<WorkspaceId>(0),
        )?,
    };
    let text = |name: &str| event.payload[name].as_str().unwrap_or_default().to_owned();
    if let Some(workspace) = workspace {
        let mail = Mail::to(text("to"), text("subject"), text("text"));
        queue(tx, &New::mail(workspace, mail).about(event.reference.clone()).within(WITHIN))?;
    }
    tx.execute("UPDATE outbox SET payload = '{}' WHERE seq = ?1", params![event.seq])?;
    Ok(())
}
