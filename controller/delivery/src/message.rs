//! What is sent.

use bo_model::{Object, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::time::Duration;

/// How long a message is tried unless it says otherwise.
const LIFE: Duration = Duration::from_secs(2 * 86_400);

/// A mail to one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// Address, with a name or without: `Noor Haddad <noor@example.org>`.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text; every mail has it.
    pub text: String,
    /// The same as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

impl Mail {
    /// A mail of plain text.
    pub fn to(to: impl Into<String>, subject: impl Into<String>, text: impl Into<String>) -> Mail {
        Mail { to: to.into(), subject: subject.into(), text: text.into(), html: None }
    }
}

/// A signed POST of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where to; `http` or `https`. Redirects are not followed.
    pub url: String,
    /// What happened: `alarm.raised`.
    pub event: String,
    /// Signs it.
    pub secret: String,
    /// The body.
    pub body: Json,
}

/// A message to the configured MQTT broker, QoS 1, not retained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publish {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub body: Json,
}

/// One message, by its channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "lowercase")]
pub enum Message {
    /// By mail.
    Mail(Mail),
    /// By HTTP.
    Webhook(Webhook),
    /// By MQTT.
    Mqtt(Publish),
}

impl Message {
    /// The channel's word.
    pub fn channel(&self) -> &'static str {
        match self {
            Message::Mail(_) => "mail",
            Message::Webhook(_) => "webhook",
            Message::Mqtt(_) => "mqtt",
        }
    }

    /// Who gets it, for people: an address, a host, a topic.
    pub fn target(&self) -> String {
        match self {
            Message::Mail(mail) => mail.to.clone(),
            // A path may hold a token; the host says enough.
            Message::Webhook(hook) => {
                let host = hook.url.split_once("://").map_or(hook.url.as_str(), |(_, rest)| rest);
                let host = host.split(['/', '?', '#']).next().unwrap_or("");
                host.rsplit('@').next().unwrap_or("").to_owned()
            }
            Message::Mqtt(publish) => publish.topic.clone(),
        }
    }

    /// What it is about, in a line.
    pub fn subject(&self) -> &str {
        match self {
            Message::Mail(mail) => &mail.subject,
            Message::Webhook(hook) => &hook.event,
            Message::Mqtt(publish) => &publish.topic,
        }
    }
}

/// A message to queue.
#[derive(Clone, Debug, PartialEq)]
pub struct New {
    /// Whose.
    pub workspace: WorkspaceId,
    /// What it is about.
    pub about: Option<Object>,
    /// What it goes through: a channel that somebody set up.
    pub via: Option<Object>,
    /// The message.
    pub message: Message,
    /// How long it is worth sending.
    pub within: Duration,
    /// Not before; at once when absent.
    pub not_before: Option<Time>,
}

impl New {
    /// Any message.
    pub fn message(workspace: WorkspaceId, message: Message) -> New {
        New { workspace, about: None, via: None, message, within: LIFE, not_before: None }
    }

    /// A mail.
    pub fn mail(workspace: WorkspaceId, mail: Mail) -> New {
        New::message(workspace, Message::Mail(mail))
    }

    /// What it is about.
    pub fn about(mut self, object: Object) -> New {
        self.about = Some(object);
        self
    }

    /// What it goes through.
    pub fn via(mut self, channel: Object) -> New {
        self.via = Some(channel);
        self
    }

    /// How long it is worth sending: a link that has expired is not.
    pub fn within(mut self, within: Duration) -> New {
        self.within = within;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_named_by_its_host_alone() {
        let hook = |url: &str| {
            let (event, secret) = (String::new(), String::new());
            Message::Webhook(Webhook { url: url.into(), event, secret, body: Json::Null }).target()
        };
        assert_eq!(hook("https://hooks.example.org:8443/T0/secret?x=1"), "hooks.example.org:8443");
        assert_eq!(hook("https://user:pass@hooks.example.org"), "hooks.example.org");
    }
}
