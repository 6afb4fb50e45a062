//! What to send next, and what to send again: pure. Per class it knows how far it has sent and how far the controller has it;
//! overall a few batches are on their way at once, one of them kept free for what matters.

use bo_wire::Class;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Batches on their way at once.
const IN_FLIGHT: usize = 4;
/// Of which this many may be history or log.
const UNHURRIED: usize = 3;
/// After this a batch counts as lost.
pub const OVERDUE: Duration = Duration::from_secs(45);

/// The window of one connection.
#[derive(Debug)]
pub struct Window {
    sent: [u64; 6],
    have: [u64; 6],
    flights: VecDeque<Flight>,
}

#[derive(Debug)]
struct Flight {
    class: Class,
    upto: u64,
    at: Instant,
}

impl Window {
    /// Begins at the controller's watermarks.
    pub fn new(have: [u64; 6]) -> Window {
        Window { sent: have, have, flights: VecDeque::new() }
    }

    /// The most important class with something to send and room for it, and the number to send after.
    pub fn next(&self, written: &[u64; 6]) -> Option<(Class, u64)> {
        if self.flights.len() >= IN_FLIGHT {
            return None;
        }
        let unhurried = self.flights.iter().filter(|flight| is_unhurried(flight.class)).count();
        Class::ALL
            .into_iter()
            .find(|class| {
                written[*class as usize] > self.sent[*class as usize]
                    && (!is_unhurried(*class) || unhurried < UNHURRIED)
            })
            .map(|class| (class, self.sent[class as usize]))
    }

    /// A batch went out that ends with `upto`.
    pub fn sent(&mut self, class: Class, upto: u64, now: Instant) {
        self.sent[class as usize] = upto;
        self.flights.push_back(Flight { class, upto, at: now });
    }

    /// The controller has everything up to `seq`.
    pub fn acknowledged(&mut self, class: Class, seq: u64) {
        let at = class as usize;
        self.have[at] = self.have[at].max(seq);
        self.sent[at] = self.sent[at].max(self.have[at]);
        let have = self.have[at];
        self.flights.retain(|flight| flight.class != class || flight.upto > have);
    }

    /// Everything the controller does not have is to be sent again.
    pub fn rewind(&mut self) {
        self.sent = self.have;
        self.flights.clear();
    }

    /// A batch has been on its way for too long.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.flights.front().is_some_and(|flight| now.duration_since(flight.at) > OVERDUE)
    }

    /// Nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }
}

fn is_unhurried(class: Class) -> bool {
    matches!(class, Class::History | Class::Log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_goes_first_and_always_finds_room() {
        let mut window = Window::new([0; 6]);
        let now = Instant::now();
        let mut written = [0; 6];
        written[Class::History as usize] = 100;
        for upto in [10, 20, 30] {
            assert_eq!(window.next(&written), Some((Class::History, upto - 10)));
            window.sent(Class::History, upto, now);
        }
        assert_eq!(window.next(&written), None, "one place is kept free");
        written[Class::Alarm as usize] = 1;
        assert_eq!(window.next(&written), Some((Class::Alarm, 0)));
    }

    #[test]
    fn a_rewind_begins_at_what_the_controller_has() {
        let mut window = Window::new([5; 6]);
        let now = Instant::now();
        let written = [9; 6];
        window.sent(Class::Audit, 7, now);
        window.sent(Class::Audit, 9, now);
        window.acknowledged(Class::Audit, 7);
        window.rewind();
        assert_eq!(window.next(&written), Some((Class::Audit, 7)));
        assert!(window.is_idle());
    }

    #[test]
    fn a_batch_nobody_answers_becomes_overdue() {
        let mut window = Window::new([0; 6]);
        let now = Instant::now();
        window.sent(Class::Log, 3, now);
        assert!(!window.is_overdue(now + OVERDUE / 2));
        assert!(window.is_overdue(now + OVERDUE * 2));
        window.acknowledged(Class::Log, 3);
        assert!(!window.is_overdue(now + OVERDUE * 2));
    }
}
