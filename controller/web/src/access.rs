//! Who is asking, and what they may: closures that `controller` fills in from `bo-identity`, because identity
//! depends on this crate and not the other way round.

use bo_db::{DbError, Tx};
use bo_model::command::Actor;
use bo_model::{AccountId, Level, Object, SessionId, Time, WorkspaceId};
use std::sync::Arc;

/// What a request shows to prove who it is.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// The session cookie's value.
    Cookie(&'a str),
    /// `Authorization: Bearer …`.
    Bearer(&'a str),
}

/// How somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A browser session; changes need the CSRF token.
    Session,
    /// An API token.
    Token,
}

/// Light, dark, or what the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// What the system says.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// From its word; anything else is `Auto`.
    pub fn from_word(word: &str) -> Theme {
        match word {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::Auto,
        }
    }

    /// Its word, as in the cookie and in `data-theme`.
    pub fn word(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// Somebody signed in, in one of their workspaces.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Who.
    pub account: AccountId,
    /// Their name.
    pub name: String,
    /// Their mail address.
    pub email: String,
    /// The workspace they are looking at.
    pub workspace: WorkspaceId,
    /// Its name.
    pub workspace_name: String,
    /// The session or token.
    pub session: SessionId,
    /// How.
    pub via: Via,
    /// No more than this: an API token's scope; `own` for a session.
    pub cap: Level,
    /// When the session was last noted as used; the application notes it again now and then.
    pub seen: Time,
    /// Who really sits there, when an administrator looks through somebody's eyes: nothing can be changed then, and what
    /// is done is done by them.
    pub behind: Option<(AccountId, String)>,
}

impl Viewer {
    /// As the audit log and commands name them.
    pub fn actor(&self) -> Actor {
        let (id, name) = self.behind.clone().unwrap_or_else(|| (self.account, self.name.clone()));
        Actor::Account { id, name }
    }

    /// As a subject of the permission graph.
    pub fn subject(&self) -> Object {
        Object::new(bo_model::Kind::ACCOUNT, self.account)
    }
}

/// Finds out who shows a credential; `None` when it is unknown, expired or revoked.
pub type Authenticate =
    Arc<dyn Fn(&mut Tx, Credential<'_>) -> std::result::Result<Option<Viewer>, DbError> + Send + Sync>;
/// The effective level of a viewer (or of the public) on an object, capped by the viewer's `cap`.
pub type LevelOf =
    Arc<dyn Fn(&mut Tx, Option<&Viewer>, &Object) -> std::result::Result<Level, DbError> + Send + Sync>;
/// Notes that a session was used.
pub type Touch = Arc<dyn Fn(&mut Tx, SessionId) -> std::result::Result<(), DbError> + Send + Sync>;

/// The three questions the web asks of identity.
#[derive(Clone)]
pub struct Access {
    /// Who is it?
    pub authenticate: Authenticate,
    /// What may they?
    pub level: LevelOf,
    /// They were here.
    pub touch: Touch,
}
