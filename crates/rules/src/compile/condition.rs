//! Conditions: the tree becomes a list, children first; names become indices, texts become schedules.

use super::{Builder, MAX_NODES};
use crate::compiled::{Feed, Hold, Node, Op, Operand, Source, Test};
use crate::definition::Condition;
use crate::schedule::{Cron, Moment, Window, parse_days};
use crate::target::whole_name;
use bo_model::Data;
use bo_model::settings::FieldKind;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use std::time::Duration;

/// How deep conditions may nest.
const MAX_DEPTH: usize = 16;
/// How long a change or a call stays true when nothing is said.
const SECOND: Duration = Duration::from_secs(1);
/// How long a cron occurrence stays true when nothing is said.
const MINUTE: Duration = Duration::from_secs(60);

const KINDS: &str = "all, any, not, input, days/from/to, cron, webhook, offline, online or script";
const COMPARISONS: &str =
    "equals, not_equals, below, at_most, above, at_least, between, one_of, changed or quality";

impl Builder<'_> {
    /// Adds a condition and returns its index.
    pub(super) fn condition(&mut self, condition: &Condition, place: &str, depth: usize) -> u32 {
        if depth > MAX_DEPTH || self.nodes.len() >= MAX_NODES {
            if !self.errors.iter().any(|error| error.message.starts_with("too many")) {
                self.wrong(
                    place,
                    format!("too many conditions: at most {MAX_NODES}, nested at most {MAX_DEPTH} deep"),
                );
            }
            return 0;
        }
        self.check_kinds(condition, place);
        let (test, text) = self.test(condition, place, depth);
        let own = condition.held_for.as_deref().filter(|_| !matches!(test, Test::Away { .. }));
        let hold = own.map(|text| {
            let span = self.length(&format!("{place}.held_for"), Some(text));
            self.holds += 1;
            Hold { span, slot: self.holds as u32 - 1 }
        });
        let text = match hold {
            Some(hold) => format!("{text} for {}", bo_model::span::format(hold.span)),
            None => text,
        };
        self.nodes.push(Node { test, hold, place: place.into(), text: text.into() });
        self.nodes.len() as u32 - 1
    }

    /// Exactly one kind, and only the keys that belong to it.
    fn check_kinds(&mut self, c: &Condition, place: &str) {
        let window = c.days.is_some() || c.from.is_some() || c.to.is_some();
        let kinds = [
            c.all.is_some(),
            c.any.is_some(),
            c.not.is_some(),
            c.input.is_some(),
            window,
            c.cron.is_some(),
            c.webhook.is_some(),
            c.offline.is_some(),
            c.online.is_some(),
            c.script.is_some(),
        ];
        let comparisons = comparisons(c);
        match kinds.iter().filter(|given| **given).count() {
            1 => {}
            0 if comparisons > 0 => return self.wrong(place, "a comparison needs `input`"),
            0 => return self.wrong(place, format!("says nothing; give it one of {KINDS}")),
            _ => return self.wrong(place, format!("says several things at once; give it one of {KINDS}")),
        }
        match (c.input.is_some(), comparisons) {
            (true, 1) | (false, 0) => {}
            (true, 0) => self.wrong(place, format!("`input` needs one of {COMPARISONS}")),
            (true, _) => self.wrong(place, "one comparison per condition; use `all` for several"),
            (false, _) => self.wrong(place, "a comparison belongs to `input`"),
        }
        if c.lasts.is_some() && !(c.changed || c.cron.is_some() || c.webhook.is_some()) {
            self.wrong(
                format!("{place}.for"),
                "`for` belongs to changed, cron and webhook; did you mean `held_for`?",
            );
        }
        if c.each && c.offline.is_none() {
            self.wrong(format!("{place}.each"), "`each` belongs to `offline`");
        }
        if c.time_zone.is_some() && !window && c.cron.is_none() {
            self.wrong(format!("{place}.time_zone"), "a time zone belongs to a schedule");
        }
    }

    /// What it asks, and that in words. Where something is wrong the test is only a placeholder.
    fn test(&mut self, c: &Condition, place: &str, depth: usize) -> (Test, String) {
        if let Some(of) = &c.all {
            return (Test::All(self.children(of, place, "all", depth)), "all of these".into());
        }
        if let Some(of) = &c.any {
            return (Test::Any(self.children(of, place, "any", depth)), "any of these".into());
        }
        if let Some(of) = &c.not {
            return (Test::Not(self.condition(of, &format!("{place}.not"), depth + 1)), "not".into());
        }
        if let Some(input) = &c.input {
            return self.comparison(c, input, place);
        }
        if let Some(pattern) = &c.cron {
            let zone = self.zone_of(c, place);
            let lasts = self.lasts(c, place, MINUTE);
            return match Cron::parse(pattern, zone, lasts) {
                Ok(cron) => {
                    (Test::Cron { cron: Box::new(cron), slot: self.schedule() }, format!("cron {pattern}"))
                }
                Err(why) => self.placeholder(format!("{place}.cron"), why),
            };
        }
        if let Some(name) = &c.webhook {
            let plain = !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !plain {
                return self.placeholder(
                    format!("{place}.webhook"),
                    "a webhook's name is lower-case letters, digits and `-`",
                );
            }
            let lasts = self.lasts(c, place, SECOND);
            let source = self.source(Source::Webhook { name: name.clone() });
            return (Test::Webhook { source, lasts }, format!("webhook {name} was called"));
        }
        for (pattern, online) in [(&c.offline, false), (&c.online, true)] {
            if let Some(pattern) = pattern {
                return self.presence(c, pattern, online, place);
            }
        }
        if let Some(name) = &c.script {
            if name != "condition" {
                return self.placeholder(
                    format!("{place}.script"),
                    "the function a rule asks is called `condition`",
                );
            }
            if !self.script_condition {
                return self.placeholder(
                    format!("{place}.script"),
                    "there is no rule.rhai with `fn condition(inputs, params)`",
                );
            }
            return (Test::Script, "rule.rhai condition".into());
        }
        self.window(c, place)
    }

    fn placeholder(&mut self, place: String, why: impl Into<String>) -> (Test, String) {
        self.wrong(place, why);
        (Test::All(Box::new([])), String::new())
    }

    fn children(&mut self, of: &[Condition], place: &str, key: &str, depth: usize) -> Box<[u32]> {
        if of.is_empty() {
            self.wrong(format!("{place}.{key}"), "is empty; give it at least one condition");
        }
        of.iter()
            .enumerate()
            .map(|(index, child)| self.condition(child, &format!("{place}.{key}[{index}]"), depth + 1))
            .collect()
    }

    fn lasts(&mut self, c: &Condition, place: &str, otherwise: Duration) -> Duration {
        let Some(text) = &c.lasts else { return otherwise };
        let lasts = self.length_or(&format!("{place}.for"), text, otherwise);
        if lasts < SECOND {
            self.wrong(format!("{place}.for"), "must be at least 1s");
        }
        lasts
    }

    fn schedule(&mut self) -> u32 {
        self.schedules += 1;
        self.schedules as u32 - 1
    }

    fn zone_of(&mut self, c: &Condition, place: &str) -> TimeZone {
        let Some(name) = &c.time_zone else { return self.zone.clone() };
        TimeZone::get(name).unwrap_or_else(|_| {
            self.wrong(
                format!("{place}.time_zone"),
                format!("`{name}` is not a known time zone; write it like Europe/Berlin"),
            );
            TimeZone::UTC
        })
    }

    /// A text that may be the name of a param.
    fn text(&self, text: &str) -> String {
        let value = whole_name(text).and_then(|name| self.params.get(name)).and_then(Json::as_str);
        value.unwrap_or(text).to_owned()
    }

    fn window(&mut self, c: &Condition, place: &str) -> (Test, String) {
        let zone = self.zone_of(c, place);
        let mut moment = |key: &str, text: &Option<String>, otherwise: u16| {
            let Some(text) = text else { return (Moment::Clock(otherwise), String::new()) };
            let text = self.text(text);
            let moment = Moment::parse(&text).unwrap_or_else(|why| {
                self.wrong(format!("{place}.{key}"), why);
                Moment::Clock(0)
            });
            (moment, format!(" {key} {text}"))
        };
        let (from, from_text) = moment("from", &c.from, 0);
        let (to, to_text) = moment("to", &c.to, 1440);
        let days_text = c.days.as_ref().map(|days| self.text(days));
        let days = days_text.as_deref().map_or(Ok([true; 7]), parse_days).unwrap_or_else(|why| {
            self.wrong(format!("{place}.days"), why);
            [true; 7]
        });
        let sun = matches!(from, Moment::Sun { .. }) || matches!(to, Moment::Sun { .. });
        if sun && self.context.position.is_none() {
            self.wrong(place, "sun times need the position of the system: set latitude and longitude on it or on its building");
        }
        let days_text = days_text.unwrap_or_else(|| "every day".into());
        let window = Window { days, from, to, zone, position: self.context.position };
        (
            Test::Window { window: Box::new(window), slot: self.schedule() },
            format!("{days_text}{from_text}{to_text}"),
        )
    }

    fn presence(&mut self, c: &Condition, pattern: &str, online: bool, place: &str) -> (Test, String) {
        let key = if online { "online" } else { "offline" };
        let devices: Vec<String> =
            self.context.matching(pattern).map(|(_, device)| device.address.clone()).collect();
        if devices.is_empty() && !pattern.contains('*') {
            let inventory = self.context.inventory();
            return self
                .placeholder(format!("{place}.{key}"), format!("there is no {pattern} here: {inventory}"));
        }
        let sources: Box<[u32]> =
            devices.into_iter().map(|device| self.source(Source::Presence { device })).collect();
        if c.each && !online {
            let span = self.length(&format!("{place}.held_for"), c.held_for.as_deref());
            let first = self.holds as u32;
            self.holds += sources.len();
            let text = format!("{pattern} offline, each for {}", bo_model::span::format(span));
            return (Test::Away { sources, first, span }, text);
        }
        (Test::Presence { sources, online }, format!("{pattern} {key}"))
    }

    fn comparison(&mut self, c: &Condition, name: &str, place: &str) -> (Test, String) {
        let input = self.input_named(&format!("{place}.input"), name).unwrap_or(0);
        let simple = [
            (&c.equals, Op::Equals, "equals", "="),
            (&c.not_equals, Op::NotEquals, "not_equals", "≠"),
            (&c.below, Op::Below, "below", "<"),
            (&c.at_most, Op::AtMost, "at_most", "≤"),
            (&c.above, Op::Above, "above", ">"),
            (&c.at_least, Op::AtLeast, "at_least", "≥"),
        ];
        for (value, op, key, sign) in simple {
            if let Some(value) = value {
                let right = self.operand(input, op, value, &format!("{place}.{key}"));
                return (Test::Compare { input, op, right }, format!("{name} {sign} {}", self.shown(value)));
            }
        }
        if let Some((low, high)) = &c.between {
            let text = format!("{name} between {} and {}", self.shown(low), self.shown(high));
            let low = self.operand(input, Op::AtLeast, low, &format!("{place}.between[0]"));
            let high = self.operand(input, Op::AtMost, high, &format!("{place}.between[1]"));
            return (Test::Between { input, low, high }, text);
        }
        if let Some(values) = &c.one_of {
            let shown: Vec<_> = values.iter().map(|value| self.shown(value)).collect();
            let values = values
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    self.operand(input, Op::Equals, value, &format!("{place}.one_of[{index}]"))
                })
                .collect();
            return (Test::OneOf { input, values }, format!("{name} is one of {}", shown.join(", ")));
        }
        if c.changed {
            let lasts = self.lasts(c, place, SECOND);
            self.pulses += 1;
            return (Test::Changed { input, slot: self.pulses as u32 - 1, lasts }, format!("{name} changed"));
        }
        match c.quality {
            Some(is) => {
                let word = serde_json::to_string(&is).unwrap_or_default().replace('"', "");
                (Test::Quality { input, is }, format!("{name} is {word}"))
            }
            None => (Test::All(Box::new([])), String::new()),
        }
    }

    /// A value in words: of a param its value, of an input its name.
    fn shown(&self, value: &Json) -> String {
        let named = value.as_str().and_then(whole_name);
        let value = named.and_then(|name| self.params.get(name)).unwrap_or(value);
        match (named, value) {
            (Some(name), Json::String(text)) if text.starts_with('{') => name.to_owned(),
            (_, Json::String(text)) => text.clone(),
            (_, Json::Bool(true)) => "on".into(),
            (_, Json::Bool(false)) => "off".into(),
            (_, other) => other.to_string(),
        }
    }

    fn operand(&mut self, input: u32, op: Op, value: &Json, place: &str) -> Operand {
        let mut value = value.clone();
        if let Some(name) = value.as_str().and_then(whole_name).map(str::to_owned) {
            let name = name.as_str();
            match self.params.get(name) {
                Some(param) => value = param.clone(),
                None if self.definition.params.contains_key(name) => {
                    self.wrong(place, format!("param `{name}` has no value and no default"));
                    return Operand::Const(Data::None);
                }
                None => {
                    if self.inputs.iter().any(|slot| *slot.name == *name) {
                        return Operand::Input(self.input_named(place, name).unwrap_or(0));
                    }
                    self.wrong(place, format!("there is neither [param.{name}] nor [input.{name}]"));
                    return Operand::Const(Data::None);
                }
            }
        }
        let data = Data::from_json(value);
        if let Err(why) = self.fits(input, op, &data) {
            self.wrong(place, why);
        }
        Operand::Const(data)
    }

    /// Whether a constant can be compared with an input at all, as far as the driver says.
    fn fits(&self, input: u32, op: Op, data: &Data) -> Result<(), String> {
        let ordered = !matches!(op, Op::Equals | Op::NotEquals);
        if ordered && data.number().is_none() {
            return Err("must be a number".into());
        }
        let Some(Described { kind, choices, label }) = self.kind_of(input) else { return Ok(()) };
        match kind {
            FieldKind::Boolean if data.number().is_none() => Err(format!("{label} is true or false")),
            FieldKind::Integer | FieldKind::Number if data.number().is_none() => {
                Err(format!("{label} is a number"))
            }
            FieldKind::Text | FieldKind::Choice if ordered => {
                Err(format!("{label} is text, which has no order"))
            }
            FieldKind::Choice => {
                let raw = data.text().map_or_else(|| data.to_string(), str::to_owned);
                if choices.contains(&raw) {
                    return Ok(());
                }
                Err(format!("{label} is one of {}", choices.join(", ")))
            }
            FieldKind::Text if data.text().is_none() => Err(format!("{label} is text")),
            _ => Ok(()),
        }
    }

    fn kind_of(&self, input: u32) -> Option<Described> {
        let Feed::One(source) = self.inputs.get(input as usize)?.feed else { return None };
        let Source::Status { device, status, .. } = &self.sources[source as usize] else { return None };
        let known = self.context.devices.iter().find(|known| known.address == *device)?;
        let field = &known.manifest.as_ref()?.status.get(status)?.field;
        Some(Described {
            kind: field.kind,
            choices: field.choices.keys().cloned().collect(),
            label: format!("{device}.{status}"),
        })
    }
}

/// What a driver says about an input's status variable.
struct Described {
    kind: FieldKind,
    choices: Vec<String>,
    label: String,
}

fn comparisons(c: &Condition) -> usize {
    let given = [
        c.equals.is_some(),
        c.not_equals.is_some(),
        c.below.is_some(),
        c.at_most.is_some(),
        c.above.is_some(),
        c.at_least.is_some(),
        c.between.is_some(),
        c.one_of.is_some(),
        c.changed,
        c.quality.is_some(),
    ];
    given.into_iter().filter(|given| *given).count()
}
