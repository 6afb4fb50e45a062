//! A device driven by a component: a task that owns the instance, feeds it events and commands one at a time,
//! and starts it again after a fault.

mod queue;
mod run;

use crate::engine::{Engine, Loaded};
use crate::error::{CommandError, Fault};
use crate::host::Outside;
use crate::links::Links;
use crate::sink::Sink;
use bo_driver_package::Package;
use bo_link::MqttMessage;
use bo_model::clock::SharedClock;
use bo_model::driver::Manifest;
use bo_model::settings::{Field, FieldKind, Values, check_all};
use bo_model::{DeviceId, Value};
use bytes::Bytes;
use queue::Queue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a call in progress may take to end when its device is stopped.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What makes one device of a driver.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// Its id.
    pub id: DeviceId,
    /// Its address in its system: `Display_1`.
    pub address: String,
    /// Its settings, resolved per key.
    pub settings: Values,
}

/// What happens to a device from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Its link came up. Say so after `spawn` too, when the link was up before.
    Connected,
    /// Its link went down: what it published is bad from now on.
    Disconnected,
    /// A frame arrived unasked.
    Frame(Bytes),
    /// An MQTT message; those the driver did not subscribe to are dropped.
    Message(MqttMessage),
    /// A watched status variable of a neighbour changed.
    Input {
        /// The neighbour's address.
        device: String,
        /// The variable.
        name: String,
        /// Its value.
        value: Value,
    },
}

/// A handle of a running device. Dropping it stops the device after the call in progress.
pub struct Device {
    manifest: Arc<Manifest>,
    queue: Queue,
    task: JoinHandle<()>,
}

impl Device {
    /// Starts a device of `package`, compiled as `loaded`. It needs a Tokio runtime and returns at once; how it goes
    /// is told to `sink`.
    pub fn spawn(
        engine: &Engine,
        package: &Package,
        loaded: Arc<Loaded>,
        config: DeviceConfig,
        links: Links,
        sink: Arc<dyn Sink>,
        clock: SharedClock,
    ) -> Device {
        let manifest = package.manifest.clone();
        let settings = check_all(&manifest.settings, &config.settings)
            .map_err(|errors| Fault::Settings(sentences(&errors)));
        let unit = settings.as_ref().ok().and_then(|settings| settings.get("unit")?.as_u64());
        let outside = Arc::new(Outside {
            device: config.id,
            sink,
            clock,
            links,
            unit: unit.and_then(|unit| u8::try_from(unit).ok()).unwrap_or(1),
            secrets: secrets(&manifest.settings, &config.settings),
        });
        let (queue, inbox) = queue::queue();
        let life = run::Life {
            engine: engine.clone(),
            loaded,
            manifest: manifest.clone(),
            outside,
            address: config.address,
            settings: settings.map(|settings| plain(&manifest.settings, settings).to_string()),
        };
        let task = tokio::spawn(run::run(life, inbox));
        Device { manifest, queue, task }
    }

    /// Tells the device what happened. False when it is too slow and this was dropped; connects and disconnects
    /// are never lost.
    pub fn event(&self, event: Event) -> bool {
        self.queue.event(event)
    }

    /// Has a command carried out; `within` counts from now, waiting for earlier ones included. `Ok` means that the
    /// device accepted it.
    pub async fn command(&self, name: &str, params: &Values, within: Duration) -> Result<(), CommandError> {
        let Some(command) = self.manifest.commands.get(name) else {
            return Err(CommandError::Refused(format!("there is no command `{name}`")));
        };
        let params =
            check_all(&command.params, params).map_err(|errors| CommandError::Refused(sentences(&errors)))?;
        let params = plain(&command.params, params).to_string();
        self.queue.ask(name.to_owned(), params, within).await
    }

    /// Stops it and waits until it is gone; a call in progress gets [`STOP_LIMIT`] to end.
    pub async fn stop(self) {
        let Device { queue, mut task, .. } = self;
        drop(queue);
        if tokio::time::timeout(STOP_LIMIT, &mut task).await.is_err() {
            task.abort();
            let _ = task.await;
        }
    }
}

/// All wrong fields in one line.
fn sentences(errors: &[(String, String)]) -> String {
    errors.iter().map(|(key, sentence)| format!("`{key}` {sentence}")).collect::<Vec<_>>().join("; ")
}

/// As the component gets them: a JSON object, lengths of time in milliseconds.
fn plain(fields: &BTreeMap<String, Field>, values: Values) -> serde_json::Value {
    values
        .into_iter()
        .map(|(key, value)| {
            let is_span = fields.get(&key).is_some_and(|field| field.kind == FieldKind::Duration);
            let span = value.as_str().filter(|_| is_span).and_then(|text| bo_model::span::parse(text).ok());
            (key, span.map_or(value, |span| (span.as_millis() as u64).into()))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn secrets(fields: &BTreeMap<String, Field>, values: &Values) -> Vec<String> {
    let secret = |key: &String| fields.get(key).is_some_and(|field| field.secret);
    values
        .iter()
        .filter(|(key, _)| secret(key))
        .filter_map(|(_, value)| value.as_str().filter(|text| text.len() >= 3).map(str::to_owned))
        .collect()
}
