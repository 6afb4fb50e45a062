//! Messages to the world outside: mail, webhooks, MQTT. Queued in the transaction that causes them, sent after its commit,
//! tried again with growing pauses, and kept with what became of them.
//!
//! ```text
//! use bo_delivery::{Mail, New, queue};
//!
//! ctx.write(move |tx| {
//!     let mail = Mail::to("noor@example.org", "Welcome", "Open this link within a day: …");
//!     queue(tx, &New::mail(workspace, mail).about(account).within(Duration::from_secs(86_400)))?;
//!     tx.audit(…);
//!     Ok(())
//! }).await?;
//! ```
//!
//! The rest is [`run`]'s: one task per controller. Delivery is at least once: a process killed between sending and noting it
//! sends again. A mail then has the same `Message-ID`, a webhook the same `X-BackOffice-Delivery`.

mod config;
mod error;
mod mail;
mod message;
mod mqtt;
mod queue;
mod run;
mod webhook;

pub use config::{MailConfig, MailSecurity, MqttConfig};
pub use error::DeliveryError;
pub use message::{Mail, Message, New, Publish, Webhook};
pub use queue::{Delivery, State, Wanted, find, latest, list, prune, queue, retry};
pub use run::{Senders, run, step};
pub use webhook::signature;

use bo_db::{Migration, migration};

/// What this crate keeps sealed.
pub const SEALED: [bo_db::SealedColumn; 1] = [queue::MESSAGES];

/// What this crate keeps for workspaces.
pub const PART: bo_db::Part =
    bo_db::Part { owned: &[bo_db::Owned::rows("delivery", "id")], ..bo_db::Part::NONE };

/// The tables of this crate.
pub const MIGRATIONS: [Migration; 2] = [
    migration!("delivery", 1, "messages on their way out", "../migrations/0001_delivery.sql"),
    migration!("delivery", 2, "what a message goes through", "../migrations/0002_via.sql"),
];
