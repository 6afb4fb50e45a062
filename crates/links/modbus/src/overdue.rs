//! Replies that come when nobody waits for them any more: the sign that a device is slower than its link allows, which
//! otherwise looks like a device that is not there. Pure; fed with time.

use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// So many of them …
const SEVERAL: u32 = 3;
/// … none longer than this after the one before are more than a bad moment.
const MEMORY: Duration = Duration::from_secs(300);

/// Counts them.
#[derive(Debug, Default)]
pub struct Overdue {
    count: u32,
    last: Option<Instant>,
}

impl Overdue {
    /// So many came.
    pub fn saw(&mut self, count: u32, now: Instant) {
        self.count = self.count.saturating_add(count);
        self.last = Some(now);
    }

    /// True when there is something to say, or to take back.
    pub fn is_known(&self) -> bool {
        self.last.is_some()
    }

    /// What to tell people, when there were several of late; `timeout` is how long a reply may take.
    pub fn remark(&mut self, timeout: Duration, now: Instant) -> Option<Arc<str>> {
        if self.last.is_some_and(|last| now - last > MEMORY) {
            *self = Overdue::default();
        }
        (self.count >= SEVERAL).then(|| {
            let timeout = bo_model::span::format(timeout);
            format!("replies come later than the {timeout} they are waited for: raise `timing.timeout`")
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn several_late_replies_are_remarked_on_until_none_came_for_a_while() {
        let (mut overdue, now) = (Overdue::default(), Instant::now());
        let second = Duration::from_secs(1);
        overdue.saw(2, now);
        assert_eq!(overdue.remark(second, now), None, "it may have been a bad moment");
        overdue.saw(1, now + MEMORY);
        let remark = overdue.remark(second, now + MEMORY).unwrap();
        assert!(remark.contains("later than the 1s") && remark.contains("timing.timeout"), "{remark}");
        assert!(overdue.is_known());
        assert_eq!(overdue.remark(second, now + 3 * MEMORY), None);
        assert!(!overdue.is_known());
    }
}
