//! Triggers: from `trigger.toml` and `rule.rhai` to a pure function of compiled definition, inputs and time.
//!
//! [`load`] compiles a trigger for one system. The host keeps one [`bo_model::Value`] per
//! [`Compiled::sources`] and one [`State`] per instance, and calls [`evaluate`] when a source changed or
//! [`Outcome::next_due`] is reached. Nothing here waits, reads a clock or touches the world; only
//! [`cases::run_dir`] reads files.

pub mod cases;
pub mod definition;
pub mod replay;
pub mod sun;

mod action;
mod compare;
mod compile;
mod compiled;
mod context;
mod diagnostic;
mod evaluate;
mod explain;
mod reader;
mod schedule;
mod script;
mod state;
mod target;
mod trace;

pub use action::Act;
pub use compile::{compile, load};
pub use compiled::{Compiled, Source};
pub use context::{Context, ContextDevice};
pub use definition::{Definition, Severity};
pub use diagnostic::{Diagnostic, Error};
pub use evaluate::{Outcome, Transition, evaluate, explain, retire};
pub use state::State;
pub use trace::{Trace, TraceInput, TraceNode, Truth, Verdict};
