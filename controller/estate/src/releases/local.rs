//! What a gateway needs to serve its people while the controller is away: the floor maps of its zones. Who may do what with
//! its systems is [`super::access`].

use crate::registry::Registry;
use bo_db::{DbError, Tx};
use bo_model::EdgeId;
use bo_model::release::{Site, SiteMap};
use std::collections::BTreeSet;

/// Drawings in one release, in bytes: a release is one message.
const MAPS: usize = 160 * 1024;

/// Adds the maps to a compiled site. Returns what was left out and why, one sentence each.
pub fn maps(tx: &mut Tx, registry: &Registry, edge: EdgeId, site: &mut Site) -> Result<Vec<String>, DbError> {
    let Some(workspace) = registry.edges.get(&edge).map(|edge| edge.workspace) else { return Ok(Vec::new()) };
    let (mut faults, mut room) = (Vec::new(), MAPS);
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
