//! The library of drivers: a version is put in, and one of each driver is the one in use.

use super::package::Packed;
use super::queries::{self, Version};
use crate::error::EstateError;
use crate::registry;
use bo_db::{Event, Tx};
use bo_model::{Object, WorkspaceId};
use serde::Serialize;
use serde_json::json;

/// What became of a driver that was put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Added {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Hex SHA-256 of the packed driver.
    pub hash: String,
    /// The library did not have it.
    pub new: bool,
    /// It is the version in use now; otherwise devices run it that hold it.
    pub in_use: bool,
}

/// Puts a version into the library. With `now`, or when it is the first of its name, it is the one in use from here on: the
/// next release of each gateway carries it. The same driver again changes nothing.
///
/// # Errors
/// [`EstateError::Invalid`] for a version that is here with other content: what devices hold must not change under its name.
pub fn add(tx: &mut Tx, packed: &Packed, now: bool) -> Result<Added, EstateError> {
    let driver = &packed.driver;
    let (workspace, name, version) = (driver.workspace, driver.name(), &driver.manifest.driver.version);
    let here = queries::versions(tx, workspace, name)?;
    if here.iter().any(|other| other.version == *version && other.hash != driver.hash) {
        let why =
            format!("{name} {version} is here with other content; give the changed one a version of its own");
        return Err(EstateError::invalid("version", why));
    }
    let new = !here.iter().any(|other| other.hash == driver.hash);
    if new {
        queries::save_package(tx, driver, &packed.bytes)?;
        let identity = &driver.manifest.driver;
        tx.audit(
            Event::new("driver.add", Object::area(workspace, "drivers"))
                .name(&identity.title)
                .workspace(workspace)
                .after(json!({ "name": name, "version": version, "hash": driver.hash })),
        );
    }
    let before = queries::in_use(tx, workspace, name)?;
    let in_use = now || before.is_none() || before.as_ref() == Some(&driver.hash);
    if in_use {
        change(tx, packed, before)?;
    }
    Ok(Added { name: name.to_owned(), version: version.clone(), hash: driver.hash.clone(), new, in_use })
}

/// Makes another version of the library the one in use: forward, or back at once.
///
/// # Errors
/// [`EstateError::Missing`] for a driver that is not here, [`EstateError::Invalid`] for a version that is not.
pub fn choose(tx: &mut Tx, workspace: WorkspaceId, name: &str, version: &str) -> Result<(), EstateError> {
    let here = queries::versions(tx, workspace, name)?;
    if here.is_empty() {
        return Err(EstateError::missing("driver", name));
    }
    let Some(wanted) = here.iter().find(|held| held.version == version) else {
        return Err(EstateError::invalid("version", unknown(version, &here)));
    };
    let bytes = queries::package(tx, workspace, &wanted.hash)?.unwrap_or_default();
    let packed = super::package::from_packed(workspace, &bytes)?;
    let before = queries::in_use(tx, workspace, name)?;
    change(tx, &packed, before)
}

/// What is said of a version that is not there.
pub(crate) fn unknown(version: &str, here: &[Version]) -> String {
    let known: Vec<&str> = here.iter().map(|held| held.version.as_str()).collect();
    format!("`{version}` is not in the library; it has {}", known.join(", "))
}

fn change(tx: &mut Tx, packed: &Packed, before: Option<String>) -> Result<(), EstateError> {
    let driver = &packed.driver;
    if before.as_ref() == Some(&driver.hash) {
        return Ok(());
    }
    queries::save(tx, driver)?;
    registry::touch(tx)?;
    let identity = &driver.manifest.driver;
    let event = Event::new("driver.use", Object::area(driver.workspace, "drivers"))
        .name(&identity.title)
        .workspace(driver.workspace);
    let after = json!({ "name": identity.name, "version": identity.version, "hash": driver.hash });
    tx.audit(match before {
        Some(hash) => event.change(json!({ "name": identity.name, "hash": hash }), after),
        None => event.after(after),
    });
    Ok(())
}
