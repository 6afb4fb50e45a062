//! From a profile's topics and payloads to values, and back to nothing: writing is a driver's `publish` lines. Pure.

mod path;

use crate::error::MqttError;
use crate::topic::{is_filter, matches};
use bo_link::MqttMessage;
use bo_model::driver::Status;
use bo_model::points::{MqttPoint, MqttProfile};
use bo_model::settings::{FieldKind, Values};
use bo_model::value::Source;
use bo_model::{Data, Quality, Reason, Time, Value};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A profile with the settings of one device filled in, ready to decode.
#[derive(Debug)]
pub struct Profile {
    /// By topic without wildcards: most are.
    exact: BTreeMap<String, Vec<Point>>,
    wild: Vec<(String, Vec<Point>)>,
    availability: Option<Available>,
    /// Published after each connect.
    greetings: Vec<(String, String)>,
}

#[derive(Debug)]
struct Point {
    status: String,
    path: Option<Vec<String>>,
    scale: Option<f64>,
    add: Option<f64>,
    map: BTreeMap<String, Data>,
    /// What its status variable is declared to hold.
    kind: Option<FieldKind>,
}

#[derive(Debug)]
struct Available {
    topic: String,
    path: Option<Vec<String>>,
    online: String,
    offline: String,
}

/// What a message said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded<'a> {
    /// Status variable and value.
    pub values: Vec<(&'a str, Value)>,
    /// The device said whether it is there.
    pub online: Option<bool>,
}

impl Profile {
    /// Fills the settings in. Names the first topic that can't be filled.
    pub fn new(profile: &MqttProfile, settings: &Values) -> Result<Profile, MqttError> {
        let mut exact: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        let mut wild: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        for (name, point) in &profile.points {
            let topic = topic(&point.topic, settings)?;
            let place = if topic.contains(['+', '#']) { &mut wild } else { &mut exact };
            place.entry(topic).or_default().push(Point::new(name, point));
        }
        let availability = profile.availability.as_ref().map(|availability| {
            Ok(Available {
                topic: topic(&availability.topic, settings)?,
                path: availability.path.as_deref().map(steps),
                online: availability.online.clone(),
                offline: availability.offline.clone(),
            })
        });
        let greetings = profile.on_connect.iter().map(|publish| {
            let payload = fill(&publish.payload, settings)
                .map_err(|key| MqttError::MissingSetting { topic: publish.payload.clone(), key })?;
            Ok((topic(&publish.topic, settings)?, payload.into_owned()))
        });
        Ok(Profile {
            availability: availability.transpose()?,
            greetings: greetings.collect::<Result<_, MqttError>>()?,
            exact,
            wild: wild.into_iter().collect(),
        })
    }

    /// Holds what arrives against what the driver declares: a word where a number belongs is bad, and never shown as if it were good.
    #[must_use]
    pub fn typed(mut self, status: &BTreeMap<String, Status>) -> Profile {
        let points = self.exact.values_mut().chain(self.wild.iter_mut().map(|(_, points)| points));
        for point in points.flatten() {
            point.kind = status.get(&point.status).map(|status| status.field.kind);
        }
        self
    }

    /// The filters to subscribe.
    pub fn filters(&self) -> Vec<String> {
        let mut all: Vec<String> = self.exact.keys().cloned().collect();
        all.extend(self.wild.iter().map(|(filter, _)| filter.clone()));
        all.extend(self.availability.as_ref().map(|availability| availability.topic.clone()));
        all.sort();
        all.dedup();
        all
    }

    /// Topic and payload of what to publish after each connect.
    pub fn greetings(&self) -> &[(String, String)] {
        &self.greetings
    }

    /// Decodes a message that arrived at `now`. A retained one is uncertain: it was true once, nobody said when.
    pub fn decode(&self, message: &MqttMessage, now: Time) -> Decoded<'_> {
        let mut decoded = Decoded::default();
        let fallback = if message.retain { Quality::Uncertain(Reason::Retained) } else { Quality::Good };
        let wild = self.wild.iter().filter(|(filter, _)| matches(filter, &message.topic));
        let points = self.exact.get(&message.topic).into_iter().chain(wild.map(|(_, points)| points));
        let points = points.flatten();
        let several = points.clone().filter(|point| point.path.is_some()).nth(1).is_some();
        let mut body = Body { bytes: &message.payload, several, json: None };
        for point in points {
            let value = match point.decode(&mut body) {
                Ok(Some(data)) => {
                    Value { data, quality: fallback.clone(), observed_at: now, source: Source::Device }
                }
                Ok(None) => continue,
                Err(why) => Value::bad(Reason::Decode(why.into()), now),
            };
            decoded.values.push((&point.status, value));
        }
        if let Some(availability) = self.availability.as_ref().filter(|a| a.topic == message.topic) {
            let word = match &availability.path {
                None => std::str::from_utf8(&message.payload).ok().map(|text| text.trim().to_owned()),
                Some(path) => body.at(path).ok().flatten().map(plain),
            };
            decoded.online = match word {
                Some(word) if word == availability.online => Some(true),
                Some(word) if word == availability.offline => Some(false),
                _ => None,
            };
        }
        decoded
    }
}

impl Point {
    fn new(name: &str, point: &MqttPoint) -> Point {
        Point {
            status: point.status.clone().unwrap_or_else(|| name.to_owned()),
            path: point.path.as_deref().map(steps),
            scale: point.scale,
            add: point.add,
            map: point.map.iter().map(|(word, json)| (word.clone(), Data::from_json(json.clone()))).collect(),
            kind: None,
        }
    }

    /// `None`: the message does not speak of this point. `Err`: it does, and is not understood.
    fn decode(&self, body: &mut Body<'_>) -> Result<Option<Data>, String> {
        let raw = match &self.path {
            Some(path) => match body.take(path)? {
                None => return Ok(None),
                Some(json) => Data::from_json(json),
            },
            None => {
                let text = std::str::from_utf8(body.bytes).map_err(|_| "not text".to_owned())?.trim();
                if text.is_empty() {
                    return Ok(None); // how a retained topic is cleared
                }
                if self.map.is_empty() { literal(text) } else { Data::Text(text.into()) }
            }
        };
        if !self.map.is_empty() {
            let word = plain(&raw.to_json());
            return self.map.get(&word).cloned().map(Some).ok_or_else(|| {
                format!(
                    "`{}` is none of {}",
                    shorten(&word),
                    self.map.keys().cloned().collect::<Vec<_>>().join(", ")
                )
            });
        }
        if self.scale.is_none() && self.add.is_none() {
            return fitted(self.kind, raw).map(Some);
        }
        let number = match &raw {
            Data::Text(text) => text.trim().parse().ok(),
            other => other.number(),
        };
        let number =
            number.ok_or_else(|| format!("`{}` is not a number", shorten(&plain(&raw.to_json()))))?;
        let scaled = number * self.scale.unwrap_or(1.0) + self.add.unwrap_or(0.0);
        if scaled.is_finite() { Ok(Some(Data::Float(scaled))) } else { Err("not a finite number".to_owned()) }
    }
}

/// A payload, parsed as JSON once and only when a point asks for it.
struct Body<'a> {
    bytes: &'a [u8],
    /// More than one point looks into it.
    several: bool,
    json: Option<Result<Json, String>>,
}

impl Body<'_> {
    fn take(&mut self, path: &[String]) -> Result<Option<Json>, String> {
        if self.several {
            return Ok(self.at(path)?.cloned());
        }
        path::find(self.bytes, path).map_err(|error| format!("not JSON: {error}"))
    }

    fn at(&mut self, path: &[String]) -> Result<Option<&Json>, String> {
        let bytes = self.bytes;
        let json = self
            .json
            .get_or_insert_with(|| {
                serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))
            })
            .as_ref()
            .map_err(Clone::clone)?;
        let mut here = json;
        for step in path {
            let next = match here {
                Json::Object(map) => map.get(step),
                Json::Array(list) => step.parse::<usize>().ok().and_then(|at| list.get(at)),
                _ => None,
            };
            match next {
                Some(next) => here = next,
                None => return Ok(None),
            }
        }
        Ok((!here.is_null()).then_some(here))
    }
}

/// A datum as its declared kind has it; what can't be one is not understood.
fn fitted(kind: Option<FieldKind>, data: Data) -> Result<Data, String> {
    let wrong = |what: &str| Err(format!("`{}` is {what}", shorten(&plain(&data.to_json()))));
    match (kind, &data) {
        (Some(FieldKind::Integer | FieldKind::Number), Data::Text(text)) => match literal(text.trim()) {
            number @ (Data::Int(_) | Data::Float(_)) => Ok(number),
            _ => wrong("not a number"),
        },
        (Some(FieldKind::Integer | FieldKind::Number), Data::Bool(_)) => wrong("not a number"),
        (Some(FieldKind::Boolean), Data::Text(_) | Data::Int(_) | Data::Float(_)) => {
            wrong("neither true nor false; the point's `map` can say what it means")
        }
        _ => Ok(data),
    }
}

fn steps(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// A payload without JSON around it: a number or a truth where it reads as one, text otherwise.
fn literal(text: &str) -> Data {
    if let Ok(whole) = text.parse::<i64>() {
        return Data::Int(whole);
    }
    // Not every text Rust reads as a float is a measurement: "nan", "inf" and "infinity" are words.
    if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && let Some(real) = text.parse::<f64>().ok().filter(|real| real.is_finite())
    {
        return Data::Float(real);
    }
    match text {
        "true" => Data::Bool(true),
        "false" => Data::Bool(false),
        _ => Data::Text(text.into()),
    }
}

fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

fn topic(template: &str, settings: &Values) -> Result<String, MqttError> {
    let filled = fill(template, settings)
        .map_err(|key| MqttError::MissingSetting { topic: template.to_owned(), key })?;
    if is_filter(&filled) { Ok(filled.into_owned()) } else { Err(MqttError::Filter(filled.into_owned())) }
}

/// `{key}` becomes the setting `key`; JSON braces, which hold no bare name, stay. The error is the missing key.
pub fn fill<'a>(template: &'a str, settings: &Values) -> Result<Cow<'a, str>, String> {
    let Some(first) = template.find('{') else { return Ok(Cow::Borrowed(template)) };
    let mut filled = template[..first].to_owned();
    let mut rest = &template[first..];
    while let Some(inner) = rest.strip_prefix('{') {
        let name = inner.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
        if !name.is_empty() && inner[name.len()..].starts_with('}') {
            filled.push_str(&plain(settings.get(name).ok_or_else(|| name.to_owned())?));
            rest = &inner[name.len() + 1..];
        } else {
            filled.push('{');
            rest = inner;
        }
        let next = rest.find('{').unwrap_or(rest.len());
        filled.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    Ok(Cow::Owned(filled))
}

#[cfg(test)]
mod tests;
