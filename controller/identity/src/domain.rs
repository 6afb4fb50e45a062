//! Host names a workspace is served under: how one signs in there, who may, and what is served under which path.

use crate::error::IdentityError;
use crate::oidc::{Provider, store};
use crate::{account, delegate, workspace};
use bo_db::{DbError, Event, Row, Tx, params};
use bo_model::{AccountId, GroupId, Kind, Object, ProviderId, WorkspaceId};
use bo_web::site::Site;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A host name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Domain {
    /// In lower case, without port.
    pub host: String,
    /// Whose.
    pub workspace: WorkspaceId,
    /// How one signs in.
    pub methods: Methods,
    /// Who may sign in there.
    pub access: Access,
    /// What is served there under which path; nothing: all of the console.
    pub apps: Vec<App>,
    /// Whether the installation's owners agreed: until then it is not served.
    pub approved: bool,
}

impl Domain {
    /// As requests need it.
    pub fn site(self) -> Site {
        let pinned = self.access.members_only.then_some(self.workspace);
        Site { pinned, apps: self.apps.into_iter().map(|app| (app.path, app.opens)).collect() }
    }
}

/// Who may sign in at a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Only members of its workspace, who work in no other there.
    pub members_only: bool,
    /// Of these, only who is in one of those groups, or named below; neither: all of them.
    pub groups: Vec<GroupId>,
    /// People named one by one.
    pub people: Vec<AccountId>,
}

/// A part of the console under a path of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Where: `/`, `/handbook`.
    pub path: String,
    /// What: the address of an entry of the navigation, `/wiki`.
    pub opens: String,
}

/// How one signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Methods {
    /// With a password.
    pub password: bool,
    /// At these providers.
    pub providers: Vec<ProviderId>,
}

/// The name in a `Host` header: lower case, no port, no dot at the end.
pub fn fold(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// A domain that is served.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, host: &str) -> Result<Option<Domain>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM domain WHERE host = ?1 AND approved = 1");
    tx.query_opt(&sql, params![fold(host)], read)
}

const COLUMNS: &str = "host, workspace, methods, access, apps, approved";

fn read(row: &Row<'_>) -> Result<Domain, DbError> {
    Ok(Domain {
        host: row.get(0)?,
        workspace: row.get(1)?,
        methods: row.json(2)?,
        access: row.json(3)?,
        apps: row.json(4)?,
        approved: row.get(5)?,
    })
}

/// Domains that wait for the installation's owners, with the organisation that wants them.
///
/// # Errors
/// When the database fails.
pub fn waiting(tx: &mut Tx) -> Result<Vec<(String, String)>, DbError> {
    let sql = "SELECT d.host, w.name FROM domain d JOIN workspace w ON w.id = d.workspace WHERE d.approved = 0 ORDER BY d.host LIMIT 100";
    tx.query(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Agrees that a domain is served, or refuses and forgets it.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn decide(tx: &mut Tx, host: &str, agreed: bool) -> Result<(), IdentityError> {
    let host = fold(host);
    let sql = match agreed {
        true => "UPDATE domain SET approved = 1 WHERE host = ?1 AND approved = 0",
        false => "DELETE FROM domain WHERE host = ?1 AND approved = 0",
    };
    if tx.execute(sql, params![&host])? == 0 {
        return Err(IdentityError::NotFound);
    }
    let verb = if agreed { "domain.approve" } else { "domain.refuse" };
    tx.audit(Event::new(verb, Object::new(Kind("domain"), &host)).name(&host));
    Ok(())
}

/// Where a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// In any of one's workspaces.
    Anywhere,
    /// In that one, unless something else says better.
    In(WorkspaceId),
    /// In that one, and it stays there.
    Only(WorkspaceId),
}

/// Whether somebody may sign in at a host, and in which workspace they are then. Without a domain, wherever they belong.
///
/// # Errors
/// [`IdentityError::NotAllowed`] saying why not.
pub fn admit(tx: &mut Tx, host: &str, account: AccountId) -> Result<Begin, IdentityError> {
    let Some(domain) = find(tx, host)? else { return Ok(Begin::Anywhere) };
    let member = account::find_member(tx, domain.workspace, account)?.is_some();
    if !domain.access.members_only {
        return Ok(if member { Begin::In(domain.workspace) } else { Begin::Anywhere });
    }
    let groups = delegate::groups_of(tx, domain.workspace, account)?;
    let Access { groups: let_in, people, .. } = &domain.access;
    let named = people.contains(&account) || groups.iter().any(|(id, _)| let_in.contains(id));
    if member && (named || (let_in.is_empty() && people.is_empty())) {
        return Ok(Begin::Only(domain.workspace));
    }
    Err(IdentityError::NotAllowed(
        "Your account may not sign in at this address. Use the one your organisation gave you.".into(),
    ))
}

/// All domains of a workspace.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Domain>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM domain WHERE workspace = ?1 ORDER BY host LIMIT 100");
    tx.query(&sql, params![workspace], read)
}

/// What the sign-in page of a host offers: its domain's methods; without a domain a password, and the providers of the
/// organisation that set the installation up.
///
/// # Errors
/// When the database fails.
pub fn offered(tx: &mut Tx, host: &str) -> Result<(bool, Vec<Provider>), DbError> {
    if let Some(domain) = find(tx, host)? {
        let mut providers = store::all(tx, domain.workspace)?;
        providers.retain(|provider| domain.methods.providers.contains(&provider.id));
        return Ok((domain.methods.password, providers));
    }
    match workspace::operator(tx)? {
        Some(operator) => Ok((true, store::all(tx, operator)?)),
        None => Ok((true, Vec::new())),
    }
}

/// Adds a domain or changes it. One of another organisation than the one that set the installation up waits until that
/// agrees: whoever has a host name decides how people sign in there.
///
/// # Errors
/// [`IdentityError::BadInput`].
pub fn put(tx: &mut Tx, domain: &Domain) -> Result<(), IdentityError> {
    let host = fold(&domain.host);
    let errors = wrong(tx, domain, &host)?;
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    let approved = workspace::operator(tx)? == Some(domain.workspace);
    let (now, text) = (tx.now(), |json: serde_json::Value| json.to_string());
    let (methods, access, apps) =
        (text(json!(domain.methods)), text(json!(domain.access)), text(json!(domain.apps)));
    tx.execute(
        "INSERT INTO domain (host, workspace, methods, access, apps, approved, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (host) DO UPDATE SET methods = excluded.methods, access = excluded.access, apps = excluded.apps",
        params![&host, domain.workspace, methods, access, apps, approved, now],
    )?;
    let about = json!({"methods": domain.methods, "access": domain.access, "apps": domain.apps});
    tx.audit(Event::new("domain.save", Object::new(Kind("domain"), &host)).name(&host).after(about));
    Ok(())
}

fn wrong(tx: &mut Tx, domain: &Domain, host: &str) -> Result<Vec<(String, String)>, IdentityError> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut errors = Vec::new();
    let mut add = |field: &str, text: &str| errors.push((field.to_owned(), text.to_owned()));
    if host.is_empty() || host.len() > 253 || !host.chars().all(good) || host.split('.').any(str::is_empty) {
        add("host", "must be a host name like console.example.org");
    }
    let sql = "SELECT 1 FROM domain WHERE host = ?1 AND workspace <> ?2";
    if tx.query_opt(sql, params![host, domain.workspace], |_| Ok(()))?.is_some() {
        add("host", "belongs to another organisation");
    }
    if !domain.methods.password && domain.methods.providers.is_empty() {
        add("password", "or a provider is needed, or nobody can sign in");
    }
    let known = store::all(tx, domain.workspace)?;
    if domain.methods.providers.iter().any(|id| !known.iter().any(|provider| provider.id == *id)) {
        add("provider", "is not one of this organisation");
    }
    for group in &domain.access.groups {
        if crate::group::find(tx, domain.workspace, *group)?.is_none() {
            add("group", "is not one of this organisation");
        }
    }
    for person in &domain.access.people {
        if account::find_member(tx, domain.workspace, *person)?.is_none() {
            add("people", "names somebody who is no member");
        }
    }
    let paths: Vec<&str> = domain.apps.iter().map(|app| app.path.as_str()).collect();
    for (place, path) in paths.iter().enumerate() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
        let reserved =
            ["/api", "/assets", "/sign-in", "/sign-out"].iter().any(|start| path.starts_with(start));
        if !path.starts_with('/')
            || path.starts_with("//")
            || !path.chars().all(plain)
            || reserved
            || path.len() > 100
        {
            add("apps", &format!("has a path that can't be used: {path}"));
        }
        if paths[..place].contains(path) {
            add("apps", &format!("has {path} twice"));
        }
    }
    Ok(errors)
}

/// Removes a domain.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn remove(tx: &mut Tx, workspace: WorkspaceId, host: &str) -> Result<(), IdentityError> {
    let host = fold(host);
    let sql = "DELETE FROM domain WHERE host = ?1 AND workspace = ?2";
    if tx.execute(sql, params![&host, workspace])? == 0 {
        return Err(IdentityError::NotFound);
    }
    tx.audit(Event::new("domain.remove", Object::new(Kind("domain"), &host)).name(&host));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn a_host_is_the_same_however_it_is_written() {
        for text in ["BO.Example", "bo.example:8443", "bo.example.", "bo.example"] {
            assert_eq!(fold(text), "bo.example");
        }
    }
}
