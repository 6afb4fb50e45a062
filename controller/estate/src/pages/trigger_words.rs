//! A trigger's definition in plain words: when it becomes active, what it does then, what it does when it is over.

use super::parts::humane;
use crate::registry::Registry;
use bo_model::SystemId;
use bo_model::settings::Values;
use bo_rules::Definition;
use bo_rules::definition::{Action, Condition, Fold, QualityTest};
use maud::{Markup, html};
use serde_json::Value as Json;
use std::collections::HashMap;

/// Puts words to one definition with the parameters of one instance.
pub struct Words<'a> {
    pub(super) definition: &'a Definition,
    params: &'a Values,
    /// What people call the devices, by address.
    names: HashMap<&'a str, &'a str>,
    /// What people call the system; empty where none is meant.
    pub(super) system: &'a str,
}

impl<'a> Words<'a> {
    /// Words for an instance.
    pub fn new(definition: &'a Definition, params: &'a Values) -> Self {
        Words { definition, params, names: HashMap::new(), system: "" }
    }

    /// The same in a system, where devices have names.
    pub fn at(mut self, registry: &'a Registry, system: SystemId) -> Self {
        let devices = registry.devices_in(system).iter().filter_map(|id| registry.devices.get(id));
        self.system = registry.systems.get(&system).map_or("", |system| &system.name);
        self.names = devices.map(|entry| (&*entry.device.address, &*entry.device.name)).collect();
        self
    }

    /// What people call a device: its name, or its address as words where there is no name.
    fn device(&self, address: &str) -> String {
        self.names.get(address).map_or_else(|| address.replace('_', " "), |name| (*name).to_owned())
    }

    /// `Display_*` as `every Display`, `*` as `all`.
    fn any(&self, device: &str, all: &str) -> String {
        match device.strip_suffix("_*") {
            _ if device == "*" => all.to_owned(),
            Some(kind) => format!("every {kind}"),
            None => self.device(device),
        }
    }

    /// A value that is looked at, `Sensor_1.people` or `Sensor_*.people`: whose, and which.
    pub fn datum(&self, of: &str) -> String {
        let (device, status) = of.split_once('.').unwrap_or((of, ""));
        let whose = device.strip_suffix("_*").map_or_else(|| self.device(device), str::to_owned);
        if status.is_empty() { whose } else { format!("{whose}: {}", humane(status).to_lowercase()) }
    }

    /// A literal, or the value of the parameter or the name of the input that `"{name}"` stands for.
    fn operand(&self, value: &Json) -> String {
        let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = plain(value);
        let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return text };
        let Some(field) = self.definition.params.get(name) else {
            return if self.definition.inputs.contains_key(name) { self.input(name) } else { text };
        };
        let value = self.params.get(name).or(field.default.as_ref());
        let shown = value.map_or_else(
            || "not set".into(),
            |value| field.choices.get(&plain(value)).cloned().unwrap_or_else(|| plain(value)),
        );
        if field.unit.is_empty() { shown } else { format!("{shown} {}", field.unit) }
    }

    /// A length of time, or the value of the parameter that stands for it.
    pub fn span(&self, text: &str) -> String {
        self.operand(&Json::from(text))
    }

    fn input(&self, name: &str) -> String {
        let Some(input) = self.definition.inputs.get(name) else { return humane(name).to_lowercase() };
        let fold = match input.fold {
            None => "",
            Some(Fold::Sum) => "the sum of ",
            Some(Fold::Mean) => "the mean of ",
            Some(Fold::Min) => "the lowest ",
            Some(Fold::Max) => "the highest ",
            Some(Fold::Any) => "any ",
            Some(Fold::All) => "each ",
            Some(Fold::Count) => "how many ",
        };
        format!("{} ({fold}{})", humane(name).to_lowercase(), self.datum(&input.of))
    }

    /// A condition and what is below it.
    pub fn condition(&self, of: &Condition) -> Markup {
        let held = of.held_for.as_ref().map(|span| format!(" without a break for {}", self.span(span)));
        let group = |title: &str, of: &[Condition]| {
            html! {
                (title) (held.clone().unwrap_or_default()) ":"
                ul { @for each in of { li { (self.condition(each)) } } }
            }
        };
        match (&of.all, &of.any, &of.not) {
            (Some(all), _, _) => group("all of these", all),
            (_, Some(any), _) => group("at least one of these", any),
            (_, _, Some(not)) => group("none of this", std::slice::from_ref(not)),
            _ => html! { (self.test(of)) (held.unwrap_or_default()) },
        }
    }

    fn test(&self, of: &Condition) -> String {
        if let Some(name) = &of.input {
            return self.comparison(&self.input(name), of);
        }
        let lasts = of.lasts.as_ref().map(|span| format!(", for {}", self.span(span))).unwrap_or_default();
        if let Some(cron) = &of.cron {
            return format!("at the times of “{cron}”{lasts}");
        }
        if let Some(name) = &of.webhook {
            return format!("the webhook “{name}” is called{lasts}");
        }
        if let Some(device) = &of.offline {
            let by_itself = if of.each { ", each counting by itself" } else { "" };
            return format!("{} can't be reached{by_itself}", self.any(device, "one of the devices"));
        }
        if let Some(device) = &of.online {
            return format!("{} can be reached", self.any(device, "each device"));
        }
        if let Some(function) = &of.script {
            return format!("the script's “{function}” says so");
        }
        let days =
            of.days.as_deref().map_or_else(|| "every day".to_owned(), |days| weekdays(&self.span(days)));
        let from = of.from.as_deref().map(|from| format!(" from {}", self.span(from))).unwrap_or_default();
        let to = of.to.as_deref().map(|to| format!(" until {}", self.span(to))).unwrap_or_default();
        let zone = of.time_zone.as_deref().map(|zone| format!(" ({zone})")).unwrap_or_default();
        format!("it is {days}{from}{to}{zone}")
    }

    fn comparison(&self, input: &str, of: &Condition) -> String {
        let text = |value: &Json| match value {
            Json::Bool(true) => "on".into(),
            Json::Bool(false) => "off".into(),
            other => self.operand(other),
        };
        if let Some(value) = &of.equals {
            return format!("{input} is {}", text(value));
        }
        if let Some(value) = &of.not_equals {
            return format!("{input} is not {}", text(value));
        }
        for (value, words) in [
            (&of.below, "is below"),
            (&of.at_most, "is at most"),
            (&of.above, "is above"),
            (&of.at_least, "is at least"),
        ] {
            if let Some(value) = value {
                return format!("{input} {words} {}", text(value));
            }
        }
        if let Some((low, high)) = &of.between {
            return format!("{input} is between {} and {}", text(low), text(high));
        }
        if let Some(values) = &of.one_of {
            return format!("{input} is one of {}", values.iter().map(text).collect::<Vec<_>>().join(", "));
        }
        match of.quality {
            Some(QualityTest::Good) => format!("{input} can be trusted"),
            Some(QualityTest::NotGood) => format!("{input} can't be trusted"),
            Some(QualityTest::Uncertain) => format!("{input} is uncertain"),
            Some(QualityTest::Bad) => format!("{input} is bad"),
            Some(QualityTest::Stale) => format!("{input} is old"),
            None => format!("{input} has just changed"),
        }
    }

    /// An action.
    pub fn action(&self, of: &Action) -> String {
        if let Some(command) = &of.command {
            let (device, name) = command.split_once('.').unwrap_or(("", command));
            let params: Vec<String> = of
                .params
                .iter()
                .map(|(key, value)| match value {
                    Json::Bool(on) if key == "on" => if *on { "on" } else { "off" }.to_owned(),
                    Json::Bool(on) => {
                        format!("{} {}", humane(key).to_lowercase(), if *on { "yes" } else { "no" })
                    }
                    // "set setpoint to 21 °C" needs the name of the parameter no second time.
                    _ if name.ends_with(key.as_str()) && of.params.len() == 1 => {
                        format!("to {}", self.operand(value))
                    }
                    _ => format!("{} {}", humane(key).to_lowercase(), self.operand(value)),
                })
                .collect();
            let with = match params.join(", ") {
                none if none.is_empty() => none,
                to if to.starts_with("to ") || to == "on" || to == "off" => format!(" {to}"),
                params => format!(" with {params}"),
            };
            let held = of
                .lease
                .as_ref()
                .map(|lease| format!(", held for {}", self.span(&lease.lasts)))
                .unwrap_or_default();
            return format!(
                "tell {}: {}{with}{held}",
                self.any(device, "every device"),
                humane(name).to_lowercase()
            );
        }
        if let Some(alarm) = &of.alarm {
            return format!("raise an alarm ({}): “{}”", alarm.severity.word(), alarm.text);
        }
        if let Some(notice) = &of.notify {
            let to: Vec<String> = notice.to.iter().map(|name| self.span(name)).collect();
            return format!("tell {}: “{}”", to.join(", "), notice.text);
        }
        of.emit.as_ref().map_or_else(String::new, |event| format!("publish the event {}", event.event))
    }

    /// The whole definition.
    pub fn all(&self) -> Markup {
        let of = self.definition;
        let timing = [
            of.debounce
                .as_ref()
                .map(|span| format!("A change must stand for {} before anything happens.", self.span(span))),
            of.cooldown.as_ref().map(|span| format!("After it is over it rests for {}.", self.span(span))),
            of.min_active
                .as_ref()
                .map(|span| format!("Once active it stays so for at least {}.", self.span(span))),
        ];
        html! {
            div.words {
                h3 { "When" }
                @match &of.when { Some(when) => p.words__condition { (self.condition(when)) }, None => p { "the script says so" } }
                @if let Some(until) = &of.until { h3 { "Until" } p.words__condition { (self.condition(until)) } }
                @for (title, actions) in [("Then", &of.on_active), ("Afterwards", &of.on_clear)] {
                    @if !actions.is_empty() { h3 { (title) } ol { @for action in actions { li { (self.action(action)) } } } }
                }
                @for line in timing.iter().flatten() { p.muted { (line) } }
            }
        }
    }
}

/// `mon-fri` as people say it; anything else as it stands.
fn weekdays(days: &str) -> String {
    const NAMES: [(&str, &str); 7] = [
        ("mon", "Monday"),
        ("tue", "Tuesday"),
        ("wed", "Wednesday"),
        ("thu", "Thursday"),
        ("fri", "Friday"),
        ("sat", "Saturday"),
        ("sun", "Sunday"),
    ];
    if days == "mon-sun" {
        return "every day".into();
    }
    let name = |day: &str| {
        NAMES
            .iter()
            .find(|(short, _)| *short == day)
            .map_or_else(|| day.to_owned(), |(_, long)| (*long).to_owned())
    };
    let parts: Vec<String> = days
        .split(',')
        .map(|part| match part.trim().split_once('-') {
            Some((from, to)) => format!("{} to {}", name(from), name(to)),
            None => name(part.trim()),
        })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_definition_reads_as_a_person_would_say_it() {
        let text = r#"
name = "stuffy"
title = "Stuffy"
[input.co2]
of = "Sensor_*.co2"
fold = "max"
[param.high]
type = "number"
unit = "ppm"
default = 1000
[when]
all = [{ input = "co2", at_least = "{high}", held_for = "2min" }, { offline = "*" }]
[[on_active]]
command = "Hvac_*.set_fan"
params = { speed = "high" }
"#;
        let definition = Definition::parse(text).unwrap();
        let params = Values::from([("high".into(), json!(800))]);
        let words = Words::new(&definition, &params);
        let html = words.all().into_string();
        assert!(
            html.contains("co2 (the highest Sensor: co2) is at least 800 ppm without a break for 2min"),
            "{html}"
        );
        assert!(html.contains("one of the devices can't be reached"), "{html}");
        assert!(html.contains("tell every Hvac: set fan with speed high"), "{html}");
        assert_eq!(words.datum("Sensor_1.people_count"), "Sensor 1: people count");
        let named = Words { names: HashMap::from([("Sensor_1", "Ceiling")]), ..words };
        assert_eq!(named.datum("Sensor_1.people_count"), "Ceiling: people count");
    }

    #[test]
    fn days_are_told_by_their_names() {
        assert_eq!(
            (weekdays("mon-fri"), weekdays("sat, sun"), weekdays("mon-sun")),
            ("Monday to Friday".into(), "Saturday, Sunday".into(), "every day".into())
        );
        assert_eq!(weekdays("holidays"), "holidays");
    }
}
