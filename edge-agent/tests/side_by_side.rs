//! Two versions of one driver in one release: each device runs the one it names.

mod common;

use backoffice_edge::release::{Fetch, Outcome, Releases};
use bo_driver_host::Package;
use bo_model::release::Site;
use bo_model::{Data, EdgeId, Time};
use bo_simulator::{Fake, Place};
use bo_wire::SignedRelease;
use common::*;
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The shipped fan-coil driver, and a version after it that doubles the temperature.
fn versions() -> (Package, Package) {
    let old = Package::load_folder(&drivers().join("modbus-fancoil")).unwrap();
    let mut files = old.files.clone();
    let text = String::from_utf8(files["driver.toml"].clone()).unwrap();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    let (version, temperature) = (line("version = "), line("temperature = { table"));
    assert!(temperature.contains("scale = 0.1"), "{temperature}");
    let text = text.replacen(&version, "version = \"99.0.0\"", 1).replacen(
        &temperature,
        &temperature.replace("scale = 0.1", "scale = 0.2"),
        1,
    );
    files.insert("driver.toml".into(), text.into_bytes());
    let new = Package::from_packed(&bo_driver_host::pack(&files).unwrap()).unwrap();
    (old, new)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_of_one_driver_run_side_by_side_and_a_device_changes_without_its_neighbour_noticing() {
    let (old, new) = versions();
    let units = [1_u8, 2].map(|unit| {
        let settings = BTreeMap::from([("unit".to_owned(), unit.into())]);
        Fake::from_folder(&format!("Hvac_{unit}"), &drivers().join("modbus-fancoil"), settings).unwrap()
    });
    for fake in &units {
        fake.set("temperature", 21.5);
    }
    let fake = bo_simulator::start(&Place::Tcp("127.0.0.1:0".parse().unwrap()), &units).await.unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let edge: EdgeId = "0198c0de-0000-7000-8000-0000000000ee".parse().unwrap();
    let release = |number: u64, second: &str| {
        let text = site(&format!(
            "{}{}{}",
            modbus_tcp("bus", &fake.address),
            device(2, "Hvac_1", "modbus-fancoil", Some("bus"), "{ unit = 1 }"),
            device(3, "Hvac_2", second, Some("bus"), "{ unit = 2 }")
        ));
        let mut site: Site = toml::from_str(&text).unwrap();
        site.edge = Some(edge);
        site.drivers = BTreeMap::from([("modbus-fancoil".to_owned(), old.hash.clone())]);
        if second != "modbus-fancoil" {
            site.drivers.insert(second.to_owned(), new.hash.clone());
        }
        SignedRelease::sign(number, Time(number as i64), &site, &key).unwrap()
    };
    let packed = [&old, &new].map(|package| (package.hash.clone(), package.packed().unwrap()));
    let packed: Arc<BTreeMap<String, Vec<u8>>> = Arc::new(packed.into_iter().collect());
    let fetch: Fetch = Arc::new(move |digest| {
        let found = packed.get(&hex::encode(digest)).cloned();
        Box::pin(async move { found.ok_or_else(|| "there is no such driver".to_owned()) })
    });

    let folder = tempfile::tempdir().unwrap();
    let agent = start_with(folder.path(), Arc::new(bo_model::SystemClock), |config| {
        config.release.watch = Duration::from_millis(200);
    })
    .await;
    let releases = Releases::open(agent.clone(), edge, key.verifying_key(), fetch).unwrap();
    let (_announce, mut newer) = watch::channel(None);
    let shows = |device: u32, wanted: f64| {
        let agent = agent.clone();
        async move {
            until(&agent, id(device), "temperature", |value| {
                let Data::Float(real) = value.data else { return false };
                value.quality.is_good() && (real - wanted).abs() < 0.01
            })
            .await
        }
    };
    assert_eq!(releases.take(&release(1, "modbus-fancoil"), &mut newer).await.unwrap(), Outcome::Kept);
    shows(2, 21.5).await;
    shows(3, 21.5).await;
    let neighbour = agent.devices.get(id(2)).unwrap();

    // The second device holds the new version; the first goes on with what it has.
    let both = release(2, "modbus-fancoil@99.0.0");
    assert_eq!(releases.take(&both, &mut newer).await.unwrap(), Outcome::Kept);
    shows(3, 43.0).await;
    shows(2, 21.5).await;
    assert!(Arc::ptr_eq(&neighbour, &agent.devices.get(id(2)).unwrap()), "the neighbour was not disturbed");

    // And back: the old one is still on the shelf.
    assert_eq!(releases.take(&release(3, "modbus-fancoil"), &mut newer).await.unwrap(), Outcome::Kept);
    shows(3, 21.5).await;
    agent.stop().await;
}
