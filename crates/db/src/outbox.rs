//! The outbox: events written in the transaction that caused them, handed to handlers after the commit.
//!
//! A handler sees every event of its topics in order, at least once; its own writes and the note that it has
//! seen the event are one transaction, so inside the database it is exactly once. An event that keeps failing
//! is parked with its error and does not hold up the rest.

use crate::db::Db;
use crate::error::DbError;
use crate::param::Param;
use crate::params;
use crate::tx::Tx;
use bo_model::{Object, Time};
use std::time::Duration;

pub(crate) const SCHEMA: &str = "
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, topic TEXT NOT NULL,
  reference TEXT NOT NULL, payload TEXT NOT NULL);
CREATE TABLE outbox_cursor (handler TEXT PRIMARY KEY, seq BIGINT NOT NULL);
CREATE TABLE outbox_parked (handler TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, error TEXT NOT NULL,
  PRIMARY KEY (handler, seq));
";

/// Attempts before an event is parked.
const ATTEMPTS: u32 = 5;
/// Events read at a time.
const PAGE: i64 = 100;

pub(crate) struct Emitted {
    pub topic: &'static str,
    pub reference: Object,
    pub payload: serde_json::Value,
}

/// An event as a handler sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its number; together with the handler's name the key of idempotency.
    pub seq: i64,
    /// When it was emitted.
    pub at: Time,
    /// `<noun>.<past verb>`: `event.confirmed`.
    pub topic: String,
    /// What it is about.
    pub reference: Object,
    /// Whatever else the handler needs.
    pub payload: serde_json::Value,
}

/// Somebody who acts on events.
#[derive(Clone, Copy)]
pub struct Handler {
    /// Its stable name.
    pub name: &'static str,
    /// What it listens to.
    pub topics: &'static [&'static str],
    /// What it does, in the transaction that also notes that it was done.
    pub run: fn(&mut Tx, &Message) -> Result<(), DbError>,
}

pub(crate) fn store(tx: &mut Tx, emitted: Vec<Emitted>) -> Result<(), DbError> {
    let now = tx.now();
    let rows: Vec<Vec<Param<'_>>> = emitted
        .into_iter()
        .map(|event| {
            vec![now.into(), event.topic.into(), event.reference.into(), event.payload.to_string().into()]
        })
        .collect();
    tx.insert_many("outbox", &["at", "topic", "reference", "payload"], &rows)
}

/// Hands out events until the future is dropped. Run it as a supervised unit; several controllers may run it.
pub async fn dispatch(db: Db, handlers: &'static [Handler]) {
    loop {
        // Registered before looking, so that an event between looking and waiting still wakes us.
        let woken = db.emitted().notified();
        for handler in handlers {
            while let Ok(true) = step(&db, handler).await.inspect_err(
                |error| tracing::warn!(handler = handler.name, %error, "the outbox can't be read"),
            ) {}
        }
        // The other controllers of a PostgreSQL don't wake us, so look now and then.
        let _ = tokio::time::timeout(Duration::from_secs(2), woken).await;
    }
}

/// Handles what one handler has not seen yet, one page of it. True when there may be more.
///
/// # Errors
/// When the outbox can't be read or written; a handler's own failure parks the event.
pub async fn step(db: &Db, handler: &'static Handler) -> Result<bool, DbError> {
    let messages = db.read(|tx| pending(tx, handler.name))?;
    let more = messages.len() as i64 == PAGE;
    for message in messages {
        let mut attempt = 1;
        while let Err(error) = handle(db, handler, message.clone()).await {
            if error.unwritable().is_some() {
                return Err(error); // no fault of the event's: it waits until there is room
            }
            tracing::warn!(handler = handler.name, seq = message.seq, %error, attempt, "an event was not handled");
            if attempt == ATTEMPTS {
                park(db, handler.name, message.seq, error.to_string()).await?;
                break;
            }
            tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            attempt += 1;
        }
    }
    Ok(more)
}

fn pending(tx: &mut Tx, handler: &str) -> Result<Vec<Message>, DbError> {
    tx.query(
        "SELECT seq, at, topic, reference, payload FROM outbox
         WHERE seq > COALESCE((SELECT seq FROM outbox_cursor WHERE handler = ?1), 0) ORDER BY seq LIMIT ?2",
        params![handler, PAGE],
        |row| {
            Ok(Message {
                seq: row.get(0)?,
                at: row.get(1)?,
                topic: row.get(2)?,
                reference: row.get(3)?,
                payload: row.json(4)?,
            })
        },
    )
}

async fn handle(db: &Db, handler: &'static Handler, message: Message) -> Result<(), DbError> {
    db.write(move |tx| {
        tx.unaudited("outbox bookkeeping; the handler audits what it changes");
        if advance(tx, handler.name, message.seq)? && handler.topics.contains(&message.topic.as_str()) {
            (handler.run)(tx, &message)?;
        }
        Ok(())
    })
    .await
}

/// Moves the cursor; false when another controller was there first.
fn advance(tx: &mut Tx, handler: &str, seq: i64) -> Result<bool, DbError> {
    let moved = tx.execute(
        "INSERT INTO outbox_cursor (handler, seq) VALUES (?1, ?2)
         ON CONFLICT (handler) DO UPDATE SET seq = excluded.seq WHERE outbox_cursor.seq < excluded.seq",
        params![handler, seq],
    )?;
    Ok(moved == 1)
}

async fn park(db: &Db, handler: &'static str, seq: i64, error: String) -> Result<(), DbError> {
    db.write(move |tx| {
        tx.unaudited("outbox bookkeeping");
        advance(tx, handler, seq)?;
        let now = tx.now();
        tx.execute(
            "INSERT INTO outbox_parked (handler, seq, at, error) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![handler, seq, now, &error],
        )?;
        Ok(())
    })
    .await
}
