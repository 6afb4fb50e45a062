//! Reading inputs under their quality policy: a datum that may be acted on, or none.

use crate::compiled::{Compiled, Feed, Slot, Source};
use crate::definition::{Fold, Policy, QualityTest};
use crate::trace::{TraceInput, Truth};
use bo_model::settings::Field;
use bo_model::value::Source as Origin;
use bo_model::{Data, Quality, Reason, Time, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// Stands where the host gave no value.
static NEVER: Value = Value {
    data: Data::None,
    quality: Quality::Bad(Reason::NeverRead),
    observed_at: Time(0),
    source: Origin::Agent,
};

/// Most presences and webhooks one trace lists.
const MAX_PRESENCES: usize = 32;

/// One evaluation's view of the inputs.
pub(crate) struct Reader<'a> {
    pub compiled: &'a Compiled,
    pub values: &'a [Value],
    pub now: Time,
}

/// How good a value is, without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    Good,
    Uncertain,
    Bad,
}

impl<'a> Reader<'a> {
    /// The value of a source.
    pub fn value(&self, source: u32) -> &'a Value {
        self.values.get(source as usize).unwrap_or(&NEVER)
    }

    fn stale_after(&self, source: u32) -> Option<std::time::Duration> {
        match &self.compiled.sources[source as usize] {
            Source::Status { stale_after, .. } => *stale_after,
            _ => None,
        }
    }

    /// When a good value will turn uncertain with age.
    pub fn stale_at(&self, source: u32) -> Option<Time> {
        let value = self.value(source);
        let limit = self.stale_after(source)?;
        // One microsecond later, because a value exactly as old as its limit is still good.
        let at = Time(value.observed_at.after(limit).0.saturating_add(1));
        (value.quality.is_good() && at > self.now).then_some(at)
    }

    pub fn grade(&self, source: u32) -> Grade {
        let value = self.value(source);
        match (&value.quality, self.stale_after(source)) {
            (Quality::Good, Some(limit)) if self.now.since(value.observed_at) > limit => Grade::Uncertain,
            (Quality::Good, _) => Grade::Good,
            (Quality::Uncertain(_), _) => Grade::Uncertain,
            (Quality::Bad(_), _) => Grade::Bad,
        }
    }

    fn slot(&self, input: u32) -> &'a Slot {
        &self.compiled.inputs[input as usize]
    }

    /// The sources of an input.
    pub fn sources(&self, input: u32) -> &'a [u32] {
        match &self.slot(input).feed {
            Feed::One(source) => std::slice::from_ref(source),
            Feed::Fold(_, sources) => sources,
            Feed::Absent => &[],
        }
    }

    /// The worst grade of an input's sources; bad where there is none.
    pub fn input_grade(&self, input: u32) -> Grade {
        self.sources(input).iter().map(|source| self.grade(*source)).max().unwrap_or(Grade::Bad)
    }

    fn accepts(&self, input: u32, grade: Grade) -> bool {
        match self.slot(input).policy {
            Policy::Good => grade == Grade::Good,
            Policy::Uncertain => grade != Grade::Bad,
            Policy::Any => true,
        }
    }

    /// The datum of an input that may be acted on: its own where quality allows, else its default.
    pub fn read(&self, input: u32) -> Option<Cow<'a, Data>> {
        self.own(input).or_else(|| self.slot(input).default.as_ref().map(Cow::Borrowed))
    }

    fn own(&self, input: u32) -> Option<Cow<'a, Data>> {
        let slot = self.slot(input);
        let datum = match &slot.feed {
            Feed::Absent => return None,
            Feed::One(source) => {
                if !self.accepts(input, self.grade(*source)) {
                    return None;
                }
                Cow::Borrowed(&self.value(*source).data)
            }
            Feed::Fold(fold @ (Fold::Any | Fold::All), sources) => {
                Cow::Owned(Data::Bool(self.fold_truth(input, *fold == Fold::Any, sources)?))
            }
            Feed::Fold(fold, sources) => {
                if !self.accepts(input, self.input_grade(input)) {
                    return None;
                }
                Cow::Owned(self.fold_number(*fold, sources)?)
            }
        };
        match slot.scale {
            Some(scale) => Some(Cow::Owned(Data::Float(datum.number()? * scale))),
            None => (*datum != Data::None).then_some(datum),
        }
    }

    /// `any` (`decides` = true) and `all` (`decides` = false): one that decides is enough, whatever the others
    /// are; otherwise each has to be known.
    fn fold_truth(&self, input: u32, decides: bool, sources: &[u32]) -> Option<bool> {
        let known = |source: &u32| {
            self.accepts(input, self.grade(*source)).then(|| self.value(*source).data.truth()).flatten()
        };
        if sources.iter().any(|source| known(source) == Some(decides)) {
            return Some(decides);
        }
        sources.iter().all(|source| known(source).is_some()).then_some(!decides)
    }

    fn fold_number(&self, fold: Fold, sources: &[u32]) -> Option<Data> {
        let data = || sources.iter().map(|source| &self.value(*source).data);
        if fold == Fold::Count {
            let count = data().try_fold(0, |count, data| Some(count + i64::from(data.truth()?)))?;
            return Some(Data::Int(count));
        }
        let join = |fold: fn(f64, f64) -> f64| {
            let mut numbers = data().map(Data::number);
            let first = numbers.next()?;
            numbers.fold(first, |all, next| Some(fold(all?, next?)))
        };
        Some(Data::Float(match fold {
            Fold::Min => join(f64::min)?,
            Fold::Max => join(f64::max)?,
            Fold::Mean => join(|a, b| a + b)? / sources.len() as f64,
            _ => join(|a, b| a + b)?,
        }))
    }

    /// Whether a value was never read yet, as just after the edge has started.
    pub fn is_starting(&self) -> bool {
        let sources = self.compiled.sources.iter().enumerate();
        let mut read = sources.filter(|(_, source)| !matches!(source, Source::Webhook { .. }));
        read.any(|(index, _)| self.value(index as u32).quality == NEVER.quality)
    }

    /// Answers `quality = …`.
    pub fn quality_is(&self, input: u32, is: QualityTest) -> Truth {
        let grade = self.input_grade(input);
        Truth::from(match is {
            QualityTest::Good => grade == Grade::Good,
            QualityTest::NotGood => grade != Grade::Good,
            QualityTest::Uncertain => grade == Grade::Uncertain,
            QualityTest::Bad => grade == Grade::Bad,
            QualityTest::Stale => {
                self.sources(input).iter().any(|source| self.reason(*source) == Some(Reason::Stale))
            }
        })
    }

    fn reason(&self, source: u32) -> Option<Reason> {
        self.value(source).quality_at(self.now, self.stale_after(source)).reason().cloned()
    }

    /// `Sensor_1.people is bad: device offline`.
    pub fn why_refused(&self, input: u32) -> String {
        let slot = self.slot(input);
        let worst = self.sources(input).iter().max_by_key(|source| self.grade(**source));
        let Some(source) = worst else { return format!("input {} has no device here", slot.name) };
        let label = self.compiled.sources[*source as usize].label();
        let grade = self.grade(*source);
        match self.reason(*source) {
            Some(reason) => {
                let word = if grade == Grade::Bad { "bad" } else { "uncertain" };
                format!("{label} is {word}: {reason}")
            }
            None => format!("{label} has no value that fits"),
        }
    }

    /// How the driver describes the status variable behind a source.
    pub fn field(&self, source: u32) -> Option<&'a Field> {
        let Source::Status { device, status, .. } = &self.compiled.sources[source as usize] else {
            return None;
        };
        let device = self.compiled.context.devices.iter().find(|known| known.address == *device)?;
        device.manifest.as_ref()?.status.get(status).map(|status| &status.field)
    }

    /// Addresses of devices that can't be reached, of those the conditions ask about.
    pub fn offline(&self) -> Vec<&'a str> {
        let presence = self.compiled.sources.iter().enumerate().filter_map(|(index, source)| match source {
            Source::Presence { device } => Some((index, device.as_str())),
            _ => None,
        });
        presence
            .filter(|(index, _)| self.value(*index as u32).data == Data::Bool(false))
            .map(|(_, device)| device)
            .collect()
    }

    /// All inputs, presences and webhooks, for the trace.
    pub fn describe(&self) -> Vec<TraceInput> {
        let mut all = Vec::new();
        let mut named = vec![false; self.compiled.sources.len()];
        for (index, slot) in self.compiled.inputs.iter().enumerate() {
            let index = index as u32;
            let sources = self.sources(index);
            for source in sources {
                named[*source as usize] = true;
            }
            let worst = sources.iter().copied().max_by_key(|source| self.grade(*source));
            let used = self.read(index);
            let defaulted = used.is_some() && self.own(index).is_none();
            let of = match &slot.feed {
                Feed::Absent => "not in this system".into(),
                _ => slot.of.clone(),
            };
            all.push(TraceInput {
                name: slot.name.clone(),
                of,
                data: used.as_ref().map_or(Data::None, |data| data.clone().into_owned()),
                accepted: used.is_some(),
                defaulted,
                ..self.source(worst)
            });
        }
        // Of a large system's presences those that matter are the ones that are not online.
        let unnamed = self.compiled.sources.iter().enumerate().filter(|(index, _)| !named[*index]);
        let many = unnamed.clone().count() > MAX_PRESENCES;
        let dull = |index: usize| many && self.value(index as u32).data == Data::Bool(true);
        for (index, source) in unnamed.filter(|(index, _)| !dull(*index)).take(MAX_PRESENCES) {
            all.push(TraceInput { of: source.label().into(), ..self.source(Some(index as u32)) });
        }
        all
    }

    fn source(&self, source: Option<u32>) -> TraceInput {
        let value = source.map_or(&NEVER, |source| self.value(source));
        let grade = source.map_or(Grade::Bad, |source| self.grade(source));
        let never = value.quality == NEVER.quality;
        TraceInput {
            name: Arc::default(),
            of: Arc::default(),
            data: value.data.clone(),
            quality: match grade {
                Grade::Good => "good".into(),
                Grade::Uncertain => "uncertain".into(),
                Grade::Bad => "bad".into(),
            },
            reason: source.and_then(|source| self.reason(source)).map(|reason| reason.to_string()),
            age: if never { 0.0 } else { self.now.since(value.observed_at).as_secs_f64() },
            accepted: grade == Grade::Good,
            defaulted: false,
        }
    }
}
