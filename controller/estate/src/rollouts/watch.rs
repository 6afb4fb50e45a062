//! What carries a rollout on: looks at its gateways every few seconds and judges.

use super::actions::{announce, changed_since, end, release};
use super::{Part, Rollout, Stage, part, queries};
use crate::Estate;
use crate::error::EstateError;
use crate::fleet::EdgePresence;
use bo_db::Event;
use bo_model::{EdgeId, Kind, Object, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a gateway may take to fetch, check and run a release.
const TAKE: Duration = Duration::from_secs(15 * 60);

/// What to do with a rollout now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing yet.
    Wait,
    /// Release the ring it is at.
    Release,
    /// This ring is well: go on to the next, or be done.
    Advance,
    /// It is not: go back.
    Revert(String),
}

/// Judges the ring a rollout is at. `name` and `presence` tell of its gateways.
fn judge(
    rollout: &Rollout,
    name: impl Fn(EdgeId) -> String,
    presence: impl Fn(EdgeId) -> EdgePresence,
    now: Time,
) -> Next {
    let Some(since) = rollout.ring_at else { return Next::Release };
    let mut all_run = true;
    for edge in rollout.rings.get(rollout.ring).into_iter().flatten() {
        match part(rollout, *edge, &presence(*edge)) {
            Part::Waiting | Part::Unchanged | Part::Well => {}
            Part::Worse { more } => {
                let devices = if more == 1 { "device is" } else { "devices are" };
                return Next::Revert(format!("{}: {more} more {devices} not well", name(*edge)));
            }
            Part::Taking if now.since(since) > TAKE => {
                return Next::Revert(format!("{} does not run it", name(*edge)));
            }
            Part::Taking => all_run = false,
        }
    }
    let watched = now.since(since).as_secs() as i64 >= rollout.watch_seconds;
    if all_run && watched { Next::Advance } else { Next::Wait }
}

/// Carries on what runs; how many rollouts that are.
///
/// # Errors
/// When the database fails.
pub async fn step(estate: &Arc<Estate>) -> Result<usize, EstateError> {
    let running = estate.db.read(queries::running)?;
    let count = running.len();
    for rollout in running {
        let (registry, now) = (estate.registry(), estate.clock.now());
        let name = |edge: EdgeId| registry.edges.get(&edge).map(|edge| edge.name.clone()).unwrap_or_default();
        let next = judge(&rollout, name, |edge| estate.presence.of(edge), now);
        if next == Next::Wait {
            continue;
        }
        let ring = rollout.rings.get(rollout.ring).cloned().unwrap_or_default();
        let unwell: BTreeMap<EdgeId, usize> =
            ring.into_iter().map(|edge| (edge, estate.presence.of(edge).unwell.len())).collect();
        let (registry, key) = (registry.clone(), estate.release_key.clone());
        let changed = estate.db.write(move |tx| {
            // Somebody may have stopped it since it was read.
            let held = queries::find(tx, rollout.id)?.filter(|held| *held == rollout);
            let Some(held) = held else { return Ok(None) };
            let done = match &next {
                Next::Wait => return Ok(None),
                Next::Release => match changed_since(tx, &registry, &held)? {
                    Some(edge) => {
                        let why = format!("the configuration of {edge} changed since it was approved");
                        end(tx, &registry, &key, held, false, why)?
                    }
                    None => release(tx, &registry, &key, held, &unwell)?,
                },
                Next::Advance => {
                    let last = held.ring + 1 >= held.rings.len();
                    let state = if last { Stage::Done } else { Stage::Running };
                    let ring = if last { held.ring } else { held.ring + 1 };
                    let on = Rollout { state, ring, ring_at: held.ring_at.filter(|_| last), ..held };
                    queries::save(tx, &on)?;
                    let verb = if last { "rollout.done" } else { "rollout.advance" };
                    let object = Object::new(Kind("rollout"), on.id);
                    tx.audit(Event::new(verb, object).name(&on.title).workspace(on.workspace));
                    on
                }
                Next::Revert(why) => end(tx, &registry, &key, held, true, why.clone())?,
            };
            Ok::<_, EstateError>(Some(done))
        });
        if let Some(changed) = changed.await? {
            announce(estate, &changed);
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::super::{Published, RolloutId};
    use super::*;
    use crate::fleet::Unwell;
    use bo_model::IdGen;

    fn rollout(ids: &IdGen, ring_at: Option<Time>) -> (Rollout, EdgeId) {
        let edge: EdgeId = ids.make();
        let published = Published { number: 2, hash: "new".into() };
        let rollout = Rollout {
            id: ids.make::<RolloutId>(),
            workspace: ids.make(),
            title: "Night set-back".into(),
            rings: vec![vec![edge], vec![ids.make()]],
            contents: BTreeMap::new(),
            watch_seconds: 600,
            state: Stage::Running,
            ring: 0,
            ring_at,
            published: BTreeMap::from([(edge, published)]),
            unwell: BTreeMap::from([(edge, 1)]),
            why: String::new(),
            made_by: "Noor".into(),
            made_at: Time(0),
            approved_by: None,
            approved_at: None,
        };
        (rollout, edge)
    }

    #[test]
    fn a_ring_goes_on_when_it_ran_well_for_long_enough_and_back_when_it_did_not() {
        let clock = bo_model::ManualClock::at(Time::from_seconds(1_000_000));
        let ids = IdGen::new(clock, 7);
        let at = Time::from_seconds(1_000_000);
        let judge_at = |ring_at, running: &str, unwell: usize, seconds: u64| {
            let (rollout, _) = rollout(&ids, ring_at);
            let known = EdgePresence {
                online: true,
                running: running.into(),
                unwell: (0..unwell)
                    .map(|_| (ids.make(), Unwell { why: String::new(), since: at, told: false }))
                    .collect(),
                ..EdgePresence::default()
            };
            judge(&rollout, |_| "Harbour".into(), |_| known.clone(), at.after(Duration::from_secs(seconds)))
        };
        assert_eq!(judge_at(None, "old", 0, 0), Next::Release);
        assert_eq!(judge_at(Some(at), "old", 0, 60), Next::Wait);
        assert_eq!(judge_at(Some(at), "new", 1, 60), Next::Wait);
        assert_eq!(judge_at(Some(at), "new", 1, 600), Next::Advance);
        let ill = Next::Revert("Harbour: 2 more devices are not well".into());
        assert_eq!(judge_at(Some(at), "new", 3, 60), ill);
        assert_eq!(judge_at(Some(at), "old", 0, 901), Next::Revert("Harbour does not run it".into()));
    }
}
