//! The same person, or the same place, twice at a time.

use bo_model::Time;
use std::collections::BTreeMap;

/// Something that somebody or some place is taken by, from (inclusive) to (exclusive).
#[derive(Clone, Debug, PartialEq)]
pub struct Booking {
    /// Who or what: equal for the same.
    pub who: String,
    /// By which item: its place in the caller's list.
    pub item: usize,
    /// From.
    pub from: Time,
    /// To.
    pub to: Time,
}

/// Two items that want the same at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The one that begins first.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Who or what is wanted twice.
    pub who: String,
}

/// Conflicts that are looked for at most: a plan with more has another problem.
const MOST: usize = 1000;

/// All pairs of bookings of the same that overlap, in the order they begin. An item has no conflict with itself.
pub fn find(bookings: &[Booking]) -> Vec<Conflict> {
    let mut by_subject: BTreeMap<&str, Vec<&Booking>> = BTreeMap::new();
    for booking in bookings.iter().filter(|booking| booking.from < booking.to) {
        by_subject.entry(&booking.who).or_default().push(booking);
    }
    let mut found = Vec::new();
    for (who, mut wanted) in by_subject {
        wanted.sort_by_key(|booking| (booking.from, booking.item));
        for (place, first) in wanted.iter().enumerate() {
            let overlapping = wanted[place + 1..].iter().take_while(|second| second.from < first.to);
            for second in overlapping.filter(|second| second.item != first.item) {
                found.push((
                    first.from,
                    Conflict { first: first.item, second: second.item, who: who.to_owned() },
                ));
                if found.len() == MOST {
                    break;
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found.truncate(MOST);
    found.into_iter().map(|(_, conflict)| conflict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn booking(who: &str, item: usize, from: i64, to: i64) -> Booking {
        Booking { who: who.into(), item, from: Time(from), to: Time(to) }
    }

    #[test]
    fn twice_at_a_time_is_a_conflict_and_one_after_the_other_is_none() {
        let plan = [
            booking("hall", 0, 10, 20),
            booking("hall", 1, 20, 30),
            booking("hall", 2, 25, 40),
            booking("ada", 0, 10, 20),
            booking("ada", 2, 25, 40),
        ];
        assert_eq!(find(&plan), [Conflict { first: 1, second: 2, who: "hall".into() }]);
        assert_eq!(
            find(&[booking("ada", 0, 1, 5), booking("ada", 0, 2, 4)]),
            [],
            "an item wants somebody once"
        );
    }

    proptest! {
        #[test]
        fn every_overlap_is_found_and_nothing_else(
            plan in prop::collection::vec((0..3usize, 0..40i64, 0..10i64), 0..30)
        ) {
            let plan: Vec<Booking> = plan
                .into_iter()
                .enumerate()
                .map(|(item, (who, from, long))| booking(["a", "b", "c"][who], item, from, from + long))
                .collect();
            let mut expected = std::collections::BTreeSet::new();
            for a in &plan {
                for b in &plan {
                    let overlap = a.from.max(b.from) < a.to.min(b.to);
                    if a.who == b.who && overlap && (a.from, a.item) < (b.from, b.item) {
                        expected.insert((a.item, b.item));
                    }
                }
            }
            let found: std::collections::BTreeSet<_> =
                find(&plan).into_iter().map(|conflict| (conflict.first, conflict.second)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
