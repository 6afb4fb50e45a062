//! Whether a switch made devices ill. Pure but for taking the snapshot.

use crate::agent::Agent;
use crate::presence::unwell;
use bo_model::DeviceId;
use std::collections::BTreeMap;

/// One in so many devices that were well before may fall silent by chance; more is the release's doing.
const TOLERATED: usize = 5;

/// Devices and how they are: `None` = well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health(pub BTreeMap<DeviceId, Option<String>>);

impl Health {
    /// How all devices are now.
    pub fn of(agent: &Agent) -> Health {
        let all = agent.devices.all();
        Health(all.iter().map(|device| (device.site.id, unwell(&agent.board, device))).collect())
    }

    /// Why `now` is worse than before, if it is: devices that were well and still are wanted count.
    pub fn fallen(&self, now: &Health) -> Option<String> {
        let well = self.0.iter().filter(|(_, why)| why.is_none());
        let still: Vec<_> = well.filter_map(|(id, _)| now.0.get(id).map(|why| (id, why))).collect();
        let fallen: Vec<_> = still.iter().filter_map(|(id, why)| Some((id, why.as_ref()?))).collect();
        let (id, why) = fallen.first()?;
        (fallen.len() * TOLERATED > still.len()).then(|| {
            format!("{} of {} devices fell ill, the first: device {id} {why}", fallen.len(), still.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(ill: &[u32], well: &[u32]) -> Health {
        let id = |n: &u32| format!("0198c0de-0000-7000-8000-{n:012}").parse().unwrap();
        let ill = ill.iter().map(|n| (id(n), Some("does not answer".to_owned())));
        Health(ill.chain(well.iter().map(|n| (id(n), None))).collect())
    }

    #[test]
    fn one_of_many_is_chance_and_more_are_the_releases_doing() {
        let before = health(&[], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(before.fallen(&health(&[1, 2], &[3, 4, 5, 6, 7, 8, 9, 10])), None);
        let why = before.fallen(&health(&[1, 2, 3], &[4, 5, 6, 7, 8, 9, 10])).unwrap();
        assert!(why.starts_with("3 of 10 devices fell ill"), "{why}");
    }

    #[test]
    fn what_was_ill_before_or_is_not_wanted_any_more_does_not_count() {
        let before = health(&[1], &[2, 3]);
        assert_eq!(before.fallen(&health(&[1], &[3])), None);
        assert!(before.fallen(&health(&[1, 3], &[])).is_some());
    }
}
