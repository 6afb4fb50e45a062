//! Commands: a request with a deadline, and the evidence chain that shows how far it came.

use crate::clock::Time;
use crate::id::{AccountId, CommandId, DeviceId, EdgeId, TriggerId};
use crate::settings::Values;
use serde::{Deserialize, Serialize};

/// Who acts. Audit and evidence name one of these, never "system" for what a person did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Actor {
    /// A person, signed in on the controller or on the edge's local page.
    Account {
        /// The account.
        id: AccountId,
        /// Their name at that time.
        name: String,
    },
    /// A trigger.
    Trigger {
        /// The trigger instance.
        id: TriggerId,
        /// Its name at that time.
        name: String,
    },
    /// A device's own driver (a logic device that commands others).
    Driver {
        /// The device.
        device: DeviceId,
    },
    /// Somebody at a command line on the machine itself.
    Operator,
    /// An edge, for what it reports of itself.
    Edge {
        /// The edge.
        id: EdgeId,
    },
    /// Somebody who has not signed in.
    Anonymous,
    /// The product itself: recovery, expiry, schedule.
    System,
}

/// Who wins when two want the same target; the order is the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// A schedule.
    Schedule,
    /// A trigger.
    Trigger,
    /// A person.
    Manual,
    /// Life safety.
    LifeSafety,
}

/// A request that changes a device. Never retained, never replayed after its deadline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// Its id; also the idempotency key towards the edge: the same id twice is done once.
    pub id: CommandId,
    /// The device.
    pub device: DeviceId,
    /// Name in the driver's `[command]`.
    pub command: String,
    /// Parameters, checked against the driver before anything is written.
    #[serde(default)]
    pub params: Values,
    /// Who asks.
    pub actor: Actor,
    /// With which priority.
    pub priority: Priority,
    /// Not after this.
    pub deadline: Time,
    /// Holds its target against lower priorities until then; afterwards `then` is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Why, in the asker's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A claim on a target that ends by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// When it ends.
    pub until: Time,
    /// Parameters of the same command that are safe afterwards; nothing is written when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Values>,
}

/// How far a command came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "stage")]
pub enum Stage {
    /// Asked for.
    Requested,
    /// Permission checked and given.
    Authorised,
    /// Won its target; names what it displaced.
    Arbitrated {
        /// What it displaced, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        displaced: Option<String>,
    },
    /// Sent to the device and accepted by it.
    Written,
    /// The written point read back with the wanted value.
    ReadBack,
    /// The status variable that proves it shows the wanted value. Final.
    Observed,
    /// Carried out; this command declares no effect to observe. Final.
    Done,
    /// Not carried out, for a reason that trying again will not change. Final.
    Refused {
        /// Why, in words.
        why: String,
    },
    /// Tried and failed. Final.
    Failed {
        /// Why, in words.
        why: String,
    },
    /// The deadline passed, or the effect was not seen in time. Final.
    TimedOut {
        /// What was waited for.
        waiting_for: String,
    },
}

impl Stage {
    /// True when nothing further will happen.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Stage::Observed
                | Stage::Done
                | Stage::Refused { .. }
                | Stage::Failed { .. }
                | Stage::TimedOut { .. }
        )
    }

    /// `observed`, `timed-out`, … for lists and filters.
    pub fn word(&self) -> &'static str {
        match self {
            Stage::Requested => "requested",
            Stage::Authorised => "authorised",
            Stage::Arbitrated { .. } => "arbitrated",
            Stage::Written => "written",
            Stage::ReadBack => "read-back",
            Stage::Observed => "observed",
            Stage::Done => "done",
            Stage::Refused { .. } => "refused",
            Stage::Failed { .. } => "failed",
            Stage::TimedOut { .. } => "timed-out",
        }
    }
}

/// One link of the evidence chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The command.
    pub command: CommandId,
    /// How far.
    #[serde(flatten)]
    pub stage: Stage,
    /// When.
    pub at: Time,
}
