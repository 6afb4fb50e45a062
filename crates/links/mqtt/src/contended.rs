//! Client ids that two devices fight for: each connection throws the other out, so neither gets through and both look flaky.
//! Pure; fed with connections and time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A device that comes back more often than this within [`WITHIN`] is no device on a bad network: keep-alives alone take longer.
const OFTEN: usize = 6;
const WITHIN: Duration = Duration::from_secs(60);
/// Ids remembered; a device that makes up a new one each time must not fill the memory.
const MOST: usize = 4096;

/// Connections by client id.
#[derive(Debug, Default)]
pub struct Contended {
    recent: HashMap<String, VecDeque<Instant>>,
}

impl Contended {
    /// A device connected. True when its id has just turned out to be contended.
    pub fn connected(&mut self, client: &str, now: Instant) -> bool {
        if self.recent.len() >= MOST && !self.recent.contains_key(client) {
            self.forget(now);
            if self.recent.len() >= MOST {
                return false;
            }
        }
        let times = self.recent.entry(client.to_owned()).or_default();
        let before = is_often(times, now);
        times.push_back(now);
        if times.len() > OFTEN {
            times.pop_front();
        }
        !before && is_often(times, now)
    }

    /// Ids that are contended now.
    pub fn now(&mut self, now: Instant) -> Vec<String> {
        self.forget(now);
        let often = self.recent.iter().filter(|(_, times)| is_often(times, now));
        let mut ids: Vec<String> = often.map(|(id, _)| id.clone()).collect();
        ids.sort();
        ids
    }

    fn forget(&mut self, now: Instant) {
        self.recent.retain(|_, times| times.back().is_some_and(|last| now.duration_since(*last) < WITHIN));
    }
}

fn is_often(times: &VecDeque<Instant>, now: Instant) -> bool {
    times.len() >= OFTEN && times.front().is_some_and(|first| now.saturating_duration_since(*first) < WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_comes_and_comes_is_contended_until_it_is_quiet_and_a_bad_network_is_not() {
        let (mut contended, start) = (Contended::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let told: Vec<bool> = (0..8).map(|n| contended.connected("plug", at(n))).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1, "told once: {told:?}");
        assert_eq!(contended.now(at(10)), ["plug"]);
        for n in 1..9 {
            assert!(!contended.connected("far", at(n * 15)), "a bad network");
        }
        assert!(contended.now(at(200)).is_empty());
    }
}
