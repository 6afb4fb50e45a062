//! A small estate on a throw-away database: one building, one gateway, a meter and a display.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

pub mod people;

use bo_db::testing::TestDb;
use bo_db::{Db, DbError, Migration};
use bo_estate::import::library::Folders;
use bo_estate::import::{self, Library, Plan};
use bo_estate::ingest::Ingest;
use bo_estate::registry::Registry;
use bo_estate::{Estate, EstateError, Setup, maps};
use bo_identity::workspace::NewWorkspace;
use bo_identity::{IdentityError, workspace};
use bo_model::clock::SharedClock;
use bo_model::command::Actor;
use bo_model::{DeviceId, EdgeId, IdGen, ManualClock, Time, Value, WorkspaceId};
use bo_testkit::sample;
use bo_uplink::{Authority, Uplink};
use bo_wire::{Body, Class, Record, Records, StatusChange};
use ed25519_dalek::SigningKey;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub const START: Time = Time(1_790_000_000_000_000);

/// A running estate.
pub struct Rig {
    pub estate: Arc<Estate>,
    pub ingest: Arc<Ingest>,
    pub clock: Arc<ManualClock>,
    pub workspace: WorkspaceId,
    pub folder: tempfile::TempDir,
    pub db: Db,
    /// Dropped last: it removes the database.
    pub test: TestDb,
}

pub fn migrations() -> Vec<Migration> {
    bo_identity::MIGRATIONS.into_iter().chain(bo_delivery::MIGRATIONS).chain(bo_estate::MIGRATIONS).collect()
}

/// Writes the estate's files and its libraries.
pub fn write_files(folder: &Path) {
    let put = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("estate/estate.toml", sample::ESTATE);
    put("drivers/acme-meter/driver.toml", sample::METER);
    put("triggers/too-much/trigger.toml", sample::TRIGGER);
    put("zone-maps/harbour/map.toml", "title = \"Harbour House\"\n");
    put(
        "zone-maps/harbour/map.svg",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><path id=\"room-plant\" d=\"M0 0h9v9z\"/></svg>",
    );
}

pub fn plan(db: &Db, ids: &IdGen, workspace: WorkspaceId, folder: &Path) -> Result<Plan, EstateError> {
    let file = import::read_folder(&folder.join("estate"))?;
    let library = Library::read(workspace, &Folders::below(folder), &file)?;
    let stored = db.read(|tx| maps::queries::all(tx, workspace))?;
    Ok(Plan::make(workspace, &Registry::load(db)?, &stored, &file, &library, ids))
}

/// One estate per engine that is there.
pub fn rigs() -> Vec<Rig> {
    let clock = ManualClock::at(START);
    let tests = TestDb::each(&migrations(), clock.clone()).unwrap();
    tests.into_iter().map(|test| rig(test, clock.clone())).collect()
}

fn rig(test: TestDb, clock: Arc<ManualClock>) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    build(test, folder, clock.clone(), clock)
}

/// An estate of many gateways with many meters each, by the machine's clock: for measuring.
pub fn bench_rig(test: TestDb, clock: SharedClock, gateways: usize, devices: usize) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    let mut text = sample::ESTATE.to_owned();
    for edge in 0..gateways {
        text += &format!(
            "[[edge]]\nkey = \"g{edge}\"\nname = \"g{edge}\"\nzone = \"harbour\"\n[edge.link.bus]\nkind = \"modbus-tcp\"\nhost = \"127.0.0.1\"\n"
        );
        text += &format!(
            "[[system]]\nkey = \"s{edge}\"\nname = \"s{edge}\"\nzone = \"harbour\"\nedge = \"g{edge}\"\n"
        );
        for device in 0..devices {
            text += &format!(
                "[[system.device]]\naddress = \"Meter_{device}\"\ndriver = \"acme-meter\"\nlink = \"bus\"\n"
            );
        }
    }
    std::fs::write(folder.path().join("estate/estate.toml"), text).unwrap();
    build(test, folder, ManualClock::at(START), clock)
}

fn build(test: TestDb, folder: tempfile::TempDir, clock: Arc<ManualClock>, shared: SharedClock) -> Rig {
    let db = test.db.clone();
    let ids = Arc::new(IdGen::new(shared.clone(), 7));
    let new = NewWorkspace::ids(&ids);
    db.write_blocking(move |tx| {
        tx.act_as(Actor::Operator);
        workspace::create(tx, new, "Northwind Estates").map(|_| ())?;
        Ok::<_, IdentityError>(())
    })
    .unwrap();
    let plan = plan(&db, &ids, new.id, folder.path()).unwrap();
    let makes = ids.clone();
    db.write_blocking(move |tx| {
        tx.act_as(Actor::Operator);
        import::apply(tx, &plan, &makes)
    })
    .unwrap();
    let estate = open(&db, &shared, &ids, folder.path());
    Rig { ingest: Ingest::new(estate.clone()), estate, clock, workspace: new.id, folder, db, test }
}

/// Opens an estate as a controller that starts does.
pub fn open(db: &Db, clock: &SharedClock, ids: &Arc<IdGen>, folder: &Path) -> Arc<Estate> {
    Estate::open(Setup {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        release_key: SigningKey::from_bytes(&[7; 32]),
        uplink: Uplink::new(),
        authority: Arc::new(Authority::open(&folder.join("keys"), clock.clone()).unwrap()),
    })
    .unwrap()
}

impl Rig {
    /// What a controller that was killed and started again has.
    pub fn restarted(&self) -> (Arc<Estate>, Arc<Ingest>) {
        let clock: SharedClock = self.clock.clone();
        let estate = open(&self.db, &clock, &self.estate.ids, self.folder.path());
        (estate.clone(), Ingest::new(estate))
    }

    pub fn clock_now(&self) -> Time {
        self.estate.clock.now()
    }

    pub fn edge(&self) -> EdgeId {
        self.estate.registry().edge_by_key(self.workspace, "edge-harbour").unwrap().id
    }

    pub fn device(&self, address: &str) -> DeviceId {
        let registry = self.estate.registry();
        registry.devices.values().find(|entry| entry.device.address == address).unwrap().device.id
    }

    pub fn count(&self, sql: &str) -> i64 {
        let read = self.db.read(|tx| tx.query_one(sql, &[], |row| row.get::<i64>(0)));
        read.map_err(|error: DbError| error.to_string()).unwrap()
    }
}

/// Power of a device, `seq` by `seq`, one a second from the start.
pub fn power(device: DeviceId, seqs: std::ops::RangeInclusive<u64>, of: impl Fn(u64) -> f64) -> Records {
    let record = |seq: u64| {
        let at = START.after(Duration::from_secs(seq));
        let value = Value::good(of(seq), at);
        Record { seq, at, body: Body::Status(StatusChange { device, name: "power".into(), value }) }
    };
    Records { class: Class::History, epoch: 1, backfill: false, records: seqs.map(record).collect() }
}
