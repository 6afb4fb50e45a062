//! A trigger compiled for one system: names became dense indices, texts became spans and schedules.

use crate::context::Context;
use crate::definition::{Action, Definition, Fold, Policy, QualityTest};
use crate::schedule::{Cron, Window};
use crate::script::Script;
use crate::target::Target;
use bo_model::settings::Values;
use bo_model::{Data, Time};
use std::sync::Arc;
use std::time::Duration;

/// Where one of a trigger's values comes from. The host keeps a [`bo_model::Value`] for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A status variable.
    Status {
        /// Address of the device: `Sensor_1`.
        device: String,
        /// The variable: `people`.
        status: String,
        /// A good value older than this is uncertain.
        stale_after: Option<Duration>,
    },
    /// Whether a device can be reached: a boolean, good, from the agent.
    Presence {
        /// Address of the device.
        device: String,
    },
    /// A webhook: `observed_at` is the last call, of good quality; bad until it is called for the first time.
    Webhook {
        /// Its name.
        name: String,
    },
}

impl Source {
    /// `Sensor_1.people`, `Display_1 online`, `webhook check-in`: how traces name it.
    pub fn label(&self) -> String {
        match self {
            Source::Status { device, status, .. } => format!("{device}.{status}"),
            Source::Presence { device } => format!("{device} online"),
            Source::Webhook { name } => format!("webhook {name}"),
        }
    }
}

/// A trigger, ready to be evaluated. Shared between threads; all that changes is in a [`crate::State`].
#[derive(Debug)]
pub struct Compiled {
    pub(crate) definition: Definition,
    pub(crate) context: Context,
    /// Parameters of this instance, defaults filled in.
    pub(crate) params: Values,
    pub(crate) sources: Vec<Source>,
    pub(crate) inputs: Vec<Slot>,
    /// Children before their parents, so that one pass from the front evaluates all.
    pub(crate) nodes: Vec<Node>,
    pub(crate) when: u32,
    pub(crate) until: Option<u32>,
    pub(crate) holds: usize,
    pub(crate) pulses: usize,
    pub(crate) schedules: usize,
    pub(crate) debounce: Duration,
    pub(crate) cooldown: Duration,
    pub(crate) min_active: Duration,
    /// Who gets the commands of `on_active`, action by action.
    pub(crate) on_active: Vec<Option<Target>>,
    /// Of `on_clear`.
    pub(crate) on_clear: Vec<Option<Target>>,
    pub(crate) script: Option<Script>,
    pub(crate) zone: jiff::tz::TimeZone,
    pub(crate) fingerprint: u64,
}

impl Compiled {
    /// What it reads, in the order in which [`crate::evaluate`] takes the values.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// True for a condition that only time decides.
    pub(crate) fn is_clockwork(&self, node: u32) -> bool {
        match &self.nodes[node as usize].test {
            Test::All(of) | Test::Any(of) => of.iter().all(|child| self.is_clockwork(*child)),
            Test::Not(child) => self.is_clockwork(*child),
            Test::Window { .. } | Test::Cron { .. } => true,
            _ => false,
        }
    }

    /// What was written.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Parameters in force, defaults filled in.
    pub fn params(&self) -> &Values {
        &self.params
    }

    /// Commands it may give: those of its actions, and those it permits its script.
    pub fn permitted(&self) -> impl Iterator<Item = &str> {
        let actions = self.definition.on_active.iter().chain(&self.definition.on_clear);
        actions
            .filter_map(|action: &Action| action.command.as_deref())
            .chain(self.definition.permit.iter().map(String::as_str))
    }
}

/// A named input.
#[derive(Debug)]
pub(crate) struct Slot {
    pub name: Arc<str>,
    /// `Sensor_1.people`, as it was written.
    pub of: Arc<str>,
    pub feed: Feed,
    pub policy: Policy,
    pub scale: Option<f64>,
    pub default: Option<Data>,
}

/// Where an input's datum comes from.
#[derive(Debug)]
pub(crate) enum Feed {
    /// One source.
    One(u32),
    /// Several, made one.
    Fold(Fold, Box<[u32]>),
    /// No such device here: the default.
    Absent,
}

/// A condition.
#[derive(Debug)]
pub(crate) struct Node {
    pub test: Test,
    pub hold: Option<Hold>,
    /// `when.all[1]`.
    pub place: Arc<str>,
    /// `co2 above 1000`, for the trace.
    pub text: Arc<str>,
}

/// `held_for`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub span: Duration,
    pub slot: u32,
}

/// Right side of a comparison.
#[derive(Debug)]
pub(crate) enum Operand {
    Const(Data),
    Input(u32),
}

/// Comparison of two data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equals,
    NotEquals,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// What a condition asks.
#[derive(Debug)]
pub(crate) enum Test {
    All(Box<[u32]>),
    Any(Box<[u32]>),
    Not(u32),
    Compare {
        input: u32,
        op: Op,
        right: Operand,
    },
    Between {
        input: u32,
        low: Operand,
        high: Operand,
    },
    OneOf {
        input: u32,
        values: Box<[Operand]>,
    },
    Changed {
        input: u32,
        slot: u32,
        lasts: Duration,
    },
    Quality {
        input: u32,
        is: QualityTest,
    },
    Window {
        window: Box<Window>,
        slot: u32,
    },
    Cron {
        cron: Box<Cron>,
        slot: u32,
    },
    Webhook {
        source: u32,
        lasts: Duration,
    },
    Presence {
        sources: Box<[u32]>,
        online: bool,
    },
    /// Devices that are away, each for `span`; their hold slots begin at `first`.
    Away {
        sources: Box<[u32]>,
        first: u32,
        span: Duration,
    },
    Script,
}

/// A piece of time over which a schedule's answer stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub answer: bool,
    pub from: Time,
    pub until: Time,
}
