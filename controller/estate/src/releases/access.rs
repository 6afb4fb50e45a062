//! Who may do what at which gateway: answers of the one relation graph, worked out for everybody who has a PIN for gateways, with
//! the moments at which they change by themselves.
//!
//! People are no configuration: nobody approves each of them, and whoever is let go must be out soon. When permissions change,
//! [`step`] brings out releases by itself that repeat a gateway's newest one with other people. What else was changed waits
//! for somebody to deploy it.

use super::actions::{keep, read_site};
use super::queries;
use crate::Estate;
use crate::error::EstateError;
use bo_db::{DbError, Tx, params};
use bo_identity::level::level_of_each;
use bo_identity::relation;
use bo_model::people::{LevelChange, SitePerson};
use bo_model::release::Site;
use bo_model::{AccountId, EdgeId, Kind, Level, Object, Time, WorkspaceId};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How long people may operate at a gateway that has not heard from the controller: longer than a long weekend, shorter than
/// somebody who has left should keep a key.
const VALID_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// Moments ahead that a release knows of, per person: the nearest. A later release brings those behind them.
const AHEAD: usize = 50;

/// Everybody in a workspace who may sign in at gateways.
pub struct Access {
    now: Time,
    people: Vec<SitePerson>,
    /// Now and the moments ahead, with whose levels may change then: places in `people`.
    moments: BTreeMap<Time, Vec<usize>>,
    special: BTreeSet<Object>,
}

impl Access {
    /// Works it out, as of now.
    pub fn of(tx: &mut Tx, workspace: WorkspaceId) -> Result<Access, DbError> {
        let found: Vec<(AccountId, String, String, String)> = tx.query(
            "SELECT a.id, a.address, a.name, p.hash FROM gateway_pin p
             JOIN account a ON a.id = p.account JOIN member m ON m.account = a.id AND m.workspace = ?1
             WHERE a.state = 'active' ORDER BY a.id",
            params![workspace],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )?;
        let now = tx.now();
        let mut access =
            Access { now, people: Vec::new(), moments: BTreeMap::new(), special: BTreeSet::new() };
        if found.is_empty() {
            return Ok(access);
        }
        access.special = special_devices(tx)?;
        let moments = moments(tx, now)?;
        let public = moments.get(&Object::everyone()).cloned().unwrap_or_default();
        for (id, login, name, pin_hash) in found {
            let subject = Object::new(Kind::ACCOUNT, id);
            let own = moments.get(&subject).into_iter().flatten().chain(&public).copied();
            let ahead: BTreeSet<Time> = own.collect();
            for at in std::iter::once(now).chain(ahead.into_iter().take(AHEAD)) {
                access.moments.entry(at).or_default().push(access.people.len());
            }
            let (levels, changes) = (BTreeMap::new(), Vec::new());
            access.people.push(SitePerson { id, login, name, pin_hash, levels, changes });
        }
        Ok(access)
    }

    /// Lets them in at a gateway with that site: those who have something to do there, now or at a moment that is known.
    pub fn admit(&self, tx: &mut Tx, site: &mut Site) -> Result<(), DbError> {
        let mut objects: Vec<Object> =
            site.systems.iter().map(|system| Object::new(Kind::SYSTEM, system.id)).collect();
        let devices = site.devices.iter().map(|device| Object::new(Kind::DEVICE, device.id));
        objects.extend(devices.filter(|device| self.special.contains(device)));
        let mut people = self.people.clone();
        let subjects: Vec<Object> =
            people.iter().map(|person| Object::new(Kind::ACCOUNT, person.id)).collect();
        for object in &objects {
            let mut before: Vec<Option<Level>> = vec![None; people.len()];
            for (at, whose) in &self.moments {
                let of: Vec<Object> =
                    whose.iter().filter_map(|place| subjects.get(*place).cloned()).collect();
                for (place, level) in whose.iter().zip(level_of_each(tx, &of, object, *at)?) {
                    let (Some(person), Some(before)) = (people.get_mut(*place), before.get_mut(*place))
                    else {
                        continue;
                    };
                    match before.replace(level) {
                        None => drop(person.levels.insert(object.clone(), level)),
                        Some(before) if before != level => {
                            person.changes.push(LevelChange { at: *at, object: object.clone(), level });
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        people.iter_mut().for_each(|person| person.changes.sort_by_key(|change| change.at));
        let now = people.into_iter().map(|person| person.as_of(self.now));
        site.people = now.filter(has_reason).collect();
        site.people_valid_for = (!site.people.is_empty()).then_some(VALID_FOR);
        Ok(())
    }
}

/// Nobody is on a gateway without a reason to be there.
fn has_reason(person: &SitePerson) -> bool {
    let ahead = person.changes.iter().map(|change| change.level);
    person.levels.values().copied().chain(ahead).any(|level| level > Level::None)
}

/// Whether two sites let the same people do the same from now on.
pub fn is_same(held: &Site, fresh: &Site, now: Time) -> bool {
    let people = |site: &Site| -> Vec<SitePerson> {
        site.people.iter().cloned().map(|person| person.as_of(now)).filter(has_reason).collect()
    };
    people(held) == people(fresh)
}

/// Devices that have rows of their own in the graph: all others are what their system is.
fn special_devices(tx: &mut Tx) -> Result<BTreeSet<Object>, DbError> {
    let named: Vec<String> = tx.query(
        "SELECT DISTINCT object FROM relation WHERE object LIKE 'device:%'
         AND NOT (subject LIKE 'system:%' AND cap = ?1 AND floor = 0)
         UNION SELECT object FROM ceiling WHERE object LIKE 'device:%'",
        params![Level::Own as i64],
        |row| row.get(0),
    )?;
    Ok(named.iter().filter_map(|text| Object::parse(text)).collect())
}

/// The moments ahead at which a row begins or ends to count, by whom it matters to: walked up from the rows, as there are few.
fn moments(tx: &mut Tx, now: Time) -> Result<HashMap<Object, BTreeSet<Time>>, DbError> {
    let sql = "WITH RECURSIVE up (moment, node) AS (
          SELECT valid_from, subject FROM relation WHERE valid_from > ?1
          UNION SELECT valid_to, subject FROM relation WHERE valid_to > ?1 AND valid_to < 9223372036854775807
          UNION SELECT u.moment, r.subject FROM up u CROSS JOIN relation r WHERE r.object = u.node AND r.valid_to > ?1
        ) SELECT node, moment FROM up WHERE node LIKE 'account:%' OR node = 'everyone:'";
    let mut found: HashMap<Object, BTreeSet<Time>> = HashMap::new();
    tx.for_each(sql, params![now], |row| {
        found.entry(row.get(0)?).or_default().insert(row.get(1)?);
        Ok(())
    })?;
    Ok(found)
}

/// What permissions at gateways follow from, as one text: while it stays the same, nothing has to be worked out.
fn fingerprint(tx: &mut Tx) -> Result<String, DbError> {
    let mut digest = Sha256::new();
    digest.update(relation::version(tx)?.to_be_bytes());
    // Once a day in any case: a release knows of so many moments ahead and no more.
    digest.update((tx.now().seconds() / 86_400).to_be_bytes());
    let people = "SELECT a.id || a.state || a.address || ' ' || a.name || ' ' || p.hash || m.workspace FROM gateway_pin p
        JOIN account a ON a.id = p.account JOIN member m ON m.account = a.id ORDER BY a.id, m.workspace";
    tx.for_each(people, &[], |row| {
        digest.update(row.str(0)?);
        Ok(())
    })?;
    Ok(hex::encode(digest.finalize()))
}

/// Brings out releases for gateways at which people may something else than their newest one says, and tells them. How many.
///
/// # Errors
/// When the database fails.
pub async fn step(estate: &Estate) -> Result<usize, EstateError> {
    let (registry, seen) = (estate.registry(), estate.access_seen());
    let found = estate.db.read(|tx| {
        let fresh = fingerprint(tx)?;
        if seen.as_ref() == Some(&fresh) {
            return Ok(None);
        }
        let mut stale: BTreeMap<WorkspaceId, Vec<EdgeId>> = BTreeMap::new();
        let mut known: HashMap<WorkspaceId, Access> = HashMap::new();
        for edge in registry.edges.values() {
            let access = match known.entry(edge.workspace) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(Access::of(tx, edge.workspace)?)
                }
            };
            if wanted(tx, access, edge.id)?.is_some() {
                stale.entry(edge.workspace).or_default().push(edge.id);
            }
        }
        Ok::<_, EstateError>(Some((fresh, stale)))
    })?;
    let Some((fresh, stale)) = found else { return Ok(0) };
    let mut published = 0;
    for (workspace, edges) in stale {
        let (registry, key) = (registry.clone(), estate.release_key.clone());
        let brought_out = estate.db.write(move |tx| {
            let access = Access::of(tx, workspace)?;
            let mut brought_out = Vec::new();
            for edge in &edges {
                if let Some(site) = wanted(tx, &access, *edge)?
                    && keep(tx, &registry, *edge, site, Vec::new(), &key)?.is_some()
                {
                    brought_out.push(*edge);
                }
            }
            Ok::<_, EstateError>(brought_out)
        });
        for edge in brought_out.await? {
            published += 1;
            estate.announce(edge, "")?;
        }
    }
    estate.set_access_seen(fresh);
    Ok(published)
}

/// What a gateway's newest release holds, with the people of now; nothing when they are the same, or there is no release.
fn wanted(tx: &mut Tx, access: &Access, edge: EdgeId) -> Result<Option<Site>, EstateError> {
    let Some(latest) = queries::latest(tx, edge)? else { return Ok(None) };
    let held = read_site(&latest)?;
    let mut site = held.clone();
    access.admit(tx, &mut site)?;
    Ok((!is_same(&held, &site, access.now)).then_some(site))
}
