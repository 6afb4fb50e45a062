//! Gateways: made, changed. Enrolment and revocation are in [`crate::edges::actions`].

use super::places::zone_of;
use super::thing::{change, create};
use super::{Thing, key, named, ours, require, write};
use crate::Estate;
use crate::edges::{Edge, EdgeState};
use crate::registry::Registry;
use bo_model::release::{LinkConfig, ModbusShare, share_mistakes};
use bo_model::{EdgeId, Kind, Level, Object, ZoneId};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Links of one gateway at most.
const MAX_LINKS: usize = 500;

/// A gateway to make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEdge {
    /// For people.
    pub name: String,
    /// The zone it serves.
    pub zone: ZoneId,
    /// Stable name in files; made from the name when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// Its links by name.
    #[serde(default)]
    pub links: BTreeMap<String, LinkConfig>,
    /// Modbus links that other masters may use, by the link's name.
    #[serde(default)]
    pub shares: BTreeMap<String, ModbusShare>,
}

/// What of a gateway can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgePatch {
    /// For people.
    pub name: Option<String>,
    /// The zone it serves.
    pub zone: Option<ZoneId>,
    /// All its links by name: what is not named is removed.
    pub links: Option<BTreeMap<String, LinkConfig>>,
    /// All its shares by the link's name: a link that is not named is not shared any more.
    pub shares: Option<BTreeMap<String, ModbusShare>>,
}

fn check_links(links: &BTreeMap<String, LinkConfig>) -> Result<()> {
    if links.len() > MAX_LINKS {
        return Err(WebError::field("links", format!("must be at most {MAX_LINKS}")));
    }
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    for (name, link) in links {
        if name.is_empty() || name.len() > 40 || !name.chars().all(fine) {
            return Err(WebError::field(
                "links",
                format!("`{name}`: a link's name is letters, digits and dashes"),
            ));
        }
        if let LinkConfig::Http { base, .. } = link
            && base
                .split_once("://")
                .is_some_and(|(_, rest)| rest.split('/').next().unwrap_or("").contains('@'))
        {
            let text = format!(
                "`{name}`: a password does not belong in an address; make it a setting of the device"
            );
            return Err(WebError::field("links", text));
        }
    }
    Ok(())
}

/// Shares have a port of their own and a Modbus link.
fn check_shares(edge: &Edge) -> Result<()> {
    let mut faults: Vec<(String, String)> = share_mistakes(&edge.links, &edge.shares)
        .into_iter()
        .map(|(_, fault)| ("shares".to_owned(), fault))
        .collect();
    let nowhere = edge.shares.iter().filter(|(_, share)| share.listen.port() == 0);
    faults.extend(nowhere.map(|(name, _)| ("shares".to_owned(), format!("share.{name}: needs a port"))));
    if faults.is_empty() { Ok(()) } else { Err(WebError::BadInput(faults)) }
}

/// Links that devices use stay.
fn check_used(registry: &Registry, edge: &Edge, links: &BTreeMap<String, LinkConfig>) -> Result<()> {
    let devices = registry.devices.values().filter(|entry| entry.edge == edge.id);
    for entry in devices {
        let Some(link) = entry.device.link.as_ref() else { continue };
        if edge.links.contains_key(link) && !links.contains_key(link) {
            return Err(WebError::field("links", format!("`{link}` is used by {}", entry.device.name)));
        }
    }
    Ok(())
}

/// Makes a gateway. It can enrol once it has a code.
pub async fn create_edge(estate: &Estate, ctx: &Ctx, new: NewEdge) -> Result<Edge> {
    let (workspace, id, may) = (ctx.workspace()?, ctx.make_id::<EdgeId>(), require(ctx));
    let name = named(&new.name)?;
    check_links(&new.links)?;
    write(estate, ctx, move |tx, registry| {
        may(tx, &Object::area(workspace, "edges"), Level::Own)?;
        may(tx, &Object::new(Kind::ZONE, new.zone), Level::View)?;
        zone_of(registry, workspace, new.zone)?;
        let taken = |key: &str| registry.edge_by_key(workspace, key).is_some();
        let edge = Edge {
            id,
            workspace,
            key: key(new.key.as_deref(), &name, taken)?,
            name: name.clone(),
            zone: new.zone,
            links: new.links.clone(),
            shares: new.shares.clone(),
            state: EdgeState::New,
            enrolled_at: None,
            revoked_at: None,
        };
        check_shares(&edge)?;
        create(tx, registry, &Thing::Edge(edge.clone()))?;
        Ok(edge)
    })
    .await
}

/// Changes a gateway.
pub async fn edge(estate: &Estate, ctx: &Ctx, id: EdgeId, patch: EdgePatch) -> Result<()> {
    let (workspace, may) = (ctx.workspace()?, require(ctx));
    if let Some(links) = &patch.links {
        check_links(links)?;
    }
    write(estate, ctx, move |tx, registry| {
        let before = registry.edges.get(&id).ok_or(WebError::NotFound)?;
        ours(workspace, before.workspace)?;
        let mut after = (**before).clone();
        after.name = patch.name.as_deref().map_or(Ok(after.name), named)?;
        if let Some(zone) = patch.zone {
            may(tx, &Object::new(Kind::ZONE, zone), Level::View)?;
            after.zone = zone_of(registry, workspace, zone)?.id;
        }
        if let Some(links) = &patch.links {
            check_used(registry, before, links)?;
            after.links = links.clone();
            // What is not there any more is not shared any more.
            after.shares.retain(|name, _| links.contains_key(name));
        }
        after.shares = patch.shares.clone().unwrap_or(after.shares);
        check_shares(&after)?;
        Ok(change(tx, registry, &Thing::Edge((**before).clone()), &Thing::Edge(after))?)
    })
    .await
}
