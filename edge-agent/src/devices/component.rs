//! A device driven by a component: the driver host runs it, this task feeds it what happens on its link and in
//! its system, and takes what it publishes to the board.

mod presence;

use super::{Carried, CommandError, CommandQueue, DeviceCommand, DeviceContext};
use crate::board::{Change, Feed, Recorder};
use crate::devices::both::Parts;
use crate::devices::neighbours::{Neighbours, Watch};
use bo_driver_host::{
    CommandError as Refusal, Device as Instance, DeviceConfig, DeviceState, Engine, Event, Links, Loaded,
    Package, Sink,
};
use bo_link::mailbox::Receiver;
use bo_link::{BytesOp, Handle, Health, LinkState, MqttOp, Urgency};
use bo_link_mqtt::{Listener, MqttLink};
use bo_model::{Reason, Value};
use bo_runtime::Shutdown;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use presence::{Answers, BoardSink, Presence};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// MQTT messages that may wait for one device.
const ROOM: usize = 1024;
/// Commands under way at one device.
const COMMANDS: usize = 16;
const RECONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What the component may reach, as the manifest asks for it.
#[derive(Clone)]
pub enum Reach {
    /// Nothing but its system.
    None,
    /// Framed bytes; `fresh` gives the events from the link's start to the first user.
    Bytes(crate::links::Bytes),
    /// MQTT.
    Mqtt(MqttLink),
    /// Modbus.
    Modbus(Handle<bo_link::ModbusOp, bo_link::ModbusReply>),
    /// HTTP.
    Http(Handle<bo_link::HttpRequest, bo_link::HttpReply>),
}

/// What a component device needs beyond what every device has.
#[derive(Clone)]
pub struct Host {
    /// Runs components.
    pub engine: Engine,
    /// Whose turn it is to compile.
    pub loading: Arc<tokio::sync::Mutex<()>>,
    /// The driver.
    pub package: Arc<Package>,
    /// The device's link.
    pub reach: Reach,
    /// The other devices of its system, when granted.
    pub neighbours: Option<Arc<Neighbours>>,
    /// Where log lines go.
    pub record: Recorder,
    /// Which variables the component answers for, beside a profile; all without one.
    pub parts: Option<Arc<Parts>>,
}

/// Runs the device until the end is signalled. The error is the reason of a fault.
pub async fn run(
    context: DeviceContext,
    host: Host,
    queue: CommandQueue,
    shutdown: Shutdown,
) -> Result<(), String> {
    let mut queue = queue.lock().await;
    // What happens once is boxed: this task has room for it as long as the device lives.
    let loaded = tokio::select! {
        loaded = Box::pin(load(&host)) => loaded?,
        () = shutdown.signalled() => return Ok(()),
    };

    let (tell_state, mut state) = watch::channel(DeviceState::Starting);
    let (tell_answers, mut answers) = watch::channel(Answers::default());
    let parts = host.parts.clone();
    let sink = Arc::new(BoardSink {
        context: context.clone(),
        record: host.record.clone(),
        state: tell_state,
        answers: tell_answers,
        parts: parts.clone(),
    });
    let mut outside = Box::pin(Outside::open(&host.reach)).await?;
    // A queue takes memory even when it is empty, and most drivers see no neighbours.
    let watches = host.neighbours.as_ref().map(|neighbours| (neighbours, mpsc::channel::<Watch>(256)));
    let (system, mut wanted) =
        watches.map(|(all, (watches, wanted))| (all.seen_by(context.site.id, watches), wanted)).unzip();
    let links = Links {
        bytes: outside.bytes.clone(),
        mqtt: outside.mqtt.clone(),
        modbus: if let Reach::Modbus(handle) = &host.reach { Some(handle.clone()) } else { None },
        http: if let Reach::Http(handle) = &host.reach { Some(handle.clone()) } else { None },
        system: system.map(|system| system as Arc<dyn bo_driver_host::System>),
    };
    let config = DeviceConfig {
        id: context.site.id,
        address: context.site.address.clone(),
        settings: context.site.settings.clone(),
    };
    let instance = Instance::spawn(
        &host.engine,
        &host.package,
        loaded,
        config,
        links,
        sink.clone(),
        context.clock.clone(),
    );

    let mut inputs = Inputs { watched: Vec::new(), feed: None, changes: Vec::new() };
    for (name, slot) in parts.iter().flat_map(|parts| &parts.profile) {
        let value =
            context.board.get(*slot).unwrap_or_else(|| Value::bad(Reason::NeverRead, context.clock.now()));
        let watch = Watch { address: context.site.address.clone(), name: name.clone(), slot: *slot, value };
        instance.event(input(&watch));
        inputs.watched.push(watch);
    }
    inputs.listen(&context);
    let mut under_way = FuturesUnordered::new();
    let mut presence = Presence {
        context: context.clone(),
        parts,
        running: false,
        fault: None,
        connected: outside.health.is_none(),
        // Of an HTTP link nobody knows before the first answer whether there is somebody.
        heard: (!matches!(host.reach, Reach::Http(_))).then_some(true),
    };
    if outside.up {
        presence.connected = true;
        instance.event(Event::Connected);
    }
    loop {
        tokio::select! {
            biased;
            () = shutdown.signalled() => break,
            Some(command) = queue.recv(), if under_way.len() < COMMANDS => under_way.push(carry_out(&instance, command)),
            Some(()) = under_way.next() => {}
            Ok(()) = state.changed() => {
                presence.takes(&state.borrow_and_update());
                presence.show();
            }
            Ok(()) = answers.changed() => {
                presence.hears(&answers.borrow_and_update());
                presence.show();
            }
            event = outside.next() => {
                match &event {
                    Event::Frame(_) => sink.answered(context.site.id, true),
                    Event::Connected => presence.connected = true,
                    Event::Disconnected => presence.connected = false,
                    _ => {}
                }
                if matches!(event, Event::Connected | Event::Disconnected) {
                    presence.show();
                }
                instance.event(event);
            }
            Some(watch) = next_watch(&mut wanted) => {
                instance.event(input(&watch));
                inputs.add(&context, watch);
            }
            () = inputs.next() => {
                for change in inputs.changes.drain(..) {
                    let watched = inputs.watched.iter().filter(|watch| watch.slot == change.slot);
                    for watch in watched {
                        instance.event(Event::Input { device: watch.address.clone(), name: watch.name.clone(), value: change.value.clone() });
                    }
                }
            }
        }
    }
    drop(under_way);
    Box::pin(instance.stop()).await;
    Ok(())
}

/// Compiles the driver's component, one at a time: the second of forty displays finds what the first compiled.
async fn load(host: &Host) -> Result<Arc<Loaded>, String> {
    let turn = host.loading.clone().lock_owned().await;
    let (engine, package) = (host.engine.clone(), host.package.clone());
    let loaded = tokio::task::spawn_blocking(move || {
        let loaded = engine.load(&package);
        drop(turn);
        loaded
    });
    loaded.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

async fn carry_out(instance: &Instance, command: DeviceCommand) {
    let within = command.deadline.saturating_duration_since(Instant::now());
    let outcome = match instance.command(&command.name, &command.params, within).await {
        Ok(()) => Ok(Carried::Written),
        Err(Refusal::Refused(why)) => Err(CommandError::Refused(why)),
        Err(Refusal::Failed(why)) => Err(CommandError::Failed(why)),
        Err(Refusal::TimedOut(what)) => Err(CommandError::Failed(format!("timed out waiting for {what}"))),
    };
    let _ = command.reply.send(outcome);
}

fn input(watch: &Watch) -> Event {
    Event::Input { device: watch.address.clone(), name: watch.name.clone(), value: watch.value.clone() }
}

/// What happens on the device's link.
struct Outside {
    bytes: Option<Handle<BytesOp, bo_link::BytesReply>>,
    events: Option<Receiver<bo_link_bytes::Event>>,
    mqtt: Option<Handle<MqttOp, ()>>,
    messages: Option<Listener>,
    health: Option<watch::Receiver<Health>>,
    up: bool,
}

impl Outside {
    async fn open(reach: &Reach) -> Result<Outside, String> {
        let mut outside =
            Outside { bytes: None, events: None, mqtt: None, messages: None, health: None, up: false };
        match reach {
            Reach::None => {}
            // Connections are made when there is something to ask: the driver may begin.
            Reach::Http(_) => outside.up = true,
            Reach::Modbus(handle) => outside.health = Some(handle.health()),
            Reach::Mqtt(link) => {
                let (handle, listener) = link.user(&[], ROOM).map_err(|error| error.to_string())?;
                (outside.mqtt, outside.messages) = (Some(handle), Some(listener));
                outside.health = Some(link.health());
            }
            Reach::Bytes(link) => {
                let (events, first) = link.events();
                if !first {
                    // The greeting went to the user before: a new connection brings a new one.
                    let _ = link.handle.call(BytesOp::Reconnect, Urgency::Command, RECONNECT_WITHIN).await;
                }
                (outside.bytes, outside.events) = (Some(link.handle.clone()), Some(events));
            }
        }
        if let Some(health) = &mut outside.health {
            outside.up = health.borrow_and_update().state == LinkState::Up;
        }
        Ok(outside)
    }

    /// The next event. Cancel safe.
    async fn next(&mut self) -> Event {
        use bo_link_bytes::Event as Bytes;
        loop {
            tokio::select! {
                event = next_of(&mut self.events) => match event {
                    Some(Bytes::Connected) => return Event::Connected,
                    Some(Bytes::Disconnected(_)) => return Event::Disconnected,
                    Some(Bytes::Frame(frame)) => return Event::Frame(frame),
                    None => self.events = None,
                },
                message = next_message(&mut self.messages) => match message {
                    Some(message) => return Event::Message(message),
                    None => self.messages = None,
                },
                up = link_state(&mut self.health) => match up {
                    Some(up) if up != self.up => {
                        self.up = up;
                        return if up { Event::Connected } else { Event::Disconnected };
                    }
                    Some(_) => {}
                    None => self.health = None,
                },
            }
        }
    }
}

async fn next_of(events: &mut Option<Receiver<bo_link_bytes::Event>>) -> Option<bo_link_bytes::Event> {
    let Some(events) = events else { return std::future::pending().await };
    let event = events.recv().await;
    let lost = events.take_lost();
    if lost > 0 {
        tracing::warn!(lost, "a driver is too slow for the frames of its device");
    }
    event
}

async fn next_message(messages: &mut Option<Listener>) -> Option<bo_link::MqttMessage> {
    match messages {
        Some(messages) => messages.recv().await,
        None => std::future::pending().await,
    }
}

async fn next_watch(wanted: &mut Option<mpsc::Receiver<Watch>>) -> Option<Watch> {
    match wanted {
        Some(wanted) => wanted.recv().await,
        None => std::future::pending().await,
    }
}

async fn link_state(health: &mut Option<watch::Receiver<Health>>) -> Option<bool> {
    match health {
        Some(health) => {
            health.changed().await.ok().map(|()| health.borrow_and_update().state == LinkState::Up)
        }
        None => std::future::pending().await,
    }
}

/// Variables of neighbours the driver watches.
struct Inputs {
    watched: Vec<Watch>,
    feed: Option<Feed>,
    changes: Vec<Change>,
}

impl Inputs {
    fn add(&mut self, context: &DeviceContext, watch: Watch) {
        self.watched.push(watch);
        self.listen(context);
    }

    fn listen(&mut self, context: &DeviceContext) {
        let slots: Vec<_> = self.watched.iter().map(|watch| watch.slot).collect();
        self.feed = (!slots.is_empty()).then(|| context.board.watch(&slots, ROOM));
    }

    async fn next(&mut self) {
        match &mut self.feed {
            Some(feed) => drop(feed.recv(&mut self.changes).await),
            None => std::future::pending().await,
        }
    }
}
