//! An MQTT device: a client of its own, with a will, so that the broker tells when it is gone.

use super::Broker;
use crate::fake::{Fake, Fault};
use crate::topics::{self, Message};
use bo_model::points::MqttProfile;
use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Between attempts to reach the broker.
const RETRY: Duration = Duration::from_millis(700);
/// Changes that follow each other within this time go out together.
const SETTLE: Duration = Duration::from_millis(50);

pub async fn serve(broker: Broker, fake: Fake) {
    let Some(profile) = fake.manifest().mqtt.clone() else {
        tracing::warn!(device = fake.name(), "the driver has no [mqtt] section to simulate");
        return;
    };
    loop {
        while fake.fault() == Fault::Offline {
            let mut changes = fake.changes();
            if changes.changed().await.is_err() {
                return;
            }
        }
        session(&broker, &fake, &profile).await;
        tokio::time::sleep(RETRY).await;
    }
}

/// From connecting until the connection is lost or the device goes offline.
async fn session(broker: &Broker, fake: &Fake, profile: &MqttProfile) {
    // Some brokers take letters, digits and dashes only.
    let id = format!("fake-{}", fake.name().replace(['/', '_'], "-"));
    let mut options = MqttOptions::new(id, &broker.host, broker.port);
    options.set_keep_alive(Duration::from_secs(15));
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    if let Some(will) = topics::presence(fake, profile, false) {
        options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, true));
    }
    let (client, mut events) = AsyncClient::new(options, 64);
    events.network_options.set_tcp_nodelay(true);
    let mut changes = fake.changes();
    let every = fake.simulate().every.unwrap_or(Duration::from_secs(10));
    let mut tick = tokio::time::interval_at(Instant::now() + every, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connected = false;
    loop {
        tokio::select! {
            event = events.poll() => match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    connected = true;
                    if !greet(&client, fake, profile).await { return }
                }
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    let payload = String::from_utf8_lossy(&message.payload).into_owned();
                    let asked = !message.retain && topics::receive(fake, profile, &message.topic, &payload);
                    if asked && !send(&client, told(fake, profile, |_| true)) { return }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(device = fake.name(), %error, "no broker");
                    return;
                }
            },
            changed = changes.changed() => {
                if changed.is_err() { return }
                if fake.fault() == Fault::Offline {
                    // Without a goodbye, as a broken device: the broker publishes the will.
                    return;
                }
                tokio::time::sleep(SETTLE).await;
                changes.mark_unchanged();
                let soon = &fake.simulate().on_change;
                let wanted = |point: &str| soon.is_empty() || soon.iter().any(|name| name == point);
                if connected && !send(&client, told(fake, profile, wanted)) { return }
            }
            _ = tick.tick() => {
                if connected && !send(&client, told(fake, profile, |_| true)) { return }
            }
        }
    }
}

/// Its state, or what it says instead when it is broken.
fn told(fake: &Fake, profile: &MqttProfile, wanted: impl Fn(&str) -> bool) -> Vec<Message> {
    let mut messages = topics::state(fake, profile, wanted);
    if fake.fault() == Fault::Garbage {
        for message in &mut messages {
            message.payload.truncate(message.payload.len() / 2);
        }
    }
    messages
}

/// False when the queue to the broker is full: the session is then given up.
fn send(client: &AsyncClient, messages: Vec<Message>) -> bool {
    messages.into_iter().all(|m| client.try_publish(m.topic, QoS::AtLeastOnce, m.retain, m.payload).is_ok())
}

async fn greet(client: &AsyncClient, fake: &Fake, profile: &MqttProfile) -> bool {
    let subscribed = topics::filters(fake, profile)
        .into_iter()
        .all(|filter| client.try_subscribe(filter, QoS::AtLeastOnce).is_ok());
    let present = topics::presence(fake, profile, true).into_iter().collect();
    subscribed && send(client, present) && send(client, told(fake, profile, |_| true))
}
