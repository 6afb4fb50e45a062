//! A device without a component, for transcripts: the code that runs on a gateway, on a bench instead of a link.

use crate::board::Board;
use crate::devices::{self, CommandError as Failure, DeviceCommand, DeviceContext};
use crate::site::fill;
use crate::store::Store;
use bo_driver_host::transcript::{Bench, Subject};
use bo_driver_host::{CommandError, Event};
use bo_link::mailbox::{Sender, mailbox};
use bo_link::{Handle, MqttMessage, MqttOp, Urgency};
use bo_link_mqtt::Profile;
use bo_model::driver::Manifest;
use bo_model::release::SiteDevice;
use bo_model::settings::{Values, check_all};
use bo_model::{IdGen, Value};
use bo_runtime::Shutdown;
use bo_wire::Body;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;

/// How long a command may take.
const WITHIN: Duration = Duration::from_secs(60);

/// Starts a device of a profile. It must be called in a Tokio runtime.
pub fn start(manifest: Arc<Manifest>, bench: Bench) -> Result<Arc<dyn Subject>, String> {
    let settings = check_all(&manifest.settings, &bench.config.settings).map_err(sentences)?;
    // What it shows goes to the bench as well: a recording wants to know when something changed.
    let sink = bench.sink.clone();
    let shown: crate::board::Recorder = Arc::new(move |_, _, body| {
        if let Body::Status(change) = body {
            sink.publish(change.device, &change.name.as_str().into(), change.value.clone());
        }
    });
    let board = Board::new(bench.clock.clone(), shown);
    let slots = board.add(bench.config.id, &manifest.status, |_| None);
    let ids = IdGen::new(bench.clock.clone(), 2);
    let site = SiteDevice {
        id: bench.config.id,
        system: ids.make(),
        address: bench.config.address.clone(),
        name: String::new(),
        driver: manifest.driver.name.clone(),
        link: None,
        settings: settings.clone(),
        enabled: true,
    };
    // In memory: a transcript remembers nothing.
    let store = Store::open(Path::new(":memory:")).map_err(|error| error.to_string())?;
    let clock = bench.clock.clone();
    let context =
        DeviceContext { site: Arc::new(site), manifest: manifest.clone(), board, slots, clock, store };
    if let (Some(described), Some(handle)) = (&manifest.mqtt, bench.links.mqtt.clone()) {
        let profile = Profile::new(described, &settings).map_err(|error| error.to_string())?;
        let profile = profile.typed(&manifest.status);
        return Ok(Arc::new(Mqtt { context, profile, handle }));
    }
    let Some(handle) = bench.links.modbus.clone().filter(|_| manifest.modbus.is_some()) else {
        return Err("the driver has neither a component nor a profile: there is nothing to test".into());
    };
    let (commands, queue) = mailbox(8);
    let running = devices::modbus::run(
        context.clone(),
        Default::default(),
        handle,
        Arc::new(Mutex::new(queue)),
        Shutdown::new(),
    );
    tokio::spawn(async move {
        if let Err(why) = running.await {
            tracing::error!(%why, "the device is faulted");
        }
    });
    Ok(Arc::new(Modbus { context, commands }))
}

type Outcome<'a> = Pin<Box<dyn Future<Output = Result<(), CommandError>> + Send + 'a>>;

/// A device that is polled.
struct Modbus {
    context: DeviceContext,
    commands: Sender<DeviceCommand>,
}

impl Subject for Modbus {
    fn event(&self, _: Event) {}

    fn command<'a>(&'a self, name: &'a str, params: &'a Values) -> Outcome<'a> {
        Box::pin(async move {
            let params = checked(&self.context.manifest, name, params)?;
            let (reply, outcome) = oneshot::channel();
            let deadline = Instant::now() + WITHIN;
            let command = DeviceCommand { name: name.to_owned(), params, deadline, reply };
            let gone = || CommandError::Failed("the device does not run".into());
            self.commands.try_send(command).map_err(|_| gone())?;
            match outcome.await.map_err(|_| gone())? {
                Ok(_) => Ok(()),
                Err(Failure::Refused(why)) => Err(CommandError::Refused(why)),
                Err(Failure::Failed(why)) => Err(CommandError::Failed(why)),
            }
        })
    }

    fn status(&self, name: &str) -> Option<Value> {
        self.context.board.find(self.context.site.id, name)
    }
}

/// A device that sends messages.
struct Mqtt {
    context: DeviceContext,
    profile: Profile,
    handle: Handle<MqttOp, ()>,
}

impl Subject for Mqtt {
    fn event(&self, event: Event) {
        match event {
            Event::Connected => {
                let ops: Vec<MqttOp> = self
                    .profile
                    .filters()
                    .into_iter()
                    .map(MqttOp::Subscribe)
                    .chain(self.profile.greetings().iter().map(|(topic, text)| publish(topic, text)))
                    .collect();
                let handle = self.handle.clone();
                tokio::spawn(async move {
                    for op in ops {
                        if let Err(error) = handle.call(op, Urgency::Poll, WITHIN).await {
                            tracing::warn!(%error, "a message was not sent");
                        }
                    }
                });
            }
            Event::Message(message) => {
                let decoded = self.profile.decode(&message, self.context.clock.now());
                let mut update = self.context.board.update();
                for (name, value) in decoded.values {
                    if let Some(slot) = self.context.slots.slot(name) {
                        update.set(slot, value);
                    }
                }
                if let Some(online) = decoded.online {
                    update.online(&self.context.slots, online);
                }
            }
            Event::Disconnected => {
                self.context.board.fail_device(&self.context.slots, &bo_model::Reason::Offline);
            }
            Event::Frame(_) | Event::Input { .. } => {}
        }
    }

    fn command<'a>(&'a self, name: &'a str, params: &'a Values) -> Outcome<'a> {
        Box::pin(async move {
            let params = checked(&self.context.manifest, name, params)?;
            let described = self.context.manifest.commands.get(name);
            for message in described.into_iter().flat_map(|described| &described.publish) {
                let params = message.worded(&params);
                let values = [&params, &self.context.site.settings];
                let op = publish(&fill(&message.topic, &values), &fill(&message.payload, &values));
                let sent = self.handle.call(op, Urgency::Command, WITHIN).await;
                sent.map_err(|error| CommandError::Failed(error.to_string()))?;
            }
            Ok(())
        })
    }

    fn status(&self, name: &str) -> Option<Value> {
        self.context.board.find(self.context.site.id, name)
    }
}

fn publish(topic: &str, payload: &str) -> MqttOp {
    let payload = payload.to_owned().into();
    MqttOp::Publish(MqttMessage { topic: topic.to_owned(), payload, qos: 1, retain: false })
}

fn checked(manifest: &Manifest, name: &str, params: &Values) -> Result<Values, CommandError> {
    let Some(described) = manifest.commands.get(name) else {
        return Err(CommandError::Refused(format!("there is no command `{name}`")));
    };
    check_all(&described.params, params).map_err(|errors| CommandError::Refused(sentences(errors)))
}

fn sentences(errors: Vec<(String, String)>) -> String {
    errors.iter().map(|(key, sentence)| format!("`{key}` {sentence}")).collect::<Vec<_>>().join("; ")
}
