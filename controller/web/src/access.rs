//! Who is asking, and what they may: closures that `controller` fills in from `bo-identity`, because identity
//! depends on this crate and not the other way round.

use crate::error::WebError;
use crate::site::Site;
use bo_db::{DbError, Tx};
use bo_model::command::Actor;
use bo_model::{AccountId, Kind, Level, Object, SessionId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
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
    /// An API token reaches only what lies in these places; none for everywhere.
    pub scopes: Arc<[Scope]>,
    /// Signed in at a provider that the workspace runs: whoever runs it could be anybody of its members, so this reaches that
    /// workspace and neither their others nor their account.
    pub confined: bool,
}

/// A place an API token reaches, and the most it may there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// An area or module.
    pub on: Object,
    /// At most this.
    pub level: Level,
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

    /// Whether they can come to a workspace of theirs as they are signed in.
    pub fn reaches(&self, workspace: WorkspaceId) -> bool {
        !self.confined || workspace == self.workspace
    }

    /// Passes unless they are confined to a workspace: what concerns their account, or a workspace beside that one.
    ///
    /// # Errors
    /// [`WebError::Forbidden`] with the way out.
    pub fn whole(&self) -> std::result::Result<(), WebError> {
        if !self.confined {
            return Ok(());
        }
        Err(WebError::Forbidden(format!(
            "You signed in at the provider of {0}, which lets you into {0} and nowhere else. For your account and your other \
             workspaces, sign out and sign in another way. No password yet? “Forgot your password?” sends you a link.",
            self.workspace_name
        )))
    }
}

/// Finds out who shows a credential; `None` when it is unknown, expired or revoked.
pub type Authenticate =
    Arc<dyn Fn(&mut Tx, Credential<'_>) -> std::result::Result<Option<Viewer>, DbError> + Send + Sync>;
/// The effective level of a viewer (or of the public) on an object, capped by the viewer's `cap`. What lies in another
/// workspace than the one the viewer is in is to them as to the public.
pub type LevelOf =
    Arc<dyn Fn(&mut Tx, Option<&Viewer>, &Object) -> std::result::Result<Level, DbError> + Send + Sync>;
/// A workspace that somebody may switch to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// For people.
    pub name: String,
    /// Of one person alone.
    pub personal: bool,
}

/// The workspaces a viewer may switch to, in the order to offer them.
pub type WorkspacesOf =
    Arc<dyn Fn(&mut Tx, &Viewer) -> std::result::Result<Vec<Workspace>, DbError> + Send + Sync>;
/// The workspace an object lies in, when it is another than the one a viewer is in, and they may see it there.
pub type HomeOf =
    Arc<dyn Fn(&mut Tx, &Viewer, &Object) -> std::result::Result<Option<WorkspaceId>, DbError> + Send + Sync>;
/// What a host name means, if anything.
pub type SiteOf = Arc<dyn Fn(&mut Tx, &str) -> std::result::Result<Option<Site>, DbError> + Send + Sync>;
/// Whether a viewer has level `view` on at least one object of a kind in the workspace they are in.
pub type SomeOf = Arc<dyn Fn(&mut Tx, &Viewer, Kind) -> std::result::Result<bool, DbError> + Send + Sync>;
/// Notes that a session was used.
pub type Touch = Arc<dyn Fn(&mut Tx, SessionId) -> std::result::Result<(), DbError> + Send + Sync>;

/// The questions the web asks of identity.
#[derive(Clone)]
pub struct Access {
    /// Who is it?
    pub authenticate: Authenticate,
    /// What may they?
    pub level: LevelOf,
    /// Where can they work?
    pub workspaces: WorkspacesOf,
    /// In which of them is this?
    pub home: HomeOf,
    /// What is served under this name?
    pub site: SiteOf,
    /// Is there anything of this kind for them?
    pub some: SomeOf,
    /// They were here.
    pub touch: Touch,
}
