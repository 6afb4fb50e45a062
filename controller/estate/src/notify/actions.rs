//! Channels: made, changed, tried, removed. Level `own` on the area of alarms, which the routes ask for.

use super::through::{Notice, through};
use super::{Channel, ChannelId, ChannelKind, queries};
use bo_db::{Event, Tx};
use bo_model::{Object, WorkspaceId, ZoneId};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// A channel as it is written; absent fields stay, or take what is usual for a new one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelPatch {
    /// For people.
    pub name: Option<String>,
    /// How.
    pub kind: Option<ChannelKind>,
    /// Mail: a group or an account, `group:0190…`.
    pub recipient: Option<Object>,
    /// Webhook: the URL. MQTT: the topic.
    pub address: Option<String>,
    /// Signs webhooks; at least 16 characters.
    pub secret: Option<String>,
    /// Only this zone and below; null for everything.
    #[serde(deserialize_with = "crate::configure::given")]
    pub zone: Option<Option<ZoneId>>,
    /// From this severity on.
    pub severity: Option<String>,
    /// Only what nobody has seen to after so many minutes.
    pub after_minutes: Option<i64>,
    /// The same condition again within so many minutes is not told.
    pub quiet_minutes: Option<i64>,
    /// Used when true.
    pub enabled: Option<bool>,
}

fn object(workspace: WorkspaceId) -> Object {
    Object::area(workspace, "alarms")
}

fn apply(patch: ChannelPatch, channel: &mut Channel) {
    channel.name = patch.name.map_or_else(|| channel.name.clone(), |name| name.trim().to_owned());
    channel.kind = patch.kind.unwrap_or(channel.kind);
    channel.recipient = patch.recipient.or(channel.recipient.take());
    channel.address =
        patch.address.map_or_else(|| channel.address.clone(), |address| address.trim().to_owned());
    channel.secret = patch.secret.unwrap_or_else(|| channel.secret.clone());
    channel.zone = patch.zone.unwrap_or(channel.zone);
    channel.severity = patch.severity.unwrap_or_else(|| channel.severity.clone());
    channel.after_minutes = patch.after_minutes.unwrap_or(channel.after_minutes);
    channel.quiet_minutes = patch.quiet_minutes.unwrap_or(channel.quiet_minutes);
    channel.enabled = patch.enabled.unwrap_or(channel.enabled);
}

fn check(tx: &mut Tx, channel: &Channel) -> Result<()> {
    let mut faults: Vec<(String, String)> = Vec::new();
    let mut wrong = |field: &str, why: &str| faults.push((field.to_owned(), why.to_owned()));
    if channel.name.is_empty() || channel.name.chars().count() > 80 {
        wrong("name", "must be 1 to 80 characters");
    }
    let taken = queries::channels(tx, channel.workspace)?;
    if taken.iter().any(|held| held.id != channel.id && held.name.eq_ignore_ascii_case(&channel.name)) {
        wrong("name", "is taken; triggers name channels, so each has its own");
    }
    if !["info", "warning", "critical"].contains(&channel.severity.as_str()) {
        wrong("severity", "must be info, warning or critical");
    }
    let minutes = 0..=7 * 24 * 60;
    if !minutes.contains(&channel.after_minutes) {
        wrong("after_minutes", "must be 0 to 10080, a week");
    }
    if !minutes.contains(&channel.quiet_minutes) {
        wrong("quiet_minutes", "must be 0 to 10080, a week");
    }
    match channel.kind {
        ChannelKind::Mail if !is_member(tx, channel)? => {
            wrong("recipient", "must be a group or a member of this organisation");
        }
        ChannelKind::Webhook => {
            let rest = channel.address.strip_prefix("https://").or(channel.address.strip_prefix("http://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/'))
                || channel.address.len() > 2000
            {
                wrong("address", "must begin with https:// (or http:// inside your own network)");
            }
            if channel.secret.len() < 16 {
                wrong("secret", "must have at least 16 characters; the receiver checks signatures with it");
            }
        }
        ChannelKind::Mqtt => {
            let topic = &channel.address;
            if topic.is_empty()
                || topic.len() > 200
                || topic.contains(['+', '#', '\0'])
                || topic.starts_with('$')
            {
                wrong("address", "must be a topic without + and #");
            }
        }
        ChannelKind::Mail => {}
    }
    let zone = channel.zone.map(|zone| {
        let sql = "SELECT 1 FROM zone WHERE id = ?1 AND workspace = ?2";
        tx.query_opt(sql, bo_db::params![zone, channel.workspace], |_| Ok(()))
    });
    if zone.transpose()?.is_some_and(|found| found.is_none()) {
        wrong("zone", "is not there");
    }
    if faults.is_empty() { Ok(()) } else { Err(WebError::BadInput(faults)) }
}

fn is_member(tx: &mut Tx, channel: &Channel) -> Result<bool> {
    let Some(recipient) = &channel.recipient else { return Ok(false) };
    let sql = match recipient.kind() {
        "group" => "SELECT 1 FROM grp WHERE id = ?1 AND workspace = ?2",
        "account" => "SELECT 1 FROM member WHERE account = ?1 AND workspace = ?2",
        _ => return Ok(false),
    };
    Ok(tx.query_opt(sql, bo_db::params![recipient.id(), channel.workspace], |_| Ok(()))?.is_some())
}

/// As the log may hold it.
fn facts(channel: &Channel) -> Json {
    let mut facts = json!(channel);
    facts["secret"] = json!(if channel.secret.is_empty() { "" } else { crate::settings::HIDDEN });
    facts
}

/// Makes a channel.
pub async fn create(ctx: &Ctx, patch: ChannelPatch) -> Result<Channel> {
    let mut channel = Channel {
        id: ctx.make_id(),
        workspace: ctx.workspace()?,
        name: String::new(),
        kind: ChannelKind::Mail,
        recipient: None,
        address: String::new(),
        secret: String::new(),
        zone: None,
        severity: "warning".into(),
        after_minutes: 0,
        quiet_minutes: 10,
        enabled: true,
    };
    apply(patch, &mut channel);
    let made = channel.clone();
    ctx.write(move |tx| {
        check(tx, &channel)?;
        queries::save_channel(tx, &channel)?;
        tx.audit(
            Event::new("channel.create", object(channel.workspace))
                .name(&channel.name)
                .after(facts(&channel)),
        );
        Ok::<_, WebError>(())
    })
    .await?;
    Ok(made)
}

fn held(tx: &mut Tx, workspace: WorkspaceId, id: ChannelId) -> Result<Channel> {
    let held = queries::channel(tx, id)?.filter(|channel| channel.workspace == workspace);
    held.ok_or(WebError::NotFound)
}

/// Changes a channel.
pub async fn change(ctx: &Ctx, id: ChannelId, patch: ChannelPatch) -> Result<Channel> {
    let workspace = ctx.workspace()?;
    ctx.write(move |tx| {
        let before = held(tx, workspace, id)?;
        let mut after = before.clone();
        apply(patch.clone(), &mut after);
        check(tx, &after)?;
        queries::save_channel(tx, &after)?;
        let event = Event::new("channel.change", object(workspace)).name(&after.name);
        tx.audit(event.change(facts(&before), facts(&after)));
        Ok(after)
    })
    .await
}

/// Removes a channel.
pub async fn remove(ctx: &Ctx, id: ChannelId) -> Result<()> {
    let workspace = ctx.workspace()?;
    ctx.write(move |tx| {
        let held = held(tx, workspace, id)?;
        queries::remove_channel(tx, id)?;
        tx.audit(Event::new("channel.remove", object(workspace)).name(&held.name).before(facts(&held)));
        Ok::<_, WebError>(())
    })
    .await
}

/// Sends a message through a channel, so that somebody sees whether it works.
pub async fn try_out(ctx: &Ctx, id: ChannelId) -> Result<Vec<i64>> {
    let (workspace, who) = (ctx.workspace()?, ctx.who()?.name.clone());
    ctx.write(move |tx| {
        let channel = held(tx, workspace, id)?;
        let text = format!("{who} tries out the channel {}. Nothing is wrong.", channel.name);
        let body = json!({ "event": "channel.tried", "workspace": workspace, "text": text });
        let notice = Notice {
            workspace,
            about: channel.object(),
            seen: None,
            event: "channel.tried",
            body,
            subject: "A message to try out".into(),
            text,
        };
        let queued = through(tx, &channel, &notice)?;
        if queued.is_empty() {
            return Err(WebError::Conflict(
                "Nobody active is in that group, so nobody would be told.".into(),
            ));
        }
        tx.audit(Event::new("channel.try", object(workspace)).name(&channel.name));
        Ok(queued)
    })
    .await
}
