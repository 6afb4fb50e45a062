//! A controller of its own for measuring: a generated estate in a temporary folder, the real release binary, real
//! enrolled gateways.
#![allow(dead_code, reason = "each program uses its part")]

use anyhow::{Context, Result, ensure};
use backoffice_edge::enroll::{Identity, enroll};
use backoffice_edge::journal::{Journal, Limits};
use backoffice_edge::uplink::{self, Report, UplinkEvent, UplinkHandle, Vitals};
use bo_db::testing::TestDb;
use bo_db::{Db, DbError};
use bo_estate::EstateError;
use bo_estate::edges::{actions, queries};
use bo_model::clock::SharedClock;
use bo_model::command::Actor;
use bo_model::{DeviceId, EdgeId, SystemClock, WorkspaceId};
use bo_runtime::Shutdown;
use bo_testkit::measure::{Usage, usage};
use bo_testkit::process::Process;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How large the estate is: one building, with ten levels, per gateway.
#[derive(Clone, Copy)]
pub struct Size {
    pub gateways: usize,
    pub systems: usize,
    pub devices: usize,
}

/// Status variables of each device.
pub const POINTS: [&str; 10] =
    ["temperature", "humidity", "co2", "power", "energy", "voltage", "current", "valve", "running", "fault"];

/// A configured controller that does not run yet.
pub struct World {
    pub folder: tempfile::TempDir,
    pub database: TestDb,
    pub size: Size,
    /// How long `backoffice import` took.
    pub import: Duration,
    config: PathBuf,
}

/// A running controller.
pub struct Controller {
    process: Process,
    pub http: String,
    pub enroll: String,
    pub startup: Duration,
}

/// A gateway's side of the uplink, in this process.
pub struct Gateway {
    pub journal: Journal,
    pub handle: UplinkHandle,
    _events: mpsc::Receiver<UplinkEvent>,
}

pub fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

impl World {
    /// Makes the estate with the commands an integrator uses. `None` when the engine is not there.
    pub fn make(engine: &str, size: Size) -> Result<Option<World>> {
        let database = match engine {
            "postgres" => TestDb::postgres(&[], clock())?,
            _ => Some(TestDb::sqlite(&[], clock())?),
        };
        let Some(database) = database else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("controller.toml");
        let text = format!(
            "data = {:?}\ndatabase = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[uplink]\nlisten = \"127.0.0.1:0\"\n[log]\nfilter = \"warn\"\n",
            folder.path().join("data"),
            database.url,
        );
        std::fs::write(&config, text)?;
        write_estate(folder.path(), size)?;
        let mut world = World { folder, database, size, import: Duration::ZERO, config };
        let mut bootstrap = world.command("bootstrap")?;
        bootstrap.args([
            "--workspace",
            "Northwind Estates",
            "--email",
            "noor@example.org",
            "--name",
            "Noor Haddad",
        ]);
        bootstrap.args(["--password-env", "SECRET"]).env("SECRET", "measured twice, cut once");
        run(&mut bootstrap)?;
        let started = Instant::now();
        let mut import = world.command("import")?;
        import
            .arg(world.folder.path().join("estate"))
            .arg("--drivers")
            .arg(world.folder.path().join("drivers"));
        run(import.arg("--no-release"))?;
        world.import = started.elapsed();
        Ok(Some(world))
    }

    fn command(&self, word: &str) -> Result<Command> {
        let mut command = Command::new(bo_testkit::binary("backoffice")?);
        command.arg(word).arg("--config").arg(&self.config);
        Ok(command)
    }

    pub fn db(&self) -> &Db {
        &self.database.db
    }

    pub fn workspace(&self) -> Result<WorkspaceId> {
        Ok(self.db().read(|tx| {
            let sql = "SELECT id FROM workspace WHERE kind = 'organisation'";
            tx.query_one(sql, &[], |row| row.get(0))
        })?)
    }

    /// All devices with their gateways, by gateway.
    pub fn devices(&self) -> Result<Vec<(DeviceId, EdgeId)>> {
        Ok(self.db().read(|tx| {
            let sql =
                "SELECT d.id, s.edge FROM device d JOIN system s ON s.id = d.system ORDER BY s.edge, d.id";
            tx.query(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))
        })?)
    }

    /// A token with which `level` of everything the owner may do is done.
    pub fn token(&self, level: bo_model::Level) -> Result<String> {
        use bo_identity::session::{digest, secret};
        use bo_identity::token::{self, NewToken};
        let (account, workspace) = self.db().read(|tx| {
            let account =
                tx.query_one("SELECT id FROM account WHERE email = 'noor@example.org'", &[], |row| {
                    row.get(0)
                })?;
            let sql = "SELECT id FROM workspace WHERE kind = 'organisation'";
            Ok::<_, DbError>((account, tx.query_one(sql, &[], |row| row.get(0))?))
        })?;
        let (secret, ids) = (secret(), bo_model::IdGen::new(clock(), 3));
        let (secret_hash, id, expires_at) =
            (digest(&secret), ids.make(), clock().now().after(Duration::from_secs(86_400)));
        let new = NewToken {
            id,
            account,
            workspace,
            name: "measuring".into(),
            secret_hash,
            cap: level,
            scopes: Vec::new(),
            expires_at,
        };
        self.db().write_blocking(move |tx| {
            tx.act_as(Actor::Operator);
            token::add(tx, &new)
        })?;
        Ok(secret)
    }

    /// One-time codes for all gateways.
    pub fn codes(&self) -> Result<Vec<(EdgeId, String)>> {
        let authority = Arc::new(bo_uplink::Authority::open(&self.folder.path().join("data/keys"), clock())?);
        let ids = self
            .db()
            .read(|tx| tx.query("SELECT id FROM edge ORDER BY key", &[], |row| row.get::<String>(0)))?;
        let codes = self.db().write_blocking(move |tx| {
            tx.act_as(Actor::Operator);
            let mut codes = Vec::new();
            for id in &ids {
                let edge = queries::find(tx, id)?.ok_or_else(|| EstateError::missing("gateway", id))?;
                codes.push((edge.id, actions::make_code(tx, &authority, &edge)?));
            }
            Ok::<_, EstateError>(codes)
        })?;
        Ok(codes)
    }

    /// `backoffice serve`, until it says that it is ready.
    pub fn serve(&self) -> Result<Controller> {
        let ready = self.folder.path().join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut command = self.command("serve")?;
        let started = Instant::now();
        let mut process = Process::start("backoffice", command.arg("--ready-file").arg(&ready))?;
        let facts: serde_json::Value = loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                break serde_json::from_str(&text)?;
            }
            ensure!(process.is_running(), "the controller ended:\n{}", process.output());
            ensure!(started.elapsed() < Duration::from_secs(120), "the controller did not get ready");
            std::thread::sleep(Duration::from_millis(1));
        };
        let word = |name: &str| facts[name].as_str().map(str::to_owned).context("no address");
        Ok(Controller { startup: started.elapsed(), process, http: word("http")?, enroll: word("enroll")? })
    }
}

impl Controller {
    pub fn usage(&self) -> Result<Usage> {
        usage(self.process.id())
    }

    /// Ends it as a service manager does; returns how long it took.
    pub fn stop(mut self) -> Result<Duration> {
        let started = Instant::now();
        let status = self.process.stop(Duration::from_secs(120))?;
        ensure!(status.success(), "the controller ended badly:\n{}", self.process.output());
        Ok(started.elapsed())
    }
}

/// Enrols a gateway and opens its journal. It is not connected yet.
pub async fn enrolled(controller: &Controller, folder: &Path, code: &str) -> Result<(Identity, Journal)> {
    std::fs::create_dir_all(folder)?;
    let identity = enroll(&controller.enroll, code, folder, "measured").await?;
    Ok((identity, Journal::open(&folder.join("journal.db"), Limits::default(), clock())?))
}

/// Connects a gateway.
pub fn connect(identity: Identity, journal: &Journal, shutdown: &Shutdown) -> Gateway {
    let report = Report { snapshot: Box::new(Vec::new), vitals: Box::new(Vitals::default) };
    let (handle, events) = uplink::start(identity, journal.clone(), report, clock(), shutdown);
    Gateway { journal: journal.clone(), handle, _events: events }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}

fn write_estate(folder: &Path, size: Size) -> Result<()> {
    let mut driver = String::from(
        "[driver]\nname = \"acme-station\"\nversion = \"1.0.0\"\ntitle = \"Acme station\"\nkind = \"hardware\"\nmodule = \"Station\"\n[link]\nkind = \"modbus\"\n",
    );
    for (number, name) in POINTS.iter().enumerate() {
        let (kind, table, of) =
            if number < 8 { ("number", "input", "f32") } else { ("boolean", "discrete", "bool") };
        driver += &format!(
            "[status.{name}]\ntype = \"{kind}\"\n[modbus.point.{name}]\ntable = \"{table}\"\naddress = {}\ntype = \"{of}\"\n",
            number * 2
        );
    }
    driver += "[modbus.poll.all]\nevery = \"10s\"\n";
    let put = |path: &str, text: &str| -> Result<()> {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        Ok(std::fs::write(path, text)?)
    };
    put("drivers/acme-station/driver.toml", &driver)?;
    std::fs::create_dir_all(folder.join("triggers"))?;
    std::fs::create_dir_all(folder.join("zone-maps"))?;
    let mut text = String::from(
        "[organisation]\nname = \"Northwind Estates\"\ntime_zone = \"Europe/Lisbon\"\n[[zone]]\nkey = \"root\"\nkind = \"organisation\"\nname = \"All places\"\n",
    );
    for gateway in 0..size.gateways {
        text += &format!(
            "[[zone]]\nkey = \"b{gateway}\"\nparent = \"root\"\nkind = \"building\"\nname = \"House {gateway}\"\n"
        );
        for level in 0..10 {
            text += &format!(
                "[[zone]]\nkey = \"b{gateway}-{level}\"\nparent = \"b{gateway}\"\nkind = \"level\"\nname = \"Level {level}\"\n"
            );
        }
        text += &format!(
            "[[edge]]\nkey = \"g{gateway}\"\nname = \"Gateway {gateway}\"\nzone = \"b{gateway}\"\n[edge.link.bus]\nkind = \"modbus-tcp\"\nhost = \"127.0.0.1\"\n"
        );
        for system in 0..size.systems {
            text += &format!(
                "[[system]]\nkey = \"s{gateway}-{system}\"\nname = \"Room {gateway}.{system}\"\nzone = \"b{gateway}-{}\"\nedge = \"g{gateway}\"\n",
                system % 10
            );
            for device in 1..=size.devices {
                text += &format!(
                    "[[system.device]]\naddress = \"Station_{device}\"\ndriver = \"acme-station\"\nlink = \"bus\"\n"
                );
            }
        }
    }
    put("estate/estate.toml", &text)
}
