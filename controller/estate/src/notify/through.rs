//! What goes through a channel: one message for each of its receivers.

use super::{Channel, ChannelKind, queries};
use bo_db::{DbError, Tx};
use bo_delivery::{Mail, Message, New, Publish, Webhook, queue};
use bo_identity::level::level_of_each;
use bo_model::{Kind, Level, Object, WorkspaceId};
use serde_json::Value as Json;

/// Something to tell, in the words of each kind of channel.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Whose.
    pub workspace: WorkspaceId,
    /// What it is about.
    pub about: Object,
    /// People who may not see this are not told: being put into a group's mails gives no rights. Nothing when everybody may know.
    pub seen: Option<Object>,
    /// What happened, for programs: `alarm.raised`.
    pub event: &'static str,
    /// Everything, for programs.
    pub body: Json,
    /// One line, for people.
    pub subject: String,
    /// All of it, for people.
    pub text: String,
}

/// Queues a notice through a channel; the numbers of its messages.
pub fn through(tx: &mut Tx, channel: &Channel, notice: &Notice) -> Result<Vec<i64>, DbError> {
    let body = notice.body.clone();
    let message = match (channel.kind, &channel.recipient) {
        (ChannelKind::Webhook, _) => Message::Webhook(Webhook {
            url: channel.address.clone(),
            event: notice.event.into(),
            secret: channel.secret.clone(),
            body,
        }),
        (ChannelKind::Mqtt, _) => Message::Mqtt(Publish { topic: channel.address.clone(), body }),
        (ChannelKind::Mail, Some(recipient)) => return mails(tx, recipient, notice, Some(channel)),
        (ChannelKind::Mail, None) => return Ok(Vec::new()),
    };
    Ok(vec![put(tx, message, notice, Some(channel))?])
}

/// Queues a mail to everybody active who is this account or in this group and may see what it is about.
pub fn mails(
    tx: &mut Tx,
    recipient: &Object,
    notice: &Notice,
    channel: Option<&Channel>,
) -> Result<Vec<i64>, DbError> {
    let (mut queued, now) = (Vec::new(), tx.now());
    let people = queries::people(tx, recipient)?;
    let accounts: Vec<Object> = people.iter().map(|(id, ..)| Object::new(Kind::ACCOUNT, id)).collect();
    let levels = match &notice.seen {
        Some(subject) => level_of_each(tx, &accounts, subject, now)?,
        None => vec![Level::Own; accounts.len()],
    };
    for ((_, email, name), level) in people.into_iter().zip(levels) {
        if level >= Level::View {
            let mail = Mail::to(address(&name, &email), notice.subject.clone(), notice.text.clone());
            queued.push(put(tx, Message::Mail(mail), notice, channel)?);
        }
    }
    Ok(queued)
}

/// Queues one message of a notice.
pub fn put(
    tx: &mut Tx,
    message: Message,
    notice: &Notice,
    channel: Option<&Channel>,
) -> Result<i64, DbError> {
    let mut new = New::message(notice.workspace, message).about(notice.about.clone());
    new.via = channel.map(Channel::object);
    queue(tx, &new)
}

/// An address with a name, where the name can stand in one.
fn address(name: &str, email: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == ' ' || c == '-');
    if plain && !name.trim().is_empty() { format!("{name} <{email}>") } else { email.to_owned() }
}
