//! What a gateway needs to serve its people while the controller is away: the floor maps of its zones, and who may do what with
//! its systems ([`super::access`]).

use super::access::Access;
use crate::registry::Registry;
use bo_db::{DbError, Tx};
use bo_model::release::{Site, SiteMap};
use bo_model::{EdgeId, WorkspaceId};
use std::collections::BTreeSet;

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
    Access::of(tx, entry.workspace)?.admit(tx, site)?;
    maps(tx, entry.workspace, site)
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
