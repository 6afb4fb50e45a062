//! An organisation with a building is removed: nothing of it is left, its neighbour has what it had.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_db::{DbError, Part};
use bo_estate::import;
use bo_identity::workspace::NewWorkspace;
use bo_identity::{IdentityError, closing, testing, workspace};
use bo_model::command::Actor;
use bo_model::{DeviceId, EdgeId, Level, Object, WorkspaceId};
use bo_uplink::Handler as _;
use bo_web::testing::Client;
use bo_wire::{AlarmEvent, Body, Class, Record, Records};
use common::people::{PARTS, PASSWORD, app, browser};
use common::{Rig, START, plan, power, rigs};
use std::time::Duration;

/// What an organisation has of everything, table by table.
fn has(rig: &Rig, id: WorkspaceId) -> Vec<(&'static str, i64)> {
    let all: Vec<_> = PARTS.iter().chain([&closing::PART]).flat_map(|part: &Part| part.owned).collect();
    let counts = rig.db.read(|tx| -> Result<Vec<_>, DbError> {
        all.iter().map(|owned| Ok((owned.table, owned.count(tx, id)?))).collect()
    });
    counts.unwrap()
}

/// Puts the building of the sample into an organisation.
async fn furnish(rig: &mut Rig, id: WorkspaceId) {
    let plan = plan(&rig.db, &rig.estate.ids, id, rig.folder.path()).unwrap();
    let ids = rig.estate.ids.clone();
    rig.db
        .write(move |tx| {
            tx.act_as(Actor::Operator);
            import::apply(tx, &plan, &ids)
        })
        .await
        .unwrap();
    (rig.estate, rig.ingest) = rig.restarted();
}

fn gateway(rig: &Rig, id: WorkspaceId) -> EdgeId {
    rig.estate.registry().edge_by_key(id, "edge-harbour").unwrap().id
}

fn meter(rig: &Rig, id: WorkspaceId) -> DeviceId {
    let registry = rig.estate.registry();
    let mine = |entry: &&std::sync::Arc<bo_estate::registry::DeviceEntry>| {
        entry.device.workspace == id && entry.device.address == "Meter_1"
    };
    registry.devices.values().find(mine).unwrap().device.id
}

/// Days of history, and an alarm, as its gateway tells them.
async fn live(rig: &Rig, id: WorkspaceId) {
    let (edge, device) = (gateway(rig, id), meter(rig, id));
    rig.ingest.records(edge, power(device, 1..=40, |seq| seq as f64)).await.unwrap();
    let event = AlarmEvent {
        key: "trigger:1".into(),
        active: true,
        severity: "warning".into(),
        text: "too much".into(),
        system: None,
        device: Some(device),
    };
    let record = Record { seq: 1, at: START.after(Duration::from_secs(1)), body: Body::Alarm(event) };
    let records = Records { class: Class::Alarm, epoch: 1, backfill: false, records: vec![record] };
    rig.ingest.records(edge, records).await.unwrap();
    rig.estate.history.flush(&rig.db).await.unwrap();
    let end = START.after(Duration::from_secs(3 * 86_400)).0 / 1000;
    while rig.estate.history.roll_up(&rig.db, end).await.unwrap() > 0 {}
}

async fn ask(owner: &mut Client) -> (u16, String) {
    let answer =
        owner.post("/workspace/remove", &[("name", "Northwind Estates"), ("password", PASSWORD)]).await;
    (answer.status.as_u16(), answer.text)
}

async fn rest(rig: &Rig) {
    let mut steps = 0;
    while closing::step(&rig.db, &PARTS).await.unwrap() {
        steps += 1;
        assert!(steps < 1000, "it does not end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_with_a_building_is_gone_after_two_weeks_and_its_neighbour_has_what_it_had() {
    for mut rig in rigs() {
        let (id, next) = (rig.workspace, NewWorkspace::ids(&rig.estate.ids));
        let made: Result<(), IdentityError> = rig
            .db
            .write(move |tx| {
                tx.act_as(Actor::Operator);
                workspace::create(tx, next, "Harbour Trust")
            })
            .await;
        made.unwrap();
        furnish(&mut rig, next.id).await;
        live(&rig, id).await;
        live(&rig, next.id).await;
        let app = app(&rig);
        let mut owner = browser(&rig, &app, "noor", Some(Level::Own)).await;

        let (status, text) = ask(&mut owner).await;
        assert!(status == 422 && text.contains("It has 1 gateways"), "{status} {text}");
        let plant = rig.estate.registry().system_by_key(id, "plant").unwrap().id;
        let all = [("with_contents", "true")];
        for path in [format!("/systems/{plant}/remove"), format!("/edges/{}/remove", gateway(&rig, id))] {
            let removed = owner.post(&path, &all).await;
            assert_eq!(removed.status, 303, "{path}: {}", removed.text);
        }
        let left = has(&rig, id);
        let some = |table: &str| left.iter().any(|(of, count)| *of == table && *count > 0);
        for table in ["zone", "zone_map", "alarm", "point", "history_chunk", "driver", "trigger_definition"] {
            assert!(some(table), "{table} has nothing to be removed: {left:?} on {}", rig.test.engine);
        }
        let before = has(&rig, next.id);
        let (status, text) = ask(&mut owner).await;
        assert_eq!(status, 303, "{text}");
        assert_eq!(owner.get("/zones").await.status, 200, "for two weeks it works as before");
        rig.clock.advance(closing::WAIT);
        assert!(closing::step(&rig.db, &PARTS).await.unwrap(), "it begins");
        // A whole building more, which an import that was under way still brought: systems, devices, a gateway.
        furnish(&mut rig, id).await;
        rest(&rig).await;

        let found = rig.db.read(|tx| testing::left(tx, id, &PARTS)).unwrap();
        assert!(found.is_empty(), "{found:#?} on {}", rig.test.engine);
        assert_eq!(has(&rig, next.id), before, "the neighbour, on {}", rig.test.engine);
        let (estate, _) = rig.restarted();
        let registry = estate.registry();
        assert!(registry.zones.values().all(|zone| zone.workspace == next.id));
        let point = estate.history.points.find(meter(&rig, next.id), "power").unwrap();
        let (reader, from) = (estate.history.reader(point.id), START.0 / 1000);
        let samples = rig.db.read(|tx| reader.samples(tx, from, from + 100_000)).unwrap();
        assert_eq!(samples.len(), 40, "with its history, on {}", rig.test.engine);
        let gone = rig
            .db
            .read(|tx| bo_identity::level::workspaces_of(tx, &Object::new(bo_model::Kind::SYSTEM, plant)));
        assert!(gone.unwrap().is_empty());
    }
}
