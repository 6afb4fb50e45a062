//! Subscriptions that the broker refused: kept while the connection lasts, for the link's state. A device that hears nothing is
//! otherwise hard to tell from one that says nothing.

use bo_link::Reporter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Topics that are named; the rest is counted.
const NAMED: usize = 3;

/// What was refused, and why.
#[derive(Default)]
pub(crate) struct Refusals {
    held: Mutex<BTreeMap<String, Arc<str>>>,
    news: AtomicBool,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<str>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the broker refused. How many that were.
    pub(crate) fn note(&self, refused: Vec<(String, Arc<str>)>) -> usize {
        let count = refused.len();
        for (filter, why) in refused {
            tracing::warn!(%filter, %why, "the broker refused a subscription");
            self.lock().insert(filter, why);
            self.news.store(true, Ordering::Release);
        }
        count
    }

    /// Nobody wants these any more.
    pub(crate) fn given_back(&self, filters: &[String]) {
        let mut held = self.lock();
        if filters.iter().filter(|filter| held.remove(*filter).is_some()).count() > 0 {
            self.news.store(true, Ordering::Release);
        }
    }

    /// A new connection: everything is asked for again.
    pub(crate) fn begin(&self) {
        self.lock().clear();
        self.news.store(false, Ordering::Release);
    }

    /// What is refused, for people, when that changed since it was last asked.
    fn news(&self) -> Option<Option<Arc<str>>> {
        (self.news.load(Ordering::Relaxed) && self.news.swap(false, Ordering::AcqRel))
            .then(|| self.sentence())
    }

    /// Makes it a part of the link's state, when it changed.
    pub(crate) fn tell(&self, reporter: &mut Reporter) {
        if let Some(limits) = self.news() {
            reporter.limited(limits);
        }
    }

    fn sentence(&self) -> Option<Arc<str>> {
        let held = self.lock();
        let named: Vec<String> =
            held.iter().take(NAMED).map(|(filter, why)| format!("`{filter}` ({why})")).collect();
        let more = held.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let sentence = format!(
            "the broker refuses to send {}{more}; allow the user of this link to read it at the broker, or correct the topic in the \
             device's settings",
            named.join(", ")
        );
        (!held.is_empty()).then(|| sentence.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_told_once_with_a_few_names_until_it_is_given_back() {
        let refusals = Refusals::default();
        assert_eq!(refusals.news(), None);
        let refused = (0..5).map(|n| (format!("a/{n}"), Arc::from("not allowed for this user")));
        assert_eq!(refusals.note(refused.collect()), 5);
        let told = refusals.news().flatten().unwrap();
        assert!(told.contains("`a/0` (not allowed for this user)") && told.contains("and 2 more"), "{told}");
        assert!(!told.contains("a/3") && told.contains("allow the user"), "{told}");
        assert_eq!(refusals.news(), None, "no news");
        refusals.given_back(&(0..5).map(|n| format!("a/{n}")).collect::<Vec<_>>());
        assert_eq!(refusals.news(), Some(None), "all is well");
        refusals.note(vec![("b".into(), "x".into())]);
        refusals.begin();
        assert_eq!(refusals.news(), None);
    }
}
