//! Removing an organisation: its owner asks, everybody has two weeks to think again, then it is emptied bit by bit. What was done in it
//! stays in the audit log, and nobody's account is touched.

use crate::error::IdentityError;
use crate::letter::{Letter, post};
use crate::{account, delegate, organisation, relation, waiting, workspace};
use bo_db::part::Owned;
use bo_db::{Db, DbError, Event, Part, Tx, params};
use bo_model::command::Actor;
use bo_model::{AccountId, Kind, Object, Time, WorkspaceId};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// How long it can be taken back.
pub const WAIT: Duration = Duration::from_secs(14 * 86_400);
/// Rows removed in one transaction at most.
const BATCH: usize = 500;
/// Members taken out in one transaction at most.
const MEMBERS: i64 = 50;
/// Owners who are written to at most.
const MOST_OWNERS: usize = 50;
/// What people call what keeps an organisation from being removed.
pub const KEEPS: &str = "gateways";

/// What identity keeps for a workspace.
pub const PART: Part = Part {
    owned: &[
        Owned::rows("api_token", "id"),
        Owned::rows("domain", "host").objects("", "domains"),
        Owned::rows("invitation", "id").objects("", "invitations"),
        Owned::rows("ownership_offer", "workspace"),
        Owned::rows("seat", "workspace, kind, account"),
        Owned::rows("slot", "event, account"),
        Owned::rows("licence", "workspace, kind").objects("", "kinds of licences"),
        Owned::found("oidc_identity", "provider, subject", OF_PROVIDERS),
        Owned::found("oidc_link", "secret_hash", OF_PROVIDERS),
        Owned::found("oidc_sign_in", "secret_hash", OF_PROVIDERS),
        Owned::rows("oidc_provider", "id").objects("", "OpenID providers"),
        Owned::rows("grp", "id").objects("group", "groups"),
        Owned::rows("member", "workspace, account").objects("", "memberships; their accounts stay"),
    ],
    shared: &[
        "workspace",
        "account",
        "session",
        "activation",
        "sign_in_failure",
        "pending_sign_in",
        "gateway_pin",
        "totp",
        "recovery_code",
        "passkey",
        "passkey_challenge",
        "relation",
        "relation_version",
        "relation_change",
        "ceiling",
        "closing",
        "closing_member",
    ],
    ..Part::NONE
};

const OF_PROVIDERS: &str = "provider IN (SELECT id FROM oidc_provider WHERE workspace = ?1)";

/// A removal that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Closing {
    /// Who asked.
    pub by_name: String,
    /// When.
    pub asked_at: Time,
    /// From when it can no longer be taken back.
    pub due_at: Time,
}

/// The removal that was asked for of a workspace.
///
/// # Errors
/// When the database fails.
pub fn pending(tx: &mut Tx, id: WorkspaceId) -> Result<Option<Closing>, DbError> {
    let sql = "SELECT by_name, asked_at, due_at FROM closing WHERE workspace = ?1";
    tx.query_opt(sql, params![id], |row| {
        Ok(Closing { by_name: row.get(0)?, asked_at: row.get(1)?, due_at: row.get(2)? })
    })
}

/// What would be lost: (how many, of what), and why it can't be removed, if it can't.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// What there is of everything that people know.
    pub of: Vec<(i64, &'static str)>,
    /// Why not.
    pub refused: Option<String>,
}

/// What would be lost with the organisation one is in.
///
/// # Errors
/// When the database fails.
pub fn loss(tx: &mut Tx, id: WorkspaceId, parts: &[Part]) -> Result<Loss, DbError> {
    let mut of = Vec::new();
    for owned in
        parts.iter().chain([&PART]).flat_map(|part| part.owned).filter(|owned| !owned.title.is_empty())
    {
        let count = owned.count(tx, id)?;
        if count > 0 {
            of.push((count, owned.title));
        }
    }
    let kept = of.iter().find(|(_, title)| *title == KEEPS);
    let refused = match kept {
        _ if workspace::operator(tx)? == Some(id) => Some(
            "It runs this installation: what concerns all organisations is decided here, so it stays.".into(),
        ),
        Some((count, _)) => Some(format!(
            "It has {count} gateways. They would go on running a building that nobody looks after: remove them first."
        )),
        None => None,
    };
    Ok(Loss { of, refused })
}

/// Letters to everybody who owns it.
fn tell(tx: &mut Tx, viewer: &Viewer, letter: Option<&Letter>) -> Result<Vec<AccountId>, IdentityError> {
    let mut owners = Vec::new();
    for (id, _) in workspace::direct_owners(tx, viewer.workspace)?.into_iter().take(MOST_OWNERS) {
        let Some(owner) = account::find(tx, id)? else { continue };
        if let Some(letter) = letter {
            let about = Object::new(Kind::ACCOUNT, id);
            letter.post_to(
                tx,
                (&about, &owner.email),
                viewer.workspace,
                (&viewer.name, &viewer.workspace_name),
            );
        }
        owners.push(id);
    }
    Ok(owners)
}

fn owned(tx: &mut Tx, viewer: &Viewer) -> Result<Object, IdentityError> {
    organisation::is_one(tx, viewer.workspace)?;
    let object = Object::new(Kind::WORKSPACE, viewer.workspace);
    delegate::own(tx, viewer, &object)?;
    Ok(object)
}

/// Asks for the organisation one is in to be removed. `typed` is its name, as whoever asks has written it.
///
/// # Errors
/// [`IdentityError::NotAllowed`] for whoever does not own it and for what stays; [`IdentityError::BadInput`] on `name`.
pub fn ask(
    tx: &mut Tx,
    viewer: &Viewer,
    typed: &str,
    parts: &[Part],
    letter: Option<&Letter>,
) -> Result<(), IdentityError> {
    let object = owned(tx, viewer)?;
    if let Some(why) = loss(tx, viewer.workspace, parts)?.refused {
        return Err(IdentityError::NotAllowed(why));
    }
    if typed != viewer.workspace_name {
        let text = format!("is not “{}”, as it is called", viewer.workspace_name);
        return Err(IdentityError::BadInput(vec![("name".into(), text)]));
    }
    let owners = tell(tx, viewer, letter)?;
    let now = tx.now();
    let made = tx.execute(
        "INSERT INTO closing (workspace, asked_by, by_name, asked_at, due_at, state, owners) VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6)
         ON CONFLICT (workspace) DO NOTHING",
        params![viewer.workspace, viewer.account, &viewer.name, now, now.after(WAIT), json!(owners).to_string()],
    )?;
    if made == 0 {
        return Err(IdentityError::Exists("It is to be removed already.".into()));
    }
    let event = Event::new("workspace.remove-asked", object).name(&viewer.workspace_name);
    tx.audit(event.after(json!({"on": now.after(WAIT).rfc3339()})));
    Ok(())
}

/// Takes that back.
///
/// # Errors
/// [`IdentityError::NotAllowed`] for whoever does not own it, [`IdentityError::NotFound`] when nobody asked, or it is too late.
pub fn keep(tx: &mut Tx, viewer: &Viewer, letter: Option<&Letter>) -> Result<(), IdentityError> {
    let object = owned(tx, viewer)?;
    let sql = "DELETE FROM closing WHERE workspace = ?1 AND state = 'waiting'";
    if tx.execute(sql, params![viewer.workspace])? == 0 {
        return Err(IdentityError::NotFound);
    }
    tell(tx, viewer, letter)?;
    tx.audit(Event::new("workspace.remove-withdrawn", object).name(&viewer.workspace_name));
    Ok(())
}

/// Does a bit of what is due, in one transaction: the same again after a crash, nothing when nothing is. Whether there is more.
///
/// # Errors
/// When the database fails.
pub async fn step(db: &Db, parts: &'static [Part]) -> Result<bool, IdentityError> {
    let now = db.read(|tx| Ok::<_, DbError>(tx.now()))?;
    let sql = "SELECT workspace, state FROM closing WHERE due_at <= ?1 ORDER BY state, due_at LIMIT 1";
    let due = db.read(|tx| tx.query_opt(sql, params![now], |row| Ok((row.get(0)?, row.get(1)?))))?;
    let Some((id, state)): Option<(WorkspaceId, String)> = due else { return Ok(false) };
    db.write(move |tx| -> Result<(), IdentityError> {
        tx.act_as(Actor::System);
        if state == "waiting" { begin(tx, id, parts) } else { bit(tx, id, parts) }
    })
    .await?;
    Ok(true)
}

/// From here on nobody is in it.
fn begin(tx: &mut Tx, id: WorkspaceId, parts: &[Part]) -> Result<(), IdentityError> {
    let object = Object::new(Kind::WORKSPACE, id);
    let name = name_of(tx, id)?;
    if let Some(why) = loss(tx, id, parts)?.refused {
        // Something was added meanwhile that keeps it.
        tx.execute("DELETE FROM closing WHERE workspace = ?1", params![id])?;
        tx.audit(Event::new("workspace.remove-withdrawn", object).name(name).workspace(id).reason(why));
        return Ok(());
    }
    if tx.execute(
        "UPDATE closing SET state = 'removing' WHERE workspace = ?1 AND state = 'waiting'",
        params![id],
    )? == 0
    {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO closing_member (workspace, account) SELECT workspace, account FROM member WHERE workspace = ?1",
        params![id],
    )?;
    tx.execute("DELETE FROM member WHERE workspace = ?1", params![id])?;
    // Of sessions that reach nothing else nothing is left to open.
    tx.execute("DELETE FROM session WHERE only_in = ?1", params![id.to_string()])?;
    // Open pages go on in the personal workspace, which has the account's id; programs end.
    tx.execute("UPDATE session SET workspace = account, view_as = '' WHERE workspace = ?1", params![id])?;
    tx.execute("DELETE FROM api_token WHERE workspace = ?1", params![id])?;
    tx.audit(Event::new("workspace.remove-begun", object).name(name).workspace(id));
    Ok(())
}

fn name_of(tx: &mut Tx, id: WorkspaceId) -> Result<String, DbError> {
    let name = tx.query_opt("SELECT name FROM workspace WHERE id = ?1", params![id], |row| row.get(0))?;
    Ok(name.unwrap_or_default())
}

/// The next bit: members, then the permission graph from its leaves, then rows, then the workspace.
fn bit(tx: &mut Tx, id: WorkspaceId, parts: &[Part]) -> Result<(), IdentityError> {
    tx.unaudited("what is removed with its organisation; the record of that says so");
    if take_out(tx, id)? || fell(tx, id)? {
        return Ok(());
    }
    for owned in parts.iter().chain([&PART]).flat_map(|part| part.owned) {
        let (gone, objects) = owned.remove(tx, id, BATCH)?;
        for object in objects {
            relation::forget(tx, &object)?;
            for part in parts {
                (part.forget)(tx, &object)?;
            }
        }
        if gone > 0 {
            return Ok(());
        }
    }
    end(tx, id)
}

fn take_out(tx: &mut Tx, id: WorkspaceId) -> Result<bool, IdentityError> {
    let sql = "SELECT account FROM closing_member WHERE workspace = ?1 ORDER BY account LIMIT ?2";
    let members: Vec<AccountId> = tx.query(sql, params![id, MEMBERS], |row| row.get(0))?;
    for member in &members {
        organisation::sever(tx, id, *member)?;
        let sql = "DELETE FROM closing_member WHERE workspace = ?1 AND account = ?2";
        tx.execute(sql, params![id, member])?;
        for table in ["seat", "slot"] {
            let sql = format!("DELETE FROM {table} WHERE workspace = ?1 AND account = ?2");
            tx.execute(&sql, params![id, member])?;
        }
        let home = tx.execute(
            "UPDATE account SET home = '' WHERE id = ?2 AND home = ?1",
            params![id.to_string(), member],
        )?;
        if let (1, Some(found)) = (home, account::find(tx, *member)?) {
            waiting::discard_unused(tx, &found)?;
        }
    }
    Ok(!members.is_empty())
}

/// Takes the outermost objects of the workspace out of the permission graph, with the roles that lead to them.
fn fell(tx: &mut Tx, id: WorkspaceId) -> Result<bool, IdentityError> {
    let top = Object::new(Kind::WORKSPACE, id);
    let sql = "WITH RECURSIVE inside (node) AS (
        SELECT object FROM relation WHERE subject = ?1 AND kind = 'contain' UNION
        SELECT r.object FROM inside i CROSS JOIN relation r WHERE r.subject = i.node AND r.kind = 'contain')
        SELECT node FROM inside WHERE NOT EXISTS (SELECT 1 FROM relation r WHERE r.subject = node AND r.kind = 'contain' AND r.object <> node)
        ORDER BY node LIMIT ?2";
    let leaves: Vec<Object> = tx.query(sql, params![&top, BATCH], |row| row.get(0))?;
    for leaf in &leaves {
        for row in relation::to_object(tx, leaf, relation::RelationKind::Grant)? {
            if row.subject.is(Kind::ROLE) {
                relation::forget(tx, &row.subject)?;
            }
        }
        relation::forget(tx, leaf)?;
    }
    Ok(!leaves.is_empty())
}

fn end(tx: &mut Tx, id: WorkspaceId) -> Result<(), IdentityError> {
    let (object, name) = (Object::new(Kind::WORKSPACE, id), name_of(tx, id)?);
    let owners = tx.query_opt("SELECT owners FROM closing WHERE workspace = ?1", params![id], |row| {
        row.json::<Vec<AccountId>>(0)
    })?;
    for owner in owners.unwrap_or_default() {
        if let Some(owner) = account::find(tx, owner)? {
            let (subject, text) = removed(&owner.profile.first_name, &name);
            post(tx, &owner, &subject, &text);
        }
    }
    relation::forget(tx, &object)?;
    tx.execute("DELETE FROM closing WHERE workspace = ?1", params![id])?;
    tx.execute("DELETE FROM workspace WHERE id = ?1", params![id])?;
    tx.audit(Event::new("workspace.remove", object).name(name).workspace(id));
    Ok(())
}

/// For the owners, when it was asked for.
pub fn asked(by: &str, organisation: &str, link: &str) -> (String, String) {
    let days = WAIT.as_secs() / 86_400;
    (
        format!("{organisation} will be removed in {days} days"),
        format!(
            "Hello,\n\n{by} has asked for {organisation} to be removed, with everything in it. In {days} days it is gone for good. Until then it works as before, \
             and any of its owners can keep it:\n\n{link}\n"
        ),
    )
}

/// For the owners, when it was taken back.
pub fn kept(by: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("{organisation} stays"),
        format!(
            "Hello,\n\n{by} has taken back that {organisation} is removed. Nothing was lost.\n\n{link}\n"
        ),
    )
}

fn removed(name: &str, organisation: &str) -> (String, String) {
    (
        format!("{organisation} was removed"),
        format!(
            "Hello {name},\n\n{organisation} was removed with everything in it, as one of its owners asked two weeks ago. Your account and your personal workspace \
             stay. What was done in it is in the installation's audit log.\n"
        ),
    )
}
