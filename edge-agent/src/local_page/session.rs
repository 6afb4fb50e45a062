//! Signing in on the page: named people with the PIN the controller gave them, and the operator with the machine's password.
//! Sessions are in memory only: a restart signs everybody out.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use bo_model::clock::SharedClock;
use bo_model::people::SitePerson;
use bo_model::{AccountId, Time};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a session lasts.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; the oldest gives way.
const MOST: usize = 32;
/// Wrong answers in a row after which a name may not be tried for a while.
const WRONG: u32 = 5;
const PAUSE: Duration = Duration::from_secs(60);
/// Names whose failures are counted one by one; all others count together.
const COUNTED: usize = 256;

/// Whom a session belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The operator.
    Operator,
    /// A person of the release, with the PIN of that time.
    Person {
        /// The account.
        id: AccountId,
        /// Hash of the PIN they signed in with.
        pin_hash: String,
    },
}

pub struct Sessions {
    hash: Option<String>,
    clock: SharedClock,
    state: Mutex<State>,
    /// One verification at a time: each takes memory and time by design.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    open: HashMap<String, Session>,
    failures: HashMap<String, Failures>,
}

struct Session {
    who: Who,
    form: String,
    end: Time,
}

#[derive(Default)]
struct Failures {
    wrong: u32,
    closed_until: Option<Instant>,
}

impl Sessions {
    pub fn new(hash: Option<String>, clock: SharedClock) -> Sessions {
        Sessions { hash, clock, state: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the operator has a password.
    pub fn has_operator(&self) -> bool {
        self.hash.is_some()
    }

    /// A cookie for the right secret, or why not, in a sentence. Without a name it is the operator's password. `now` decides
    /// whether a person's time here has come, and is not over.
    pub async fn sign_in(
        &self,
        people: &[SitePerson],
        login: &str,
        secret: String,
        now: Time,
    ) -> Result<(String, Who), &'static str> {
        let login = login.trim().to_lowercase();
        // A PIN is shown in two halves, and typed on a phone.
        let plain = |c: char| c.is_ascii_alphanumeric().then(|| c.to_ascii_lowercase());
        let secret = if login.is_empty() { secret } else { secret.chars().filter_map(plain).collect() };
        let person = people.iter().find(|person| !login.is_empty() && person.login.to_lowercase() == login);
        let (hash, who) = match person {
            Some(person) => {
                let pin_hash = person.pin_hash.clone();
                (Some(pin_hash.clone()), Who::Person { id: person.id, pin_hash })
            }
            None if login.is_empty() => {
                let hash = self.hash.clone();
                (
                    Some(hash.ok_or("Type your name: no operator password is configured on this gateway.")?),
                    Who::Operator,
                )
            }
            None => (None, Who::Operator),
        };
        let _turn = self.turn.lock().await;
        if self
            .lock()
            .failures(&login, person.is_some())
            .closed_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Err("Too many wrong answers; try again in a minute.");
        }
        let verified = tokio::task::spawn_blocking(move || match hash {
            Some(hash) => {
                let parsed = PasswordHash::new(&hash).ok()?;
                Argon2::default().verify_password(secret.as_bytes(), &parsed).ok()
            }
            // As much work as for a name that exists, so that time does not tell which do.
            None => Argon2::default().hash_password(secret.as_bytes()).ok().and(None),
        });
        let right = matches!(verified.await, Ok(Some(())));
        let mut state = self.lock();
        let failures = state.failures(&login, person.is_some());
        if !right {
            failures.wrong += 1;
            if failures.wrong >= WRONG {
                *failures = Failures { wrong: 0, closed_until: Some(Instant::now() + PAUSE) };
            }
            return Err(match login.is_empty() {
                true => "That is not the operator's password.",
                false => "That name and PIN do not belong together.",
            });
        }
        failures.wrong = 0;
        // Only said to whoever has the PIN: nobody else learns who is allowed here when.
        if person.is_some_and(|person| !person.is_somebody(now)) {
            return Err("Your permission for this gateway has ended, or has not begun yet.");
        }
        let now = self.clock.now();
        state.open.retain(|_, session| session.end > now);
        if state.open.len() >= MOST
            && let Some(oldest) =
                state.open.iter().min_by_key(|(_, session)| session.end).map(|(key, _)| key.clone())
        {
            state.open.remove(&oldest);
        }
        let (cookie, form) = (token()?, token()?);
        state.open.insert(cookie.clone(), Session { who: who.clone(), form, end: now.after(LIFE) });
        Ok((cookie, who))
    }

    /// Whom a cookie belongs to, and the token this session's forms carry.
    pub fn of(&self, cookie: &str) -> Option<(Who, String)> {
        let now = self.clock.now();
        let state = self.lock();
        let session = state.open.get(cookie).filter(|session| session.end > now)?;
        Some((session.who.clone(), session.form.clone()))
    }

    pub fn sign_out(&self, cookie: &str) {
        self.lock().open.remove(cookie);
    }
}

impl State {
    fn failures(&mut self, login: &str, known: bool) -> &mut Failures {
        let counted = known || login.is_empty();
        let room = self.failures.len() < COUNTED || self.failures.contains_key(login);
        // `?` is no login: what does not count alone counts together.
        let key = if counted && room { login } else { "?" };
        self.failures.entry(key.to_owned()).or_default()
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
