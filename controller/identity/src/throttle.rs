//! Guessing passwords is made slow: by the address typed (whether it exists or not) and by where it comes from.

use bo_db::{DbError, Tx, params};
use bo_model::Time;
use std::time::Duration;

/// Failures are forgotten after this.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// What failures are counted by.
#[derive(Clone, Debug)]
pub enum Key {
    /// The mail address that was typed, case-folded.
    Email(String),
    /// The client's address.
    Address(String),
}

impl Key {
    fn text(&self) -> String {
        match self {
            Key::Email(email) => format!("email:{}", email.chars().take(254).collect::<String>()),
            Key::Address(address) => format!("address:{address}"),
        }
    }

    /// How long to wait after that many failures. A mail address is never locked for longer than a minute, or
    /// anybody could lock anybody out; a client address may be.
    fn wait(&self, failures: i64) -> Duration {
        let (free, longest) = match self {
            Key::Email(_) => (5, 60),
            Key::Address(_) => (20, 15 * 60),
        };
        match u32::try_from(failures - free) {
            Ok(over) => Duration::from_secs((1u64 << over.min(20)).min(longest)),
            Err(_) => Duration::ZERO,
        }
    }
}

/// Seconds to wait before the next attempt; `None` when it may be made now.
///
/// # Errors
/// When the database fails.
pub fn wait(tx: &mut Tx, keys: &[Key]) -> Result<Option<u64>, DbError> {
    let now = tx.now();
    let mut longest = None;
    for key in keys {
        let found = tx.query_opt(
            "SELECT count, last_at FROM sign_in_failure WHERE key = ?1",
            params![key.text()],
            |row| Ok((row.get::<i64>(0)?, row.get::<Time>(1)?)),
        )?;
        if let Some((count, last_at)) = found.filter(|(_, last_at)| now.since(*last_at) < WINDOW) {
            let until = last_at.after(key.wait(count));
            if until > now {
                longest = longest.max(Some(until.since(now).as_secs() + 1));
            }
        }
    }
    Ok(longest)
}

/// Counts a failure.
///
/// # Errors
/// When the database fails.
pub fn fail(tx: &mut Tx, keys: &[Key]) -> Result<(), DbError> {
    let now = tx.now();
    let old = Time(now.0 - WINDOW.as_micros() as i64);
    tx.execute("DELETE FROM sign_in_failure WHERE last_at < ?1", params![old])?;
    for key in keys {
        tx.execute(
            "INSERT INTO sign_in_failure (key, count, last_at) VALUES (?1, 1, ?2)
             ON CONFLICT (key) DO UPDATE SET count = sign_in_failure.count + 1, last_at = excluded.last_at",
            params![key.text(), now],
        )?;
    }
    Ok(())
}

/// Forgets the failures of a mail address that has signed in. Those of the client address stay: one good account
/// must not buy more guesses at others.
///
/// # Errors
/// When the database fails.
pub fn clear(tx: &mut Tx, email: &Key) -> Result<(), DbError> {
    tx.execute("DELETE FROM sign_in_failure WHERE key = ?1", params![email.text()])?;
    Ok(())
}
