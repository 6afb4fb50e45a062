//! The navigation shows what there is something behind, and nothing else.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_db::DbError;
use bo_identity::relation::{self, Validity};
use bo_model::{AccountId, Kind, Level, Object};
use bo_web::testing::Client;
use common::people::{app, browser};
use common::{Rig, rigs};

const ALL: [&str; 9] = [
    "/alarms",
    "/zones",
    "/systems",
    "/devices",
    "/triggers",
    "/history",
    "/commands",
    "/edges",
    "/releases",
];

/// The entries somebody has, in order.
async fn entries(client: &mut Client) -> Vec<&'static str> {
    let page = client.get("/").await.text;
    let menu =
        page.split("<nav class=\"nav\"").nth(1).unwrap_or("").split("</nav>").next().unwrap().to_owned();
    ALL.into_iter().filter(|href| menu.contains(&format!("href=\"{href}\""))).collect()
}

async fn give(rig: &Rig, name: &str, object: Object, level: Option<Level>) {
    let mail = format!("{name}@example.org");
    let given = rig.db.write(move |tx| {
        tx.unaudited("a test arranges its world");
        let account: AccountId = bo_identity::account::addressed(tx, &mail)?.unwrap().id;
        let subject = Object::new(Kind::ACCOUNT, account);
        match level {
            Some(level) => relation::grant(tx, &subject, &object, level, Validity::ALWAYS, "a test"),
            None => relation::revoke(tx, &subject, &object).map(drop),
        }
    });
    given.await.map_err(|error: DbError| error.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_entries_behind_which_there_is_something_for_them_from_the_next_page_on() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        assert_eq!(entries(&mut noor).await, ALL);
        let mut guest = browser(&rig, &app, "guest", None).await;
        assert_eq!(entries(&mut guest).await, Vec::<&str>::new());

        let registry = rig.estate.registry();
        let plant = registry.devices[&rig.device("Meter_1")].device.system;
        give(&rig, "guest", Object::new(Kind::SYSTEM, plant), Some(Level::View)).await;
        let of_a_system = ["/alarms", "/systems", "/devices", "/triggers", "/history", "/commands"];
        assert_eq!(entries(&mut guest).await, of_a_system, "{}", rig.test.engine);
        give(&rig, "guest", Object::new(Kind::EDGE, rig.edge()), Some(Level::View)).await;
        assert_eq!(entries(&mut guest).await.last(), Some(&"/releases"));
        give(&rig, "guest", Object::new(Kind::EDGE, rig.edge()), None).await;
        give(&rig, "guest", Object::new(Kind::SYSTEM, plant), Some(Level::See)).await;
        assert_eq!(entries(&mut guest).await, Vec::<&str>::new(), "to know of it is not to look at it");

        // Whoever may make the first has the entry, though nothing is there yet.
        let emptied = rig.db.write(|tx| {
            tx.unaudited("a test arranges its world");
            tx.execute("DELETE FROM trigger_instance", &[])?;
            bo_estate::registry::touch(tx)
        });
        emptied.await.map_err(|error: DbError| error.to_string()).unwrap();
        rig.estate.refresh().unwrap();
        assert!(entries(&mut noor).await.contains(&"/triggers"));
        let mut mika = browser(&rig, &app, "mika", Some(Level::View)).await;
        assert!(!entries(&mut mika).await.contains(&"/triggers"), "there is none to look at");
        assert!(entries(&mut mika).await.contains(&"/zones"));
    }
}
