//! Actions: targets exist, parameters fit the driver, templates name what there is.

use super::{Builder, MAX_ACTIONS};
use crate::action::{BUILT_IN, names_in};
use crate::definition::Action;
use crate::target::{Target, length, whole_name};
use bo_model::settings::{Field, Values};
use serde_json::Value as Json;
use std::collections::BTreeMap;

impl Builder<'_> {
    pub(super) fn actions(&mut self, key: &str, actions: &[Action]) {
        if actions.len() > MAX_ACTIONS {
            self.wrong(key, format!("more than {MAX_ACTIONS} actions"));
        }
        for (index, action) in actions.iter().enumerate() {
            self.action(&format!("{key}[{index}]"), action, key == "on_clear");
        }
    }

    fn action(&mut self, place: &str, action: &Action, clearing: bool) {
        let kinds = [
            action.command.is_some(),
            action.alarm.is_some(),
            action.notify.is_some(),
            action.emit.is_some(),
        ];
        if kinds.iter().filter(|given| **given).count() != 1 {
            return self.wrong(place, "give it one of command, alarm, notify or emit");
        }
        if action.command.is_none()
            && (!action.params.is_empty() || action.lease.is_some() || action.within.is_some())
        {
            self.wrong(place, "`params`, `lease` and `within` belong to `command`");
        }
        if let Some(target) = &action.command {
            self.command(place, target, action);
        }
        if let Some(alarm) = &action.alarm {
            if clearing {
                self.wrong(
                    format!("{place}.alarm"),
                    "an alarm is raised in [[on_active]]; it clears with the trigger",
                );
            }
            self.template(&format!("{place}.alarm.text"), &alarm.text);
        }
        if let Some(notice) = &action.notify {
            if notice.to.is_empty() {
                self.wrong(format!("{place}.notify.to"), "names nobody");
            }
            for (index, to) in notice.to.iter().enumerate() {
                self.template(&format!("{place}.notify.to[{index}]"), to);
            }
            self.template(&format!("{place}.notify.subject"), &notice.subject);
            self.template(&format!("{place}.notify.text"), &notice.text);
        }
        if let Some(event) = &action.emit {
            if event.event.is_empty() {
                self.wrong(format!("{place}.emit.event"), "is empty");
            }
            self.values(&format!("{place}.emit.data"), &event.data, None);
        }
    }

    fn command(&mut self, place: &str, target: &str, action: &Action) {
        let Some((pattern, command)) = target.split_once('.') else {
            return self.wrong(
                format!("{place}.command"),
                format!("`{target}` is not written like Hvac_1.set_mode"),
            );
        };
        let mut fields: Option<&BTreeMap<String, Field>> = None;
        let mut found = false;
        let mut lacks = None;
        let context = self.context;
        for (_, device) in context.matching(pattern) {
            match device.manifest.as_ref().map(|manifest| (manifest, manifest.commands.get(command))) {
                None => found = true,
                Some((_, Some(known))) => {
                    found = true;
                    fields = Some(&known.params);
                }
                Some((manifest, None)) => {
                    let names: Vec<_> = manifest.commands.keys().map(String::as_str).collect();
                    lacks = Some(format!(
                        "{} has no command `{command}`; driver {} has {}",
                        device.address,
                        manifest.driver.name,
                        names.join(", ")
                    ));
                }
            }
        }
        // A pattern may find nothing: the same trigger then fits rooms with and without such a device.
        if !found && (lacks.is_some() || !pattern.contains('*')) {
            let why = lacks.unwrap_or_else(|| format!("there is no {pattern} here: {}", context.inventory()));
            self.wrong(format!("{place}.command"), why);
        }
        self.values(&format!("{place}.params"), &action.params, fields);
        if let Some(within) = &action.within {
            self.length(&format!("{place}.within"), Some(within));
        }
        if let Some(lease) = &action.lease {
            if let Err(why) = length(&lease.lasts, &self.params) {
                self.wrong(format!("{place}.lease.for"), why);
            }
            if let Some(then) = &lease.then {
                self.values(&format!("{place}.lease.then"), then, fields);
            }
        }
    }

    /// Templates of named values, and literals against what the driver says about them.
    fn values(&mut self, place: &str, values: &Values, fields: Option<&BTreeMap<String, Field>>) {
        for (key, value) in values {
            let place = format!("{place}.{key}");
            let named = value.as_str().and_then(whole_name);
            let literal = match (value.as_str(), named) {
                (Some(text), _) => {
                    self.template(&place, text);
                    match named {
                        Some(name) => self.params.get(name).cloned(),
                        None => (!text.contains(['{', '}'])).then(|| Json::from(text)),
                    }
                }
                (None, _) => Some(value.clone()),
            };
            let Some(fields) = fields else { continue };
            match (fields.get(key), literal) {
                (None, _) => {
                    let known: Vec<_> = fields.keys().map(String::as_str).collect();
                    self.wrong(
                        place,
                        format!("the command has no such parameter; it has {}", known.join(", ")),
                    );
                }
                (Some(field), Some(literal)) => {
                    if let Err(why) = field.check(&literal) {
                        self.wrong(place, why);
                    }
                }
                (Some(_), None) => {}
            }
        }
        let missing = fields
            .into_iter()
            .flatten()
            .filter(|(key, field)| field.required && field.default.is_none() && !values.contains_key(*key));
        let missing: Vec<String> = missing.map(|(key, _)| key.clone()).collect();
        for key in missing {
            self.wrong(place, format!("`{key}` is required"));
        }
    }

    fn template(&mut self, place: &str, text: &str) {
        const MAX: usize = 2_000;
        if text.chars().count() > MAX {
            self.wrong(place, format!("is longer than {MAX} characters"));
        }
        match names_in(text) {
            Err(why) => self.wrong(place, why),
            Ok(names) => {
                for name in names {
                    let known = self.definition.inputs.contains_key(name)
                        || self.definition.params.contains_key(name)
                        || BUILT_IN.contains(&name);
                    if !known {
                        self.wrong(place, format!("there is neither [param.{name}] nor [input.{name}]"));
                    }
                }
            }
        }
    }

    /// Who gets the commands of these actions, in their order. What can't be resolved was named as an error before.
    pub(super) fn targets(&self, actions: &[Action]) -> Vec<Option<Target>> {
        let target =
            |action: &Action| Target::of(action, action.command.as_ref()?, self.context, &self.params).ok();
        actions.iter().map(target).collect()
    }

    pub(super) fn permit(&mut self) {
        for (index, target) in self.definition.permit.iter().enumerate() {
            if !target
                .split_once('.')
                .is_some_and(|(device, command)| !device.is_empty() && !command.is_empty())
            {
                self.wrong(
                    format!("permit[{index}]"),
                    format!("`{target}` is not written like Hvac_1.set_mode"),
                );
            }
        }
    }
}
