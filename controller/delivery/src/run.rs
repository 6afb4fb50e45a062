//! The unit that sends: claims what is due, sends a few at a time, notes what became of each.

use crate::config::{MailConfig, MqttConfig};
use crate::error::DeliveryError;
use crate::mail::Smtp;
use crate::message::Message;
use crate::mqtt::Broker;
use crate::queue::{Claimed, State, claim, is_due, note, prune};
use crate::webhook;
use bo_db::{Db, DbError};
use bo_model::Time;
use bo_model::clock::SharedClock;
use bo_runtime::Shutdown;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;

/// Messages sent at the same time.
const AT_ONCE: usize = 8;
/// Messages claimed at a time.
const PAGE: usize = 32;
/// The queue is looked at this often.
const EVERY: Duration = Duration::from_secs(1);
/// What ended is kept this long.
const KEEP: Duration = Duration::from_secs(90 * 86_400);
/// Rounds between two looks for what is too old.
const PRUNE_EVERY: u32 = 3600;

/// Everything that can send.
pub struct Senders {
    clock: SharedClock,
    mail: Option<Smtp>,
    web: reqwest::Client,
    mqtt: Option<Broker>,
}

impl Senders {
    /// Checks the configuration; connects when there is something to send.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(
        clock: SharedClock,
        mail: Option<&MailConfig>,
        mqtt: Option<&MqttConfig>,
    ) -> Result<Senders, DeliveryError> {
        Ok(Senders {
            clock,
            mail: mail.map(Smtp::new).transpose()?,
            web: webhook::client()?,
            mqtt: mqtt.map(Broker::new).transpose()?,
        })
    }

    async fn send(&self, claimed: &Claimed) -> Result<(), DeliveryError> {
        let message: Message =
            serde_json::from_str(&claimed.message).map_err(|source| DeliveryError::Read { source })?;
        let missing = |channel, section| Err(DeliveryError::NotSetUp { channel, section });
        match &message {
            Message::Mail(mail) => match &self.mail {
                Some(smtp) => smtp.send(claimed.id, mail).await,
                None => missing("mail server", "mail"),
            },
            Message::Webhook(hook) => webhook::send(&self.web, claimed.id, self.clock.now(), hook).await,
            Message::Mqtt(publish) => match &self.mqtt {
                Some(broker) => broker.send(claimed.id, publish).await,
                None => missing("MQTT broker", "mqtt"),
            },
        }
    }
}

/// Sends what is due until `shutdown`. Several controllers on one database may run it: each message is claimed by one.
pub async fn run(db: Db, senders: Arc<Senders>, shutdown: Shutdown) {
    let mut round: u32 = 0;
    while !shutdown.is_signalled() {
        match step(&db, &senders).await {
            Ok(PAGE) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "messages can't be sent for now"),
        }
        if round.is_multiple_of(PRUNE_EVERY)
            && let Err(error) = forget(&db, &senders).await
        {
            tracing::warn!(%error, "old messages could not be removed");
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.signalled() => {}
        }
    }
}

async fn forget(db: &Db, senders: &Senders) -> Result<(), DbError> {
    let before = Time(senders.clock.now().0 - KEEP.as_micros() as i64);
    db.write(move |tx| {
        tx.unaudited("messages that ended long ago");
        prune(tx, before).map(drop)
    })
    .await
}

/// Sends what is due now, a page of it; how many were tried.
///
/// # Errors
/// When the database fails; a message that is not sent is noted with its error.
pub async fn step(db: &Db, senders: &Senders) -> Result<usize, DbError> {
    if !db.read(is_due)? {
        return Ok(0);
    }
    let claimed = db
        .write(|tx| {
            tx.unaudited("sending is noted on the message");
            claim(tx, PAGE)
        })
        .await?;
    let count = claimed.len();
    let mut sending = futures_util::stream::iter(claimed)
        .map(|claimed| async move {
            let outcome = senders.send(&claimed).await;
            (claimed, outcome)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((claimed, outcome)) = sending.next().await {
        if let Err(error) = &outcome {
            tracing::info!(delivery = claimed.id, attempt = claimed.attempts, %error, "a message was not sent");
        }
        let outcome = Arc::new(outcome);
        let state = db
            .write(move |tx| {
                tx.unaudited("sending is noted on the message");
                note(tx, &claimed, outcome.as_ref().as_ref().copied())
            })
            .await?;
        let word = if state == State::Waiting { "delayed" } else { state.word() };
        metrics::counter!("bo_messages_total", "outcome" => word).increment(1);
    }
    Ok(count)
}
