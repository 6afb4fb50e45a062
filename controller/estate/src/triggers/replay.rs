//! A trigger over recorded history: when it would have become active, why, and what it would have done. History is read in
//! parts and the work is bounded, so that asking for a month of a busy building hurts nobody else.

use crate::Estate;
use crate::error::EstateError;
use crate::history::Sample;
use crate::history::queries::Reader;
use crate::history::sample::{Datum, millis, time};
use crate::registry::{DeviceEntry, Registry};
use bo_model::settings::FieldKind;
use bo_model::value::Source as Origin;
use bo_model::{Data, DeviceId, Kind, Object, SystemId, Time, Value};
use bo_rules::replay::{Happened, Replay, Sample as Input};
use bo_rules::{Act, Compiled, Source, Trace, Transition};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// The longest period that is replayed.
pub const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// Replays that run at the same time; more are asked to come again.
pub const AT_ONCE: usize = 2;
/// History is read in parts of this length, in milliseconds.
const PART: i64 = 6 * 3_600_000;
/// Values looked at in one replay.
const MOST_VALUES: usize = 5_000_000;
/// Things that happened that are told one by one; all are counted.
const MOST_TOLD: usize = 200;

/// What is replayed over what.
pub struct Plan {
    /// Whose devices.
    pub system: SystemId,
    /// The trigger, compiled for it.
    pub compiled: Compiled,
    /// From then on.
    pub from: Time,
    /// Until then.
    pub to: Time,
}

/// One of a trigger's sources, and what history has of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceLine {
    /// `Sensor_1.people`.
    pub of: String,
    /// Values in the period.
    pub values: usize,
    /// Whether anything at all is known of it: without, a condition on it can't be told.
    pub known: bool,
}

/// Something that would have happened.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// `activated`, `cleared`, `held-back`.
    pub outcome: &'static str,
    /// What would have been done.
    pub actions: Vec<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<Trace>>,
}

/// What came out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replayed {
    /// Looked at from then on.
    pub from: Time,
    /// Until then: earlier than asked for when there was too much to look at.
    pub to: Time,
    /// Not all of the period was looked at.
    pub cut: bool,
    /// Values looked at.
    pub values: usize,
    /// How often it would have become active.
    pub activated: usize,
    /// How often it would have been held back.
    pub held_back: usize,
    /// How long it would have been active in total, in seconds.
    pub active_seconds: u64,
    /// Stretches in which it would have been active.
    pub active: Vec<(Time, Time)>,
    /// What it looks at.
    pub sources: Vec<SourceLine>,
    /// What would have happened, oldest first: the first two hundred.
    pub happened: Vec<Entry>,
}

/// Where one source's values come from.
struct Feed {
    point: Option<i64>,
    kind: FieldKind,
}

/// The devices whose history a plan reads: whoever asks must be allowed to see them.
pub fn devices(registry: &Registry, plan: &Plan) -> Vec<Object> {
    let mut found: Vec<DeviceId> = plan
        .compiled
        .sources()
        .iter()
        .filter_map(|source| Some(entry(registry, plan.system, source)?.0.device.id))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|id| Object::new(Kind::DEVICE, id)).collect()
}

/// The device and the status variable of a source.
fn entry<'s>(
    registry: &Registry,
    system: SystemId,
    source: &'s Source,
) -> Option<(Arc<DeviceEntry>, &'s str)> {
    let (address, name) = match source {
        Source::Status { device, status, .. } => (device, status.as_str()),
        Source::Presence { device } => (device, "online"),
        Source::Webhook { .. } => return None,
    };
    let devices = registry.devices_in(system).iter().filter_map(|id| registry.devices.get(id));
    devices.into_iter().find(|entry| entry.device.address == *address).map(|entry| (entry.clone(), name))
}

fn feeds(estate: &Estate, registry: &Registry, plan: &Plan) -> Vec<Option<Feed>> {
    let feed = |source: &Source| {
        let (entry, name) = entry(registry, plan.system, source)?;
        let status = entry.driver.as_ref().and_then(|driver| driver.manifest.status.get(name));
        let kind = match source {
            Source::Presence { .. } => FieldKind::Boolean,
            _ => status.map_or(FieldKind::Number, |status| status.field.kind),
        };
        let point = estate.history.points.find(entry.device.id, name).map(|point| point.id);
        Some(Feed { point, kind })
    };
    plan.compiled.sources().iter().map(feed).collect()
}

/// Replays; blocks its thread. `progress` is given the part that is done, 0 to 1, and ends the work when it returns false.
pub fn run(
    estate: &Estate,
    registry: &Registry,
    plan: &Plan,
    mut progress: impl FnMut(f64) -> bool,
) -> Result<Replayed, EstateError> {
    let feeds = feeds(estate, registry, plan);
    let mut sources: Vec<SourceLine> = plan
        .compiled
        .sources()
        .iter()
        .map(|source| SourceLine { of: source.label(), values: 0, known: false })
        .collect();
    let mut replay = Replay::of_changes(&plan.compiled);
    let mut told = Told::default();
    let (from, to) = (millis(plan.from), millis(plan.to));
    let (mut begin, mut values, mut cut) = (from, 0, false);
    while begin < to {
        let end = (begin + PART).min(to);
        let mut part = read(estate, &feeds, (begin, end), begin == from, &mut sources)?;
        values += part.len();
        part.sort_by_key(|input| input.at);
        part.into_iter().for_each(|input| replay.feed(input));
        replay.take().into_iter().for_each(|one| told.tell(one));
        begin = end;
        cut = values > MOST_VALUES || replay.is_exhausted();
        if cut || !progress((end - from) as f64 / (to - from).max(1) as f64) {
            cut |= end < to;
            break;
        }
    }
    replay.finish(time(begin));
    replay.take().into_iter().for_each(|one| told.tell(one));
    Ok(told.over(plan.from, time(begin), cut, values, sources))
}

/// The values of a stretch, in no order. The first stretch begins with what was true before it.
fn read(
    estate: &Estate,
    feeds: &[Option<Feed>],
    (begin, end): (i64, i64),
    first: bool,
    sources: &mut [SourceLine],
) -> Result<Vec<Input>, EstateError> {
    let readers: Vec<Option<Reader>> =
        feeds.iter().map(|feed| Some(estate.history.reader(feed.as_ref()?.point?))).collect();
    estate.db.read(|tx| {
        let mut found = Vec::new();
        for (source, reader) in readers.iter().enumerate() {
            let (Some(reader), Some(Some(feed))) = (reader, feeds.get(source)) else { continue };
            for sample in reader.samples(tx, begin, end)? {
                let before = sample.at < begin;
                if let Some(line) = sources.get_mut(source) {
                    line.known = true;
                    line.values += usize::from(!before);
                }
                if !before || first {
                    found.push(input(source, feed.kind, &sample, begin));
                }
            }
        }
        Ok(found)
    })
}

/// A kept sample as the value that a rule sees; what was true before the period arrives at its begin.
fn input(source: usize, kind: FieldKind, sample: &Sample, begin: i64) -> Input {
    let at = time(sample.at.max(begin));
    let data = match (&sample.datum, kind) {
        (Datum::None, _) => Data::None,
        (Datum::Number(number), FieldKind::Boolean) => Data::Bool(*number != 0.0),
        (Datum::Number(number), FieldKind::Integer) => Data::Int(*number as i64),
        (Datum::Number(number), _) => Data::Float(*number),
        (Datum::Text(text), FieldKind::Json) => serde_json::from_str(text)
            .map_or_else(|_| Data::Text(text.clone()), |json| Data::Json(Arc::new(json))),
        (Datum::Text(text), _) => Data::Text(text.clone()),
    };
    let value = Value { data, quality: sample.grade.quality(), observed_at: at, source: Origin::Device };
    Input { at, source, value }
}

/// What happened so far.
#[derive(Default)]
struct Told {
    done: Replayed,
    since: Option<Time>,
}

impl Told {
    fn tell(&mut self, one: Happened) {
        let outcome = match one.transition {
            Some(Transition::Activated) => {
                self.done.activated += 1;
                self.since = Some(one.at);
                "activated"
            }
            Some(_) => {
                self.end(one.at);
                "cleared"
            }
            None => {
                self.done.held_back += 1;
                "held-back"
            }
        };
        if self.done.happened.len() < MOST_TOLD {
            let actions = one.actions.iter().map(words).collect();
            self.done.happened.push(Entry { at: one.at, outcome, actions, trace: one.trace });
        }
    }

    fn end(&mut self, at: Time) {
        if let Some(since) = self.since.take() {
            self.done.active_seconds += at.since(since).as_secs();
            if self.done.active.len() < MOST_TOLD * 10 {
                self.done.active.push((since, at));
            }
        }
    }

    fn over(mut self, from: Time, to: Time, cut: bool, values: usize, sources: Vec<SourceLine>) -> Replayed {
        self.end(to);
        Replayed { from, to, cut, values, sources, ..self.done }
    }
}

/// What would have been done, in a line.
fn words(act: &Act) -> String {
    match act {
        Act::Command { device, command, params, .. } => {
            let params: Vec<String> = params.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("{device}: {} {}", command.replace('_', " "), params.join(", ")).trim_end().to_owned()
        }
        Act::RaiseAlarm { severity, text, .. } => format!("{} alarm: {text}", severity.word()),
        Act::ClearAlarm { .. } => "the alarm ends".into(),
        Act::Notify { to, text, .. } => format!("tell {}: {text}", to.join(", ")),
        Act::Emit { event, .. } => format!("event {event}"),
    }
}
