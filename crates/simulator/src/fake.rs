//! One fake device: its variables, what a write does to them, and the faults it can be given.

use crate::error::SimulatorError;
use crate::spec::{Later, Reaction, Simulate};
use crate::template::fill;
use bo_model::driver::Manifest;
use bo_model::settings::{FieldKind, Values};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// What is wrong with a fake device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It does not answer; where it has a connection of its own, that is cut.
    Offline,
    /// It answers this much later.
    Slow(Duration),
    /// It refuses every request: Modbus exception code.
    Exception(u8),
    /// It answers nonsense.
    Garbage,
    /// It answers in the name of another unit.
    WrongUnit,
    /// Its values stand still; it still takes commands.
    Stuck,
}

/// A fake device. Clones are the same device.
#[derive(Clone)]
pub struct Fake(Arc<Inner>);

struct Inner {
    name: String,
    manifest: Arc<Manifest>,
    simulate: Simulate,
    settings: Values,
    state: Mutex<State>,
    revision: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    vars: Values,
    fault: Fault,
    /// Counts how often a delayed change was ordered, so that an older order gives way.
    orders: BTreeMap<String, u64>,
}

impl Fake {
    /// A device called `name` as `manifest` describes it, configured as its owner configured the real one.
    pub fn new(name: &str, manifest: Arc<Manifest>, settings: Values) -> Result<Fake, SimulatorError> {
        let problem =
            |problem: String| SimulatorError::Simulate { driver: manifest.driver.name.clone(), problem };
        let simulate: Simulate = match &manifest.simulate {
            Some(json) => serde_json::from_value(json.clone()).map_err(|error| problem(error.to_string()))?,
            None => Simulate::default(),
        };
        if let Some(unknown) = simulate.values.keys().find(|key| !is_known(&manifest, key)) {
            return Err(problem(format!("values: `{unknown}` is neither a status variable nor a point")));
        }
        let mut all: Values = manifest
            .settings
            .iter()
            .filter_map(|(key, field)| field.default.clone().map(|value| (key.clone(), value)))
            .collect();
        all.extend(settings);
        let state = State { vars: simulate.values.clone(), ..State::default() };
        Ok(Fake(Arc::new(Inner {
            name: name.to_owned(),
            manifest,
            simulate,
            settings: all,
            state: Mutex::new(state),
            revision: watch::Sender::new(0),
        })))
    }

    /// A device of the driver in `folder`.
    pub fn from_folder(name: &str, folder: &Path, settings: Values) -> Result<Fake, SimulatorError> {
        Fake::new(name, Arc::new(read_manifest(folder)?), settings)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its driver's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Its driver's `[simulate]`.
    pub fn simulate(&self) -> &Simulate {
        &self.0.simulate
    }

    /// One of its settings.
    pub fn setting(&self, key: &str) -> Option<&Json> {
        self.0.settings.get(key)
    }

    /// Its Modbus unit: the setting `unit`, 1 when there is none.
    pub fn unit(&self) -> u8 {
        self.setting("unit").and_then(Json::as_u64).and_then(|unit| u8::try_from(unit).ok()).unwrap_or(1)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A variable.
    pub fn get(&self, name: &str) -> Option<Json> {
        self.state().vars.get(name).cloned()
    }

    /// A variable as a number; 0 when it has none.
    pub fn number(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Json::Bool(on)) => f64::from(u8::from(on)),
            Some(value) => value.as_f64().unwrap_or(0.0),
            None => 0.0,
        }
    }

    /// A variable as text; empty when it has none.
    pub fn text(&self, name: &str) -> String {
        self.get(name).map(|value| plain(&value)).unwrap_or_default()
    }

    /// A variable as a truth; false when it has none.
    pub fn truth(&self, name: &str) -> bool {
        self.number(name) != 0.0
    }

    /// All variables.
    pub fn vars(&self) -> Values {
        self.state().vars.clone()
    }

    /// The world changes the device; without effect while it is [`Fault::Stuck`].
    pub fn set(&self, name: &str, value: impl Into<Json>) {
        if self.fault() != Fault::Stuck {
            self.put([(name.to_owned(), value.into())]);
        }
    }

    /// A client changed the device over its wire.
    pub(crate) fn put(&self, changes: impl IntoIterator<Item = (String, Json)>) {
        let mut changed = false;
        let mut state = self.state();
        for (name, value) in changes {
            changed |= state.vars.get(&name) != Some(&value);
            state.vars.insert(name, value);
        }
        drop(state);
        if changed {
            self.0.revision.send_modify(|count| *count += 1);
        }
    }

    /// What is wrong with it now.
    pub fn fault(&self) -> Fault {
        self.state().fault
    }

    /// Breaks it, or mends it.
    pub fn set_fault(&self, fault: Fault) {
        let before = std::mem::replace(&mut self.state().fault, fault);
        if before != fault {
            self.0.revision.send_modify(|count| *count += 1);
        }
    }

    /// Counts changes of variables and faults.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    /// A setting or a variable as text, for templates.
    pub(crate) fn lookup(&self, name: &str) -> Option<String> {
        self.setting(name).cloned().or_else(|| self.get(name)).map(|value| plain(&value))
    }

    /// Text from a wire as the datum that the variable `name` holds.
    pub(crate) fn coerce(&self, name: &str, text: &str) -> Json {
        let kind = self.0.manifest.status.get(name).map(|status| status.field.kind);
        match kind {
            Some(FieldKind::Boolean) => {
                Json::Bool(matches!(text.to_ascii_lowercase().as_str(), "true" | "on" | "1"))
            }
            Some(FieldKind::Text | FieldKind::Choice | FieldKind::Duration) => Json::from(text),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Json::from(text)),
        }
    }

    /// Carries out what a command does: at once, and later. `order` names the command, so that the same command
    /// given again starts its delays anew.
    pub(crate) fn react(
        &self,
        order: &str,
        reaction: &Reaction,
        lookup: &dyn Fn(&str, &str) -> Option<String>,
    ) {
        self.put(self.resolved(&reaction.set, lookup));
        let number = {
            let mut state = self.state();
            let count = state.orders.entry(order.to_owned()).or_default();
            *count += 1;
            *count
        };
        for Later { after, set } in &reaction.later {
            let after = fill(after, |name| lookup("", name).or_else(|| self.lookup(name)));
            let Ok(delay) = bo_model::span::parse(&after) else {
                tracing::warn!(device = self.name(), order, "`{after}` is not a length of time");
                continue;
            };
            if delay.is_zero() {
                continue;
            }
            let changes: Vec<_> = self.resolved(set, lookup).collect();
            let (device, order) = (Arc::downgrade(&self.0), order.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                carry_out(&device, &order, number, changes);
            });
        }
    }

    /// Values of a reaction with their templates filled: `lookup(variable, name)` first, then the device itself.
    fn resolved(
        &self,
        set: &Values,
        lookup: &dyn Fn(&str, &str) -> Option<String>,
    ) -> impl Iterator<Item = (String, Json)> {
        let resolve = |(name, value): (&String, &Json)| {
            let name = fill(name, |key| lookup("", key).or_else(|| self.lookup(key)));
            let value = match value {
                Json::String(template) if template.contains('{') => {
                    let text = fill(template, |key| lookup(&name, key).or_else(|| self.lookup(key)));
                    self.coerce(&name, &text)
                }
                literal => literal.clone(),
            };
            (name, value)
        };
        set.iter().map(resolve).collect::<Vec<_>>().into_iter()
    }
}

fn carry_out(device: &Weak<Inner>, order: &str, number: u64, changes: Vec<(String, Json)>) {
    let Some(inner) = device.upgrade() else { return };
    let device = Fake(inner);
    if device.state().orders.get(order) == Some(&number) {
        device.put(changes);
    }
}

/// Reads and checks `driver.toml` in `folder`.
pub(crate) fn read_manifest(folder: &Path) -> Result<Manifest, SimulatorError> {
    let path = folder.join("driver.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| SimulatorError::ReadManifest { path: path.clone(), source })?;
    Manifest::parse(&text).map_err(|problem| SimulatorError::ParseManifest { path, problem })
}

/// JSON as people write it in text: strings without quotes.
pub(crate) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_known(manifest: &Manifest, name: &str) -> bool {
    manifest.status.contains_key(name)
        || manifest.modbus.as_ref().is_some_and(|profile| profile.points.contains_key(name))
        || manifest.mqtt.as_ref().is_some_and(|profile| profile.points.contains_key(name))
        || manifest.component.is_some()
}
