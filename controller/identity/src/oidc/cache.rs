//! What providers said of themselves and their keys, remembered for a while: a sign-in asks them no more than it must, and
//! nobody can make us ask them again and again.

use super::flow::Discovery;
use bo_model::Time;
use jsonwebtoken::jwk::JwkSet;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An answer is taken as new for this long.
const FRESH: Duration = Duration::from_secs(3600);
/// When a provider does not answer, what it said this long ago still counts.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// Keys are asked for again, because none fits, not more often than this; a provider that failed is left alone as long.
const GAP: Duration = Duration::from_secs(30);
/// Providers remembered at most.
const MOST: usize = 200;

/// Answers, by the provider's address.
#[derive(Default)]
pub struct Cache(Mutex<HashMap<String, Known>>);

#[derive(Clone, Default)]
struct Known {
    about: Option<(Time, Discovery)>,
    keys: Option<(Time, JwkSet)>,
    failed: Option<(Time, String)>,
}

/// What is to be done for an answer.
pub enum Have<T> {
    /// Nothing: this is it.
    This(T),
    /// The provider failed a moment ago; holds what it did.
    Failed(String),
    /// Ask; holds what it said before, for when it does not answer.
    Ask(Option<T>),
}

fn within(at: Time, now: Time, limit: Duration) -> bool {
    // A clock that was set back must not make an answer last.
    at <= now && now.since(at) < limit
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, issuer: &str) -> Known {
        self.lock().get(issuer).cloned().unwrap_or_default()
    }

    fn change(&self, issuer: &str, change: impl FnOnce(&mut Known)) {
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(issuer) {
            all.clear();
        }
        change(all.entry(issuer.to_owned()).or_default());
    }

    /// What a provider says of itself.
    pub fn about(&self, issuer: &str, now: Time) -> Have<Discovery> {
        let known = self.of(issuer);
        have(known.about, known.failed, now)
    }

    /// Its keys; `unfit` when those it had did not fit, so that it may have new ones.
    pub fn keys(&self, issuer: &str, now: Time, unfit: bool) -> Have<JwkSet> {
        let known = self.of(issuer);
        match known.keys {
            Some((at, keys)) if unfit && !within(at, now, GAP) => Have::Ask(Some(keys)),
            keys => have(keys, known.failed, now),
        }
    }

    /// It said this of itself.
    pub fn said_about(&self, issuer: &str, about: &Discovery, now: Time) {
        self.change(issuer, |known| (known.about, known.failed) = (Some((now, about.clone())), None));
    }

    /// It has these keys.
    pub fn said_keys(&self, issuer: &str, keys: &JwkSet, now: Time) {
        self.change(issuer, |known| (known.keys, known.failed) = (Some((now, keys.clone())), None));
    }

    /// It did not answer.
    pub fn failed(&self, issuer: &str, why: String, now: Time) {
        self.change(issuer, |known| known.failed = Some((now, why)));
    }
}

fn have<T>(answer: Option<(Time, T)>, failed: Option<(Time, String)>, now: Time) -> Have<T> {
    let lately = failed.filter(|(at, _)| within(*at, now, GAP));
    match (answer, lately) {
        (Some((at, answer)), _) if within(at, now, FRESH) => Have::This(answer),
        (Some((at, answer)), Some(_)) if within(at, now, STALE) => Have::This(answer),
        (_, Some((_, why))) => Have::Failed(why),
        (answer, None) => {
            Have::Ask(answer.filter(|(at, _)| within(*at, now, STALE)).map(|(_, answer)| answer))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_seconds(1_800_000_000 + seconds)
    }

    fn word(have: Have<JwkSet>) -> &'static str {
        match have {
            Have::This(_) => "this",
            Have::Failed(_) => "failed",
            Have::Ask(None) => "ask",
            Have::Ask(Some(_)) => "ask, with what it said",
        }
    }

    #[test]
    fn an_answer_lasts_an_hour_and_a_day_when_there_is_no_better() {
        let cache = Cache::default();
        assert_eq!(word(cache.keys("a", at(0), false)), "ask");
        cache.said_keys("a", &JwkSet { keys: Vec::new() }, at(0));
        assert_eq!(word(cache.keys("a", at(3599), false)), "this");
        assert_eq!(word(cache.keys("a", at(3600), false)), "ask, with what it said");
        cache.failed("a", "no answer".into(), at(3600));
        assert_eq!(word(cache.keys("a", at(3610), false)), "this");
        assert_eq!(word(cache.keys("a", at(86_401), false)), "ask");
        assert_eq!(word(cache.keys("a", at(-10), false)), "ask", "the clock was set back");
        assert_eq!(word(cache.keys("b", at(1), false)), "ask", "another provider");
    }

    #[test]
    fn keys_that_do_not_fit_are_asked_for_again_but_not_at_every_wrong_token() {
        let cache = Cache::default();
        cache.said_keys("a", &JwkSet { keys: Vec::new() }, at(0));
        assert_eq!(word(cache.keys("a", at(29), true)), "this");
        assert_eq!(word(cache.keys("a", at(31), true)), "ask, with what it said");
    }

    #[test]
    fn a_provider_that_failed_is_left_alone_for_a_moment() {
        let cache = Cache::default();
        cache.failed("a", "no answer".into(), at(0));
        assert_eq!(word(cache.keys("a", at(29), false)), "failed");
        assert_eq!(word(cache.keys("a", at(31), false)), "ask");
    }

    #[test]
    fn no_more_providers_are_remembered_than_there_is_room_for() {
        let cache = Cache::default();
        for number in 0..MOST * 3 {
            cache.failed(&number.to_string(), String::new(), at(0));
        }
        assert!(cache.lock().len() <= MOST);
    }
}
