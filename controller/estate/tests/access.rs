//! Permissions at gateways: they follow what is decided in the console by themselves, and take nothing else with them.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_db::{DbError, Tx, params};
use bo_estate::releases::access::step;
use bo_estate::releases::queries::{latest, list};
use bo_estate::rollouts;
use bo_identity::relation::{self, Validity};
use bo_model::release::Site;
use bo_model::{AccountId, EdgeId, Kind, Level, Object, Time};
use bo_uplink::Handler as _;
use bo_web::testing::Client;
use bo_wire::Heartbeat;
use common::people::{app, browser};
use common::{Rig, rigs};
use serde_json::json;
use std::time::Duration;

/// Changes something without anybody's name under it.
async fn change<T: Send + 'static>(
    rig: &Rig,
    work: impl Fn(&mut Tx) -> Result<T, DbError> + Send + 'static,
) -> T {
    let arranged = rig.db.write(move |tx| {
        tx.unaudited("a test arranges its world");
        work(tx)
    });
    arranged.await.unwrap()
}

/// Lin of the facilities, who has a PIN for gateways.
async fn lin(rig: &Rig) -> AccountId {
    let lin = change(rig, |tx| {
        let lin = bo_identity::account::addressed(tx, "lin@example.org")?.expect("imported");
        tx.execute("UPDATE account SET state = 'active' WHERE id = ?1", params![lin.id])?;
        bo_identity::gateway_pin::set(tx, lin.id, "$argon2id$a-hash")?;
        Ok(lin.id)
    });
    lin.await
}

fn newest(rig: &Rig, edge: EdgeId) -> (u64, String, Site) {
    let release = rig.db.read(|tx| latest(tx, edge)).unwrap().unwrap();
    (release.number, release.hash, serde_json::from_str(&release.site).unwrap())
}

/// What somebody may do with the meter at the gateway then.
fn may(rig: &Rig, edge: EdgeId, who: AccountId, at: Time) -> Option<Level> {
    let site = newest(rig, edge).2;
    let meter = site.devices.iter().find(|device| device.id == rig.device("Meter_1")).unwrap();
    let person = site.people.iter().find(|person| person.id == who)?;
    Some(person.on_device(&site, meter, at))
}

async fn publish(client: &mut Client, edge: EdgeId) {
    let answer = client.call(Method::POST, &format!("/api/v1/edges/{edge}/releases"), &json!({})).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_go_is_out_at_the_gateway_by_itself_and_what_nobody_approved_stays_behind() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let edge = rig.edge();
        assert_eq!(step(&rig.estate).await.unwrap(), 0, "a gateway without a release gets none by itself");
        publish(&mut noor, edge).await;
        let first = newest(&rig, edge).1;
        let who = lin(&rig).await;
        assert_eq!(step(&rig.estate).await.unwrap(), 1, "{}", rig.test.engine);
        assert_eq!(step(&rig.estate).await.unwrap(), 0, "once");
        let now = rig.clock_now();
        assert_eq!(may(&rig, edge, who, now), Some(Level::Edit));

        // Something is changed that nobody has deployed yet.
        let zone = rig.estate.registry().edges[&edge].zone;
        noor.call(Method::PATCH, &format!("/api/v1/zones/{zone}"), &json!({"name": "Not approved"})).await;
        let group = change(&rig, move |tx| {
            let group = tx
                .query_one("SELECT id FROM grp WHERE name = 'Facilities'", &[], |row| row.get::<String>(0))?;
            let group = Object::new(Kind::GROUP, group);
            assert!(relation::leave(tx, &Object::new(Kind::ACCOUNT, who), &group)?);
            Ok(group)
        });
        let group = group.await;
        assert_eq!(step(&rig.estate).await.unwrap(), 1);
        let (number, _, site) = newest(&rig, edge);
        assert_eq!((number, site.people.len()), (3, 0));
        assert_eq!(site.repeats.as_ref(), Some(&first), "the configuration is that of the first");
        assert!(site.zones.iter().all(|zone| zone.name != "Not approved"));
        let plan = noor.get(&format!("/api/v1/edges/{edge}/plan")).await.json();
        assert!(plan["diff"]["changed"].to_string().contains("Not approved"), "it still waits: {plan}");
        let page = noor.get("/releases").await.text;
        assert!(page.contains("permissions only"), "{page}");

        // Back, and then the account itself is closed.
        let subject = Object::new(Kind::ACCOUNT, who);
        change(&rig, move |tx| relation::join(tx, &subject, &group, Validity::ALWAYS, "back")).await;
        assert_eq!(step(&rig.estate).await.unwrap(), 1);
        assert_eq!(may(&rig, edge, who, now), Some(Level::Edit));
        change(&rig, move |tx| {
            tx.execute("UPDATE account SET state = 'disabled' WHERE id = ?1", params![who]).map(drop)
        })
        .await;
        assert_eq!(step(&rig.estate).await.unwrap(), 1);
        assert_eq!(may(&rig, edge, who, now), None);

        // However often people change, releases don't pile up.
        for turn in 0..30 {
            change(&rig, move |tx| {
                let state = if turn % 2 == 0 { "active" } else { "disabled" };
                tx.execute("UPDATE account SET state = ?2 WHERE id = ?1", params![who, state]).map(drop)
            })
            .await;
            assert_eq!(step(&rig.estate).await.unwrap(), 1);
        }
        let kept = rig.db.read(|tx| list(tx, edge, i64::MAX as u64, 100)).unwrap();
        assert!(kept.len() <= 22, "{}", kept.len());
        assert_eq!(kept.last().unwrap().hash, first, "what was deployed stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_a_time_goes_to_the_gateway_with_its_end_and_needs_no_further_release() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let edge = rig.edge();
        publish(&mut noor, edge).await;
        let who = lin(&rig).await;
        step(&rig.estate).await.unwrap();
        let (now, hour) = (rig.clock_now(), Duration::from_secs(3600));
        let system = rig.estate.registry().devices[&rig.device("Meter_1")].device.system;
        change(&rig, move |tx| {
            let window = Validity { from: now.after(hour), to: now.after(2 * hour) };
            let (subject, object) = (Object::new(Kind::ACCOUNT, who), Object::new(Kind::SYSTEM, system));
            relation::grant(tx, &subject, &object, Level::Own, window, "the night shift")
        })
        .await;
        assert_eq!(step(&rig.estate).await.unwrap(), 1);
        let at = |minutes: u64| may(&rig, edge, who, now.after(Duration::from_secs(minutes * 60))).unwrap();
        let levels = [0, 59, 60, 119, 120, 500].map(at);
        let (edit, own) = (Level::Edit, Level::Own);
        assert_eq!(levels, [edit, edit, own, own, edit, edit], "{}", rig.test.engine);

        // The moments pass: what the gateway knows still says it all, even when the graph changes elsewhere.
        let number = newest(&rig, edge).0;
        for _ in 0..3 {
            rig.clock.advance(hour);
            let other = Object::new(Kind::GROUP, "elsewhere");
            change(&rig, move |tx| relation::join(tx, &Object::everyone(), &other, Validity::ALWAYS, ""))
                .await;
            assert_eq!(step(&rig.estate).await.unwrap(), 0);
            publish(&mut noor, edge).await;
        }
        assert_eq!(newest(&rig, edge).0, number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_goes_on_while_permissions_change_and_what_it_takes_back_lets_nobody_in_again() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let edge = rig.edge();
        let who = lin(&rig).await;
        publish(&mut noor, edge).await;
        let zone = rig.estate.registry().edges[&edge].zone;
        noor.call(Method::PATCH, &format!("/api/v1/zones/{zone}"), &json!({"name": "Harbour II"})).await;
        let proposal = json!({"title": "New name", "rings": [[edge]], "watch": "60s"});
        let made = noor.call(Method::POST, "/api/v1/rollouts", &proposal).await.json();
        let path = format!("/api/v1/rollouts/{}", made["id"].as_str().unwrap());
        // Between proposal and approval somebody is let go: that is nobody's change of configuration.
        let state = |state: &'static str| {
            change(&rig, move |tx| {
                tx.execute("UPDATE account SET state = ?2 WHERE id = ?1", params![who, state]).map(drop)
            })
        };
        state("disabled").await;
        assert_eq!(step(&rig.estate).await.unwrap(), 1);
        let approved = noor.call(Method::POST, &format!("{path}/approve"), &json!({})).await;
        assert_eq!(approved.status, 200, "{}", approved.text);
        rollouts::step(&rig.estate).await.unwrap();
        assert!(newest(&rig, edge).2.zones.iter().any(|zone| zone.name == "Harbour II"));
        state("active").await;
        assert_eq!(step(&rig.estate).await.unwrap(), 1, "and comes back while it is watched");
        let heartbeat = Heartbeat {
            at: rig.estate.clock.now(),
            count: 1,
            release: newest(&rig, edge).1,
            backlog: 0,
            journal_bytes: 0,
            links: Vec::new(),
            unwell: Vec::new(),
            memory: 0,
        };
        rig.clock.advance(Duration::from_secs(61));
        rig.ingest.heartbeat(edge, heartbeat).await;
        rollouts::step(&rig.estate).await.unwrap();
        let shown = noor.get(&path).await.json();
        assert_eq!(shown["state"], "done", "{shown}");

        // So often that what was there before the rollout, which had brought people alone, is not kept any more.
        for turn in 0..25 {
            state(if turn % 2 == 0 { "disabled" } else { "active" }).await;
            assert_eq!(step(&rig.estate).await.unwrap(), 1);
        }
        let stopped = noor.call(Method::POST, &format!("{path}/stop"), &json!({"revert": true})).await;
        assert_eq!(stopped.status, 200, "{}", stopped.text);
        let (_, _, site) = newest(&rig, edge);
        assert!(site.zones.iter().all(|zone| zone.name != "Harbour II"), "{}", rig.test.engine);
        assert!(site.people.is_empty() && site.repeats.is_none(), "{site:?}");
    }
}
