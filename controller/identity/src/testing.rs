//! For tests of business modules: a whole application with identity and the modules named, on every engine that is there,
//! with a clock that is turned by hand. Organisation Acme, owner Noor.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use crate::account::{self, NewAccount};
use crate::password::{self, Cost};
use crate::workspace::{self, Builtin, First, NewWorkspace};
use crate::{Identity, IdentityError, MIGRATIONS, Settings, relation};
use bo_db::testing::TestDb;
use bo_db::{Db, Migration, Tx};
use bo_model::{AccountId, GroupId, IdGen, Kind, Level, ManualClock, Object, Time, WorkspaceId};
use bo_web::app::{App, AppConfig};
use bo_web::testing::Client;
use bo_web::{Module, NavItem, Routes};
use std::sync::Arc;

/// Everybody's password.
pub const PASSWORD: &str = "green tram evening";

/// An application and who is in it.
pub struct World {
    /// Turned by hand.
    pub clock: Arc<ManualClock>,
    /// Where ids come from.
    pub ids: Arc<IdGen>,
    /// The application.
    pub app: Arc<App>,
    /// Acme.
    pub workspace: WorkspaceId,
    /// Its built-in groups.
    pub groups: NewWorkspace,
    /// Noor.
    pub owner: AccountId,
    hash: String,
    test: TestDb,
}

/// One world per engine, with those tables before the modules' own.
pub async fn worlds(tables: &[Migration], modules: &[Module]) -> Vec<World> {
    let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
    let own = modules.iter().flat_map(|module| module.migrations).copied();
    let migrations: Vec<Migration> =
        MIGRATIONS.into_iter().chain(tables.iter().copied()).chain(own).collect();
    let mut all = Vec::new();
    for test in TestDb::each(&migrations, clock.clone()).unwrap() {
        all.push(world(test, clock.clone(), modules).await);
    }
    all
}

async fn world(test: TestDb, clock: Arc<ManualClock>, modules: &[Module]) -> World {
    let ids = Arc::new(IdGen::new(clock.clone(), 42));
    let hash = password::hash(PASSWORD, Cost::TESTS).unwrap();
    let first = First {
        workspace: NewWorkspace::ids(&ids),
        owner: ids.make(),
        name: "Acme".into(),
        owner_name: "Noor Haddad".into(),
        owner_email: "noor@example.org".into(),
        password_hash: hash.clone(),
    };
    let (groups, owner) = (first.workspace, first.owner);
    test.db.write(move |tx| workspace::bootstrap(tx, &first)).await.unwrap();
    let identity = Identity::new(Settings { cost: Cost::TESTS, ..Settings::default() });
    let routes: Vec<Routes> =
        std::iter::once(identity.routes()).chain(modules.iter().map(|module| (module.routes)())).collect();
    let nav: Vec<NavItem> = modules.iter().flat_map(|module| module.navigation).copied().collect();
    let app = App::new(AppConfig {
        name: "BackOffice".into(),
        version: "0",
        db: test.db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        access: identity.access(),
        secret: [7; 32],
        secure: false,
        trusted_proxies: Vec::new(),
        nav,
        routes,
        metrics: None,
        ready: Vec::new(),
    });
    World { clock, ids, app, workspace: groups.id, groups, owner, hash, test }
}

impl World {
    /// The database.
    pub fn db(&self) -> &Db {
        &self.test.db
    }

    /// `sqlite` or `postgres`, for messages.
    pub fn engine(&self) -> &'static str {
        self.test.engine
    }

    /// A built-in group.
    pub fn group(&self, builtin: Builtin) -> GroupId {
        self.groups.group(builtin)
    }

    /// A member who can sign in as `<name>@example.org`, in those groups.
    pub async fn person(&self, name: &str, groups: &[Builtin]) -> AccountId {
        let id: AccountId = self.ids.make();
        let new = NewAccount {
            id,
            email: format!("{}@example.org", name.to_lowercase()),
            name: name.to_owned(),
            job: String::new(),
            phone: String::new(),
            password_hash: self.hash.clone(),
        };
        let workspace = self.workspace;
        let groups: Vec<GroupId> = groups.iter().map(|builtin| self.group(*builtin)).collect();
        self.change(move |tx| {
            account::create(tx, workspace, &new)?;
            for group in &groups {
                let (subject, group) = (Object::new(Kind::ACCOUNT, id), Object::new(Kind::GROUP, group));
                relation::join(tx, &subject, &group, relation::Validity::ALWAYS, "")?;
            }
            Ok(())
        })
        .await;
        id
    }

    /// Gives somebody a level on something, beside the rules.
    pub async fn grant(&self, account: AccountId, object: Object, level: Level) {
        let subject = Object::new(Kind::ACCOUNT, account);
        self.change(move |tx| {
            Ok(relation::grant(tx, &subject, &object, level, relation::Validity::ALWAYS, "")?)
        })
        .await;
    }

    /// Arranges something beside the rules.
    pub async fn change<F>(&self, work: F)
    where
        F: Fn(&mut Tx) -> Result<(), IdentityError> + Send + 'static,
    {
        let done: Result<(), IdentityError> = self
            .db()
            .write(move |tx| {
                tx.unaudited("a test arranges its world");
                work(tx)
            })
            .await;
        done.unwrap();
    }

    /// The browser of `<name>@example.org`, signed in.
    pub async fn browser(&self, name: &str) -> Client {
        let mut client = Client::new(&self.app);
        let email = format!("{}@example.org", name.to_lowercase());
        let answer = client.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 303, "{email}: {}", answer.text);
        client.get("/account").await;
        client
    }

    /// The verbs of the audit log, oldest first.
    pub fn verbs(&self) -> Vec<String> {
        let sql = "SELECT verb FROM audit_record ORDER BY seq";
        self.db().read(|tx| tx.query(sql, &[], |row| row.get(0))).unwrap()
    }
}
