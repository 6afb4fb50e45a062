//! Values on their way from a driver to the sink: checked against the manifest, given a time and a quality.

use super::Outside;
use crate::bindings::backoffice::driver::types as wit;
use crate::sink::Level;
use bo_model::driver::Manifest;
use bo_model::settings::{Field, FieldKind};
use bo_model::value::Source;
use bo_model::{Data, Quality, Reason, Time, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// The status variables of one device, with what was last published.
pub(crate) struct Statuses {
    manifest: Arc<Manifest>,
    /// In the order of their names.
    slots: Vec<Slot>,
    warned: HashSet<String>,
    source: Source,
}

struct Slot {
    name: Arc<str>,
    last: Option<Data>,
}

impl Statuses {
    /// Those of a manifest; nothing published yet.
    pub(crate) fn new(manifest: Arc<Manifest>) -> Statuses {
        let slots =
            manifest.status.keys().map(|name| Slot { name: name.as_str().into(), last: None }).collect();
        let source = match manifest.driver.kind {
            bo_model::driver::Kind::Logic => Source::Derived,
            _ => Source::Device,
        };
        Statuses { manifest, slots, warned: HashSet::new(), source }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.slots.binary_search_by(|slot| (*slot.name).cmp(name)).ok()
    }

    /// One value, good unless it does not fit its field.
    pub(crate) fn publish(&mut self, outside: &Outside, name: &str, value: wit::Data, now: Time) {
        let data = data(value);
        let (Some(at), Some(status)) = (self.find(name), self.manifest.status.get(name)) else {
            return self.warn(outside, name, "is not a status variable of the manifest");
        };
        let slot = &mut self.slots[at];
        let (quality, complaint) = match &data {
            Err(why) => (Quality::Bad(Reason::Decode(why.as_str().into())), None),
            Ok(Data::None) => (Quality::Bad(Reason::Unimplemented), None),
            Ok(data) => match fits(&status.field, data) {
                Ok(()) => (Quality::Good, None),
                Err(why) => (Quality::Bad(Reason::Driver(why.as_str().into())), Some(why)),
            },
        };
        let data = if quality.is_good() { data.ok() } else { slot.last.clone() };
        slot.last.clone_from(&data);
        let value =
            Value { data: data.unwrap_or_default(), quality, observed_at: now, source: self.source.clone() };
        outside.sink.publish(outside.device, &slot.name, value);
        if let Some(why) = complaint {
            self.warn(outside, name, &why);
        }
    }

    /// One that can't be known, with the driver's reason. The last value stays, greyed.
    pub(crate) fn publish_bad(&mut self, outside: &Outside, name: &str, why: &str, now: Time) {
        let reason = Reason::Driver(outside.redact(why).into());
        match self.find(name) {
            Some(at) => self.slots[at].send(outside, Quality::Bad(reason), now, &self.source),
            None => self.warn(outside, name, "is not a status variable of the manifest"),
        }
    }

    /// Everything published so far is bad from now on, for one reason: the link is down, the driver faulted.
    pub(crate) fn all_bad(&self, outside: &Outside, reason: &Reason, now: Time) {
        for slot in self.slots.iter().filter(|slot| slot.last.is_some()) {
            slot.send(outside, Quality::Bad(reason.clone()), now, &self.source);
        }
    }

    /// Says once per variable what is wrong with it.
    fn warn(&mut self, outside: &Outside, name: &str, why: &str) {
        if self.warned.len() < 100 && self.warned.insert(name.to_owned()) {
            outside.log(Level::Warning, &format!("status `{name}` {why}"));
        }
    }
}

impl Slot {
    fn send(&self, outside: &Outside, quality: Quality, now: Time, source: &Source) {
        let data = self.last.clone().unwrap_or_default();
        let value = Value { data, quality, observed_at: now, source: source.clone() };
        outside.sink.publish(outside.device, &self.name, value);
    }
}

/// To the product's own type. A number that is none is an error.
pub(crate) fn data(value: wit::Data) -> Result<Data, String> {
    Ok(match value {
        wit::Data::Nothing => Data::None,
        wit::Data::Boolean(on) => Data::Bool(on),
        wit::Data::Integer(whole) => Data::Int(whole),
        wit::Data::Number(real) if real.is_finite() => Data::Float(real),
        wit::Data::Number(_) => return Err("not a number".into()),
        wit::Data::Text(text) => Data::Text(text.into()),
        wit::Data::Json(text) => {
            Data::Json(Arc::new(serde_json::from_str(&text).map_err(|error| format!("not JSON: {error}"))?))
        }
    })
}

/// From the product's own type.
pub(crate) fn to_wit(data: &Data) -> wit::Data {
    match data {
        Data::None => wit::Data::Nothing,
        Data::Bool(on) => wit::Data::Boolean(*on),
        Data::Int(whole) => wit::Data::Integer(*whole),
        Data::Float(real) => wit::Data::Number(*real),
        Data::Text(text) => wit::Data::Text(text.to_string()),
        Data::Json(json) => wit::Data::Json(json.to_string()),
    }
}

/// Whether a datum is of the field's kind. Ranges are not judged: a device may show what nobody may set.
fn fits(field: &Field, data: &Data) -> Result<(), String> {
    let fits = match (field.kind, data) {
        (FieldKind::Boolean, Data::Bool(_))
        | (FieldKind::Integer, Data::Int(_))
        | (FieldKind::Number, Data::Int(_) | Data::Float(_))
        | (FieldKind::Text | FieldKind::Duration, Data::Text(_))
        | (FieldKind::Json, _) => true,
        (FieldKind::Choice, Data::Text(word)) => {
            if !field.choices.contains_key(&**word) {
                return Err(format!("shows `{word}`, which is none of its choices"));
            }
            true
        }
        (FieldKind::Choice, Data::Int(_) | Data::Bool(_)) => field.choices.contains_key(&match data {
            Data::Bool(on) => on.to_string(),
            other => other.to_string(),
        }),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("shows `{data}`, which does not fit its type in the manifest")) }
}
