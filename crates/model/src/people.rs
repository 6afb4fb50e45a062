//! People on an edge: who may sign in on its local page while the controller is away, and what they may do there.
//!
//! The levels are answers of the one permission model, worked out by the controller (or written by hand in a site file);
//! nothing is decided here but which of them is nearest.

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
}

impl SitePerson {
    /// What they may do with a device.
    pub fn on_device(&self, site: &Site, device: &SiteDevice) -> Level {
        let own = self.levels.get(&Object::new(Kind::DEVICE, device.id));
        own.copied().unwrap_or_else(|| {
            let system = site.systems.iter().find(|system| system.id == device.system);
            system.map_or(Level::None, |system| self.on_system(site, system))
        })
    }

    /// What they may do with a system.
    pub fn on_system(&self, site: &Site, system: &SiteSystem) -> Level {
        if let Some(level) = self.levels.get(&Object::new(Kind::SYSTEM, system.id)) {
            return *level;
        }
        let mut zone = system.zone;
        // Bounded, should parents ever form a ring.
        for _ in 0..=site.zones.len() {
            let Some(id) = zone else { return Level::None };
            if let Some(level) = self.levels.get(&Object::new(Kind::ZONE, id)) {
                return *level;
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
        let ann = &site.people[0];
        assert_eq!(ann.on_device(&site, &site.devices[0]), Level::View);
        assert_eq!(ann.on_device(&site, &site.devices[1]), Level::Edit);
        assert_eq!(ann.on_system(&site, &site.systems[1]), Level::None);
    }
}
