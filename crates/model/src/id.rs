//! A newtype per kind of thing over UUID v7, so that a zone's id can't be passed for a device's.

use crate::clock::{SharedClock, Time};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Makes the id types of a module, beside its other types: `bo_model::ids! { /// A page. PageId }`.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            $crate::serde::Serialize, $crate::serde::Deserialize,
        )]
        #[serde(transparent, crate = "bo_model::serde")]
        pub struct $name(pub $crate::uuid::Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }

        impl From<$crate::uuid::Uuid> for $name {
            fn from(id: $crate::uuid::Uuid) -> Self {
                $name(id)
            }
        }
    )*};
}

ids! {
    /// Owner of data.
    WorkspaceId,
    /// A person who can sign in.
    AccountId,
    /// A named set of members.
    GroupId,
    /// A gateway running edge-agent.
    EdgeId,
    /// A place in the tree of zones.
    ZoneId,
    /// Devices, rules and metadata that work as one space.
    SystemId,
    /// One driver instance with its own settings.
    DeviceId,
    /// A trigger bound to a system or zone.
    TriggerId,
    /// A condition with a life.
    AlarmId,
    /// A request that changes a device.
    CommandId,
    /// Names an OpenID provider of a workspace.
    ProviderId,
    /// A signed-in browser or an API token.
    SessionId,
}

/// Makes ids from a clock: sortable by creation, unique within one process by a counter.
pub struct IdGen {
    clock: SharedClock,
    counter: AtomicU64,
    seed: u64,
}

impl IdGen {
    /// `seed` keeps two processes apart; take it from the operating system's randomness.
    pub fn new(clock: SharedClock, seed: u64) -> IdGen {
        IdGen { clock, counter: AtomicU64::new(0), seed }
    }

    /// A fresh id of the kind the caller names: `ids.make::<ZoneId>()`.
    pub fn make<T: From<Uuid>>(&self) -> T {
        T::from(self.at(self.clock.now()))
    }

    /// UUID v7 (RFC 9562 §5.7): 48 bits of milliseconds, then our counter and seed in the 74 free bits.
    fn at(&self, now: Time) -> Uuid {
        let millis = (now.0 / 1000).max(0) as u64;
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut tail = [0u8; 10];
        tail[..2].copy_from_slice(&((count >> 4) as u16).to_be_bytes());
        tail[2..].copy_from_slice(
            &(self.seed.rotate_left(17) ^ count.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes(),
        );
        uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let clock = ManualClock::at(Time::from_seconds(1_000_000));
        let ids = IdGen::new(clock.clone(), 7);
        let early: Vec<ZoneId> = (0..1000).map(|_| ids.make()).collect();
        let unique: std::collections::HashSet<_> = early.iter().collect();
        assert_eq!(unique.len(), 1000);
        clock.advance(std::time::Duration::from_secs(1));
        let late: ZoneId = ids.make();
        assert!(early.iter().all(|id| *id < late));
    }
}
