//! From an event to messages: runs in the transaction that also notes that the event was handled.

use super::queries::{self, is_muted, place, tell_now, words};
use super::{Channel, ChannelKind, rank, through};
use crate::alarms::{self, Alarm};
use crate::error::EstateError;
use bo_db::outbox::{Handler, Message as Event};
use bo_db::{Db, DbError, Tx};
use bo_delivery::{Mail, Message};
use bo_identity::letter;
use bo_model::{AlarmId, Kind, Object, TriggerId, WorkspaceId};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Somebody who was told of a trigger's notice is not told the same again within these minutes.
const NOTICE_QUIET: i64 = 10;
/// Alarms looked at again in one round.
const DUE: usize = 100;

/// Listens to alarms and to notices of triggers.
pub const HANDLER: Handler =
    Handler { name: "notify", topics: &["alarm.raised", "alarm.cleared", "trigger.notified"], run: handle };

fn handle(tx: &mut Tx, event: &Event) -> Result<(), DbError> {
    match event.topic.as_str() {
        "trigger.notified" => notified(tx, event),
        topic => match event.reference.id().parse::<AlarmId>() {
            Ok(id) => match alarms::queries::find(tx, id)? {
                Some(alarm) if topic == "alarm.raised" => raised(tx, &alarm),
                Some(alarm) => cleared(tx, &alarm),
                None => Ok(()),
            },
            Err(_) => Ok(()),
        },
    }
}

/// Channels that want an alarm of this severity at this place.
fn wanting(tx: &mut Tx, alarm: &Alarm, place: &[Object]) -> Result<Vec<Channel>, DbError> {
    let mut channels = queries::channels(tx, alarm.workspace)?;
    channels.retain(|channel| {
        let here = channel.zone.is_none_or(|zone| place.contains(&Object::new(Kind::ZONE, zone)));
        channel.enabled && here && rank(&alarm.severity) >= rank(&channel.severity)
    });
    Ok(channels)
}

fn raised(tx: &mut Tx, alarm: &Alarm) -> Result<(), DbError> {
    if !alarm.active || alarm.muted {
        return Ok(());
    }
    let place = place(tx, &alarm.subject())?;
    for channel in wanting(tx, alarm, &place)? {
        if channel.after_minutes > 0 {
            let after = Duration::from_secs(60 * channel.after_minutes.unsigned_abs());
            queries::watch(tx, alarm.id, channel.id, alarm.raised_at.after(after))?;
        } else {
            tell(tx, &channel, alarm, &place, "alarm.raised")?;
        }
    }
    Ok(())
}

/// Programs that were told that it began are told that it ended; people can see it.
fn cleared(tx: &mut Tx, alarm: &Alarm) -> Result<(), DbError> {
    if alarm.muted {
        return Ok(());
    }
    let place = place(tx, &alarm.subject())?;
    for channel in wanting(tx, alarm, &place)? {
        if channel.kind != ChannelKind::Mail && channel.after_minutes == 0 {
            send(tx, &channel, alarm, &place, "alarm.cleared")?;
        }
    }
    Ok(())
}

fn tell(
    tx: &mut Tx,
    channel: &Channel,
    alarm: &Alarm,
    place: &[Object],
    event: &'static str,
) -> Result<(), DbError> {
    if tell_now(tx, &channel.id.to_string(), &alarm.key, channel.quiet_minutes)? {
        send(tx, channel, alarm, place, event)?;
    }
    Ok(())
}

fn send(
    tx: &mut Tx,
    channel: &Channel,
    alarm: &Alarm,
    place: &[Object],
    event: &'static str,
) -> Result<(), DbError> {
    let whereabouts = words(tx, place)?;
    let link = link(tx, &format!("/alarms/{}", alarm.id))?;
    let notice = through::Notice {
        workspace: alarm.workspace,
        about: Object::new(Kind::ALARM, alarm.id),
        seen: Some(alarm.subject()),
        event,
        body: json!({
            "event": event, "workspace": alarm.workspace, "place": whereabouts, "alarm": alarm,
        }),
        subject: format!("[{}] {}", alarm.severity, alarm.text),
        text: format!(
            "{}\n\nWhere: {whereabouts}\nSince: {}\nSeverity: {}\n{link}",
            alarm.text,
            alarm.raised_at.rfc3339(),
            alarm.severity
        ),
    };
    through::through(tx, channel, &notice).map(drop)
}

fn link(tx: &mut Tx, path: &str) -> Result<String, DbError> {
    Ok(letter::public_url(tx)?.map_or_else(String::new, |base| format!("\n{base}{path}\n")))
}

/// A notice of a trigger's run, as the edge reports it.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Notice {
    Notify {
        to: Vec<String>,
        #[serde(default)]
        subject: String,
        text: String,
    },
    #[serde(other)]
    Other,
}

/// Puts the notices of a trigger's run into the outbox; to be called once per run, in its transaction.
pub fn notices(tx: &mut Tx, trigger: TriggerId, workspace: WorkspaceId, system: &Object, notices: &[Json]) {
    if !notices.is_empty() {
        let payload = json!({ "workspace": workspace, "system": system, "notices": notices });
        tx.emit("trigger.notified", &Object::new(Kind::TRIGGER, trigger), payload);
    }
}

fn notified(tx: &mut Tx, event: &Event) -> Result<(), DbError> {
    let workspace = event.payload["workspace"].as_str().and_then(|id| id.parse::<WorkspaceId>().ok());
    let system = event.payload["system"].as_str().and_then(Object::parse);
    let (Some(workspace), Some(system)) = (workspace, system) else { return Ok(()) };
    if is_muted(tx, &system)? {
        return Ok(());
    }
    let place = place(tx, &system)?;
    let whereabouts = words(tx, &place)?;
    let link = link(tx, &format!("/systems/{}", system.id()))?;
    for notice in event.payload["notices"].as_array().into_iter().flatten() {
        let Ok(Notice::Notify { to, subject, text }) = serde_json::from_value(notice.clone()) else {
            continue;
        };
        let subject = if subject.is_empty() { text.chars().take(100).collect() } else { subject };
        for name in to.iter().take(20) {
            let key = format!("{}/{subject}", event.reference);
            if tell_now(tx, &format!("name:{workspace}/{}", name.to_lowercase()), &key, NOTICE_QUIET)? {
                let notice = through::Notice {
                    workspace,
                    about: event.reference.clone(),
                    seen: Some(system.clone()),
                    event: "trigger.notified",
                    body: json!({ "event": "trigger.notified", "trigger": event.reference, "system": system,
                        "subject": subject, "text": text }),
                    subject: subject.clone(),
                    text: format!("{text}\n\nWhere: {whereabouts}\n{link}"),
                };
                notice_to(tx, name, &notice)?;
            }
        }
    }
    Ok(())
}

/// To the channel of that name, else to the group or person of that name.
fn notice_to(tx: &mut Tx, name: &str, notice: &through::Notice) -> Result<(), DbError> {
    let channels = queries::channels(tx, notice.workspace)?;
    let named = channels.iter().find(|channel| channel.enabled && channel.name.eq_ignore_ascii_case(name));
    if let Some(channel) = named {
        return through::through(tx, channel, notice).map(drop);
    }
    match queries::by_name(tx, notice.workspace, name)? {
        Some(recipient) => through::mails(tx, &recipient, notice, None).map(drop),
        None => {
            // It fails, with the name, where undelivered messages are looked for.
            let mail = Mail::to(name, notice.subject.clone(), notice.text.clone());
            through::put(tx, Message::Mail(mail), notice, None).map(drop)
        }
    }
}

/// Tells channels with a delay of alarms that nobody has seen to; how many were looked at.
pub async fn escalate(db: &Db) -> Result<usize, EstateError> {
    if !db.read(queries::is_due)? {
        return Ok(0);
    }
    let looked = db.write(|tx| {
        tx.unaudited("messages are kept with what became of them");
        let due = queries::take_due(tx, DUE)?;
        for (alarm, channel) in &due {
            let (Some(alarm), Some(channel)) =
                (alarms::queries::find(tx, *alarm)?, queries::channel(tx, *channel)?)
            else {
                continue;
            };
            if alarm.active && !alarm.acknowledged && channel.enabled && !is_muted(tx, &alarm.subject())? {
                let place = place(tx, &alarm.subject())?;
                tell(tx, &channel, &alarm, &place, "alarm.escalated")?;
            }
        }
        Ok::<_, DbError>(due.len())
    });
    Ok(looked.await?)
}
