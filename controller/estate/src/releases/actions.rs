//! Compiling, signing and keeping a release.

use super::access::{self, Access};
use super::compile::{Compiled, compile};
use super::diff::Diff;
use super::queries::{self, Summary};
use crate::error::EstateError;
use crate::registry::Registry;
use crate::rollouts;
use crate::settings::{secrets_of_device, shown};
use bo_db::{DbError, Event, Tx};
use bo_model::release::Site;
use bo_model::{EdgeId, Kind, Object};
use bo_wire::SignedRelease;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What publishing now would change on an edge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Number of the release in force; absent when there is none.
    pub current: Option<u64>,
    /// What would change.
    pub diff: Diff,
    /// What would be left out, and why.
    pub faults: Vec<String>,
}

/// What a release of an edge holds but for the people, who take long to work out and come and go without anybody's approval.
fn configured(tx: &mut Tx, registry: &Registry, edge: EdgeId) -> Result<Compiled, EstateError> {
    let mut compiled = compile(registry, edge);
    compiled.faults.extend(super::local::maps(tx, registry, edge, &mut compiled.site)?);
    Ok(compiled)
}

/// Everything a release of an edge holds.
fn compiled(tx: &mut Tx, registry: &Registry, edge: EdgeId) -> Result<Compiled, EstateError> {
    let mut compiled = configured(tx, registry, edge)?;
    if let Some(entry) = registry.edges.get(&edge) {
        Access::of(tx, entry.workspace)?.admit(tx, &mut compiled.site)?;
    }
    Ok(compiled)
}

/// Compares the configuration with the newest release of an edge.
pub fn plan(tx: &mut Tx, registry: &Registry, edge: EdgeId) -> Result<Plan, EstateError> {
    if !registry.edges.contains_key(&edge) {
        return Err(EstateError::missing("gateway", edge));
    }
    let newest = queries::newest_hash(tx, edge)?;
    if let Some(plan) = registry.plans.find(edge, &newest) {
        return Ok(plan);
    }
    let Compiled { site, faults } = configured(tx, registry, edge)?;
    let latest = queries::latest(tx, edge)?;
    let before = latest.as_ref().map(read_site).transpose()?.unwrap_or_default();
    let diff = Diff::between(&before.configuration(), &site.configuration());
    let plan = Plan { current: latest.map(|release| release.number), diff, faults };
    if tx.is_read_only() {
        registry.plans.keep(edge, newest, plan.clone());
    }
    Ok(plan)
}

/// Plans that were made of one version of the configuration, one per gateway: pages that show all of them would compile the
/// whole estate each time.
#[derive(Debug, Default)]
pub struct Plans(Mutex<HashMap<EdgeId, (Option<String>, Plan)>>);

impl Plans {
    fn lock(&self) -> MutexGuard<'_, HashMap<EdgeId, (Option<String>, Plan)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, edge: EdgeId, newest: &Option<String>) -> Option<Plan> {
        self.lock().get(&edge).filter(|(against, _)| against == newest).map(|(_, plan)| plan.clone())
    }

    fn keep(&self, edge: EdgeId, newest: Option<String>, plan: Plan) {
        self.lock().insert(edge, (newest, plan));
    }
}

/// Compiles and keeps a new release, if anything changed. The caller announces it after the commit.
pub fn publish(
    tx: &mut Tx,
    registry: &Registry,
    edge: EdgeId,
    key: &SigningKey,
) -> Result<Option<SignedRelease>, EstateError> {
    let Compiled { site, faults } = compiled(tx, registry, edge)?;
    keep(tx, registry, edge, site, faults, key)
}

/// Hash of the configuration a release made now would hold; none when the newest holds just that. People don't count.
pub fn content(tx: &mut Tx, registry: &Registry, edge: EdgeId) -> Result<Option<String>, EstateError> {
    let fresh = configured(tx, registry, edge)?.site.configuration();
    let held = queries::latest(tx, edge)?.as_ref().map(read_site).transpose()?;
    Ok((held.map(Site::configuration).as_ref() != Some(&fresh)).then(|| digest(&fresh)))
}

/// Makes the configuration of an earlier release the newest again, with the people of now; nothing when there is none of that
/// number.
pub fn republish(
    tx: &mut Tx,
    registry: &Registry,
    edge: EdgeId,
    number: u64,
    key: &SigningKey,
) -> Result<Option<SignedRelease>, EstateError> {
    match queries::configured(tx, edge, number)? {
        Some(earlier) => {
            let entry = registry.edges.get(&edge).ok_or_else(|| EstateError::missing("gateway", edge))?;
            let mut site = read_site(&earlier)?.configuration();
            Access::of(tx, entry.workspace)?.admit(tx, &mut site)?;
            keep(tx, registry, edge, site, Vec::new(), key)
        }
        None => Ok(None),
    }
}

fn digest(configuration: &Site) -> String {
    hex::encode(Sha256::digest(crate::json(configuration)))
}

/// Signs and keeps a site as an edge's newest release, unless it is that already. One with nothing but other people repeats the
/// configuration of the newest.
pub(super) fn keep(
    tx: &mut Tx,
    registry: &Registry,
    edge: EdgeId,
    mut site: Site,
    faults: Vec<String>,
    key: &SigningKey,
) -> Result<Option<SignedRelease>, EstateError> {
    let entry = registry.edges.get(&edge).ok_or_else(|| EstateError::missing("gateway", edge))?;
    let latest = queries::latest(tx, edge)?;
    let before = latest.as_ref().map(read_site).transpose()?.unwrap_or_default();
    let configuration = site.clone().configuration();
    site.repeats = None;
    if let Some(latest) = latest.as_ref().filter(|_| before.clone().configuration() == configuration) {
        if access::is_same(&before, &site, tx.now()) {
            return Ok(None);
        }
        site.repeats = Some(before.repeats.clone().unwrap_or_else(|| latest.hash.clone()));
    }
    let summary = Summary { diff: Diff::between(&before, &site), faults };
    let number = latest.as_ref().map_or(1, |latest| latest.number + 1);
    let release = SignedRelease::sign(number, tx.now(), &site, key)
        .map_err(|source| DbError::Json { what: "a release", source })?;
    queries::insert(tx, entry.workspace, edge, &release, &digest(&configuration), &summary, &site.repeats)?;
    if let Some(latest) = latest.filter(|_| site.repeats.is_some()) {
        rollouts::queries::repeated(tx, edge, &latest.hash, &release.hash)?;
        queries::tidy(tx, edge, number)?;
    }
    let verb = if site.repeats.is_some() { "release.access" } else { "release.publish" };
    tx.audit(
        Event::new(verb, Object::new(Kind::EDGE, edge))
            .name(&entry.name)
            .workspace(entry.workspace)
            .after(json!({ "number": number, "hash": release.hash, "changes": summary.diff.summary() })),
    );
    Ok(Some(release))
}

/// A release's content as people may read it: settings that are secret today are hidden, those of devices that are gone
/// altogether.
pub fn readable(registry: &Registry, release: &SignedRelease) -> Result<Site, EstateError> {
    let mut site = read_site(release)?;
    for device in site.devices.iter_mut().map(std::sync::Arc::make_mut) {
        device.settings = match registry.devices.get(&device.id) {
            Some(entry) => shown(&device.settings, &secrets_of_device(registry, &entry.device)),
            None => shown(&device.settings, &device.settings.keys().cloned().collect()),
        };
    }
    for person in &mut site.people {
        person.pin_hash = "(hidden)".into();
    }
    Ok(site)
}

pub(super) fn read_site(release: &SignedRelease) -> Result<Site, EstateError> {
    Ok(serde_json::from_str(&release.site)
        .map_err(|source| DbError::Json { what: "a stored release", source })?)
}
