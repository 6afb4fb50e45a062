//! One connection: requests in, answers and changes out. It holds no queue: a change is looked up when there is
//! room to send it, so a slow client gets fewer and newer ones.

use super::protocol::{self, Change, Do, MAX_DEVICES, Request, To};
use super::subscription::{Check, Subscription};
use crate::commands::actions;
use crate::{Estate, EstateError};
use axum::extract::ws::{Message, WebSocket};
use bo_db::DbError;
use bo_db::audit::Author;
use bo_identity::relation;
use bo_model::{Kind, Level, Object, WorkspaceId};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// Subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 64;
/// At least this long between two rounds of changes.
const PACE: Duration = Duration::from_millis(50);
/// How often rights, the sign-in and the estate are looked at again.
const RECHECK: Duration = Duration::from_secs(2);
/// A client that does not take a message for this long is gone.
const PATIENCE: Duration = Duration::from_secs(15);
/// A client that says nothing for this long is gone; the console pings every 20 s.
const SILENCE: Duration = Duration::from_secs(90);

/// Who is connected.
pub struct Client {
    pub check: Check,
    pub author: Author,
    pub workspace: WorkspaceId,
    /// Whether the session or token still is one.
    pub signed_in: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Why the connection ends.
struct Gone;

struct Session {
    estate: Arc<Estate>,
    client: Client,
    subscriptions: BTreeMap<u64, Subscription>,
    next_number: u64,
    /// Versions of the permission graph and of the estate that the subscriptions were checked against.
    checked: (i64, i64),
}

/// Talks until either side ends it.
pub async fn run(estate: Arc<Estate>, client: Client, mut socket: WebSocket) {
    let mut pulse = estate.pulse.listen();
    let mut session =
        Session { estate, client, subscriptions: BTreeMap::new(), next_number: 1, checked: (0, 0) };
    let mut recheck = interval(RECHECK);
    recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut due: Option<Instant> = None;
    let mut last_round = Instant::now();
    loop {
        let step = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    heard = Instant::now();
                    // Whatever was asked for is told in the round that follows the answer.
                    due = Some(heard);
                    match session.recheck(&mut socket).await {
                        Ok(()) => session.answer(&mut socket, &text).await,
                        gone => gone,
                    }
                }
                Some(Ok(Message::Close(_))) | None | Some(Err(_)) => Err(Gone),
                Some(Ok(_)) => { heard = Instant::now(); Ok(()) }
            },
            changed = pulse.changed() => {
                due = due.or(Some(last_round + PACE));
                changed.map_err(|_| Gone)
            }
            () = sleep_until(due.unwrap_or(heard + SILENCE)), if due.is_some() => {
                due = None;
                last_round = Instant::now();
                match session.recheck(&mut socket).await {
                    Ok(()) => session.round(&mut socket).await,
                    gone => gone,
                }
            }
            _ = recheck.tick() => {
                if heard.elapsed() > SILENCE { Err(Gone) } else { session.recheck(&mut socket).await }
            }
        };
        if step.is_err() {
            let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(None))).await;
            return;
        }
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), Gone> {
    match timeout(PATIENCE, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Gone),
    }
}

impl Session {
    async fn answer(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), Gone> {
        let request: Request = match serde_json::from_str(text) {
            Ok(request) => request,
            Err(error) => {
                let id = serde_json::from_str::<serde_json::Value>(text).ok();
                let id = id.and_then(|json| json.get("id")?.as_u64()).unwrap_or(0);
                return send(socket, protocol::error(id, "bad-input", &format!("not understood: {error}")))
                    .await;
            }
        };
        let id = request.id;
        let answer = match request.body {
            Do::Ping => protocol::ok(id, json!({})),
            Do::Unsubscribe { subscription } => {
                self.subscriptions.remove(&subscription);
                protocol::ok(id, json!({}))
            }
            Do::Subscribe { to, resume } => self.subscribe(id, to, resume.as_deref()),
            Do::Command { device, ask } => match self.command(device, ask.into()).await {
                Ok(command) => protocol::ok(id, json!({ "command": command })),
                Err((code, message)) => protocol::error(id, code, &message),
            },
        };
        send(socket, answer).await
    }

    fn subscribe(&mut self, id: u64, to: To, resume: Option<&str>) -> String {
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return protocol::error(
                id,
                "too-many",
                &format!("a connection has at most {MAX_SUBSCRIPTIONS} subscriptions"),
            );
        }
        if matches!(&to, To::Devices(devices) if devices.len() > MAX_DEVICES) {
            return protocol::error(
                id,
                "bad-input",
                &format!("a subscription names at most {MAX_DEVICES} devices"),
            );
        }
        let (estate, client, number) = (&self.estate, &self.client, self.next_number);
        let opened = estate
            .db
            .read(|tx| Subscription::open(estate, tx, &client.check, client.workspace, number, to, resume));
        match opened {
            Ok(Some(subscription)) => {
                self.subscriptions.insert(number, subscription);
                self.next_number += 1;
                protocol::ok(id, json!({ "subscription": number }))
            }
            Ok(None) => protocol::error(id, "not-found", "There is nothing here, or you may not see it."),
            Err(error) => {
                tracing::error!(%error, "a subscription could not be opened");
                protocol::error(id, "internal", "Something went wrong on our side.")
            }
        }
    }

    async fn command(
        &self,
        device: bo_model::DeviceId,
        ask: actions::Ask,
    ) -> Result<bo_model::CommandId, (&'static str, String)> {
        let registry = self.estate.registry();
        let needed = actions::needed(&registry, device, &ask.command).map_err(refused)?;
        let object = Object::new(Kind::DEVICE, device);
        let has = self
            .estate
            .db
            .read(|tx| (self.client.check)(tx, &object))
            .map_err(|error| refused(error.into()))?;
        if has < Level::See {
            return Err(("not-found", "There is no such device.".into()));
        }
        if has < needed {
            let why =
                format!("This needs the level “{}” on the device; you have “{}”.", needed.word(), has.word());
            return Err(("forbidden", why));
        }
        let command = actions::execute(&self.estate, self.client.author.clone(), device, ask).await;
        command.map(|command| command.request.id).map_err(refused)
    }

    /// Sends what is new.
    async fn round(&mut self, socket: &mut WebSocket) -> Result<(), Gone> {
        let (estate, check) = (&self.estate, &self.client.check);
        let changes: Result<Vec<Change>, DbError> = estate.db.read(|tx| {
            let mut changes = Vec::new();
            for subscription in self.subscriptions.values_mut() {
                changes.extend(subscription.next(estate, tx, check)?);
            }
            Ok(changes)
        });
        let changes = changes.map_err(|error| {
            tracing::error!(%error, "changes could not be read");
            Gone
        })?;
        for change in changes {
            send(socket, crate::json(&change)).await?;
        }
        Ok(())
    }

    /// Signed out, or fewer rights than before? Asked before anything is told or done, and every two seconds: whoever lost
    /// their access gets nothing more from that moment on, and a quiet connection ends soon after.
    async fn recheck(&mut self, socket: &mut WebSocket) -> Result<(), Gone> {
        let (estate, client) = (&self.estate, &self.client);
        if !(client.signed_in)() {
            return Err(Gone);
        }
        let (subscriptions, checked) = (&mut self.subscriptions, &mut self.checked);
        let outcome: Result<Vec<u64>, DbError> = estate.db.read(|tx| {
            let versions = (relation::version(tx)?, estate.registry().version);
            if versions == *checked {
                return Ok(Vec::new());
            }
            let mut ended = Vec::new();
            for (number, subscription) in subscriptions.iter_mut() {
                if !subscription.recheck(estate, tx, &client.check)? {
                    ended.push(*number);
                }
            }
            *checked = versions;
            Ok(ended)
        });
        let ended = outcome.map_err(|_| Gone)?;
        for number in ended {
            self.subscriptions.remove(&number);
            let ended = Some("You may no longer see this.");
            send(socket, crate::json(&Change { subscription: number, ended, ..Change::default() })).await?;
        }
        Ok(())
    }
}

fn refused(error: EstateError) -> (&'static str, String) {
    match error {
        EstateError::Missing { .. } => ("not-found", error.to_string()),
        EstateError::Invalid { .. } => ("bad-input", error.to_string()),
        EstateError::Conflict(_) | EstateError::Send(_) => ("conflict", error.to_string()),
        other => {
            tracing::error!(error = %other, "a command could not be kept");
            ("internal", "Something went wrong on our side; the command was not sent.".into())
        }
    }
}
