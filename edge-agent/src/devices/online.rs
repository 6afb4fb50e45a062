//! Whether a device answers, from the outcome of its reads. Pure.
//!
//! One lost reply is noise. Any reply proves the device, a refusal too: an exception is said by somebody.

/// Failed reads in a row that make a device offline.
const FAILURES: u32 = 2;

/// Counts what a device's reads say about its presence.
#[derive(Debug, Default)]
pub struct Presence {
    failures: u32,
}

impl Presence {
    /// The device replied.
    pub fn proved(&mut self) -> bool {
        self.failures = 0;
        true
    }

    /// It did not, or can't be reached. Returns whether it still counts as online.
    pub fn missed(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.failures < FAILURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lost_reply_is_noise_and_two_in_a_row_are_absence() {
        let mut presence = Presence::default();
        assert!(presence.missed());
        assert!(presence.proved());
        assert!(presence.missed());
        assert!(!presence.missed());
        assert!(presence.proved());
    }
}
