//! People on an edge: who may sign in on its local page while the controller is away, and what they may do there.
//!
//! The levels are answers of the one permission model, worked out by the controller (or written by hand in a site file), with
//! the moments at which they change by themselves; nothing is decided here but which of them is nearest, and which counts now.

use crate::clock::Time;
use crate::id::AccountId;
use crate::level::Level;
use crate::object::{Kind, Object};
use crate::release::{Site, SiteDevice, SiteSystem};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePerson {
    /// The account, for evidence and audit.
    pub id: AccountId,
    /// What they sign in with: an address or a short name.
    pub login: String,
    /// For people.
    pub name: String,
    /// Argon2id hash (PHC string) of the PIN they were given for edges. It is no password of theirs: who steals an edge
    /// learns nothing that opens the controller.
    pub pin_hash: String,
    /// `zone:<id>`, `system:<id>` or `device:<id>` → level. The nearest counts: device, system, then zones upwards.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<Object, Level>,
    /// What becomes of the levels at a known moment: grants and memberships that begin or end. In order of time.
    #[serde(rename = "change", default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<LevelChange>,
}

/// From a moment on somebody has another level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelChange {
    /// From when on, that moment included.
    pub at: Time,
    /// On what.
    pub object: Object,
    /// Which.
    pub level: Level,
}

impl SitePerson {
    /// The level that is named for an object, as it counts then.
    fn named(&self, object: &Object, now: Time) -> Option<Level> {
        let changed = self.changes.iter().rev().find(|change| change.at <= now && change.object == *object);
        changed.map(|change| change.level).or_else(|| self.levels.get(object).copied())
    }

    /// Whether there is anything they may do on this edge then. Whoever may nothing is nobody there.
    pub fn is_somebody(&self, now: Time) -> bool {
        let changed = self.changes.iter().map(|change| &change.object);
        self.levels.keys().chain(changed).any(|object| self.named(object, now) > Some(Level::None))
    }

    /// The same person, said as of a later moment: what has changed by then counts from the beginning. Nothing is said any more
    /// of systems that they have nothing to do with.
    #[must_use]
    pub fn as_of(mut self, now: Time) -> SitePerson {
        let (past, ahead) = self.changes.into_iter().partition(|change| change.at <= now);
        self.changes = ahead;
        let past: Vec<LevelChange> = past;
        self.levels.extend(past.into_iter().map(|change| (change.object, change.level)));
        self.levels.retain(|object, level| *level > Level::None || !object.is(Kind::SYSTEM));
        self
    }

    /// What they may do with a device then.
    pub fn on_device(&self, site: &Site, device: &SiteDevice, now: Time) -> Level {
        self.named(&Object::new(Kind::DEVICE, device.id), now).unwrap_or_else(|| {
            let system = site.systems.iter().find(|system| system.id == device.system);
            system.map_or(Level::None, |system| self.on_system(site, system, now))
        })
    }

    /// What they may do with a system then.
    pub fn on_system(&self, site: &Site, system: &SiteSystem, now: Time) -> Level {
        if let Some(level) = self.named(&Object::new(Kind::SYSTEM, system.id), now) {
            return level;
        }
        let mut zone = system.zone;
        // Bounded, should parents ever form a ring.
        for _ in 0..=site.zones.len() {
            let Some(id) = zone else { return Level::None };
            if let Some(level) = self.named(&Object::new(Kind::ZONE, id), now) {
                return level;
            }
            zone = site.zones.iter().find(|known| known.id == id).and_then(|known| known.parent);
        }
        Level::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_level_counts_and_what_is_not_named_is_nothing() {
        let id = |n: u32| format!("0198c0de-0000-7000-8000-{n:012}");
        let text = format!(
            "[[zone]]\nid = \"{b}\"\nname = \"Building\"\n[[zone]]\nid = \"{l}\"\nname = \"Level\"\nparent = \"{b}\"\n\
             [[system]]\nid = \"{s}\"\nname = \"Room\"\nzone = \"{l}\"\n[[system]]\nid = \"{t}\"\nname = \"Plant\"\n\
             [[device]]\nid = \"{d}\"\nsystem = \"{s}\"\naddress = \"Door_1\"\ndriver = \"x\"\n\
             [[device]]\nid = \"{e}\"\nsystem = \"{s}\"\naddress = \"Light_1\"\ndriver = \"x\"\n\
             [[person]]\nid = \"{p}\"\nlogin = \"ann\"\nname = \"Ann\"\npin_hash = \"x\"\n\
             levels = {{ \"zone:{b}\" = \"edit\", \"device:{d}\" = \"view\" }}\n",
            b = id(1),
            l = id(2),
            s = id(3),
            t = id(4),
            d = id(5),
            e = id(6),
            p = id(7),
        );
        let site: Site = toml::from_str(&text).unwrap();
        let (ann, now) = (&site.people[0], Time(5));
        assert_eq!(ann.on_device(&site, &site.devices[0], now), Level::View);
        assert_eq!(ann.on_device(&site, &site.devices[1], now), Level::Edit);
        assert_eq!(ann.on_system(&site, &site.systems[1], now), Level::None);
    }

    #[test]
    fn a_level_begins_and_ends_at_its_moment_and_reads_the_same_when_it_is_said_later() {
        let id = |n: u32| format!("0198c0de-0000-7000-8000-{n:012}").parse().unwrap();
        let (room, door) = (Object::new(Kind::SYSTEM, "room"), Object::new(Kind::DEVICE, "door"));
        let change = |at, object: &Object, level| LevelChange { at: Time(at), object: object.clone(), level };
        let ann = SitePerson {
            id: id(7),
            login: "ann".into(),
            name: "Ann".into(),
            pin_hash: "x".into(),
            levels: BTreeMap::from([(room.clone(), Level::View)]),
            changes: vec![
                change(10, &room, Level::Edit),
                change(10, &door, Level::See),
                change(20, &room, Level::None),
                change(25, &door, Level::None),
            ],
        };
        let levels =
            |person: &SitePerson, now| (person.named(&room, Time(now)), person.named(&door, Time(now)));
        assert_eq!(levels(&ann, 9), (Some(Level::View), None));
        assert_eq!(levels(&ann, 10), (Some(Level::Edit), Some(Level::See)));
        assert_eq!(levels(&ann, 20), (Some(Level::None), Some(Level::See)));
        assert!(ann.is_somebody(Time(24)) && !ann.is_somebody(Time(25)));
        for said in 0..30 {
            let later = ann.clone().as_of(Time(said));
            for now in said..30 {
                let [then, said] = [&ann, &later].map(|person| {
                    let (room, door) = levels(person, now);
                    (room.unwrap_or_default(), door.unwrap_or_default(), person.is_somebody(Time(now)))
                });
                assert_eq!(then, said, "at {now}");
            }
        }
        assert!(ann.as_of(Time(30)).changes.is_empty());
    }
}
