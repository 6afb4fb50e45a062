//! An MQTT device described by its profile: messages become values, commands become messages.

use super::{Carried, CommandError, CommandQueue, DeviceCommand, DeviceContext};
use crate::site::fill;
use bo_link::{Handle, Health, LinkError, LinkState, MqttMessage, MqttOp, Urgency};
use bo_link_mqtt::{Listener, MqttLink, Profile};
use bo_model::{Quality, Reason, Value};
use bo_runtime::Shutdown;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Messages that may wait for one device.
const ROOM: usize = 1024;
/// Messages taken under one lock of the board.
const BATCH: usize = 64;
/// Commands under way at one device.
const COMMANDS: usize = 256;
const GREET_WITHIN: Duration = Duration::from_secs(10);

type Outcome = (oneshot::Sender<Result<Carried, CommandError>>, Result<Carried, CommandError>);

/// Runs the device until the end is signalled. The error is the reason of a fault.
pub async fn run(
    context: DeviceContext,
    link: MqttLink,
    queue: CommandQueue,
    shutdown: Shutdown,
) -> Result<(), String> {
    let described = context.manifest.mqtt.as_ref().ok_or("the driver has no [mqtt] profile")?;
    let profile = Profile::new(described, &context.site.settings).map_err(|error| error.to_string())?;
    let (handle, mut messages) = link.user(&profile.filters(), ROOM).map_err(|error| error.to_string())?;
    let mut health = link.health();
    let mut queue = queue.lock().await;
    let mut device = Device { context, profile, handle, connected: false };
    let mut under_way: FuturesUnordered<BoxFuture<'static, Outcome>> = FuturesUnordered::new();
    device.link_changed(&mut health);
    loop {
        tokio::select! {
            biased;
            () = shutdown.signalled() => return Ok(()),
            Some(command) = queue.recv(), if under_way.len() < COMMANDS => {
                let mut sending: BoxFuture<'static, Outcome> = Box::pin(device.carry_out(command));
                // Polled once here, so that messages go out in the order of the commands.
                match futures_util::poll!(&mut sending) {
                    std::task::Poll::Ready((reply, outcome)) => drop(reply.send(outcome)),
                    std::task::Poll::Pending => under_way.push(sending),
                }
            }
            Some((reply, outcome)) = under_way.next() => drop(reply.send(outcome)),
            changed = health.changed() => match changed {
                Ok(()) => device.link_changed(&mut health),
                Err(_) => return Ok(()),
            },
            message = messages.recv() => match message {
                Some(message) => device.take(message, &mut messages),
                None => return Ok(()),
            },
        }
    }
}

struct Device {
    context: DeviceContext,
    profile: Profile,
    handle: Handle<MqttOp, ()>,
    connected: bool,
}

impl Device {
    fn link_changed(&mut self, health: &mut watch::Receiver<Health>) {
        let up = health.borrow_and_update().state == LinkState::Up;
        if up == self.connected {
            return;
        }
        self.connected = up;
        if up {
            let handle = self.handle.clone();
            let greetings = self.profile.greetings().to_vec();
            tokio::spawn(async move {
                for (topic, payload) in greetings {
                    let op = publish(topic, payload);
                    if let Err(error) = handle.call(op, Urgency::Poll, GREET_WITHIN).await {
                        tracing::debug!(%error, "a greeting was not sent");
                    }
                }
            });
        } else {
            self.context.board.set_online(&self.context.slots, false);
            self.context.board.fail_device(&self.context.slots, &Reason::Offline);
        }
    }

    /// Takes a message and those that wait behind it.
    fn take(&self, first: MqttMessage, more: &mut Listener) {
        let mut gone = false;
        {
            let mut update = self.context.board.update();
            let mut next = Some(first);
            for _ in 0..BATCH {
                let Some(message) = next.take().or_else(|| more.try_recv()) else { break };
                let decoded = self.profile.decode(&message, update.now());
                let spoke = !message.retain && !decoded.values.is_empty();
                for (name, value) in decoded.values {
                    if let Some(slot) = self.context.slots.slot(&name)
                        && !(is_retained(&value) && update.is_good(slot))
                    {
                        update.set(slot, value);
                    }
                }
                match decoded.online {
                    Some(online) => {
                        update.online(&self.context.slots, online);
                        gone = !online;
                    }
                    None if spoke => {
                        update.online(&self.context.slots, true);
                        gone = false;
                    }
                    None => {}
                }
            }
        }
        if gone {
            self.context.board.fail_device(&self.context.slots, &Reason::Offline);
        }
    }

    fn carry_out(&self, command: DeviceCommand) -> impl Future<Output = Outcome> + Send + 'static {
        let handle = self.handle.clone();
        let messages: Vec<MqttOp> = match self.context.manifest.commands.get(&command.name) {
            Some(described) => described
                .publish
                .iter()
                .map(|message| {
                    let params = message.worded(&command.params);
                    let values = [&params, &self.context.site.settings];
                    publish(fill(&message.topic, &values), fill(&message.payload, &values))
                })
                .collect(),
            None => Vec::new(),
        };
        async move {
            let outcome = send_all(&handle, messages, command.deadline).await;
            (command.reply, outcome)
        }
    }
}

async fn send_all(
    handle: &Handle<MqttOp, ()>,
    messages: Vec<MqttOp>,
    deadline: Instant,
) -> Result<Carried, CommandError> {
    for message in messages {
        let within = deadline.saturating_duration_since(Instant::now());
        handle.call(message, Urgency::Command, within).await.map_err(|error| match error {
            LinkError::Invalid(why) => CommandError::Refused(why.to_string()),
            other => CommandError::Failed(other.to_string()),
        })?;
    }
    Ok(Carried::Written)
}

fn publish(topic: String, payload: String) -> MqttOp {
    MqttOp::Publish(MqttMessage { topic, payload: Bytes::from(payload), qos: 1, retain: false })
}

/// What a broker kept says less than a live value that is still good.
fn is_retained(value: &Value) -> bool {
    value.quality == Quality::Uncertain(Reason::Retained)
}
