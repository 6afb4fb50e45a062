//! The command of an action, resolved for the system: which devices take it, and for how long it stands.

use crate::context::Context;
use crate::definition::Action;
use bo_model::settings::Values;
use bo_model::span;
use serde_json::Value as Json;
use std::time::Duration;

/// How long a command may take to reach its device when the action does not say.
const WITHIN: Duration = Duration::from_secs(30);

/// Who gets the command of an action.
#[derive(Debug)]
pub(crate) struct Target {
    /// The command's name.
    pub command: String,
    /// Places in the system's list of devices, in its order.
    pub devices: Vec<usize>,
    /// How long it may take to get there.
    pub within: Duration,
    /// How long it claims what it changes.
    pub lasts: Option<Duration>,
    /// Its parameters name nothing: they are sent as they are written.
    pub is_fixed: bool,
}

impl Target {
    /// Resolves `target`, the command of `action` as it is written. The error is a sentence.
    pub fn of(action: &Action, target: &str, context: &Context, params: &Values) -> Result<Target, String> {
        let (pattern, command) =
            target.split_once('.').ok_or_else(|| "is not written like Device_1.command".to_owned())?;
        let lacks = |place: &usize| {
            let manifest = context.devices[*place].manifest.as_ref();
            manifest.is_some_and(|manifest| !manifest.commands.contains_key(command))
        };
        // A pattern is about those that have the command; a name is about that one, and what it lacks is said.
        let devices = context.matching(pattern).map(|(place, _)| place);
        let devices = devices.filter(|place| !(pattern.contains('*') && lacks(place))).collect();
        let within = action.within.as_ref().map(|text| length(text, params)).transpose()?;
        let lasts = action.lease.as_ref().map(|lease| length(&lease.lasts, params)).transpose()?;
        Ok(Target {
            command: command.to_owned(),
            devices,
            within: within.unwrap_or(WITHIN),
            lasts,
            is_fixed: action.params.values().all(is_literal),
        })
    }
}

fn is_literal(value: &Json) -> bool {
    value.as_str().is_none_or(|text| !text.contains(['{', '}']))
}

/// `"{name}"` alone: takes the value and type of what it names.
pub(crate) fn whole_name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    (!name.is_empty() && !name.contains(['{', '}'])).then_some(name)
}

/// `10min`, or `"{param}"`. The error is a sentence.
pub(crate) fn length(text: &str, params: &Values) -> Result<Duration, String> {
    let Some(name) = whole_name(text) else { return span::parse(text) };
    match params.get(name) {
        Some(Json::String(text)) => span::parse(text).map_err(|why| format!("param `{name}`: {why}")),
        Some(_) => Err(format!("param `{name}` is not a length of time; give it `type = \"duration\"`")),
        None => Err(format!("there is no [param.{name}]")),
    }
}
