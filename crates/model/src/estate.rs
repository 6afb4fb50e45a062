//! Estate files: a whole organisation as TOML that a person can read, edit and compare.
//!
//! `backoffice import DIR` reads every `*.toml` in the folder, each holding any part of an [`Estate`]; together
//! they are one. Things are named by short keys that never change; the controller keeps its own ids beside them,
//! so importing the same files twice changes nothing. Drivers, triggers and maps are named by their folder in
//! the libraries (`drivers/`, `triggers/`, `zone-maps/`).

use crate::level::Level;
use crate::release::{LinkConfig, ModbusShare, share_mistakes};
use crate::settings::Values;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A whole estate, or the part of it that one file holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estate {
    /// `[organisation]`: in one of the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
    /// `[[group]]`.
    #[serde(rename = "group", default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<EstateGroup>,
    /// `[[person]]`.
    #[serde(rename = "person", default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<EstatePerson>,
    /// `[[zone]]`, parents before children or not.
    #[serde(rename = "zone", default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<EstateZone>,
    /// `[[edge]]`.
    #[serde(rename = "edge", default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EstateEdge>,
    /// `[[system]]`.
    #[serde(rename = "system", default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<EstateSystem>,
}

/// `[organisation]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// For people; also the name of its workspace.
    pub name: String,
    /// IANA time zone where a zone names none.
    pub time_zone: String,
}

/// `[[group]]`: a named set of members and what it may do where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstateGroup {
    /// Stable name: `facilities-harbour`. `everyone`, `team`, `admin` and `webmaster` are built in.
    pub key: String,
    /// For people.
    pub name: String,
    /// Zone key → level there and below.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<String, Level>,
}

/// `[[person]]`. Has no password here: an invitation or an administrator sets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstatePerson {
    /// Signs in with it.
    pub email: String,
    /// For people.
    pub name: String,
    /// Keys of groups, built-in ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// What a zone is; from the outside in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneKind {
    /// The root: the organisation's whole estate.
    Organisation,
    /// Several buildings.
    Region,
    /// A building.
    Building,
    /// A floor; has a map.
    Level,
    /// A part of a floor, a roof, a yard.
    #[default]
    Area,
}

impl ZoneKind {
    /// All kinds, outermost first.
    pub const ALL: [ZoneKind; 5] =
        [ZoneKind::Organisation, ZoneKind::Region, ZoneKind::Building, ZoneKind::Level, ZoneKind::Area];

    /// Its word, as files, the database and the API write it.
    pub fn word(self) -> &'static str {
        ["organisation", "region", "building", "level", "area"][self as usize]
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<ZoneKind> {
        ZoneKind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// `[[zone]]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstateZone {
    /// Stable name, unique in the estate: `harbour-l2`.
    pub key: String,
    /// Key of the zone it lies in; absent for the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What it is.
    pub kind: ZoneKind,
    /// For people.
    pub name: String,
    /// Place among its siblings; levels count from the ground.
    #[serde(default)]
    pub order: i32,
    /// Free words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// IANA time zone; the parent's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Latitude and longitude in degrees; the parent's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<(f64, f64)>,
    /// Folder in `zone-maps/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Settings for every device below, by key.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub settings: Values,
    /// Named JSON.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub metadata: Values,
}

/// `[[edge]]`: a gateway and its links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstateEdge {
    /// Stable name: `edge-harbour`.
    pub key: String,
    /// For people.
    pub name: String,
    /// Key of the zone it serves: seeing the zone lets one see the edge.
    pub zone: String,
    /// `[edge.link.<name>]`.
    #[serde(rename = "link", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, LinkConfig>,
    /// `[edge.share.<link>]`: Modbus links that other masters may use.
    #[serde(rename = "share", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, ModbusShare>,
}

/// `[[system]]`: devices and triggers that work as one space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstateSystem {
    /// Stable name, unique in the estate: `harbour-2-04`. Map bindings name it.
    pub key: String,
    /// For people.
    pub name: String,
    /// Key of its zone.
    pub zone: String,
    /// Key of the edge it runs on.
    pub edge: String,
    /// Free words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Settings for its devices, by key.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub settings: Values,
    /// Named JSON: capacity, booking address, support links.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub metadata: Values,
    /// `[[system.device]]`.
    #[serde(rename = "device", default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<EstateDevice>,
    /// `[[system.trigger]]`.
    #[serde(rename = "trigger", default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<EstateTrigger>,
}

/// `[[system.device]]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstateDevice {
    /// Its address in the system, unique there: `Display_1`.
    pub address: String,
    /// For people; the address when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Folder in `drivers/`.
    pub driver: String,
    /// Name of a link of the system's edge; absent for logic devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Settings of this device alone.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub settings: Values,
    /// What people keep about it.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub metadata: Values,
    /// Present and true: kept, but not run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// `[[system.trigger]]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstateTrigger {
    /// Folder in `triggers/`; unique in the system.
    pub name: String,
    /// Parameters of this instance.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub params: Values,
    /// Present and true: kept, but not evaluated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

impl Estate {
    /// Adds another file's part. Fails when both name an organisation.
    pub fn merge(&mut self, other: Estate) -> Result<(), String> {
        match (&self.organisation, other.organisation) {
            (Some(_), Some(second)) => {
                return Err(format!("there is a second [organisation], named `{}`", second.name));
            }
            (None, found) => self.organisation = found,
            (Some(_), None) => {}
        }
        self.groups.extend(other.groups);
        self.people.extend(other.people);
        self.zones.extend(other.zones);
        self.edges.extend(other.edges);
        self.systems.extend(other.systems);
        Ok(())
    }

    /// Everything that does not fit together, one sentence each; empty when it is sound. Whether drivers,
    /// triggers and maps exist is for whoever has the libraries.
    pub fn check(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.organisation.is_none() {
            errors.push("there is no [organisation]".to_owned());
        }
        let zones = keys("zone", self.zones.iter().map(|zone| &zone.key), &mut errors);
        let edges = keys("edge", self.edges.iter().map(|edge| &edge.key), &mut errors);
        keys("system", self.systems.iter().map(|system| &system.key), &mut errors);
        let mut groups = keys("group", self.groups.iter().map(|group| &group.key), &mut errors);
        groups.extend(["everyone", "team", "admin", "webmaster"]);
        keys("person", self.people.iter().map(|person| &person.email), &mut errors);

        let mut expect = |known: &BTreeSet<&str>, kind: &str, key: &str, place: String| {
            if !known.contains(key) {
                errors.push(format!("{place}: there is no {kind} `{key}`"));
            }
        };
        for zone in &self.zones {
            if let Some(parent) = &zone.parent {
                expect(&zones, "zone", parent, format!("zone `{}`", zone.key));
            }
        }
        for group in &self.groups {
            for zone in group.zones.keys() {
                expect(&zones, "zone", zone, format!("group `{}`", group.key));
            }
        }
        for person in &self.people {
            for group in &person.groups {
                expect(&groups, "group", group, format!("person `{}`", person.email));
            }
        }
        for edge in &self.edges {
            expect(&zones, "zone", &edge.zone, format!("edge `{}`", edge.key));
        }
        for system in &self.systems {
            expect(&zones, "zone", &system.zone, format!("system `{}`", system.key));
            expect(&edges, "edge", &system.edge, format!("system `{}`", system.key));
        }
        for edge in &self.edges {
            let faults = share_mistakes(&edge.links, &edge.shares);
            errors.extend(faults.into_iter().map(|(_, fault)| format!("edge `{}`: {fault}", edge.key)));
        }
        self.check_tree(&mut errors);
        self.check_systems(&mut errors);
        errors
    }

    /// One root, no circles.
    fn check_tree(&self, errors: &mut Vec<String>) {
        let parents: BTreeMap<&str, Option<&str>> =
            self.zones.iter().map(|zone| (zone.key.as_str(), zone.parent.as_deref())).collect();
        let roots: Vec<&str> =
            parents.iter().filter(|(_, parent)| parent.is_none()).map(|(key, _)| *key).collect();
        if roots.len() != 1 {
            errors.push(format!(
                "one zone is the root, without a parent; found {}: {}",
                roots.len(),
                roots.join(", ")
            ));
        }
        for key in parents.keys() {
            let above = std::iter::successors(Some(*key), |key| parents.get(key).copied().flatten());
            if above.take(parents.len() + 1).count() > parents.len() {
                errors.push(format!("zone `{key}` lies in itself"));
            }
        }
    }

    fn check_systems(&self, errors: &mut Vec<String>) {
        let links: BTreeMap<&str, &BTreeMap<String, LinkConfig>> =
            self.edges.iter().map(|edge| (edge.key.as_str(), &edge.links)).collect();
        for system in &self.systems {
            let place = format!("system `{}`", system.key);
            let mut found = Vec::new();
            keys("device", system.devices.iter().map(|device| &device.address), &mut found);
            keys("trigger", system.triggers.iter().map(|trigger| &trigger.name), &mut found);
            errors.extend(found.into_iter().map(|error| format!("{place}: {error}")));
            for device in &system.devices {
                if let (Some(link), Some(known)) = (&device.link, links.get(system.edge.as_str()))
                    && !known.contains_key(link)
                {
                    errors.push(format!(
                        "{place}, device `{}`: edge `{}` has no link `{link}`",
                        device.address, system.edge
                    ));
                }
            }
        }
    }
}

/// The keys of one kind; names empty and repeated ones.
fn keys<'a>(kind: &str, of: impl Iterator<Item = &'a String>, errors: &mut Vec<String>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    for key in of {
        if key.trim().is_empty() {
            errors.push(format!("a {kind} has no name"));
        } else if !seen.insert(key.as_str()) {
            errors.push(format!("there are two {kind}s `{key}`"));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_testkit::sample::ESTATE;

    #[test]
    fn an_estate_reads_writes_and_is_sound() {
        let estate: Estate = toml::from_str(ESTATE).unwrap();
        assert_eq!(estate.check(), Vec::<String>::new());
        assert_eq!(toml::from_str::<Estate>(&toml::to_string(&estate).unwrap()).unwrap(), estate);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let mut estate: Estate = toml::from_str(ESTATE).unwrap();
        estate.zones[0].parent = Some("harbour".into());
        estate.systems[0].devices[0].link = Some("buss".into());
        estate.systems[0].zone = "harbor".into();
        let again = estate.systems[0].clone();
        estate.systems.push(again);
        let errors = estate.check().join("\n");
        for part in [
            "there are two systems `plant`",
            "system `plant`: there is no zone `harbor`",
            "zone `root` lies in itself",
            "device `Meter_1`: edge `edge-harbour` has no link `buss`",
        ] {
            assert!(errors.contains(part), "{part} in {errors}");
        }
    }

    #[test]
    fn a_second_organisation_is_refused() {
        let mut estate: Estate = toml::from_str(ESTATE).unwrap();
        assert!(estate.merge(estate.clone()).unwrap_err().contains("second [organisation]"));
    }
}
