//! Which units behind a link are left alone for a while, so that a dead one does not cost the others a
//! timeout each. Pure; fed with time.

use bo_link::Urgency;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// One lost reply is noise; from the second in a row the unit is left alone for this long, then twice, …
const STEP: Duration = Duration::from_secs(2);
/// … and never longer than this.
const LONGEST: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug)]
struct Silent {
    failures: u32,
    until: Instant,
}

/// Units that did not answer, by address. Empty when all is well.
#[derive(Debug, Default)]
pub struct Units {
    silent: BTreeMap<u8, Silent>,
}

impl Units {
    /// `Err` with the wait that is left when `unit` is to be left alone. Commands may always ask.
    pub fn may_ask(&self, unit: u8, urgency: Urgency, now: Instant) -> Result<(), Duration> {
        match self.silent.get(&unit) {
            Some(silent) if urgency == Urgency::Poll && silent.until > now => Err(silent.until - now),
            _ => Ok(()),
        }
    }

    /// It answered, were it with a refusal.
    pub fn answered(&mut self, unit: u8) {
        if !self.silent.is_empty() {
            self.silent.remove(&unit);
        }
    }

    /// It did not answer, the gateway said that it does not, or the connection ended when it was asked.
    pub fn silent(&mut self, unit: u8, now: Instant) {
        let entry = self.silent.entry(unit).or_insert(Silent { failures: 0, until: now });
        entry.failures = entry.failures.saturating_add(1);
        entry.until = now + STEP.saturating_mul(entry.failures - 1).min(LONGEST);
    }

    /// The line was cut and is back: ask everybody at once, but the one whose request may have cut it.
    pub fn forget_but(&mut self, suspect: Option<u8>) {
        self.silent.retain(|unit, _| Some(*unit) == suspect);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_unit_is_probed_less_and_less_often_and_at_once_by_a_command() {
        let mut units = Units::default();
        let now = Instant::now();
        units.silent(3, now);
        assert_eq!(units.may_ask(3, Urgency::Poll, now), Ok(()), "one lost reply is noise");
        units.silent(3, now);
        assert_eq!(units.may_ask(3, Urgency::Poll, now), Err(STEP));
        assert_eq!(units.may_ask(3, Urgency::Command, now), Ok(()));
        assert_eq!(units.may_ask(4, Urgency::Poll, now), Ok(()), "its neighbour is asked as ever");
        for _ in 0..1000 {
            units.silent(3, now);
        }
        assert_eq!(units.may_ask(3, Urgency::Poll, now), Err(LONGEST));
        units.answered(3);
        assert_eq!(units.may_ask(3, Urgency::Poll, now), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_outage_all_are_asked_at_once_but_the_one_that_may_have_caused_it() {
        let (mut units, now) = (Units::default(), Instant::now());
        for unit in [3, 3, 4, 4] {
            units.silent(unit, now);
        }
        units.forget_but(Some(4));
        assert_eq!(units.may_ask(3, Urgency::Poll, now), Ok(()));
        assert_eq!(units.may_ask(4, Urgency::Poll, now), Err(STEP));
    }
}
