//! The process under measurement: a stand-alone site in a temporary folder.

use anyhow::{Context, Result};
use bo_testkit::measure::{Counters, Usage, usage};
use bo_testkit::process::Process;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The one system of every site here.
pub const SYSTEM: &str = "0198c0de-0000-7000-8000-000000000001";

/// A folder with configuration, site, drivers and data. It can be started again and again.
pub struct Place {
    folder: tempfile::TempDir,
    broker: u16,
}

impl Place {
    /// Writes a site of one system, `rest` below it.
    pub fn new(rest: &str) -> Result<Place> {
        let folder = bo_testkit::measure::folder()?;
        let broker = bo_testkit::free_port()?;
        let site =
            format!("[[system]]\nid = \"{SYSTEM}\"\nname = \"Hall\"\ntime_zone = \"Europe/Berlin\"\n{rest}");
        std::fs::write(folder.path().join("site.toml"), site)?;
        let config = format!(
            "data = \"data\"\nsite = \"site.toml\"\ndrivers = \"drivers\"\n[local_page]\nlisten = \"127.0.0.1:{}\"\n[broker]\nlisten = \"127.0.0.1:{broker}\"\nanonymous = true\n[log]\nfilter = \"warn\"\n",
            bo_testkit::free_port()?
        );
        std::fs::write(folder.path().join("edge.toml"), config)?;
        std::fs::create_dir(folder.path().join("drivers"))?;
        Ok(Place { folder, broker })
    }

    /// Adds a driver of data alone.
    pub fn driver(self, name: &str, manifest: &str) -> Result<Place> {
        let folder = self.folder.path().join("drivers").join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("driver.toml"), manifest)?;
        Ok(self)
    }

    /// Adds a shipped driver with its built component.
    pub fn shipped(self, name: &str) -> Result<Place> {
        let drivers = bo_testkit::root().join("drivers");
        let component = drivers.join("target/components").join(format!("{name}.wasm"));
        let place = self.driver(name, &std::fs::read_to_string(drivers.join(name).join("driver.toml"))?)?;
        let target = place.folder.path().join("drivers").join(name).join("component.wasm");
        std::fs::copy(&component, target).with_context(|| {
            format!("{} is not built; `cargo xtask drivers` does it", component.display())
        })?;
        Ok(place)
    }

    /// Where the on-site broker will listen.
    pub fn broker(&self) -> u16 {
        self.broker
    }

    /// The agent's data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the agent.
    pub fn start(&self) -> Result<Edge> {
        let mut command = Command::new(bo_testkit::binary("backoffice-edge")?);
        command.arg("run").arg("--config").arg(self.folder.path().join("edge.toml"));
        let started = Instant::now();
        let process = Process::start("backoffice-edge", &mut command)?;
        Ok(Edge { process, data: self.data(), started })
    }
}

/// The running agent.
pub struct Edge {
    process: Process,
    data: PathBuf,
    /// When it was started.
    pub started: Instant,
}

impl Edge {
    /// What it has used.
    pub fn usage(&self) -> Result<Usage> {
        usage(self.process.id()).with_context(|| format!("the edge printed:\n{}", self.process.output()))
    }

    /// Memory in which each page counts once, KiB.
    pub fn distinct_kib(&self) -> Result<u64> {
        bo_testkit::measure::distinct_kib(self.process.id())
    }

    /// Counts what it executes, where that can be had.
    pub fn count(&self, span: Duration) -> Option<Counters> {
        Counters::start(self.process.id(), span)
    }

    /// Its devices as it sees them, asked over its control socket.
    fn devices(&self) -> Result<Vec<Value>> {
        let mut socket = UnixStream::connect(self.data.join("control.sock"))?;
        socket.write_all(b"{\"do\":\"status\"}\n")?;
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line)?;
        let status: Value = serde_json::from_str(&line)?;
        status["ok"]["devices"].as_array().cloned().context("no devices in its status")
    }

    /// Waits until so many devices answer.
    pub fn until_online(&self, devices: usize, limit: Duration) -> Result<()> {
        bo_testkit::wait_for(&format!("{devices} devices that answer"), limit, || {
            let all = self.devices()?;
            let well = all.iter().filter(|device| device["unwell"].is_null()).count();
            if well >= devices {
                return Ok(Some(()));
            }
            let first = all.iter().find_map(|device| device["unwell"].as_str());
            anyhow::bail!("{well} answer; {}", first.unwrap_or_default())
        })
        .with_context(|| format!("the edge printed:\n{}", self.process.output()))
    }

    /// Ends it in order.
    pub fn stop(mut self) -> Result<()> {
        self.process.stop(Duration::from_secs(20)).map(drop)
    }
}

/// Records ever written, and how many blocks of them say that some were lost. For an agent that has ended.
pub fn records(data: &Path) -> Result<(u64, u64)> {
    let journal = rusqlite::Connection::open(data.join("journal.sqlite"))?;
    let written = journal.query_row("SELECT coalesce(sum(written), 0) FROM cursor", [], |row| row.get(0))?;
    let (mut blocks, mut lost) = (journal.prepare("SELECT body FROM block")?, 0);
    let mut rows = blocks.query([])?;
    while let Some(row) = rows.next()? {
        let text = bo_testkit::journal::text(row.get(0)?)?;
        lost += u64::from(text.contains("\"t\":\"gap\""));
    }
    Ok((written, lost))
}

/// A device entry of a site file.
pub fn device(number: usize, address: &str, driver: &str, link: Option<&str>, settings: &str) -> String {
    let link = link.map(|name| format!("link = \"{name}\"\n")).unwrap_or_default();
    format!(
        "[[device]]\nid = \"0198c0de-0000-7000-8001-{number:012}\"\nsystem = \"{SYSTEM}\"\naddress = \"{address}\"\ndriver = \"{driver}\"\n{link}settings = {settings}\n"
    )
}
