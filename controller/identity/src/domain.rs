//! Host names a workspace is served under, and how one signs in there.

use crate::error::IdentityError;
use crate::oidc::{Provider, store};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{Kind, Object, ProviderId, WorkspaceId};
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

/// A domain.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, host: &str) -> Result<Option<Domain>, DbError> {
    tx.query_opt("SELECT host, workspace, methods FROM domain WHERE host = ?1", params![fold(host)], |row| {
        Ok(Domain { host: row.get(0)?, workspace: row.get(1)?, methods: row.json(2)? })
    })
}

/// All domains of a workspace.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Domain>, DbError> {
    tx.query(
        "SELECT host, workspace, methods FROM domain WHERE workspace = ?1 ORDER BY host LIMIT 100",
        params![workspace],
        |row| Ok(Domain { host: row.get(0)?, workspace: row.get(1)?, methods: row.json(2)? }),
    )
}

/// What the sign-in page of a host offers: its domain's methods; without a domain a password, and the providers if there is
/// only one organisation whose they can be.
///
/// # Errors
/// When the database fails.
pub fn offered(tx: &mut Tx, host: &str) -> Result<(bool, Vec<Provider>), DbError> {
    if let Some(domain) = find(tx, host)? {
        let mut providers = store::all(tx, domain.workspace)?;
        providers.retain(|provider| domain.methods.providers.contains(&provider.id));
        return Ok((domain.methods.password, providers));
    }
    let organisations =
        tx.query("SELECT id FROM workspace WHERE kind = 'organisation' LIMIT 2", &[], |row| {
            row.get::<WorkspaceId>(0)
        })?;
    match organisations.as_slice() {
        [only] => Ok((true, store::all(tx, *only)?)),
        _ => Ok((true, Vec::new())),
    }
}

/// Adds a domain or changes its methods.
///
/// # Errors
/// [`IdentityError::BadInput`].
pub fn put(tx: &mut Tx, domain: &Domain) -> Result<(), IdentityError> {
    let host = fold(&domain.host);
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut errors = Vec::new();
    if host.is_empty() || host.len() > 253 || !host.chars().all(good) || host.split('.').any(str::is_empty) {
        errors.push(("host".to_owned(), "must be a host name like console.example.org".to_owned()));
    }
    if find(tx, &host)?.is_some_and(|known| known.workspace != domain.workspace) {
        errors.push(("host".into(), "belongs to another organisation".into()));
    }
    if !domain.methods.password && domain.methods.providers.is_empty() {
        errors.push(("password".into(), "or a provider is needed, or nobody can sign in".into()));
    }
    let known = store::all(tx, domain.workspace)?;
    if domain.methods.providers.iter().any(|id| !known.iter().any(|provider| provider.id == *id)) {
        errors.push(("provider".into(), "is not one of this organisation".into()));
    }
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    let (now, methods) = (tx.now(), json!(domain.methods).to_string());
    tx.execute(
        "INSERT INTO domain (host, workspace, methods, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (host) DO UPDATE SET methods = excluded.methods",
        params![&host, domain.workspace, methods, now],
    )?;
    tx.audit(
        Event::new("domain.save", Object::new(Kind("domain"), &host))
            .name(&host)
            .after(json!(domain.methods)),
    );
    Ok(())
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
