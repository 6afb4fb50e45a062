//! Workspaces: their built-in groups, and how the first one comes to be.

use crate::account;
use crate::area::{AREAS, GENERAL, MODULES};
use crate::error::IdentityError;
use crate::level;
use crate::organisation;
use crate::relation::{Containment, Validity, contain, grant, join};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, GroupId, IdGen, Kind, Level, Object, Time, WorkspaceId};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::json;

/// The stored kind of a workspace of one person.
pub(crate) const PERSONAL: &str = "personal";

/// A built-in group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// The general public, signed in or not.
    Everyone,
    /// Trusted access to most of the workspace.
    Team,
    /// Manages the access of others.
    Admin,
    /// Configures the installation.
    Webmaster,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Builtin; 4] = [Builtin::Everyone, Builtin::Team, Builtin::Admin, Builtin::Webmaster];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Builtin::Everyone => "everyone",
            Builtin::Team => "team",
            Builtin::Admin => "admin",
            Builtin::Webmaster => "webmaster",
        }
    }

    fn title_and_about(self) -> (&'static str, &'static str) {
        match self {
            Builtin::Everyone => ("Everyone", "The general public, signed in or not."),
            Builtin::Team => {
                ("Team", "Trusted access to most features: operates buildings, sees gateways and triggers.")
            }
            Builtin::Admin => ("Admin", "Manages access for other groups."),
            Builtin::Webmaster => {
                ("Webmaster", "Configures the installation, buildings, gateways and drivers.")
            }
        }
    }

    /// What the group may do with business modules in a fresh workspace. Contracts and customer relations are nobody's but
    /// the admins' until somebody says otherwise.
    fn modules(self) -> &'static [(&'static str, Level)] {
        match self {
            Builtin::Everyone => &[("general", Level::View), ("blog", Level::View)],
            Builtin::Team => &[("general", Level::Edit), ("wiki", Level::Edit), ("blog", Level::Edit)],
            // Access can only be given by whoever owns it.
            Builtin::Admin => &[
                ("general", Level::Own),
                ("wiki", Level::Own),
                ("blog", Level::Own),
                ("contracts", Level::Own),
                ("crm", Level::Own),
            ],
            Builtin::Webmaster => &[],
        }
    }

    /// What the group may do in the areas of a fresh workspace.
    fn areas(self) -> &'static [(&'static str, Level)] {
        match self {
            Builtin::Everyone => &[],
            Builtin::Team => &[
                ("estate", Level::Edit),
                ("alarms", Level::Edit),
                ("triggers", Level::View),
                ("edges", Level::View),
                ("drivers", Level::View),
            ],
            Builtin::Admin => &[("users", Level::Own), ("audit", Level::View)],
            Builtin::Webmaster => &[
                ("settings", Level::Own),
                ("backoffice", Level::Own),
                ("estate", Level::Own),
                ("alarms", Level::Own),
                ("triggers", Level::Own),
                ("edges", Level::Own),
                ("drivers", Level::Own),
                ("audit", Level::View),
            ],
        }
    }
}

/// A workspace and its built-in groups.
#[derive(Clone, Copy, Debug)]
pub struct NewWorkspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its groups, in the order of [`Builtin::ALL`].
    pub groups: [GroupId; 4],
}

impl NewWorkspace {
    /// Fresh ids: made before the transaction, so that it can run again.
    pub fn ids(ids: &IdGen) -> NewWorkspace {
        NewWorkspace { id: ids.make(), groups: [ids.make(), ids.make(), ids.make(), ids.make()] }
    }

    /// The id of a built-in group.
    pub fn group(&self, builtin: Builtin) -> GroupId {
        self.groups[builtin as usize]
    }
}

/// Makes an organisation: workspace, areas, built-in groups and their grants.
///
/// # Errors
/// When the database fails.
pub fn create(tx: &mut Tx, new: NewWorkspace, name: &str) -> Result<(), IdentityError> {
    let now = tx.now();
    // Two may have the same name: saying that one is taken would say that it is there.
    let mut slug = slug(name);
    let taken = tx.query_opt("SELECT 1 FROM workspace WHERE slug = ?1", params![&slug], |_| Ok(()))?;
    if taken.is_some() {
        slug = format!("{slug}-{}", new.id);
    }
    tx.execute(
        "INSERT INTO workspace (id, kind, name, slug, created_at) VALUES (?1, 'organisation', ?2, ?3, ?4)",
        params![new.id, name, &slug, now],
    )?;
    let workspace = Object::new(Kind::WORKSPACE, new.id);
    hang(tx, new.id, AREAS.iter().map(|area| area.name), MODULES.iter().map(|module| module.name))?;
    for builtin in Builtin::ALL {
        let (title, about) = builtin.title_and_about();
        tx.execute(
            "INSERT INTO grp (id, workspace, name, builtin, about, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![new.group(builtin), new.id, title, builtin.word(), about, now],
        )?;
        let group = Object::new(Kind::GROUP, new.group(builtin));
        for (area, level) in builtin.areas() {
            grant(tx, &group, &Object::area(new.id, area), *level, Validity::ALWAYS, "built in")?;
        }
        for (module, level) in builtin.modules() {
            grant(tx, &group, &Object::module(new.id, module), *level, Validity::ALWAYS, "built in")?;
        }
    }
    let group = |builtin| Object::new(Kind::GROUP, new.group(builtin));
    join(tx, &Object::everyone(), &group(Builtin::Everyone), Validity::ALWAYS, "built in")?;
    // Whoever manages access, or configures, is part of the team as well.
    join(tx, &group(Builtin::Admin), &group(Builtin::Team), Validity::ALWAYS, "built in")?;
    join(tx, &group(Builtin::Webmaster), &group(Builtin::Team), Validity::ALWAYS, "built in")?;
    tx.audit(
        Event::new("workspace.create", workspace).name(name).workspace(new.id).after(json!({"name": name})),
    );
    Ok(())
}

/// Hangs areas and modules below a workspace.
fn hang<'a>(
    tx: &mut Tx,
    id: WorkspaceId,
    areas: impl Iterator<Item = &'a str>,
    modules: impl Iterator<Item = &'a str>,
) -> Result<(), DbError> {
    let workspace = Object::new(Kind::WORKSPACE, id);
    for area in areas {
        contain(tx, &workspace, &Object::area(id, area), Containment::Gated)?;
    }
    for module in modules {
        contain(tx, &workspace, &Object::module(id, module), Containment::Gated)?;
    }
    for module in GENERAL {
        contain(tx, &Object::module(id, "general"), &Object::module(id, module), Containment::Open)?;
    }
    Ok(())
}

/// The personal workspace of an account: it has the account's id.
pub fn personal(account: AccountId) -> WorkspaceId {
    WorkspaceId(account.0)
}

/// Whether a workspace is somebody's personal one.
///
/// # Errors
/// When the database fails.
pub fn is_personal(tx: &mut Tx, id: WorkspaceId) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM workspace WHERE id = ?1 AND kind = ?2";
    Ok(tx.query_opt(sql, params![id, PERSONAL], |_| Ok(()))?.is_some())
}

/// Makes the personal workspace of a new account. It has what one person can use: no users, no groups, no buildings. The
/// record is that of the account.
pub(crate) fn create_personal(tx: &mut Tx, account: AccountId) -> Result<(), DbError> {
    let (id, now) = (personal(account), tx.now());
    tx.execute(
        "INSERT INTO workspace (id, kind, name, slug, created_at) VALUES (?1, ?2, 'Personal workspace', ?3, ?4)",
        params![id, PERSONAL, format!("personal-{id}"), now],
    )?;
    let (member, sql) =
        (params![id, account, now], "INSERT INTO member (workspace, account, joined_at) VALUES (?1, ?2, ?3)");
    tx.execute(sql, member)?;
    hang(tx, id, ["audit", "licences"].into_iter(), ["general", "wiki"].into_iter())?;
    let (subject, object) = (Object::new(Kind::ACCOUNT, account), Object::new(Kind::WORKSPACE, id));
    grant(tx, &subject, &object, Level::Own, Validity::ALWAYS, "personal workspace")
}

/// The first workspace and its owner.
#[derive(Clone, Debug)]
pub struct First {
    /// Ids of the workspace.
    pub workspace: NewWorkspace,
    /// Id of the owner.
    pub owner: AccountId,
    /// Name of the organisation.
    pub name: String,
    /// The owner's name.
    pub owner_name: String,
    /// The owner's mail address, to sign in with.
    pub owner_email: String,
    /// From [`crate::password::hash`].
    pub password_hash: String,
}

/// Makes the first workspace and its owner. Refused when there is an account already.
///
/// # Errors
/// When it was done before, or a field is wrong.
pub fn bootstrap(tx: &mut Tx, first: &First) -> Result<(), IdentityError> {
    if !is_empty(tx)? {
        return Err(IdentityError::Exists("This installation was set up already.".into()));
    }
    create(tx, first.workspace, &first.name)?;
    tx.execute("UPDATE workspace SET operator = 1 WHERE id = ?1", params![first.workspace.id])?;
    let owner = account::NewAccount {
        id: first.owner,
        email: first.owner_email.clone(),
        name: first.owner_name.clone(),
        job: String::new(),
        phone: String::new(),
        password_hash: first.password_hash.clone(),
    };
    account::create(tx, first.workspace.id, &owner)?;
    organisation::found(tx, first.workspace.id, &first.name, first.owner, "first owner")
}

/// Whether nobody can sign in yet.
///
/// # Errors
/// When the database fails.
pub fn is_empty(tx: &mut Tx) -> Result<bool, DbError> {
    Ok(tx.query_opt("SELECT 1 FROM account LIMIT 1", &[], |_| Ok(()))?.is_none())
}

/// The workspaces somebody belongs to, in the order of [`spaces`].
///
/// # Errors
/// When the database fails.
pub fn of_account(tx: &mut Tx, account: AccountId) -> Result<Vec<(WorkspaceId, String)>, DbError> {
    Ok(spaces(tx, account)?.into_iter().map(|space| (space.id, space.name)).collect())
}

/// A workspace as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Space {
    /// Its id.
    pub id: WorkspaceId,
    /// For people.
    pub name: String,
    /// Of one person alone.
    pub personal: bool,
    /// When it was made.
    pub created_at: Time,
    /// Since when they belong to it.
    pub joined_at: Time,
}

/// The workspaces somebody belongs to: the one they worked in last first, then organisations by name, then the personal one.
///
/// # Errors
/// When the database fails.
pub fn spaces(tx: &mut Tx, account: AccountId) -> Result<Vec<Space>, DbError> {
    tx.query(
        "SELECT w.id, w.name, w.kind, w.created_at, m.joined_at FROM member m JOIN workspace w ON w.id = m.workspace
         WHERE m.account = ?1 ORDER BY m.used_at DESC, w.kind, lower(w.name), w.id",
        params![account],
        |row| {
            let (id, name, personal) = (row.get(0)?, row.get(1)?, row.str(2)? == PERSONAL);
            Ok(Space { id, name, personal, created_at: row.get(3)?, joined_at: row.get(4)? })
        },
    )
}

/// Those of them that a viewer can come to as they are signed in.
///
/// # Errors
/// When the database fails.
pub fn reached(tx: &mut Tx, viewer: &Viewer) -> Result<Vec<Space>, DbError> {
    let mut spaces = spaces(tx, viewer.account)?;
    spaces.retain(|space| viewer.reaches(space.id));
    Ok(spaces)
}

/// Notes that somebody began to work there: it is where they begin the next time.
///
/// # Errors
/// When the database fails.
pub(crate) fn used(tx: &mut Tx, workspace: WorkspaceId, account: AccountId) -> Result<(), DbError> {
    let now = tx.now();
    let sql = "UPDATE member SET used_at = ?3 WHERE workspace = ?1 AND account = ?2";
    tx.execute(sql, params![workspace, account, now])?;
    Ok(())
}

/// Where an object lies, when it is another workspace of the viewer's than the one they are in, and they may see it there.
///
/// # Errors
/// When the database fails.
pub fn home(tx: &mut Tx, viewer: &Viewer, object: &Object) -> Result<Option<WorkspaceId>, DbError> {
    let now = tx.now();
    if level::level(tx, &viewer.subject(), object, now)? < Level::See {
        return Ok(None);
    }
    let homes = level::workspaces_of(tx, object)?;
    let spaces = reached(tx, viewer)?;
    let mine = spaces.into_iter().find(|space| homes.contains(&Object::new(Kind::WORKSPACE, space.id)));
    Ok(mine.map(|space| space.id).filter(|id| *id != viewer.workspace))
}

/// Accounts that were made owners of a workspace themselves, the first one first.
///
/// # Errors
/// When the database fails.
pub fn direct_owners(tx: &mut Tx, id: WorkspaceId) -> Result<Vec<(AccountId, String)>, DbError> {
    tx.query(
        "SELECT a.id, a.name FROM relation r JOIN account a ON r.subject = 'account:' || a.id
         WHERE r.object = ?1 AND r.kind = 'grant' AND r.cap = 4 ORDER BY r.id LIMIT 50",
        params![Object::new(Kind::WORKSPACE, id)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The organisation that set the installation up: what concerns all of them is its owners' to say.
///
/// # Errors
/// When the database fails.
pub fn operator(tx: &mut Tx) -> Result<Option<WorkspaceId>, DbError> {
    let sql = "SELECT id FROM workspace WHERE operator = 1";
    tx.query_opt(sql, &[], |row| row.get(0))
}

/// A built-in group of a workspace.
///
/// # Errors
/// When the database fails.
pub fn builtin_group(
    tx: &mut Tx,
    workspace: WorkspaceId,
    builtin: Builtin,
) -> Result<Option<GroupId>, DbError> {
    tx.query_opt(
        "SELECT id FROM grp WHERE workspace = ?1 AND builtin = ?2",
        params![workspace, builtin.word()],
        |row| row.get(0),
    )
}

fn slug(name: &str) -> String {
    let words: String =
        name.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let slug = words.split_whitespace().collect::<Vec<_>>().join("-");
    if slug.is_empty() { "workspace".into() } else { slug }
}
