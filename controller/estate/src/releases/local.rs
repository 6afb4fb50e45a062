//! What a gateway needs to serve its people while the controller is away: the floor maps of its zones, and who may do what with
//! its systems. The permissions are answers of the one relation graph, worked out here for everybody who has a PIN for gateways.

use crate::registry::Registry;
use bo_db::{DbError, Tx, params};
use bo_identity::level::level;
use bo_model::people::SitePerson;
use bo_model::release::{Site, SiteMap};
use bo_model::{AccountId, EdgeId, Kind, Level, Object, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long people may operate at a gateway that has not heard from the controller: longer than a long weekend, shorter than
/// somebody who has left should keep a key.
const VALID_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// Drawings in one release, in bytes: a release is one message.
const MAPS: usize = 160 * 1024;

/// Adds maps and people to a compiled site. Returns what was left out and why, one sentence each.
pub fn complete(
    tx: &mut Tx,
    registry: &Registry,
    edge: EdgeId,
    site: &mut Site,
) -> Result<Vec<String>, DbError> {
    let Some(entry) = registry.edges.get(&edge) else { return Ok(Vec::new()) };
    let faults = maps(tx, entry.workspace, site)?;
    site.people = people(tx, entry.workspace, site)?;
    site.people_valid_for = (!site.people.is_empty()).then_some(VALID_FOR);
    Ok(faults)
}

fn maps(tx: &mut Tx, workspace: WorkspaceId, site: &mut Site) -> Result<Vec<String>, DbError> {
    let mut faults = Vec::new();
    let mut room = MAPS;
    let names: BTreeSet<String> = site.zones.iter().filter_map(|zone| zone.map.clone()).collect();
    for name in names {
        let Some(map) = crate::maps::queries::find(tx, workspace, &name)? else { continue };
        let bindings = serde_json::from_value(map.bindings)
            .map_err(|source| DbError::Json { what: "the bindings of a floor map", source })?;
        match room.checked_sub(map.svg.len()) {
            Some(left) => {
                room = left;
                site.maps.insert(name, SiteMap { svg: map.svg, bindings });
            }
            None => faults.push(format!(
                "floor map `{name}` is not on the gateway's own page: the maps of one gateway have room for {} KiB",
                MAPS / 1024
            )),
        }
    }
    Ok(faults)
}

fn people(tx: &mut Tx, workspace: WorkspaceId, site: &Site) -> Result<Vec<SitePerson>, DbError> {
    let found: Vec<(AccountId, String, String, String)> = tx.query(
        "SELECT a.id, a.email, a.name, p.hash FROM gateway_pin p
         JOIN account a ON a.id = p.account JOIN member m ON m.account = a.id AND m.workspace = ?1
         WHERE a.state = 'active' ORDER BY a.id",
        params![workspace],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let special = special_devices(tx, site)?;
    let now = tx.now();
    let mut people = Vec::new();
    for (id, login, name, pin_hash) in found {
        let subject = Object::new(Kind::ACCOUNT, id);
        let mut levels = BTreeMap::new();
        for system in &site.systems {
            let object = Object::new(Kind::SYSTEM, system.id);
            let on = level(tx, &subject, &object, now)?;
            if on > Level::None {
                levels.insert(object, on);
            }
        }
        for object in &special {
            levels.insert(object.clone(), level(tx, &subject, object, now)?);
        }
        // Nobody is on a gateway without a reason to be there.
        if levels.values().any(|level| *level > Level::None) {
            people.push(SitePerson { id, login, name, pin_hash, levels });
        }
    }
    Ok(people)
}

/// Devices that have rows of their own in the graph: all others are what their system is.
fn special_devices(tx: &mut Tx, site: &Site) -> Result<Vec<Object>, DbError> {
    let here: BTreeSet<Object> =
        site.devices.iter().map(|device| Object::new(Kind::DEVICE, device.id)).collect();
    let named: Vec<String> = tx.query(
        "SELECT DISTINCT object FROM relation WHERE object LIKE 'device:%'
         AND NOT (subject LIKE 'system:%' AND cap = ?1 AND floor = 0)",
        params![Level::Own as i64],
        |row| row.get(0),
    )?;
    Ok(named.iter().filter_map(|text| Object::parse(text)).filter(|object| here.contains(object)).collect())
}
