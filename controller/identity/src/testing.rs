//! For tests of identity and of business modules: a whole application with identity and the modules named, on every
//! engine that is there, with a clock that is turned by hand. Organisation Acme, owner Noor.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use crate::account::{self, NewAccount};
use crate::password::{self, Cost};
use crate::workspace::{self, Builtin, First, NewWorkspace};
use crate::{Identity, IdentityError, MIGRATIONS, Settings, closing, level, organisation, relation};
use bo_db::testing::TestDb;
use bo_db::{Db, DbError, Migration, Part, Tx};
use bo_model::{AccountId, GroupId, IdGen, Kind, Level, ManualClock, Object, Time, WorkspaceId};
use bo_web::app::{App, AppConfig};
use bo_web::testing::{Client, abuse, walk};
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
    parts: &'static [Part],
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

/// One world per engine, of modules that know what they have and what it is called; letters are posted.
pub async fn worlds_of(tables: &[Migration], modules: &[Module], parts: &'static [Part]) -> Vec<World> {
    let settings = Settings { parts, ..with_mail() };
    Setup { settings, tables, modules, ..Setup::default() }.worlds().await
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
    let parts = setup.settings.parts;
    World { clock, ids, app, workspace: groups.id, groups, owner, hash, test, parts }
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
            confined: false,
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

impl World {
    /// An organisation of somebody's, in which their browser is from then on.
    pub async fn organisation(
        &self,
        founder: AccountId,
        name: &'static str,
        browser: &mut Client,
    ) -> NewWorkspace {
        let new = NewWorkspace::ids(&self.ids);
        self.change(move |tx| organisation::create(tx, new, name, founder)).await;
        let id = new.id.to_string();
        assert_eq!(browser.post("/account/workspace", &[("workspace", &id)]).await.status, 303);
        browser.get("/workspace").await;
        new
    }

    /// Removes the organisation that an owner's browser is in, as they do; two weeks go by.
    ///
    /// # Panics
    /// When it is refused, or something is left of it: a row of any table, or a table that no part of the product names.
    pub async fn remove_organisation(&self, owner: &mut Client, name: &str, id: WorkspaceId) {
        let asked = owner.post("/workspace/remove", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(asked.status, 303, "{}", asked.text);
        self.clock.advance(closing::WAIT);
        let mut steps = 0;
        while closing::step(self.db(), self.parts).await.unwrap() {
            steps += 1;
            assert!(steps < 1000, "it does not end");
        }
        assert!(!closing::step(self.db(), self.parts).await.unwrap(), "done is done");
        let found = self.db().read(|tx| left(tx, id, self.parts)).unwrap();
        assert!(found.is_empty(), "{found:#?} on {}", self.engine());
    }
}

/// Bad intent on a whole world in which its owner Noor has made something of everything: forms of other sites, the owner of another
/// organisation who guesses ids, and junk in every form. `least` of each are there at least.
///
/// # Panics
/// Naming what let somebody in, broke, or lost what was typed.
pub async fn withstands_abuse(world: &World, from: &[&str], least: (usize, usize, usize)) {
    let mut noor = world.browser("Noor").await;
    let (tried, holes) = abuse::forged(&world.app, &noor).await;
    assert!(holes.is_empty() && tried >= least.0, "{tried} forged on {}: {holes:#?}", world.engine());
    let reached = abuse::reach(&mut noor, from).await;
    let mallory = world.person("Mallory", &[]).await;
    let mut browser = world.browser("Mallory").await;
    world.organisation(mallory, "Elsewhere", &mut browser).await;
    let (tried, holes) = abuse::strangers(&reached, &mut browser).await;
    assert!(holes.is_empty() && tried >= least.1, "{tried} guessed on {}: {holes:#?}", world.engine());
    let (tried, holes) = abuse::junk(&reached, &mut noor).await;
    assert!(holes.is_empty() && tried >= least.2, "{tried} forms on {}: {holes:#?}", world.engine());
}

/// What is left of a workspace that was removed: rows of any table, and tables that no part of the product names.
///
/// # Errors
/// When the database fails.
pub fn left(tx: &mut Tx, id: WorkspaceId, parts: &[Part]) -> Result<Vec<String>, DbError> {
    let mut found = Vec::new();
    let sql = match tx.is_postgres() {
        true => "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
        false => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'content_search_%'"
        }
    };
    let tables: Vec<String> = tx.query(sql, &[], |row| row.get(0))?;
    let all = || parts.iter().chain([&closing::PART]);
    for table in tables {
        let owned = all().flat_map(|part| part.owned).find(|owned| owned.table == table);
        let shared =
            all().any(|part| part.shared.contains(&table.as_str())) || OF_DATABASE.contains(&table.as_str());
        match owned {
            Some(owned) if owned.count(tx, id)? > 0 => found.push(format!("rows of {table}")),
            None if !shared => found.push(format!("{table} is nobody's")),
            _ => {}
        }
    }
    for (what, sql) in [
        ("the workspace", "SELECT COUNT(*) FROM workspace WHERE id = ?1"),
        ("sessions", "SELECT COUNT(*) FROM session WHERE workspace = ?1"),
        (
            "relations",
            "SELECT COUNT(*) FROM relation WHERE object LIKE '%' || ?1 || '%' OR subject LIKE '%' || ?1 || '%'",
        ),
    ] {
        let count: i64 = tx.query_one(sql, bo_db::params![id], |row| row.get(0))?;
        if count > 0 {
            found.push(format!("{count} {what}"));
        }
    }
    Ok(found)
}

/// Tables of the database itself: audit, events, what was migrated.
const OF_DATABASE: [&str; 8] = [
    "kv",
    "migration",
    "audit_record",
    "audit_head",
    "audit_checkpoint",
    "outbox",
    "outbox_cursor",
    "outbox_parked",
];

/// The path of the link in a letter.
pub fn link(letter: &serde_json::Value) -> String {
    let text = letter["text"].as_str().unwrap();
    text.split_whitespace().find_map(|word| word.strip_prefix(PUBLIC_URL)).unwrap().to_owned()
}
