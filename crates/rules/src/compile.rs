//! From a definition to a [`Compiled`] trigger for one system. Everything that is wrong is found here, at
//! once, and named with its place; evaluation has nothing left to refuse but values.

mod action;
mod condition;
mod input;

use crate::compiled::{Compiled, Node, Slot, Source};
use crate::context::Context;
use crate::definition::{Condition, Definition};
use crate::diagnostic::{Diagnostic, Error, locate};
use crate::script::Script;
use crate::target::length;
use bo_model::command::Priority;
use bo_model::settings::{Values, check_all};
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::time::Duration;

/// Most conditions of one trigger.
const MAX_NODES: usize = 256;
/// Most inputs, and most parameters.
const MAX_NAMES: usize = 64;
/// Most actions of one list.
const MAX_ACTIONS: usize = 64;
/// Most values one trigger reads.
const MAX_SOURCES: usize = 4096;

/// Reads and compiles a trigger. `text` is `trigger.toml`, `script` is `rule.rhai`, `params` are those of the
/// instance. The error lists everything that is wrong, with lines.
pub fn load(text: &str, script: Option<&str>, params: &Values, context: &Context) -> Result<Compiled, Error> {
    let definition = Definition::parse(text)?;
    compile(&definition, script, params, context).map_err(|error| match error {
        Error::Invalid(mut all) => {
            locate("trigger.toml", text, &mut all);
            Error::Invalid(all)
        }
        other => other,
    })
}

/// Compiles a definition that was read or built already. Errors name places, not lines; see [`load`].
pub fn compile(
    definition: &Definition,
    script: Option<&str>,
    params: &Values,
    context: &Context,
) -> Result<Compiled, Error> {
    let mut builder = Builder {
        definition,
        context,
        params: Values::new(),
        zone: TimeZone::UTC,
        errors: Vec::new(),
        sources: Vec::new(),
        known_sources: HashMap::new(),
        inputs: Vec::new(),
        nodes: Vec::new(),
        holds: 0,
        pulses: 0,
        schedules: 0,
        script_condition: false,
    };
    builder.names();
    builder.params(params);
    builder.zone();
    for (name, input) in &definition.inputs {
        builder.input(name, input);
    }
    let script_text = script;
    let script = builder.script(script);
    let when = builder.root(definition);
    let until = definition.until.as_ref().map(|until| builder.condition(until, "until", 0));
    let debounce = builder.length("debounce", definition.debounce.as_deref());
    let cooldown = builder.length("cooldown", definition.cooldown.as_deref());
    let min_active = builder.length("min_active", definition.min_active.as_deref());
    builder.actions("on_active", &definition.on_active);
    builder.actions("on_clear", &definition.on_clear);
    builder.permit();
    if builder.sources.len() > MAX_SOURCES {
        builder.wrong("input", format!("reads {} values, more than {MAX_SOURCES}", builder.sources.len()));
    }
    if !builder.errors.is_empty() {
        return Err(Error::Invalid(builder.errors));
    }
    Ok(Compiled {
        fingerprint: fingerprint(definition, script_text, &builder.params, context),
        on_active: builder.targets(&definition.on_active),
        on_clear: builder.targets(&definition.on_clear),
        definition: definition.clone(),
        context: context.clone(),
        params: builder.params,
        sources: builder.sources,
        inputs: builder.inputs,
        nodes: builder.nodes,
        when,
        until,
        holds: builder.holds,
        pulses: builder.pulses,
        schedules: builder.schedules,
        debounce,
        cooldown,
        min_active,
        script,
        zone: builder.zone,
    })
}

struct Builder<'a> {
    definition: &'a Definition,
    context: &'a Context,
    params: Values,
    zone: TimeZone,
    errors: Vec<Diagnostic>,
    sources: Vec<Source>,
    known_sources: HashMap<Source, u32>,
    inputs: Vec<Slot>,
    nodes: Vec<Node>,
    holds: usize,
    pulses: usize,
    schedules: usize,
    /// `rule.rhai` has `condition`.
    script_condition: bool,
}

impl Builder<'_> {
    fn wrong(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.errors.push(Diagnostic::at(place, message));
    }

    /// Names stand in templates and scripts, so they are plain words, each used once.
    fn names(&mut self) {
        let definition = self.definition;
        if definition.inputs.len() > MAX_NAMES || definition.params.len() > MAX_NAMES {
            self.wrong("", format!("more than {MAX_NAMES} inputs or params"));
        }
        let inputs = definition.inputs.keys().map(|name| ("input", name));
        for (kind, name) in inputs.chain(definition.params.keys().map(|name| ("param", name))) {
            let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
                && name.starts_with(|c: char| c.is_ascii_lowercase());
            if !plain {
                self.wrong(
                    format!("{kind}.{name}"),
                    "a name is lower-case letters, digits and `_`, a letter first",
                );
            }
            if crate::action::BUILT_IN.contains(&name.as_str()) {
                self.wrong(format!("{kind}.{name}"), "this name has a meaning of its own; take another one");
            }
        }
        for name in definition.params.keys().filter(|name| definition.inputs.contains_key(*name)) {
            self.wrong(format!("param.{name}"), "there is an input of this name; take another one");
        }
        let slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if definition.name.is_empty() || !definition.name.bytes().all(slug) {
            self.wrong("name", "a trigger's name is lower-case letters, digits and `-`");
        }
        if !matches!(definition.priority, Priority::Trigger | Priority::Schedule) {
            self.wrong("priority", "a trigger's priority is `trigger` or `schedule`");
        }
    }

    fn params(&mut self, given: &Values) {
        for (name, field) in &self.definition.params {
            if let Some(default) = &field.default
                && let Err(why) = field.check(default)
            {
                self.wrong(format!("param.{name}.default"), why);
            }
        }
        match check_all(&self.definition.params, given) {
            Ok(params) => self.params = params,
            Err(all) => {
                for (name, why) in all {
                    // A wrong default was named above already.
                    if given.contains_key(&name) || why == "is required" {
                        let mut diagnostic = Diagnostic::at(name, why);
                        diagnostic.file = "parameters".into();
                        self.errors.push(diagnostic);
                    }
                }
                // Defaults stand in, so that what follows is judged on its own.
                self.params = self
                    .definition
                    .params
                    .iter()
                    .filter_map(|(name, field)| Some((name.clone(), field.default.clone()?)))
                    .collect();
            }
        }
    }

    fn zone(&mut self) {
        if let Some(name) = &self.context.time_zone {
            match TimeZone::get(name) {
                Ok(zone) => self.zone = zone,
                Err(_) => self.wrong("", format!("the system's time zone `{name}` is not known")),
            }
        }
    }

    fn script(&mut self, text: Option<&str>) -> Option<Script> {
        let names: Vec<&str> = self.definition.inputs.keys().map(String::as_str).collect();
        match Script::compile(text?, &names, &self.params) {
            Ok(script) => {
                self.script_condition = script.condition.is_some();
                Some(script)
            }
            Err(errors) => {
                self.errors.extend(errors);
                // Whether it has `condition` is not known now; don't complain about its absence as well.
                self.script_condition = true;
                None
            }
        }
    }

    fn root(&mut self, definition: &Definition) -> u32 {
        let script = Condition { script: Some("condition".into()), ..Condition::default() };
        match &definition.when {
            Some(when) => {
                let root = self.condition(when, "when", 0);
                let asks = |condition: &Condition| uses_script(condition);
                if self.script_condition
                    && !asks(when)
                    && !definition.until.as_ref().is_some_and(asks)
                    && self.errors.is_empty()
                {
                    self.wrong(
                        "when",
                        "rule.rhai has `condition`, but nothing asks it: add { script = \"condition\" }, or leave [when] out",
                    );
                }
                root
            }
            None if self.script_condition => self.condition(&script, "when", 0),
            None => {
                self.wrong("", "there is neither [when] nor a rule.rhai with `condition`");
                0
            }
        }
    }

    /// A length of time that may be absent; zero then.
    fn length(&mut self, place: &str, text: Option<&str>) -> Duration {
        let Some(text) = text else { return Duration::ZERO };
        self.length_or(place, text, Duration::ZERO)
    }

    fn length_or(&mut self, place: &str, text: &str, otherwise: Duration) -> Duration {
        const MAX: Duration = Duration::from_secs(366 * 86_400);
        match length(text, &self.params) {
            Ok(length) if length <= MAX => length,
            Ok(_) => {
                self.wrong(place, "is longer than a year");
                otherwise
            }
            Err(why) => {
                self.wrong(place, why);
                otherwise
            }
        }
    }

    fn source(&mut self, source: Source) -> u32 {
        if let Some(index) = self.known_sources.get(&source) {
            return *index;
        }
        let index = self.sources.len() as u32;
        self.sources.push(source.clone());
        self.known_sources.insert(source, index);
        index
    }
}

fn uses_script(condition: &Condition) -> bool {
    let below = condition.all.iter().flatten().chain(condition.any.iter().flatten());
    condition.script.is_some() || below.chain(condition.not.as_deref()).any(uses_script)
}

/// Of what holds and pulses belong to: FNV-1a, 64 bits (RFC 9923), over the conditions as JSON. A hash that
/// stays the same between versions of the compiler, because it is stored.
fn fingerprint(definition: &Definition, script: Option<&str>, params: &Values, context: &Context) -> u64 {
    let parts = (&definition.inputs, &definition.when, &definition.until, script, params, &context.time_zone);
    let text = serde_json::to_string(&parts).unwrap_or_default();
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
