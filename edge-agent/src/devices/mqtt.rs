//! An MQTT device described by its profile: messages become values, commands become messages.
//!
//! Both happen where they come up: a message is decoded in the link's task, a command is written by whoever gives it. The device's
//! own task is there for what is rare.

use super::{Carried, CommandError, CommandQueue, DeviceContext, Direct, Done};
use crate::board::Board;
use crate::site::fill;
use bo_link::{Asker, Health, LinkError, LinkState, MqttMessage};
use bo_link_mqtt::{MqttLink, Profile};
use bo_model::points::Publish;
use bo_model::settings::Values;
use bo_model::{Quality, Reason, Value};
use bo_runtime::Shutdown;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

const GREET_WITHIN: Duration = Duration::from_secs(10);

/// Runs the device until the end is signalled. The error is the reason of a fault.
pub async fn run(
    context: DeviceContext,
    link: MqttLink,
    queue: CommandQueue,
    shutdown: Shutdown,
) -> Result<(), String> {
    let described = context.manifest.mqtt.as_ref().ok_or("the driver has no [mqtt] profile")?;
    let profile = Profile::new(described, &context.site.settings).map_err(|error| error.to_string())?;
    let profile = Arc::new(profile.typed(&context.manifest.status));
    let (sink, decoder) = (context.clone(), profile.clone());
    let messages = link.listen(&profile.filters(), move |message| take(&sink, &decoder, message));
    let mut messages = messages.map_err(|error| error.to_string())?;
    let mut health = link.health();
    let mut queue = queue.lock().await;
    let direct = direct(&context, &link);
    let mut device = Device { context, profile, link, connected: false };
    device.link_changed(&mut health);
    loop {
        tokio::select! {
            biased;
            () = shutdown.signalled() => return Ok(()),
            Some(command) = queue.recv() => {
                let reply = command.reply;
                let done = Box::new(move |outcome| drop(reply.send(outcome)));
                direct(&command.name, &command.params, command.deadline, done);
            }
            changed = health.changed() => match changed {
                Ok(()) => device.link_changed(&mut health),
                Err(_) => return Ok(()),
            },
            None = messages.recv() => return Err("a message could not be decoded".into()),
        }
    }
}

struct Device {
    context: DeviceContext,
    profile: Arc<Profile>,
    link: MqttLink,
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
            let greetings = self.profile.greetings().iter();
            let greetings: Vec<_> =
                greetings.map(|(topic, payload)| message(topic.clone(), payload.clone())).collect();
            let link = self.link.clone();
            tokio::spawn(async move {
                if let Err(error) = send_all(&link, greetings, Instant::now() + GREET_WITHIN).await {
                    tracing::debug!(%error, "a greeting was not sent");
                }
            });
        } else {
            go(&self.context.board, &self.context);
        }
    }
}

/// The device is not there any more.
fn go(board: &Board, context: &DeviceContext) {
    board.set_online(&context.slots, false);
    board.fail_device(&context.slots, &Reason::Offline);
}

/// Takes a message.
fn take(context: &DeviceContext, profile: &Profile, message: &MqttMessage) {
    let gone = {
        let mut update = context.board.update();
        let decoded = profile.decode(message, update.now());
        let spoke = !message.retain && !decoded.values.is_empty();
        for (name, value) in decoded.values {
            if let Some(slot) = context.slots.slot(name)
                && !(is_retained(&value) && update.is_good(slot))
            {
                update.set(slot, value);
            }
        }
        if let Some(online) = decoded.online.or(spoke.then_some(true)) {
            update.online(&context.slots, online);
        }
        decoded.online == Some(false)
    };
    if gone {
        context.board.fail_device(&context.slots, &Reason::Offline);
    }
}

/// How commands reach the device: what its driver publishes for them, ready to be written before this returns.
pub fn direct(context: &DeviceContext, link: &MqttLink) -> Direct {
    let (manifest, settings, link) = (context.manifest.clone(), context.site.settings.clone(), link.clone());
    Arc::new(move |name: &str, params: &Values, deadline: Instant, done: Done| {
        let filled = |publish: &Publish| {
            // Most devices take the words of their driver: nothing is copied for those.
            let worded = (!publish.words.is_empty()).then(|| publish.worded(params));
            let values = [worded.as_ref().unwrap_or(params), &settings];
            message(fill(&publish.topic, &values), fill(&publish.payload, &values))
        };
        match manifest.commands.get(name).map_or(&[][..], |command| &command.publish) {
            [] => done(Ok(Carried::Written)),
            [only] => link.publish(filled(only), Asker::call(deadline, move |sent| done(carried(sent)))),
            several => {
                let (link, messages) = (link.clone(), several.iter().map(filled).collect());
                tokio::spawn(async move { done(carried(send_all(&link, messages, deadline).await)) });
            }
        }
    })
}

fn carried(sent: Result<(), LinkError>) -> Result<Carried, CommandError> {
    sent.map(|()| Carried::Written).map_err(|error| match error {
        LinkError::Invalid(why) => CommandError::Refused(why.to_string()),
        other => CommandError::Failed(other.to_string()),
    })
}

/// One after the other; the first that fails is the last.
async fn send_all(link: &MqttLink, messages: Vec<MqttMessage>, deadline: Instant) -> Result<(), LinkError> {
    for message in messages {
        let (asker, sent) = Asker::wait(deadline);
        link.publish(message, asker);
        timeout_at(deadline, sent)
            .await
            .map_err(|_| LinkError::Timeout)?
            .map_err(|_| LinkError::Closed)??;
    }
    Ok(())
}

fn message(topic: String, payload: String) -> MqttMessage {
    MqttMessage { topic, payload: Bytes::from(payload), qos: 1, retain: false }
}

/// What a broker kept says less than a live value that is still good.
fn is_retained(value: &Value) -> bool {
    value.quality == Quality::Uncertain(Reason::Retained)
}
