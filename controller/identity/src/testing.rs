//! For tests of identity and of business modules: a whole application with identity and the modules named, on every
//! engine that is there, with a clock that is turned by hand. Organisation Acme, owner Noor.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use crate::account::{self, NewAccount};
use crate::password::{self, Cost};
use crate::workspace::{self, Builtin, First, NewWorkspace};
use crate::{Identity, IdentityError, MIGRATIONS, Settings, level, relation};
use bo_db::testing::TestDb;
use bo_db::{Db, Migration, Tx};
use bo_model::{AccountId, GroupId, IdGen, Kind, Level, ManualClock, Object, Time, WorkspaceId};
use bo_web::app::{App, AppConfig};
use bo_web::testing::{Client, walk};
use bo_web::{Module, NavItem, Routes, Via, Viewer};
use std::sync::Arc;

/// Everybody's password.
pub const PASSWORD: &str = "green tram evening";
/// The owner's address.
pub const NOOR: &str = "noor@example.org";
/// What links in letters begin with.
const PUBLIC_URL: &str = "https://bo.example";

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

/// What an application is made of beside identity.
pub struct Setup<'a> {
    /// Of identity.
    pub settings: Settings,
    /// Tables before the modules' own.
    pub tables: &'a [Migration],
    /// Business modules.
    pub modules: &'a [Module],
    /// Routes beside theirs.
    pub routes: Vec<Routes>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        let settings = Settings { cost: Cost::TESTS, ..Settings::default() };
        Setup { settings, tables: &[], modules: &[], routes: Vec::new() }
    }
}

/// Settings with which letters are posted.
pub fn with_mail() -> Settings {
    Settings { public_url: Some(format!("{PUBLIC_URL}/")), ..Setup::default().settings }
}

/// One world per engine, with those tables before the modules' own.
pub async fn worlds(tables: &[Migration], modules: &[Module]) -> Vec<World> {
    Setup { tables, modules, ..Setup::default() }.worlds().await
}

/// One world per engine, of identity alone with those settings.
pub async fn worlds_with(settings: Settings) -> Vec<World> {
    Setup { settings, ..Setup::default() }.worlds().await
}

impl Setup<'_> {
    /// One world per engine.
    pub async fn worlds(self) -> Vec<World> {
        let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
        let own = self.modules.iter().flat_map(|module| module.migrations).copied();
        let migrations: Vec<Migration> =
            MIGRATIONS.into_iter().chain(self.tables.iter().copied()).chain(own).collect();
        let mut all = Vec::new();
        for test in TestDb::each(&migrations, clock.clone()).unwrap() {
            all.push(world(test, clock.clone(), &self).await);
        }
        all
    }
}

async fn world(test: TestDb, clock: Arc<ManualClock>, setup: &Setup<'_>) -> World {
    let ids = Arc::new(IdGen::new(clock.clone(), 42));
    let hash = password::hash(PASSWORD, Cost::TESTS).unwrap();
    let first = First {
        workspace: NewWorkspace::ids(&ids),
        owner: ids.make(),
        name: "Acme".into(),
        owner_name: "Noor Haddad".into(),
        owner_email: "Noor@Example.org".into(),
        password_hash: hash.clone(),
    };
    let (groups, owner) = (first.workspace, first.owner);
    test.db.write(move |tx| workspace::bootstrap(tx, &first)).await.unwrap();
    let identity = Identity::new(setup.settings.clone());
    let mut routes = vec![identity.routes()];
    routes.extend(setup.modules.iter().map(|module| (module.routes)()));
    routes.extend(setup.routes.iter().cloned());
    let nav: Vec<NavItem> = setup.modules.iter().flat_map(|module| module.navigation).copied().collect();
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

    /// For a process or a connection of its own.
    pub fn url(&self) -> &str {
        &self.test.url
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
        self.change(move |tx| account::create(tx, workspace, &new)).await;
        for builtin in groups {
            self.join(id, self.group(*builtin)).await;
        }
        id
    }

    /// A management area of the workspace.
    pub fn area(&self, name: &str) -> Object {
        Object::area(self.workspace, name)
    }

    /// Puts somebody into a group, beside the rules.
    pub async fn join(&self, account: AccountId, group: GroupId) {
        let (subject, group) = (Object::new(Kind::ACCOUNT, account), Object::new(Kind::GROUP, group));
        self.change(move |tx| Ok(relation::join(tx, &subject, &group, relation::Validity::ALWAYS, "")?))
            .await;
    }

    /// Gives somebody a level on something, beside the rules.
    pub async fn grant(&self, account: AccountId, object: Object, level: Level) {
        let subject = Object::new(Kind::ACCOUNT, account);
        self.change(move |tx| {
            Ok(relation::grant(tx, &subject, &object, level, relation::Validity::ALWAYS, "")?)
        })
        .await;
    }

    /// What somebody may do to something, at this moment.
    pub fn level(&self, account: AccountId, object: &Object) -> Level {
        let subject = Object::new(Kind::ACCOUNT, account);
        self.db().read(|tx| level::level(tx, &subject, object, tx.now())).unwrap()
    }

    /// Somebody as a route sees them.
    pub fn viewer(&self, account: AccountId) -> Viewer {
        Viewer {
            account,
            name: "Somebody".into(),
            email: String::new(),
            workspace: self.workspace,
            workspace_name: "Acme".into(),
            session: self.ids.make(),
            via: Via::Session,
            cap: Level::Own,
            seen: Time(0),
            behind: None,
            scopes: Arc::default(),
        }
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

    /// What the audit log says, oldest first: (verb, outcome).
    pub fn audit(&self) -> Vec<(String, String)> {
        let sql = "SELECT verb, outcome FROM audit_record ORDER BY seq";
        self.db().read(|tx| tx.query(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))).unwrap()
    }

    /// The verbs of the audit log, oldest first.
    pub fn verbs(&self) -> Vec<String> {
        self.audit().into_iter().map(|(verb, _)| verb).collect()
    }

    /// Letters that were posted, oldest first.
    pub fn letters(&self) -> Vec<serde_json::Value> {
        let sql = "SELECT payload FROM outbox WHERE topic = ?1 ORDER BY seq";
        self.db().read(|tx| tx.query(sql, bo_db::params![crate::letter::TOPIC], |row| row.json(0))).unwrap()
    }
}

/// Tries every route of each world as nobody and as somebody who was given nothing.
///
/// # Panics
/// Naming the routes that let one of them in.
pub async fn nobody_gets_in(worlds: &[World], stranger: &str) {
    for world in worlds {
        let holes = walk(&world.app, &world.browser(stranger).await).await;
        assert!(holes.is_empty(), "{}: {holes:#?}", world.engine());
    }
}

/// The path of the link in a letter.
pub fn link(letter: &serde_json::Value) -> String {
    let text = letter["text"].as_str().unwrap();
    text.split_whitespace().find_map(|word| word.strip_prefix(PUBLIC_URL)).unwrap().to_owned()
}
