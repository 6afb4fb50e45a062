//! Letters of identity: the texts, and the way they leave.
//!
//! A letter is an event of the outbox, written in the transaction that causes it: nobody gets one of a change that was
//! undone. What delivers them is not identity's business.

use crate::account::{self, Account};
use crate::error::IdentityError;
use crate::session::ACTIVATION;
use bo_db::{DbError, Tx};
use bo_model::{AccountId, Kind, Object, WorkspaceId};
use serde_json::json;

/// Name of the installation value with the console's address.
pub const PUBLIC_URL: &str = "web.public_url";
/// The outbox topic of letters: `{to, subject, text, workspace}`; without a workspace, the one of the account it is about.
pub const TOPIC: &str = "mail.wanted";

/// A letter before it is known whom it goes to: (their name, the organisation, the link) to (subject, text). The first is
/// who writes in letters to an address that need not be an account's.
pub type Words = fn(&str, &str, &str) -> (String, String);

/// A letter with a link, ready to be addressed.
#[derive(Clone)]
pub struct Letter {
    pub(crate) link: String,
    pub(crate) words: Words,
}

impl Letter {
    /// Posts the link with which somebody who was added comes in: to choose a password, or to join with the account they have. Only
    /// the letter tells which.
    ///
    /// # Errors
    /// When the database fails.
    pub fn post_link(&self, tx: &mut Tx, id: AccountId, organisation: &str) -> Result<(), IdentityError> {
        let to = account::find(tx, id)?.ok_or(IdentityError::NotFound)?;
        let other = account::by_email(tx, &to.email)?.is_some_and(|(other, _)| other.id != id);
        let words: Words = if other { membership } else { activation };
        Letter { link: self.link.clone(), words }.post(tx, &to, organisation)
    }

    /// Posts it to an account, in this transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub fn post(&self, tx: &mut Tx, to: &Account, organisation: &str) -> Result<(), IdentityError> {
        let (subject, text) = (self.words)(&to.profile.first_name, organisation, &self.link);
        post(tx, to, &subject, &text);
        Ok(())
    }
}

impl Letter {
    /// Posts it to an address in the name of a workspace, in this transaction: its words get who writes, the organisation and
    /// the link. `about` is what it is about.
    pub(crate) fn post_to(
        &self,
        tx: &mut Tx,
        (about, to): (&Object, &str),
        workspace: WorkspaceId,
        (by, organisation): (&str, &str),
    ) {
        let (subject, text) = (self.words)(by, organisation, &self.link);
        let body = json!({"to": to, "subject": subject, "text": text, "workspace": workspace});
        tx.emit(TOPIC, about, body);
    }
}

/// Posts a letter to an account, in this transaction.
pub fn post(tx: &mut Tx, to: &Account, subject: &str, text: &str) {
    let body = json!({"to": to.email, "subject": subject, "text": text});
    tx.emit(TOPIC, &Object::new(Kind::ACCOUNT, to.id), body);
}

/// What links in letters begin with, without a slash at the end; nothing when the installation has no address of its own.
///
/// # Errors
/// When the database fails.
pub fn public_url(tx: &mut Tx) -> Result<Option<String>, DbError> {
    let url = tx.kv(PUBLIC_URL)?.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let url = url.trim_end_matches('/');
    Ok((!url.is_empty()).then(|| url.to_owned()))
}

/// Where the link of a secret leads, on this site.
pub fn path(secret: &str) -> String {
    format!("/activate?code={secret}")
}

/// For somebody who was added.
pub fn activation(name: &str, organisation: &str, link: &str) -> (String, String) {
    let days = ACTIVATION.as_secs() / 86_400;
    (
        format!("Your account at {organisation}"),
        format!(
            "Hello {name},\n\nan account was made for you at {organisation}. Open this link to choose your password and activate it:\n\n\
             {link}\n\nIt works once, within {days} days. You sign in with this mail address.\n"
        ),
    )
}

/// For somebody who was added and has an account already.
pub fn membership(name: &str, organisation: &str, link: &str) -> (String, String) {
    let days = ACTIVATION.as_secs() / 86_400;
    (
        format!("{organisation} has added you"),
        format!(
            "Hello {name},\n\n{organisation} would like to work with you. You have an account already: open this link and sign in to join with it:\n\n\
             {link}\n\nIt works once, within {days} days, and only for this mail address. If you don't know {organisation}, do nothing.\n"
        ),
    )
}

/// For somebody who forgot their password.
pub fn reset(name: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("A new password at {organisation}"),
        format!(
            "Hello {name},\n\nsomebody, you we hope, asked for a new password at {organisation}. Open this link to choose one:\n\n{link}\n\n\
             It works once, within an hour, and ends all your sessions. If it was not you, do nothing: your password stays as it is.\n"
        ),
    )
}

/// For somebody whose password was changed, by them or by whoever has their mail.
pub fn changed(name: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("Your password at {organisation} was changed"),
        format!(
            "Hello {name},\n\nyour password at {organisation} was changed just now, and all your sessions have ended. If it was you, all is \
             well. If not, ask for a new one at once and tell an administrator:\n\n{link}\n"
        ),
    )
}

/// For somebody to whose account a passkey was added.
pub fn passkey_added(name: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("A passkey was added to your account at {organisation}"),
        format!(
            "Hello {name},\n\na passkey was added to your account at {organisation} just now; it signs in without your password. If it was you, all \
             is well. If not, remove it at once and change your password:\n\n{link}\n"
        ),
    )
}

/// For somebody who is no longer asked for a second proof.
pub fn second_proof_off(name: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("Your password alone signs in at {organisation} now"),
        format!(
            "Hello {name},\n\nthe second proof that was asked for besides your password at {organisation} was taken away just now. If it was \
             you, or an administrator you asked, all is well. If not, change your password at once:\n\n{link}\n"
        ),
    )
}
