//! What triggers wanted of targets that somebody held: their last wish per target, given once more when the hold ends.
//! A trigger that thinks otherwise meanwhile takes its wish back.

use crate::store::Store;
use bo_model::command::{Actor, CommandRequest};
use bo_model::{CommandId, DeviceId, Time, TriggerId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Kind of these documents in the store.
pub(super) const KIND: &str = "waiting";

/// A wish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Wish {
    target: String,
    request: CommandRequest,
    /// How long it had to reach its device.
    within: Duration,
}

/// All wishes, one per target at most.
pub(super) struct Waiting {
    wishes: HashMap<(DeviceId, String), Wish>,
    store: Store,
}

impl Waiting {
    /// With those that survived a restart.
    pub fn new(kept: BTreeMap<String, Wish>, store: Store) -> Waiting {
        let wishes =
            kept.into_values().map(|wish| ((wish.request.device, wish.target.clone()), wish)).collect();
        Waiting { wishes, store }
    }

    /// Remembers a refused request of a trigger; says whether it is one.
    pub fn add(&mut self, request: &CommandRequest, target: &str, now: Time) -> bool {
        if !matches!(request.actor, Actor::Trigger { .. }) {
            return false;
        }
        let within = request.deadline.since(now);
        let wish = Wish { target: target.to_owned(), request: request.clone(), within };
        self.store.put(KIND, key(request.device, target), &wish);
        self.wishes.insert((request.device, target.to_owned()), wish);
        true
    }

    /// The hold ended: what is to be asked again, under a new id.
    pub fn take(
        &mut self,
        device: DeviceId,
        target: &str,
        id: CommandId,
        now: Time,
    ) -> Option<CommandRequest> {
        let wish = self.wishes.remove(&(device, target.to_owned()))?;
        self.store.remove(KIND, key(device, target));
        if wish.request.lease.as_ref().is_some_and(|lease| lease.until <= now) {
            return None;
        }
        let reason = format!("asked again: when command {} came, the target was held", wish.request.id);
        Some(CommandRequest { id, deadline: now.after(wish.within), reason: Some(reason), ..wish.request })
    }

    /// A trigger has changed its mind, or is gone.
    pub fn forget(&mut self, trigger: TriggerId) {
        let store = &self.store;
        self.wishes.retain(|(device, target), wish| {
            let stays = !matches!(&wish.request.actor, Actor::Trigger { id, .. } if *id == trigger);
            if !stays {
                store.remove(KIND, key(*device, target));
            }
            stays
        });
    }

    /// Something was written after all: the wish is out of date.
    pub fn overtaken(&mut self, device: DeviceId, target: &str) {
        if self.wishes.is_empty() {
            return;
        }
        if self.wishes.remove(&(device, target.to_owned())).is_some() {
            self.store.remove(KIND, key(device, target));
        }
    }
}

fn key(device: DeviceId, target: &str) -> String {
    format!("{device}/{target}")
}
