//! Who may change a target now. Pure: life safety > manual > trigger > schedule; a claim with a lease, a
//! person's command and a life-safety command hold their target for a time, others only change it.

use bo_model::command::{Actor, CommandRequest, Priority};
use bo_model::settings::Values;
use bo_model::{CommandId, DeviceId, Time};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// How long commands without a lease hold their target.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// A person's.
    pub manual: Duration,
    /// A life-safety one.
    pub life_safety: Duration,
}

/// A claim on a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The device.
    pub device: DeviceId,
    /// What of it: commands with the same target contend.
    pub target: String,
    /// The command that made the claim.
    pub command: CommandId,
    /// With which priority.
    pub priority: Priority,
    /// Who.
    pub actor: Actor,
    /// When it ends.
    pub until: Time,
    /// How long it was meant to last: a clock that jumps back can't make it longer.
    pub span: Duration,
    /// What to send at its end: command and parameters.
    pub then: Option<(String, Values)>,
}

/// What a claim displaced.
#[derive(Debug, PartialEq)]
pub struct Claim {
    /// In words, for the evidence chain.
    pub displaced: Option<String>,
    /// Given back when the command fails.
    pub before: Option<Hold>,
    /// The new hold; absent when the command only changes its target.
    pub hold: Option<Hold>,
}

/// All holds.
#[derive(Debug)]
pub struct Arbiter {
    policy: Policy,
    holds: HashMap<(DeviceId, String), Hold>,
}

impl Arbiter {
    /// With the holds that survived a restart.
    pub fn new(policy: Policy, kept: impl IntoIterator<Item = Hold>) -> Arbiter {
        let holds = kept.into_iter().map(|hold| ((hold.device, hold.target.clone()), hold)).collect();
        Arbiter { policy, holds }
    }

    /// Claims `target` for a request. The error says in words who holds it and until when.
    pub fn claim(&mut self, request: &CommandRequest, target: &str, now: Time) -> Result<Claim, String> {
        let passing = request.lease.is_none() && request.priority <= Priority::Trigger;
        if passing && self.holds.is_empty() {
            return Ok(Claim { displaced: None, before: None, hold: None }); // as nearly always
        }
        let key = (request.device, target.to_owned());
        let before = self.holds.get(&key).filter(|hold| hold.until > now).cloned();
        if let Some(hold) = &before
            && hold.priority > request.priority
        {
            return Err(format!(
                "{} holds it until {} ({})",
                name(&hold.actor),
                hold.until,
                word(hold.priority)
            ));
        }
        let span = match (&request.lease, request.priority) {
            (Some(lease), _) => Some(lease.until.since(now)),
            (None, Priority::Manual) => Some(self.policy.manual),
            (None, Priority::LifeSafety) => Some(self.policy.life_safety),
            (None, Priority::Trigger | Priority::Schedule) => None,
        };
        let hold = span.map(|span| Hold {
            device: request.device,
            target: target.to_owned(),
            command: request.id,
            priority: request.priority,
            actor: request.actor.clone(),
            until: now.after(span),
            span,
            then: request
                .lease
                .as_ref()
                .and_then(|lease| lease.then.clone())
                .map(|then| (request.command.clone(), then)),
        });
        match &hold {
            Some(hold) => drop(self.holds.insert(key, hold.clone())),
            None => drop(self.holds.remove(&key)),
        }
        let displaced =
            before.as_ref().map(|hold| format!("{} ({})", name(&hold.actor), word(hold.priority)));
        Ok(Claim { displaced, before, hold })
    }

    /// The command failed: its claim is void and what it displaced stands again, if nobody came since.
    pub fn give_back(&mut self, device: DeviceId, target: &str, command: CommandId, before: Option<Hold>) {
        let key = (device, target.to_owned());
        if self.holds.get(&key).is_some_and(|hold| hold.command == command) {
            match before {
                Some(hold) => drop(self.holds.insert(key, hold)),
                None => drop(self.holds.remove(&key)),
            }
        }
    }

    /// Ends a hold on somebody's word.
    pub fn release(&mut self, device: DeviceId, target: &str) -> Option<Hold> {
        self.holds.remove(&(device, target.to_owned()))
    }

    /// Who holds a target now.
    pub fn holder(&self, device: DeviceId, target: &str, now: Time) -> Option<&Hold> {
        self.holds.get(&(device, target.to_owned())).filter(|hold| hold.until > now)
    }

    /// The clock was set by this many microseconds.
    pub fn shift(&mut self, micros: i64) {
        for hold in self.holds.values_mut() {
            hold.until.0 = hold.until.0.saturating_add(micros);
        }
    }

    /// Everything held.
    pub fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.holds.values()
    }

    /// Takes out what has ended by `now`.
    pub fn expire(&mut self, now: Time) -> Vec<Hold> {
        for hold in self.holds.values_mut() {
            hold.until = hold.until.min(now.after(hold.span));
        }
        let ended: Vec<_> =
            self.holds.iter().filter(|(_, hold)| hold.until <= now).map(|(key, _)| key.clone()).collect();
        ended.iter().filter_map(|key| self.holds.remove(key)).collect()
    }
}

/// An actor in words.
pub fn name(actor: &Actor) -> String {
    match actor {
        Actor::Account { name, .. } => name.clone(),
        Actor::Trigger { name, .. } => format!("trigger {name}"),
        Actor::Driver { device } => format!("driver of device {device}"),
        Actor::Operator => "an operator on site".into(),
        Actor::Edge { .. } => "the edge".into(),
        Actor::Anonymous => "somebody".into(),
        Actor::System => "the system".into(),
    }
}

/// A priority in words.
pub fn word(priority: Priority) -> &'static str {
    match priority {
        Priority::Schedule => "schedule",
        Priority::Trigger => "trigger",
        Priority::Manual => "manual",
        Priority::LifeSafety => "life safety",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::command::Lease;
    use serde_json::json;

    const POLICY: Policy =
        Policy { manual: Duration::from_secs(7200), life_safety: Duration::from_secs(43_200) };

    fn id(n: u32) -> String {
        format!("0198c0de-0000-7000-8000-{n:012}")
    }

    fn request(n: u32, priority: Priority, lease: Option<Lease>) -> CommandRequest {
        CommandRequest {
            id: id(n).parse().unwrap(),
            device: id(1).parse().unwrap(),
            command: "set_mode".into(),
            params: Values::new(),
            actor: Actor::Operator,
            priority,
            deadline: Time::from_seconds(10_000),
            lease,
            reason: None,
        }
    }

    fn arbiter() -> Arbiter {
        Arbiter::new(POLICY, [])
    }

    const NOW: Time = Time(1_000_000_000);

    #[test]
    fn a_persons_choice_stands_against_triggers_for_a_time_and_not_for_ever() {
        let mut arbiter = arbiter();
        arbiter.claim(&request(1, Priority::Manual, None), "mode", NOW).unwrap();
        let why = arbiter.claim(&request(2, Priority::Trigger, None), "mode", NOW).unwrap_err();
        assert!(why.contains("an operator on site holds it until"), "{why}");
        assert!(arbiter.claim(&request(3, Priority::Trigger, None), "fan", NOW).is_ok(), "another target");
        let later = NOW.after(Duration::from_secs(7201));
        assert!(arbiter.claim(&request(4, Priority::Trigger, None), "mode", later).is_ok());
    }

    #[test]
    fn life_safety_displaces_a_person_and_says_so() {
        let mut arbiter = arbiter();
        arbiter.claim(&request(1, Priority::Manual, None), "door", NOW).unwrap();
        let claim = arbiter.claim(&request(2, Priority::LifeSafety, None), "door", NOW).unwrap();
        assert_eq!(claim.displaced.as_deref(), Some("an operator on site (manual)"));
        assert!(arbiter.claim(&request(3, Priority::Manual, None), "door", NOW).is_err());
    }

    #[test]
    fn a_command_that_failed_gives_its_target_back() {
        let mut arbiter = arbiter();
        let kept = arbiter.claim(&request(1, Priority::Manual, None), "mode", NOW).unwrap();
        let failed = request(2, Priority::Manual, None);
        let claim = arbiter.claim(&failed, "mode", NOW).unwrap();
        arbiter.give_back(failed.device, "mode", failed.id, claim.before);
        assert_eq!(arbiter.holder(failed.device, "mode", NOW).cloned(), kept.hold);
    }

    #[test]
    fn a_lease_ends_with_its_safe_value_even_when_the_clock_jumps_back() {
        let mut arbiter = arbiter();
        let lease = Lease {
            until: NOW.after(Duration::from_secs(600)),
            then: Some(Values::from([("mode".into(), json!("off"))])),
        };
        arbiter.claim(&request(1, Priority::Trigger, Some(lease)), "mode", NOW).unwrap();
        assert!(arbiter.expire(NOW.after(Duration::from_secs(599))).is_empty());
        let year_ago = Time(NOW.0 - 900_000_000);
        assert!(arbiter.expire(year_ago).is_empty());
        let ended = arbiter.expire(year_ago.after(Duration::from_secs(600)));
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].then.as_ref().unwrap().1["mode"], json!("off"));
        assert!(arbiter.holds().next().is_none());
    }
}
