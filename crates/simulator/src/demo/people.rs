//! The people and groups of the demo. Nobody has a password here.

use bo_model::Level;
use bo_model::estate::{EstateGroup, EstatePerson};
use std::collections::BTreeMap;

/// What the organisation is called.
pub const ORGANISATION: &str = "Meridian Places";

/// Groups, and what they may do where. `regions` are those of the estate.
pub fn groups(regions: &[&str]) -> Vec<EstateGroup> {
    let group = |key: &str, name: &str, zones: &[(&str, Level)]| EstateGroup {
        key: key.into(),
        name: name.into(),
        zones: zones.iter().map(|(zone, level)| ((*zone).to_owned(), *level)).collect::<BTreeMap<_, _>>(),
    };
    let mut groups = vec![
        group("facilities", "Facilities", &[("estate", Level::Edit)]),
        group("front-desk", "Front desk", &[("cedar-l0", Level::Edit), ("quay-l0", Level::Edit)]),
        group("energy", "Energy management", &[("estate", Level::View), ("cedar-roof", Level::Edit)]),
        group("integrators", "Integrators", &[("cedar", Level::Own)]),
    ];
    groups.extend(regions.iter().map(|region| {
        group(&format!("facilities-{region}"), &format!("Facilities, {region}"), &[(region, Level::Edit)])
    }));
    groups
}

/// People and their groups.
pub fn people() -> Vec<EstatePerson> {
    [
        ("noor", "Noor Haddad", &["admin", "team"][..]),
        ("tomas", "Tomás Figueira", &["team", "facilities", "facilities-iberia"]),
        ("ineke", "Ineke de Boer", &["team", "facilities", "facilities-north-sea"]),
        ("aisha", "Aisha Okafor", &["team", "front-desk"]),
        ("kenji", "Kenji Mori", &["team", "energy"]),
        ("lucia", "Lucía Ferrer", &["integrators"]),
        ("piotr", "Piotr Zieliński", &["team"]),
    ]
    .into_iter()
    .map(|(address, name, groups)| EstatePerson {
        email: format!("{address}@demo.example"),
        name: name.into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    })
    .collect()
}
