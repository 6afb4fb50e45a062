//! What changes between two releases, by name: what a person reads before approving.

use bo_model::release::Site;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names of what is new, gone and different.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// New: `device Meter_1 in Plant room`.
    pub added: Vec<String>,
    /// Gone.
    pub removed: Vec<String>,
    /// Different.
    pub changed: Vec<String>,
}

impl Diff {
    /// From one site to another.
    pub fn between(before: &Site, after: &Site) -> Diff {
        let (before, after) = (parts(before), parts(after));
        let mut diff = Diff::default();
        for (key, (name, content)) in &after {
            match before.get(key) {
                None => diff.added.push(name.clone()),
                Some((_, old)) if old != content => diff.changed.push(name.clone()),
                Some(_) => {}
            }
        }
        diff.removed = before
            .iter()
            .filter(|(key, _)| !after.contains_key(*key))
            .map(|(_, (name, _))| name.clone())
            .collect();
        diff
    }

    /// Nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// `3 new, 1 changed`.
    pub fn summary(&self) -> String {
        let parts: Vec<String> =
            [(self.added.len(), "new"), (self.changed.len(), "changed"), (self.removed.len(), "removed")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, word)| format!("{count} {word}"))
                .collect();
        if parts.is_empty() { "no change".into() } else { parts.join(", ") }
    }
}

/// Everything in a site by a key that lasts, with its name and its content.
fn parts(site: &Site) -> BTreeMap<String, (String, String)> {
    let systems: BTreeMap<_, _> =
        site.systems.iter().map(|system| (system.id, system.name.as_str())).collect();
    let system = |id| systems.get(&id).copied().unwrap_or("?");
    let mut parts = BTreeMap::new();
    let mut add = |key: String, name: String, content: String| drop(parts.insert(key, (name, content)));
    for zone in &site.zones {
        add(format!("zone {}", zone.id), format!("zone {}", zone.name), crate::json(zone));
    }
    for each in &site.systems {
        add(format!("system {}", each.id), format!("system {}", each.name), crate::json(each));
    }
    for person in &site.people {
        let content = crate::json(person);
        add(format!("person {}", person.id), format!("{} at the gateway's own page", person.name), content);
    }
    for (name, map) in &site.maps {
        add(format!("map {name}"), format!("floor map {name}"), crate::json(map));
    }
    for (name, link) in &site.links {
        add(format!("link {name}"), format!("link {name}"), crate::json(link));
    }
    for (name, share) in &site.shares {
        add(format!("share {name}"), format!("other Modbus masters at link {name}"), crate::json(share));
    }
    for device in &site.devices {
        let name = format!("device {} in {}", device.address, system(device.system));
        add(format!("device {}", device.id), name, crate::json(device));
    }
    for trigger in &site.triggers {
        let name = format!("trigger {} in {}", trigger.name, system(trigger.system));
        add(format!("trigger {}", trigger.id), name, crate::json(trigger));
    }
    for (name, hash) in &site.drivers {
        add(format!("driver {name}"), format!("driver {name}"), hash.clone());
    }
    parts
}
