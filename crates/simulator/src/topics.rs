//! What an MQTT device publishes and what it does with a message, without a broker.

use crate::fake::{Fake, plain};
use crate::spec::Reaction;
use crate::template::{fill, unfill};
use bo_model::points::{MqttPoint, MqttProfile};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// A message: topic, payload, retained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: String,
    /// Kept by the broker.
    pub retain: bool,
}

fn topic(fake: &Fake, template: &str) -> String {
    fill(template, |name| fake.lookup(name))
}

/// The state messages whose points `wanted` picks, one per topic.
pub fn state(fake: &Fake, profile: &MqttProfile, wanted: impl Fn(&str) -> bool) -> Vec<Message> {
    let mut topics: BTreeMap<String, Json> = BTreeMap::new();
    let chosen: Vec<String> = profile
        .points
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(_, point)| topic(fake, &point.topic))
        .collect();
    for (name, point) in &profile.points {
        let at = topic(fake, &point.topic);
        if !chosen.contains(&at) || at.contains(['+', '#']) {
            continue;
        }
        let status = point.status.as_deref().unwrap_or(name);
        let Some(datum) = fake.get(name).or_else(|| fake.get(status)) else { continue };
        let raw = to_wire(point, datum);
        match &point.path {
            Some(path) => insert(topics.entry(at).or_insert_with(|| Json::Object(Map::new())), path, raw),
            None => drop(topics.insert(at, raw)),
        }
    }
    let message = |(topic, json)| Message { topic, payload: plain(&json), retain: false };
    topics.into_iter().map(message).collect()
}

/// The message that says whether the device is there. None when the driver knows no such topic.
pub fn presence(fake: &Fake, profile: &MqttProfile, online: bool) -> Option<Message> {
    let availability = profile.availability.as_ref()?;
    let word = if online { &availability.online } else { &availability.offline };
    let payload = match &availability.path {
        Some(path) => {
            let mut json = Json::Object(Map::new());
            insert(&mut json, path, Json::from(word.as_str()));
            json.to_string()
        }
        None => word.clone(),
    };
    Some(Message { topic: topic(fake, &availability.topic), payload, retain: true })
}

/// The topics it listens to.
pub fn filters(fake: &Fake, profile: &MqttProfile) -> Vec<String> {
    let commands = fake.manifest().commands.values().flat_map(|command| &command.publish);
    let mut topics: Vec<String> =
        commands.chain(&profile.on_connect).map(|publish| topic(fake, &publish.topic)).collect();
    topics.sort();
    topics.dedup();
    topics
}

/// A message arrives. True when it was a question: the device then publishes all it knows.
pub fn receive(fake: &Fake, profile: &MqttProfile, at: &str, payload: &str) -> bool {
    for question in &profile.on_connect {
        if topic(fake, &question.topic) == at && question.payload == payload {
            return true;
        }
    }
    for (name, command) in &fake.manifest().commands {
        let Some(effect) = &command.effect else { continue };
        for publish in command.publish.iter().filter(|publish| topic(fake, &publish.topic) == at) {
            let template = fill(&publish.payload, |key| fake.setting(key).map(plain));
            let Some(found) = unfill(&template, payload) else { continue };
            let mut set = bo_model::settings::Values::new();
            set.insert(effect.status.clone(), effect.equals.clone());
            let reaction = Reaction { set, later: Vec::new() };
            fake.react(name, &reaction, &|_, key| {
                let (_, said) = found.iter().find(|(name, _)| name == key)?;
                let meant = publish.words.iter().find(|(_, word)| *word == said);
                Some(meant.map_or_else(|| said.clone(), |(value, _)| value.clone()))
            });
        }
    }
    false
}

/// A datum as the device writes it: the word for it, or the number before scaling.
fn to_wire(point: &MqttPoint, datum: Json) -> Json {
    if let Some((word, _)) = point.map.iter().find(|(_, meaning)| **meaning == datum) {
        return Json::from(word.as_str());
    }
    match (datum.as_f64(), point.scale, point.add) {
        (Some(number), scale, add) if scale.is_some() || add.is_some() => {
            Json::from((number - add.unwrap_or(0.0)) / scale.unwrap_or(1.0))
        }
        _ => datum,
    }
}

fn insert(into: &mut Json, path: &str, value: Json) {
    let mut place = into;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Json::Object(Map::new());
        }
        place = &mut place[key];
    }
    *place = value;
}
