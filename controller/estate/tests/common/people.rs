//! The console over a small estate, and people who use it.

use super::Rig;
use bo_db::Part;
use bo_identity::account::{self, NewAccount};
use bo_identity::password::{self, Cost};
use bo_identity::{Identity, IdentityError, Settings, relation};
use bo_model::{AccountId, Kind, Level, Object};
use bo_web::app::{App, AppConfig};
use bo_web::testing::Client;
use std::sync::Arc;

pub const PASSWORD: &str = "green tram evening";

/// What the product keeps for a workspace besides people.
pub static PARTS: [Part; 2] = [bo_estate::PART, bo_delivery::PART];

pub fn app(rig: &Rig) -> Arc<App> {
    let identity = Identity::new(Settings { cost: Cost::TESTS, parts: &PARTS, ..Settings::default() });
    let mut routes = vec![identity.routes()];
    routes.extend(bo_estate::routes(&rig.estate));
    App::new(AppConfig {
        name: "BackOffice".into(),
        version: "0",
        db: rig.db.clone(),
        clock: rig.clock.clone(),
        ids: rig.estate.ids.clone(),
        access: bo_estate::menu::access(&rig.estate, identity.access()),
        secret: [7; 32],
        secure: false,
        trusted_proxies: Vec::new(),
        nav: bo_estate::menu::NAVIGATION.to_vec(),
        routes,
        metrics: None,
        ready: Vec::new(),
    })
}

/// Somebody's browser, signed in; with that level on the whole workspace, or with nothing.
pub async fn browser(rig: &Rig, app: &Arc<App>, name: &str, level: Option<Level>) -> Client {
    let (id, workspace): (AccountId, _) = (rig.estate.ids.make(), rig.workspace);
    let new = NewAccount {
        id,
        email: format!("{name}@example.org"),
        name: name.to_owned(),
        job: String::new(),
        phone: String::new(),
        password_hash: password::hash(PASSWORD, Cost::TESTS).unwrap(),
    };
    let made: Result<(), IdentityError> = rig
        .db
        .write(move |tx| {
            tx.unaudited("a test arranges its world");
            account::create(tx, workspace, &new)?;
            if let Some(level) = level {
                // Areas let through owners of the workspace alone; everybody else is given the area itself.
                let object = match level {
                    Level::Own => Object::new(Kind::WORKSPACE, workspace),
                    _ => Object::area(workspace, "estate"),
                };
                let subject = Object::new(Kind::ACCOUNT, id);
                relation::grant(tx, &subject, &object, level, relation::Validity::ALWAYS, "a test")?;
            }
            Ok(())
        })
        .await;
    made.unwrap();
    let mut client = Client::new(app);
    let email = format!("{name}@example.org");
    let answer = client.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    client.get("/").await;
    client
}
