//! The operator's sign-in: one password, sessions in memory only. A restart signs everybody out.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use bo_model::Time;
use bo_model::clock::SharedClock;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a session lasts.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; the oldest gives way.
const MOST: usize = 32;
/// Wrong passwords in a row after which nobody may try for a while.
const WRONG: u32 = 5;
const PAUSE: Duration = Duration::from_secs(60);

pub struct Sessions {
    hash: Option<String>,
    clock: SharedClock,
    state: Mutex<State>,
    /// One verification at a time: each takes memory and time by design.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Cookie → form token and end.
    open: HashMap<String, (String, Time)>,
    wrong: u32,
    closed_until: Option<tokio::time::Instant>,
}

impl Sessions {
    pub fn new(hash: Option<String>, clock: SharedClock) -> Sessions {
        Sessions { hash, clock, state: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a password to sign in with.
    pub fn is_possible(&self) -> bool {
        self.hash.is_some()
    }

    /// A cookie for the right password, or why not, in a sentence.
    pub async fn sign_in(&self, password: String) -> Result<String, &'static str> {
        let hash = self.hash.clone().ok_or("No operator password is configured on this edge.")?;
        let _turn = self.turn.lock().await;
        if self.lock().closed_until.is_some_and(|until| tokio::time::Instant::now() < until) {
            return Err("Too many wrong passwords; try again in a minute.");
        }
        let verified = tokio::task::spawn_blocking(move || {
            let parsed = PasswordHash::new(&hash).ok()?;
            Argon2::default().verify_password(password.as_bytes(), &parsed).ok()
        });
        let right = matches!(verified.await, Ok(Some(())));
        let mut state = self.lock();
        if !right {
            state.wrong += 1;
            if state.wrong >= WRONG {
                state.wrong = 0;
                state.closed_until = Some(tokio::time::Instant::now() + PAUSE);
            }
            return Err("That is not the operator's password.");
        }
        state.wrong = 0;
        let now = self.clock.now();
        state.open.retain(|_, (_, end)| *end > now);
        if state.open.len() >= MOST
            && let Some(oldest) =
                state.open.iter().min_by_key(|(_, (_, end))| *end).map(|(key, _)| key.clone())
        {
            state.open.remove(&oldest);
        }
        let (cookie, form) = (token()?, token()?);
        state.open.insert(cookie.clone(), (form, now.after(LIFE)));
        Ok(cookie)
    }

    /// The token this session's forms carry.
    pub fn form_token(&self, cookie: &str) -> Option<String> {
        let now = self.clock.now();
        self.lock().open.get(cookie).filter(|(_, end)| *end > now).map(|(form, _)| form.clone())
    }

    pub fn sign_out(&self, cookie: &str) {
        self.lock().open.remove(cookie);
    }
}

/// 32 bytes from the operating system, in hex.
fn token() -> Result<String, &'static str> {
    let mut bytes = [0u8; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| "The machine has no randomness at present; try again.")?;
    Ok(hex::encode(bytes))
}

/// Compares secrets in a time that does not tell where they differ.
pub fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
