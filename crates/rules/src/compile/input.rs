//! Inputs: an address or a pattern becomes sources.

use super::Builder;
use crate::compiled::{Feed, Slot, Source};
use crate::definition::Input;
use bo_model::Data;

impl Builder<'_> {
    pub(super) fn input(&mut self, name: &str, input: &Input) {
        let place = format!("input.{name}.of");
        let feed = match input.of.split_once('.') {
            Some((device, status)) if !device.is_empty() && !status.is_empty() && !status.contains('*') => {
                self.find(&place, input, device, status)
            }
            _ => {
                self.wrong(&place, format!("`{}` is not written like Sensor_1.people", input.of));
                Feed::Absent
            }
        };
        if input.scale.is_some_and(|scale| !scale.is_finite() || scale == 0.0) {
            self.wrong(format!("input.{name}.scale"), "must be a number other than zero");
        }
        let default = input.default.clone().map(Data::from_json);
        self.inputs.push(Slot {
            name: name.into(),
            of: input.of.as_str().into(),
            feed,
            policy: input.quality,
            scale: input.scale,
            default,
        });
    }

    fn find(&mut self, place: &str, input: &Input, pattern: &str, status: &str) -> Feed {
        let mut sources = Vec::new();
        let mut lacks = None;
        for (_, device) in self.context.matching(pattern) {
            let mut stale_after = None;
            if let Some(manifest) = &device.manifest {
                match manifest.status.get(status) {
                    Some(status) => stale_after = status.stale_after,
                    None => {
                        let names: Vec<_> = manifest.status.keys().map(String::as_str).collect();
                        lacks = Some(format!(
                            "{} has no status `{status}`; driver {} has {}",
                            device.address,
                            manifest.driver.name,
                            names.join(", ")
                        ));
                        continue;
                    }
                }
            }
            sources.push(Source::Status {
                device: device.address.clone(),
                status: status.to_owned(),
                stale_after,
            });
        }
        if sources.is_empty() {
            if input.default.is_none() {
                let why = lacks.unwrap_or_else(|| {
                    format!(
                        "there is no {pattern} here: {}; give the input a `default` if it may be absent",
                        self.context.inventory()
                    )
                });
                self.wrong(place, why);
            }
            return Feed::Absent;
        }
        if pattern.contains('*') && input.fold.is_none() {
            self.wrong(place, "a pattern needs `fold`: sum, mean, min, max, any, all or count");
        }
        let sources: Vec<u32> = sources.into_iter().map(|source| self.source(source)).collect();
        match input.fold {
            Some(fold) => Feed::Fold(fold, sources.into()),
            None => Feed::One(sources[0]),
        }
    }

    /// Index of a named input; an error at `place` when there is none.
    pub(super) fn input_named(&mut self, place: &str, name: &str) -> Option<u32> {
        if let Some(index) = self.inputs.iter().position(|slot| *slot.name == *name) {
            return Some(index as u32);
        }
        let known: Vec<_> = self.inputs.iter().map(|slot| &*slot.name).collect();
        let known = if known.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are {}", known.join(", "))
        };
        self.wrong(place, format!("there is no [input.{name}]; {known}"));
        None
    }
}
