//! Secrets that are set through the API are nowhere in the database's own bytes.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_db::{Db, DbError, Vault, params, reseal};
use bo_estate::registry::Registry;
use bo_estate::releases::queries::latest;
use bo_estate::sealed::SEALED;
use bo_model::Level;
use bo_web::testing::Client;
use common::people::{app, browser};
use common::{Rig, rigs};
use serde_json::json;

/// What nobody may find.
const SECRETS: [&str; 4] =
    ["zone-pin-40771", "system-pin-40772", "device-pin-40773", "hook-key-40774-long-enough"];

/// Every text and every byte of a database.
fn bytes(rig: &Rig) -> Vec<u8> {
    if let Some(path) = rig.test.url.strip_prefix("sqlite:") {
        let files = ["", "-wal"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
        return files.concat();
    }
    let read = rig.db.read(|tx| {
        let columns = "SELECT table_name::text, column_name::text FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type IN ('text', 'bytea', 'character varying', 'jsonb')";
        let columns = tx.query(columns, &[], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))?;
        assert!(columns.len() > 100, "{}", columns.len());
        let mut found = Vec::new();
        for (table, column) in columns {
            let sql = format!("SELECT \"{column}\"::text FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
            for text in tx.query(&sql, &[], |row| row.get::<String>(0))? {
                // Bytes are shown in hex.
                let raw = text.strip_prefix("\\x").and_then(|hex| hex::decode(hex).ok());
                found.extend(raw.unwrap_or_else(|| text.into_bytes()));
            }
        }
        Ok::<_, DbError>(found)
    });
    read.unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn assert_none(rig: &Rig) {
    let bytes = bytes(rig);
    assert!(holds(&bytes, "Harbour House"), "the place of what is looked for");
    for secret in SECRETS {
        assert!(!holds(&bytes, secret), "{}: {secret} lies open", rig.test.engine);
    }
}

async fn done(client: &mut Client, method: Method, path: &str, body: serde_json::Value) {
    let answer = client.call(method, path, &body).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text);
}

/// Sets every kind of secret and publishes a release.
async fn arrange(rig: &Rig) {
    let app = app(rig);
    let mut noor = browser(rig, &app, "noor", Some(Level::Own)).await;
    let (edge, meter) = (rig.edge(), rig.device("Meter_1"));
    let registry = rig.estate.registry();
    let (zone, system) = (registry.edges[&edge].zone, registry.devices[&meter].device.system);
    // Zone and system set a key that no driver calls secret; only whoever sets it does.
    let secret = |value: &str| json!({"value": value, "secret": true});
    done(&mut noor, Method::PUT, &format!("/api/v1/zones/{zone}/settings/pin"), secret(SECRETS[0])).await;
    done(&mut noor, Method::PUT, &format!("/api/v1/systems/{system}/settings/door"), secret(SECRETS[1]))
        .await;
    // The driver calls this one so.
    let plain = json!({"value": SECRETS[2]});
    done(&mut noor, Method::PUT, &format!("/api/v1/devices/{meter}/settings/pin"), plain).await;
    let hook = json!({"name": "Duty", "kind": "webhook", "address": "https://ops.example.org/in", "secret": SECRETS[3]});
    done(&mut noor, Method::POST, "/api/v1/channels", hook).await;
    done(&mut noor, Method::POST, &format!("/api/v1/edges/{edge}/releases"), json!({})).await;
    // Changed and taken back: what was there before is nowhere either.
    done(&mut noor, Method::PUT, &format!("/api/v1/devices/{meter}/settings/pin"), json!({"value": "1"}))
        .await;
    done(
        &mut noor,
        Method::PUT,
        &format!("/api/v1/devices/{meter}/settings/pin"),
        json!({"value": SECRETS[2]}),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_settings_releases_and_keys_of_webhooks_are_in_the_database_for_nobody_who_has_no_key() {
    for rig in rigs() {
        arrange(&rig).await;
        rig.estate.checkpoint().await.unwrap();
        assert_none(&rig);
        // Who has the key gets all of it, as a controller that starts does.
        let (again, _) = rig.restarted();
        let registry = again.registry();
        let meter = registry.devices[&rig.device("Meter_1")].clone();
        assert_eq!(registry.settings(&meter)["pin"].value, SECRETS[2]);
        let release = rig.db.read(|tx| latest(tx, rig.edge())).unwrap().unwrap();
        assert!(release.site.contains(SECRETS[2]), "the gateway needs it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lay_open_before_is_sealed_at_the_next_start_and_a_changed_key_seals_anew() {
    for rig in rigs() {
        arrange(&rig).await;
        // As an older controller left it.
        let edge = rig.edge();
        let release = rig.db.read(|tx| latest(tx, edge)).unwrap().unwrap();
        let opened = rig.estate.registry();
        let clear = move |tx: &mut bo_db::Tx| -> Result<(), DbError> {
            tx.unaudited("a test arranges its world");
            for zone in opened.zones.values() {
                let text = serde_json::to_string(&zone.settings).unwrap();
                tx.execute("UPDATE zone SET settings = ?2 WHERE id = ?1", params![zone.id, text])?;
            }
            for system in opened.systems.values() {
                let text = serde_json::to_string(&system.settings).unwrap();
                tx.execute("UPDATE system SET settings = ?2 WHERE id = ?1", params![system.id, text])?;
            }
            for entry in opened.devices.values() {
                let text = serde_json::to_string(&entry.device.settings).unwrap();
                tx.execute("UPDATE device SET settings = ?2 WHERE id = ?1", params![entry.device.id, text])?;
            }
            tx.execute("UPDATE channel SET secret = ?1", params![SECRETS[3]])?;
            tx.execute("UPDATE edge_release SET site = ?2 WHERE edge = ?1", params![edge, &release.site])?;
            Ok(())
        };
        let before = Registry::load(&rig.db).unwrap();
        rig.db.write(clear).await.unwrap();
        let open = bytes(&rig);
        assert!(SECRETS.iter().all(|secret| holds(&open, secret)), "{}", rig.test.engine);
        assert_eq!(Registry::load(&rig.db).unwrap().devices.len(), 2, "it is read all the same");

        // Two zones and a system with settings, two devices, one of which has some, a channel and a release.
        assert_eq!(reseal(&rig.db, &SEALED).unwrap(), 6, "{}", rig.test.engine);
        assert_eq!(reseal(&rig.db, &SEALED).unwrap(), 0, "once");
        assert_none(&rig);

        // A new line above the old one: afterwards the new key alone opens everything.
        let with = |keys: &[[u8; 32]]| {
            let db = Db::open(&rig.test.url, rig.clock.clone()).unwrap();
            db.keep_secrets(Vault::of_keys(keys).unwrap());
            db
        };
        assert_eq!(reseal(&with(&[[9; 32], [7; 32]]), &SEALED).unwrap(), 6);
        assert!(Registry::load(&rig.db).is_err(), "the old key alone opens nothing any more");
        let new = with(&[[9; 32]]);
        let after = Registry::load(&new).unwrap();
        assert_eq!(after.zones, before.zones, "{}", rig.test.engine);
        assert_eq!(after.systems, before.systems);
        let settings = |of: &Registry| {
            of.devices
                .values()
                .map(|e| (e.device.id, e.device.settings.clone()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        assert_eq!(settings(&after), settings(&before));
        assert!(new.read(|tx| latest(tx, edge)).unwrap().unwrap().site.contains(SECRETS[2]));
    }
}
