//! Throw-away databases for tests: SQLite always, PostgreSQL when `BO_TEST_POSTGRES` names a server
//! (`postgres://user@host:port`) on which databases may be created.

use crate::db::Db;
use crate::engine::postgres::{PgConn, batch, outside_async};
use crate::error::DbError;
use crate::migrate::Migration;
use crate::vault::Vault;
use bo_model::clock::SharedClock;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A database that is removed when this is dropped. Drop it after every clone of [`TestDb::db`].
pub struct TestDb {
    /// The database, migrated.
    pub db: Db,
    /// `sqlite` or `postgres`, for messages.
    pub engine: &'static str,
    /// Its url, for opening it a second time.
    pub url: String,
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Server { admin: String, name: String },
}

static COUNT: AtomicU32 = AtomicU32::new(0);

fn unique() -> String {
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.subsec_nanos());
    format!("bo_test_{}_{}_{nanos}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn open(url: &str, clock: SharedClock) -> Result<Db, DbError> {
    let db = Db::open(url, clock)?;
    db.keep_secrets(Vault::of_keys(&[[7; 32]])?);
    Ok(db)
}

impl TestDb {
    /// A fresh SQLite database.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn sqlite(migrations: &[Migration], clock: SharedClock) -> Result<TestDb, DbError> {
        TestDb::sqlite_in(&std::env::temp_dir(), migrations, clock)
    }

    /// A fresh SQLite database in a folder of its own below `parent`.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn sqlite_in(parent: &Path, migrations: &[Migration], clock: SharedClock) -> Result<TestDb, DbError> {
        let folder = parent.join(unique());
        std::fs::create_dir_all(&folder)
            .map_err(|error| DbError::Open { url: folder.display().to_string(), why: error.to_string() })?;
        let url = format!("sqlite:{}", folder.join("test.db").display());
        let db = open(&url, clock)?;
        db.migrate(migrations)?;
        Ok(TestDb { db, engine: "sqlite", url, place: Place::Folder(folder) })
    }

    /// A fresh PostgreSQL database on the server that `BO_TEST_POSTGRES` names; `None` when it names none.
    ///
    /// # Errors
    /// When it names one and no database can be made there.
    pub fn postgres(migrations: &[Migration], clock: SharedClock) -> Result<Option<TestDb>, DbError> {
        let Ok(server) = std::env::var("BO_TEST_POSTGRES") else { return Ok(None) };
        let server = server.trim_end_matches('/').to_owned();
        let (name, admin) = (unique(), format!("{server}/postgres"));
        outside_async(|| batch(&mut PgConn::open(&admin)?, &format!("CREATE DATABASE {name}")))?;
        let url = format!("{server}/{name}");
        let db = open(&url, clock)?;
        db.migrate(migrations)?;
        Ok(Some(TestDb { db, engine: "postgres", url, place: Place::Server { admin, name } }))
    }

    /// One per engine that is there: `for test in TestDb::each(&MIGRATIONS, clock)? { … }`.
    ///
    /// # Errors
    /// When one can't be made.
    pub fn each(migrations: &[Migration], clock: SharedClock) -> Result<Vec<TestDb>, DbError> {
        let mut all = vec![TestDb::sqlite(migrations, clock.clone())?];
        all.extend(TestDb::postgres(migrations, clock)?);
        Ok(all)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        match &self.place {
            Place::Folder(folder) => drop(std::fs::remove_dir_all(folder)),
            Place::Server { admin, name } => {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let _ = outside_async(|| batch(&mut PgConn::open(admin)?, &sql));
            }
        }
    }
}
