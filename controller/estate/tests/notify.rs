//! Who is told of alarms and notices, and who is not; lists that show a full page of what somebody may see.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_db::outbox::{Handler, step};
use bo_delivery::{Delivery, Wanted, list};
use bo_estate::alarms::{self, Raise};
use bo_estate::notify::{HANDLER, escalate};
use bo_identity::relation::{Validity, grant};
use bo_model::{AccountId, DeviceId, Kind, Level, Object, SystemId};
use bo_uplink::Handler as _;
use bo_web::testing::Client;
use bo_wire::{Body, Class, Record, Records, TriggerRun};
use common::people::{app, browser};
use common::{Rig, START, rigs};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::time::Duration;

static LISTENER: Handler = HANDLER;

async fn raise(rig: &Rig, key: &str, severity: &str, device: DeviceId) {
    let registry = rig.estate.registry();
    let entry = &registry.devices[&device];
    let raise = Raise {
        workspace: rig.workspace,
        key: key.into(),
        edge: Some(entry.edge),
        system: Some(entry.device.system),
        device: Some(device),
        severity: severity.into(),
        text: format!("{key} is too hot"),
        at: rig.estate.clock.now(),
    };
    let ids = rig.estate.ids.clone();
    let made = rig.db.write(move |tx| {
        tx.unaudited("a test arranges its world");
        alarms::actions::raise(tx, &ids, &raise).map(drop)
    });
    made.await.unwrap();
    handle(rig).await;
}

async fn clear(rig: &Rig, key: &'static str) {
    let (workspace, now) = (rig.workspace, rig.estate.clock.now());
    let done = rig.db.write(move |tx| {
        tx.unaudited("a test arranges its world");
        alarms::actions::clear(tx, workspace, key, now).map(drop)
    });
    done.await.unwrap();
    handle(rig).await;
}

async fn handle(rig: &Rig) {
    while step(&rig.db, &LISTENER).await.unwrap() {}
}

/// Messages, oldest first.
fn told(rig: &Rig) -> Vec<Delivery> {
    let mut all = rig.db.read(|tx| list(tx, rig.workspace, &Wanted::default(), i64::MAX, 500)).unwrap();
    all.reverse();
    all
}

fn whom(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().map(|message| message.target).collect()
}

async fn make(client: &mut Client, path: &str, body: Json) -> String {
    let answer = client.call(Method::POST, path, &body).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn account(rig: &Rig, email: &str) -> AccountId {
    rig.db.read(|tx| bo_identity::account::addressed(tx, email)).unwrap().expect("an account").id
}

/// Lin, of the imported group of facilities, has set a password.
fn activate_lin(rig: &Rig) -> String {
    rig.db
        .write_blocking(|tx| {
            tx.unaudited("a test arranges its world");
            tx.execute("UPDATE account SET state = 'active' WHERE address = 'lin@example.org'", &[]).map(drop)
        })
        .unwrap();
    let group = rig.db.read(|tx| {
        tx.query_one("SELECT id FROM grp WHERE name = 'Facilities'", &[], |row| row.get::<String>(0))
    });
    format!("group:{}", group.map_err(|error: bo_db::DbError| error.to_string()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_told_to_whoever_wants_it_and_may_see_it() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let _stranger = browser(&rig, &app, "stranger", None).await;
        let facilities = activate_lin(&rig);
        make(&mut noor, "/api/v1/channels", json!({"name": "Facilities", "recipient": facilities})).await;
        let stranger = format!("account:{}", account(&rig, "stranger@example.org"));
        make(&mut noor, "/api/v1/channels", json!({"name": "Stranger", "recipient": stranger})).await;
        let hook = json!({"name": "Desk", "kind": "webhook", "address": "https://desk.example.org/hook/abc",
            "secret": "0123456789abcdef", "severity": "critical"});
        make(&mut noor, "/api/v1/channels", hook).await;
        let meter = rig.device("Meter_1");
        raise(&rig, "minor", "info", meter).await;
        assert_eq!(whom(&rig), Vec::<String>::new(), "below the severity that anybody wants");
        raise(&rig, "pump", "warning", meter).await;
        assert_eq!(whom(&rig), ["Lin Duarte <lin@example.org>"], "{}", rig.test.engine);
        assert_eq!(told(&rig)[0].subject, "[warning] pump is too hot");
        // The same again within the quiet time is one message, another condition is another.
        clear(&rig, "pump").await;
        raise(&rig, "pump", "warning", meter).await;
        assert_eq!(whom(&rig).len(), 1);
        rig.clock.advance(Duration::from_secs(660));
        clear(&rig, "pump").await;
        raise(&rig, "pump", "warning", meter).await;
        assert_eq!(whom(&rig).len(), 2);
        raise(&rig, "boiler", "critical", meter).await;
        clear(&rig, "boiler").await;
        let hooks: Vec<String> =
            told(&rig).into_iter().filter(|m| m.channel == "webhook").map(|m| m.subject).collect();
        assert_eq!(hooks, ["alarm.raised", "alarm.cleared"], "a program hears the end too");
        let shown = noor.get("/api/v1/channels").await;
        assert!(!shown.text.contains("0123456789abcdef"), "{}", shown.text);
        let messages = noor.get("/api/v1/deliveries?limit=2").await.json();
        assert_eq!(messages["items"].as_array().unwrap().len(), 2);
        let next = messages["next"].as_str().unwrap();
        let rest = noor.get(&format!("/api/v1/deliveries?after={next}")).await.json();
        assert_eq!(rest["items"].as_array().unwrap().len(), told(&rig).len() - 2);
        assert!(!rest.to_string().contains("hook/abc"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_sees_to_is_told_further_and_maintenance_keeps_quiet() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let facilities = activate_lin(&rig);
        let late = json!({"name": "Later", "recipient": facilities, "after_minutes": 15, "quiet_minutes": 0});
        make(&mut noor, "/api/v1/channels", late).await;
        let meter = rig.device("Meter_1");
        raise(&rig, "seen", "warning", meter).await;
        raise(&rig, "unseen", "warning", meter).await;
        raise(&rig, "gone", "warning", meter).await;
        assert_eq!(escalate(&rig.db).await.unwrap(), 0);
        let open = noor.get("/api/v1/alarms").await.json();
        let id = |text: &str| {
            let items = open["items"].as_array().unwrap();
            let found = items.iter().find(|alarm| alarm["text"].as_str().unwrap().starts_with(text));
            found.unwrap()["id"].as_str().unwrap().to_owned()
        };
        let path = format!("/api/v1/alarms/{}", id("seen"));
        let seen =
            noor.call(Method::POST, &format!("{path}/acknowledge"), &json!({"comment": "On it"})).await;
        assert_eq!(seen.status, 200);
        clear(&rig, "gone").await;
        rig.clock.advance(Duration::from_secs(15 * 60));
        assert_eq!(escalate(&rig.db).await.unwrap(), 3);
        assert_eq!(told(&rig).len(), 1, "{:?}", told(&rig));
        assert!(told(&rig)[0].subject.contains("unseen"));

        // Assigned to somebody who may see it, with a note.
        let lin = account(&rig, "lin@example.org");
        let given = noor.call(Method::POST, &format!("{path}/assign"), &json!({ "account": lin })).await;
        assert_eq!(given.json()["assignee_name"], "Lin Duarte", "{}", given.text);
        let noted =
            noor.call(Method::POST, &format!("{path}/notes"), &json!({"text": "Fan belt ordered"})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
        assert_eq!(noor.get(&path).await.json()["notes"][0]["text"], "Fan belt ordered");
        let _stranger = browser(&rig, &app, "stranger", None).await;
        let stranger = account(&rig, "stranger@example.org");
        let refused =
            noor.call(Method::POST, &format!("{path}/assign"), &json!({ "account": stranger })).await;
        assert_eq!(refused.status, 422, "{}", refused.text);

        let harbour = rig.estate.registry().zones.values().find(|zone| zone.key == "harbour").unwrap().id;
        let until = rig.estate.clock.now().after(Duration::from_secs(3600)).0;
        let plan = json!({"object": format!("zone:{harbour}"), "ends_at": until, "reason": "Filters"});
        let maintenance = make(&mut noor, "/api/v1/maintenance", plan).await;
        make(
            &mut noor,
            "/api/v1/channels",
            json!({"name": "Now", "recipient": facilities, "quiet_minutes": 0}),
        )
        .await;
        raise(&rig, "expected", "critical", meter).await;
        assert_eq!(told(&rig).len(), 1, "nobody is told during maintenance");
        let open = noor.get("/api/v1/alarms").await.json();
        assert!(open["items"].as_array().unwrap().iter().any(|alarm| alarm["muted"] == true));
        let ended =
            noor.call(Method::DELETE, &format!("/api/v1/maintenance/{maintenance}"), &json!({})).await;
        assert_eq!(ended.status, 204, "{}", ended.text);
        raise(&rig, "after", "critical", meter).await;
        assert_eq!(told(&rig).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_tells_a_group_once_per_run() {
    for rig in rigs() {
        activate_lin(&rig);
        let trigger = *rig.estate.registry().triggers.keys().next().unwrap();
        let notice =
            json!({"kind": "notify", "to": ["Facilities", "Nobody"], "subject": "Power", "text": "Too much"});
        let run = |seq: u64| Record {
            seq,
            at: START,
            body: Body::Trigger(TriggerRun {
                trigger,
                outcome: "activated".into(),
                trace: bo_wire::Raw::of(&json!({})),
                notify: vec![notice.clone()],
            }),
        };
        let records =
            |epoch, seq| Records { class: Class::Log, epoch, backfill: false, records: vec![run(seq)] };
        rig.ingest.records(rig.edge(), records(1, 1)).await.unwrap();
        // The same run again, in another epoch after a restore of the gateway.
        rig.ingest.records(rig.edge(), records(2, 1)).await.unwrap();
        handle(&rig).await;
        assert_eq!(whom(&rig), ["Lin Duarte <lin@example.org>", "Nobody"], "{}", rig.test.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_full_of_what_somebody_may_see_whatever_lies_between() {
    for rig in rigs() {
        // Before there is another of that address.
        let ours = rig.device("Meter_1");
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let root = rig.estate.registry().zones.values().find(|zone| zone.parent.is_none()).unwrap().id;
        let hill =
            make(&mut noor, "/api/v1/zones", json!({"parent": root, "kind": "building", "name": "Hill"}))
                .await;
        let system = json!({"name": "Attic", "zone": hill, "edge": rig.edge()});
        let system: SystemId = make(&mut noor, "/api/v1/systems", system).await.parse().unwrap();
        let device = json!({"system": system, "driver": "acme-meter", "link": "bus"});
        let theirs: DeviceId = make(&mut noor, "/api/v1/devices", device).await.parse().unwrap();
        let mut mika = browser(&rig, &app, "mika", None).await;
        let (account, harbour) = (account(&rig, "mika@example.org"), rig.estate.registry());
        let harbour = harbour.zones.values().find(|zone| zone.key == "harbour").unwrap().id;
        rig.db
            .write(move |tx| {
                tx.unaudited("a test arranges its world");
                let (who, zone) = (Object::new(Kind::ACCOUNT, account), Object::new(Kind::ZONE, harbour));
                grant(tx, &who, &zone, Level::View, Validity::ALWAYS, "a test")
            })
            .await
            .unwrap();
        for number in 0..24 {
            rig.clock.advance(Duration::from_secs(1));
            let device = if number % 4 == 0 { ours } else { theirs };
            raise(&rig, &format!("alarm {number}"), "warning", device).await;
        }
        let mut seen = BTreeSet::new();
        let mut sizes = Vec::new();
        let mut path = "/api/v1/alarms?limit=4".to_owned();
        loop {
            let page = mika.get(&path).await.json();
            let items = page["items"].as_array().unwrap();
            sizes.push(items.len());
            seen.extend(items.iter().map(|alarm| alarm["text"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => path = format!("/api/v1/alarms?limit=4&after={next}"),
                None => break,
            }
        }
        assert_eq!((sizes, seen.len()), (vec![4, 2], 6), "{}", rig.test.engine);

        let mut numbers = Vec::new();
        let mut path = "/api/v1/audit?limit=3".to_owned();
        loop {
            let page = noor.get(&path).await.json();
            numbers.extend(
                page["items"].as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()),
            );
            match page["next"].as_str() {
                Some(next) => path = format!("/api/v1/audit?limit=3&after={next}"),
                None => break,
            }
        }
        assert!(numbers.len() > 6 && numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    }
}
