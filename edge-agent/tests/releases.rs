//! Releases as an edge takes them: verified, switched, watched, reverted, and run again from disk.

mod common;

use backoffice_edge::agent::Agent;
use backoffice_edge::release::{Fetch, Outcome, ReleaseError, Releases};
use bo_driver_host::Package;
use bo_model::people::SitePerson;
use bo_model::release::{ModbusShare, Site};
use bo_model::{EdgeId, Time};
use bo_simulator::{Fake, Place};
use bo_wire::SignedRelease;
use common::*;
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const EDGE: &str = "0198c0de-0000-7000-8000-0000000000ee";

struct Controller {
    key: SigningKey,
    driver: Package,
}

impl Controller {
    fn new() -> Controller {
        let driver = Package::load_folder(&drivers().join("modbus-fancoil")).unwrap();
        Controller { key: SigningKey::from_bytes(&[7; 32]), driver }
    }

    fn release(&self, number: u64, port: u16) -> SignedRelease {
        let text = site(&format!(
            "[link.bus]\nkind = \"modbus-tcp\"\nhost = \"127.0.0.1\"\nport = {port}\ntiming = {{ timeout = \"200ms\" }}\n{}",
            device(2, "Hvac_1", "modbus-fancoil", Some("bus"), "{ unit = 1 }")
        ));
        let mut site: Site = toml::from_str(&text).unwrap();
        site.edge = Some(EDGE.parse().unwrap());
        site.drivers = BTreeMap::from([("modbus-fancoil".to_owned(), self.driver.hash.clone())]);
        SignedRelease::sign(number, Time(number as i64), &site, &self.key).unwrap()
    }

    /// The release with other people, and nothing else changed.
    fn admitting(&self, number: u64, base: &SignedRelease, names: &[&str]) -> SignedRelease {
        let mut site: Site = serde_json::from_str(&base.site).unwrap();
        site.repeats = site.repeats.or_else(|| Some(base.hash.clone()));
        let person = |name: &&str| SitePerson {
            id: EDGE.parse().unwrap(),
            login: (*name).to_owned(),
            name: (*name).to_owned(),
            pin_hash: "x".into(),
            levels: BTreeMap::new(),
            changes: Vec::new(),
        };
        site.people = names.iter().map(person).collect();
        SignedRelease::sign(number, Time(number as i64), &site, &self.key).unwrap()
    }

    fn releases(&self, agent: &Arc<Agent>) -> Releases {
        let packed = self.driver.packed().unwrap();
        let fetch: Fetch = Arc::new(move |_| {
            let packed = packed.clone();
            Box::pin(async move { Ok(packed) })
        });
        let edge: EdgeId = EDGE.parse().unwrap();
        Releases::open(agent.clone(), edge, self.key.verifying_key(), fetch).unwrap()
    }
}

async fn begin(folder: &std::path::Path, watch: Duration) -> Arc<Agent> {
    start_with(folder, Arc::new(bo_model::SystemClock), |config| config.release.watch = watch).await
}

fn people(agent: &Agent) -> Vec<String> {
    agent.desired().borrow().site.people.iter().map(|person| person.name.clone()).collect()
}

async fn hvac() -> (bo_simulator::Running, u16) {
    let fake = Fake::from_folder("Hvac_1", &drivers().join("modbus-fancoil"), BTreeMap::new()).unwrap();
    let running = bo_simulator::start(&Place::Tcp("127.0.0.1:0".parse().unwrap()), &[fake]).await.unwrap();
    let bo_simulator::Address::Tcp(address) = running.address.clone() else { panic!() };
    (running, address.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_makes_devices_ill_is_reverted_and_never_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::new();
    let (_fake, port) = hvac().await;
    let agent = begin(folder.path(), Duration::from_secs(2)).await;
    let releases = controller.releases(&agent);
    let (announce, mut newer) = watch::channel(None);

    let good = controller.release(1, port);
    announce.send_replace(Some(good.clone()));
    let again = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        announce.send_replace(Some(good.clone()));
    };
    let (outcome, ()) = tokio::join!(releases.take(&good, &mut newer), again);
    assert_eq!(outcome.unwrap(), Outcome::Kept, "the same one announced again does not end its trial");
    assert!(!releases.is_on_trial().await);
    assert!(until(&agent, id(2), "temperature", |value| value.quality.is_good()).await.quality.is_good());

    let bad = controller.release(2, 1); // nobody listens there
    announce.send_replace(Some(bad.clone()));
    let Outcome::Reverted(why) = releases.take(&bad, &mut newer).await.unwrap() else { panic!() };
    assert!(why.contains("1 of 1 devices fell ill"), "{why}");
    assert_eq!(agent.desired().borrow().release, good.hash);
    until(&agent, id(2), "temperature", |value| value.quality.is_good()).await;
    let again = releases.take(&bad, &mut newer).await.unwrap_err();
    assert!(matches!(again, ReleaseError::TriedBefore { number: 2 }), "{again}");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_with_a_driver_that_no_trusted_key_signed_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::new();
    let signer = hex::encode(SigningKey::from_bytes(&[9; 32]).verifying_key().as_bytes());
    let agent = start_with(folder.path(), Arc::new(bo_model::SystemClock), |config| {
        config.trusted_driver_keys = vec![signer];
    })
    .await;
    let (_announce, mut newer) = watch::channel(None);
    let refused = controller.releases(&agent).take(&controller.release(1, 1), &mut newer).await.unwrap_err();
    assert!(refused.to_string().contains("`modbus-fancoil` is not signed"), "{refused}");
    assert!(agent.desired().borrow().site.devices.is_empty(), "nothing of it runs");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_people_count_at_once_disturb_no_device_and_stay_when_the_configuration_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::new();
    let (_fake, port) = hvac().await;
    let (_announce, mut newer) = watch::channel(None);
    let agent = begin(folder.path(), Duration::from_secs(2)).await;
    let releases = controller.releases(&agent);
    let first = controller.release(1, port);
    assert_eq!(releases.take(&first, &mut newer).await.unwrap(), Outcome::Kept);
    until(&agent, id(2), "temperature", |value| value.quality.is_good()).await;
    let device = agent.devices.get(id(2)).unwrap();

    let ann = controller.admitting(2, &first, &["Ann", "Bob"]);
    assert_eq!(releases.take(&ann, &mut newer).await.unwrap(), Outcome::Kept);
    assert_eq!(
        (people(&agent), agent.desired().borrow().release.clone()),
        (vec!["Ann".into(), "Bob".into()], ann.hash.clone())
    );
    assert!(Arc::ptr_eq(&device, &agent.devices.get(id(2)).unwrap()), "no device was disturbed");

    // A configuration that is bad goes back; Bob, who was let go with it, does not come back.
    let bad = controller.release(3, 1);
    let bad = controller.admitting(3, &bad, &["Ann"]);
    let bad = {
        let mut site: Site = serde_json::from_str(&bad.site).unwrap();
        site.repeats = None;
        SignedRelease::sign(3, Time(3), &site, &controller.key).unwrap()
    };
    assert!(matches!(releases.take(&bad, &mut newer).await.unwrap(), Outcome::Reverted(_)));
    assert_eq!(
        (people(&agent), agent.desired().borrow().release.clone()),
        (vec!["Ann".to_owned()], ann.hash.clone())
    );

    // More people for the bad configuration: they come in, and it is not tried again.
    let carl = controller.admitting(4, &bad, &["Ann", "Carl"]);
    assert_eq!(releases.take(&carl, &mut newer).await.unwrap(), Outcome::Admitted);
    assert_eq!(
        (people(&agent), agent.desired().borrow().release.clone()),
        (vec!["Ann".into(), "Carl".into()], ann.hash.clone())
    );
    let replayed = releases.take(&ann, &mut newer).await;
    assert_eq!(replayed.unwrap(), Outcome::Running, "an older release brings nobody back");
    assert_eq!(people(&agent), ["Ann", "Carl"]);
    let older = releases.take(&first, &mut newer).await.unwrap_err();
    assert!(matches!(older, ReleaseError::Older { .. }), "{older}");
    agent.stop().await;

    // Power comes back with no controller in reach.
    let agent = begin(folder.path(), Duration::from_secs(2)).await;
    assert!(controller.releases(&agent).resume().await.unwrap());
    assert_eq!(
        (people(&agent), agent.desired().borrow().release.clone()),
        (vec!["Ann".into(), "Carl".into()], ann.hash)
    );
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_release_runs_after_a_restart_without_asking_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::new();
    let (_fake, port) = hvac().await;
    let (_announce, mut newer) = watch::channel(None);
    let agent = begin(folder.path(), Duration::ZERO).await;
    controller.releases(&agent).take(&controller.release(1, port), &mut newer).await.unwrap();
    agent.stop().await;

    let agent = begin(folder.path(), Duration::ZERO).await;
    let nobody: Fetch = Arc::new(|_| Box::pin(async { Err("no controller".to_owned()) }));
    let key = controller.key.verifying_key();
    let releases = Releases::open(agent.clone(), EDGE.parse().unwrap(), key, nobody).unwrap();
    assert!(releases.resume().await.unwrap());
    until(&agent, id(2), "temperature", |value| value.quality.is_good()).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_foreign_old_and_broken_releases_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::new();
    let (_fake, port) = hvac().await;
    let (_announce, mut newer) = watch::channel(None);
    let agent = begin(folder.path(), Duration::ZERO).await;
    let releases = controller.releases(&agent);
    let good = controller.release(5, port);
    releases.take(&good, &mut newer).await.unwrap();
    let kept = agent.devices.get(id(2)).unwrap();

    let forger = Controller { key: SigningKey::from_bytes(&[9; 32]), ..Controller::new() };
    let mut foreign: Site = serde_json::from_str(&good.site).unwrap();
    foreign.edge = Some("0198c0de-0000-7000-8000-0000000000ff".parse().unwrap());
    let mut broken: Site = serde_json::from_str(&good.site).unwrap();
    Arc::make_mut(&mut broken.devices[0]).settings.insert("unit".into(), serde_json::json!(999));
    let sign = |number, site: &Site| SignedRelease::sign(number, Time(9), site, &controller.key).unwrap();
    let cases = [
        (forger.release(6, port), "not signed by this edge's controller"),
        (sign(6, &foreign), "is for edge"),
        (controller.release(4, port), "older than release 5"),
        (sign(6, &broken), "setting `unit` must be at most 247"),
    ];
    for (release, part) in cases {
        let error = releases.take(&release, &mut newer).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(Arc::ptr_eq(&kept, &agent.devices.get(id(2)).unwrap()), "nothing was restarted");
    agent.stop().await;
}

/// A Modbus master of another make: reads input register 0 and holding register 1 of unit 1, and tries to write the latter.
const MASTER: &str = r#"
import sys
from pymodbus.client import ModbusTcpClient
client = ModbusTcpClient("127.0.0.1", port=int(sys.argv[1]), timeout=10)
assert client.connect()
read = client.read_input_registers(0, count=1, device_id=1)
before = client.read_holding_registers(1, count=1, device_id=1)
wrote = client.write_register(1, before.registers[0] + 10, device_id=1)
after = client.read_holding_registers(1, count=1, device_id=1)
print(read.registers[0], after.registers[0] - before.registers[0], wrote.exception_code if wrote.isError() else "ok")
"#;

async fn pymodbus(port: u16) -> String {
    let mut python = tokio::process::Command::new("python3");
    python.args(["-c", MASTER, &port.to_string()]).kill_on_drop(true);
    let answer = tokio::time::timeout(PATIENCE, python.output()).await.unwrap().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_make_of_master_reads_through_a_share_that_came_with_a_release_and_writes_when_it_may() {
    let there = tokio::process::Command::new("python3").args(["-c", "import pymodbus"]).output().await;
    if bo_testkit::skip_without("pymodbus", there.is_ok_and(|there| there.status.success())) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::new();
    let (_fake, port) = hvac().await;
    let (_announce, mut newer) = watch::channel(None);
    let agent = begin(folder.path(), Duration::ZERO).await;
    let releases = controller.releases(&agent);
    let shared = bo_testkit::free_port().unwrap();
    let with = |number: u64, writes: bool| {
        let mut site: Site = serde_json::from_str(&controller.release(number, port).site).unwrap();
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], shared));
        site.shares.insert("bus".into(), ModbusShare { listen, writes });
        SignedRelease::sign(number, Time(number as i64), &site, &controller.key).unwrap()
    };
    releases.take(&with(1, false), &mut newer).await.unwrap();
    let ours = until(&agent, id(2), "temperature", |value| value.quality.is_good()).await;
    let raw = (ours.data.number().unwrap() * 10.0).round();
    assert_eq!(
        pymodbus(shared).await,
        format!("{raw} 0 1"),
        "it reads what we read; a write is an illegal function"
    );
    releases.take(&with(2, true), &mut newer).await.unwrap();
    assert_eq!(pymodbus(shared).await, format!("{raw} 10 ok"));
    agent.stop().await;
}
