//! A whole application of identity alone, on every engine that is there, with a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]
#![allow(dead_code, reason = "each test file uses its part")]

use bo_db::testing::TestDb;
use bo_db::{Db, Tx};
use bo_identity::account::{self, NewAccount};
use bo_identity::password::{self, Cost};
use bo_identity::workspace::{self, Builtin, First, NewWorkspace};
use bo_identity::{Identity, IdentityError, MIGRATIONS, Settings, relation};
use bo_model::{AccountId, GroupId, IdGen, Kind, ManualClock, Object, Time, WorkspaceId};
use bo_web::app::{App, AppConfig};
use bo_web::testing::Client;
use std::sync::Arc;

pub const PASSWORD: &str = "green tram evening";
pub const NOOR: &str = "noor@example.org";

/// With mail: what links begin with.
pub fn with_mail() -> Settings {
    Settings { public_url: Some("https://bo.example/".into()), ..settings() }
}

/// Letters that were posted, oldest first.
pub fn letters(world: &World) -> Vec<serde_json::Value> {
    let sql = "SELECT payload FROM outbox WHERE topic = ?1 ORDER BY seq";
    world
        .db()
        .read(|tx| tx.query(sql, bo_db::params![bo_identity::letter::TOPIC], |row| row.json(0)))
        .unwrap()
}

/// The path of the link in a letter.
pub fn link(letter: &serde_json::Value) -> String {
    let text = letter["text"].as_str().unwrap();
    text.split_whitespace().find_map(|word| word.strip_prefix("https://bo.example")).unwrap().to_owned()
}

pub struct World {
    pub clock: Arc<ManualClock>,
    pub ids: Arc<IdGen>,
    pub app: Arc<App>,
    pub workspace: WorkspaceId,
    pub groups: NewWorkspace,
    pub owner: AccountId,
    pub hash: String,
    pub test: TestDb,
}

/// One world per engine: organisation Acme, owner Noor.
pub async fn worlds() -> Vec<World> {
    worlds_with(Vec::new()).await
}

pub fn settings() -> Settings {
    Settings { cost: Cost::TESTS, ..Settings::default() }
}

/// With other settings than usual.
pub async fn worlds_set(settings: Settings) -> Vec<World> {
    worlds_of(Vec::new(), settings).await
}

pub async fn worlds_with(routes: Vec<bo_web::Routes>) -> Vec<World> {
    worlds_of(routes, settings()).await
}

async fn worlds_of(routes: Vec<bo_web::Routes>, settings: Settings) -> Vec<World> {
    let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
    let tests = TestDb::each(&MIGRATIONS, clock.clone()).unwrap();
    let mut all = Vec::new();
    for test in tests {
        all.push(world(test, clock.clone(), routes.clone(), settings.clone()).await);
    }
    all
}

async fn world(
    test: TestDb,
    clock: Arc<ManualClock>,
    routes: Vec<bo_web::Routes>,
    settings: Settings,
) -> World {
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
    let identity = Identity::new(settings);
    let mut all_routes = vec![identity.routes()];
    all_routes.extend(routes);
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
        nav: Vec::new(),
        routes: all_routes,
        metrics: None,
        ready: Vec::new(),
    });
    World { clock, ids, app, workspace: groups.id, groups, owner, hash, test }
}

impl World {
    pub fn db(&self) -> &Db {
        &self.test.db
    }

    pub fn engine(&self) -> &'static str {
        self.test.engine
    }

    pub fn group(&self, builtin: Builtin) -> Object {
        Object::new(Kind::GROUP, self.groups.group(builtin))
    }

    pub fn area(&self, name: &str) -> Object {
        Object::area(self.workspace, name)
    }

    /// A member who can sign in as `<name>@example.org`, in those groups.
    pub async fn person(&self, name: &str, groups: &[GroupId]) -> AccountId {
        let id: AccountId = self.ids.make();
        let new = NewAccount {
            id,
            email: format!("{}@example.org", name.to_lowercase()),
            name: name.to_owned(),
            job: String::new(),
            phone: String::new(),
            password_hash: self.hash.clone(),
        };
        let (workspace, groups) = (self.workspace, groups.to_vec());
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

    /// Somebody's browser, signed in.
    pub async fn browser(&self, email: &str) -> Client {
        let mut client = Client::new(&self.app);
        let answer = client.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 303, "{email}: {}", answer.text);
        client.get("/account").await;
        client
    }

    /// What the audit log says, oldest first: (verb, outcome).
    pub fn audit(&self) -> Vec<(String, String)> {
        self.db()
            .read(|tx| {
                tx.query("SELECT verb, outcome FROM audit_record ORDER BY seq", &[], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
            })
            .unwrap()
    }
}
