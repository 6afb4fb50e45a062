//! Loose ends of a driver: what is allowed and does nothing, which nearly always is a name that was mistyped.

use bo_model::driver::{Command, Manifest};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// One sentence each.
pub fn ends(manifest: &Manifest) -> Vec<String> {
    let mut ends = Vec::new();
    let modbus = manifest.modbus.iter().flat_map(|profile| &profile.points);
    let mqtt = manifest.mqtt.iter().flat_map(|profile| &profile.points);
    let written: BTreeSet<&str> = manifest
        .commands
        .values()
        .flat_map(|command| &command.write)
        .map(|write| write.point.as_str())
        .collect();
    let scales: BTreeSet<&str> =
        modbus.clone().filter_map(|(_, point)| point.scale_point.as_deref()).collect();
    let mut told: BTreeSet<&str> =
        mqtt.map(|(name, point)| point.status.as_ref().unwrap_or(name).as_str()).collect();
    for (name, point) in modbus {
        let status = point.status.as_ref().unwrap_or(name).as_str();
        told.insert(status);
        let used = written.contains(name.as_str()) || scales.contains(name.as_str());
        if !manifest.status.contains_key(status) && !used {
            ends.push(format!(
                "modbus.point.{name} is used by nothing: there is no [status.{name}], and no command writes it"
            ));
        }
    }
    if manifest.component.is_none() {
        let silent = manifest.status.keys().filter(|name| !told.contains(name.as_str()));
        ends.extend(silent.map(|name| format!("status.{name} stays empty: no point feeds it")));
    }
    for (name, command) in &manifest.commands {
        ends.extend(of_command(name, command, manifest));
    }
    ends
}

fn of_command(name: &str, command: &Command, manifest: &Manifest) -> Vec<String> {
    let mut ends = Vec::new();
    let mut used = BTreeSet::new();
    let values = command.write.iter().map(|write| &write.value);
    for value in values.chain(command.effect.iter().map(|effect| &effect.equals)) {
        let Some(param) = placeholder(value) else { continue };
        used.insert(param.to_owned());
        if !command.params.contains_key(param) {
            ends.push(format!("command.{name}: `{{{param}}}` stands for no parameter"));
        }
    }
    for text in command.publish.iter().flat_map(|publish| [&publish.topic, &publish.payload]) {
        for word in placeholders(text) {
            if !command.params.contains_key(word) && !manifest.settings.contains_key(word) {
                ends.push(format!(
                    "command.{name}: `{{{word}}}` is neither a parameter nor a setting, and is sent as it stands"
                ));
            }
            used.insert(word.to_owned());
        }
    }
    // A component is given every parameter.
    if !command.write.is_empty() || !command.publish.is_empty() {
        let idle = command.params.keys().filter(|param| !used.contains(*param));
        ends.extend(idle.map(|param| format!("command.{name}: parameter `{param}` changes nothing")));
    }
    ends
}

/// The parameter a value stands for.
fn placeholder(value: &Json) -> Option<&str> {
    value.as_str()?.strip_prefix('{')?.strip_suffix('}')
}

/// Names in braces; JSON's own braces hold no bare name.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const MISTYPED: &str = r#"
[driver]
name = "acme-meter"
version = "1.0.0"
title = "Acme"
kind = "hardware"
module = "Meter"
[link]
kind = "modbus"
[status]
power = { type = "number" }
[command.set]
write = [{ point = "limit", value = "{limti}" }]
params.limit = { type = "number" }
[command.say]
publish = [{ topic = "x/{topik}", payload = '{"on": {on}}' }]
params.on = { type = "boolean" }
[modbus.point]
pwoer = { address = 1, scale_point = "sf" }
sf = { address = 2, type = "sunssf" }
limit = { address = 3, write = true }
"#;

    #[test]
    fn a_name_that_was_mistyped_is_told_though_all_of_it_is_allowed() {
        let ends = ends(&Manifest::parse(MISTYPED).unwrap());
        let expected = [
            "modbus.point.pwoer is used by nothing",
            "status.power stays empty",
            "command.say: `{topik}` is neither",
            "command.set: `{limti}` stands for no parameter",
            "command.set: parameter `limit` changes nothing",
        ];
        assert_eq!(ends.len(), expected.len(), "{ends:?}");
        for (end, expected) in ends.iter().zip(expected) {
            assert!(end.starts_with(expected), "{end}");
        }
    }

    #[test]
    fn the_shipped_drivers_have_no_loose_ends() {
        let drivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../drivers");
        let mut seen = 0;
        for folder in std::fs::read_dir(drivers).unwrap().flatten() {
            let Ok(text) = std::fs::read_to_string(folder.path().join("driver.toml")) else { continue };
            let manifest = Manifest::parse(&text).unwrap();
            assert_eq!(ends(&manifest), Vec::<String>::new(), "{}", folder.path().display());
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
    }
}
