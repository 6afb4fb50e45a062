//! One controller as a process of its own, on either database, with an estate imported into it.

use crate::api::Api;
use crate::demo::PATIENCE;
use crate::edge::{Edge, done};
use anyhow::{Context, Result, ensure};
use bo_db::testing::TestDb;
use bo_testkit::process::Process;
use bo_testkit::{binary, free_port, root, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Who sets it up and owns it.
pub const OWNER: (&str, &str) = ("owner@rig.example", "a long enough passphrase");

/// A controller; it need not run. Ports and data stay the same when it is killed and started again.
pub struct Controller {
    /// Its folder: `controller.toml`, data in `data/`.
    pub home: PathBuf,
    /// Where edges enrol.
    pub enroll: u16,
    /// Where edges connect.
    pub uplink: u16,
    http: u16,
    process: Option<Process>,
    /// For looking into from outside.
    pub database: TestDb,
}

/// One empty database per engine that is there.
pub fn databases() -> Result<Vec<TestDb>> {
    Ok(TestDb::each(&[], Arc::new(bo_model::SystemClock))?)
}

impl Controller {
    /// Sets one up in `home`: configuration, an owner.
    pub fn prepare(home: &Path, database: TestDb) -> Result<Controller> {
        let (http, uplink, enroll) = (free_port()?, free_port()?, free_port()?);
        fs::create_dir_all(home)?;
        let text = format!(
            "data = \"data\"\ndatabase = {:?}\n[http]\nlisten = \"127.0.0.1:{http}\"\n[uplink]\nlisten = \"127.0.0.1:{uplink}\"\nenroll_listen = \"127.0.0.1:{enroll}\"\n",
            database.url
        );
        fs::write(home.join("controller.toml"), text)?;
        let controller = Controller { home: home.to_owned(), enroll, uplink, http, process: None, database };
        let owner = ["--workspace", "Rig", "--email", OWNER.0, "--name", "Owner", "--password-env", "PW"];
        done(controller.command(&["bootstrap"])?.args(owner).env("PW", OWNER.1))?;
        Ok(controller)
    }

    /// Adds to the end of its configuration.
    pub fn configure(&self, sections: &str) -> Result<()> {
        let path = self.home.join("controller.toml");
        let text = fs::read_to_string(&path)?;
        Ok(fs::write(path, text + sections)?)
    }

    /// Where people reach its console, by a name: browsers make passkeys for no address of numbers.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.http)
    }

    /// Sends mail through a server on this machine, with links to [`Controller::url`].
    pub fn send_mail(&self, port: u16) -> Result<()> {
        let path = self.home.join("controller.toml");
        let text = fs::read_to_string(&path)?;
        let public = format!("[http]\npublic_url = {:?}\n", self.url());
        fs::write(&path, text.replace("[http]\n", &public))?;
        self.configure(&format!(
            "[mail]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nfrom = \"BackOffice <backoffice@rig.example>\"\n"
        ))
    }

    /// Imports an estate with the shipped drivers; `triggers` are `(name, trigger.toml)`.
    pub fn import(&self, estate: &str, triggers: &[(&str, &str)]) -> Result<()> {
        self.import_with(estate, triggers, &root().join("drivers"))
    }

    /// Imports an estate with the drivers of a folder.
    pub fn import_with(&self, estate: &str, triggers: &[(&str, &str)], drivers: &Path) -> Result<()> {
        let (folder, library) = (self.home.join("estate"), self.home.join("triggers"));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("all.toml"), estate)?;
        for (name, text) in triggers {
            fs::create_dir_all(library.join(name))?;
            fs::write(library.join(name).join("trigger.toml"), text)?;
        }
        let mut import = self.command(&["import"])?;
        import.arg(&folder).arg("--drivers").arg(drivers).arg("--triggers").arg(&library);
        done(&mut import).map(drop)
    }

    /// `backoffice …` with this controller's configuration.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("backoffice")?);
        command.args(arguments).arg("--config").arg(self.home.join("controller.toml"));
        Ok(command)
    }

    /// Starts it and waits until it serves.
    pub fn start(&mut self) -> Result<()> {
        let ready = self.home.join("ready");
        let _ = fs::remove_file(&ready);
        let mut serve = self.command(&["serve"])?;
        let mut process = Process::start("the controller", serve.arg("--ready-file").arg(&ready))?;
        wait_for("the controller to serve", PATIENCE, || {
            ensure!(process.is_running(), "it ended:\n{}", process.output());
            Ok(ready.exists().then_some(()))
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// The running process.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the controller does not run")
    }

    /// A power cut, as well as a process can have one.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the controller does not run")?.kill()
    }

    /// A one-time code for an edge, as somebody at the machine makes it.
    pub fn code(&self, edge: &str) -> Result<String> {
        Ok(done(self.command(&["enroll"])?.arg(edge))?.trim().to_owned())
    }

    /// Enrols an edge with a fresh code.
    pub fn enrol(&self, key: &str, edge: &Edge) -> Result<()> {
        edge.run(&["enroll", "--controller", &self.door(), "--code", &self.code(key)?]).map(drop)
    }

    /// Where edges enrol.
    pub fn door(&self) -> String {
        format!("https://127.0.0.1:{}", self.enroll)
    }

    /// The owner, signed in.
    pub fn api(&self) -> Result<Api> {
        Api::sign_in(&format!("http://127.0.0.1:{}", self.http), OWNER.0, OWNER.1)
    }
}
