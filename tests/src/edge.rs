//! One edge agent as a process of its own: its folder, its command line, and power cuts.

use crate::demo::PATIENCE;
use anyhow::{Context, Result, ensure};
use bo_testkit::process::Process;
use bo_testkit::{binary, free_port, root, wait_for};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An edge; it need not run.
pub struct Edge {
    /// Its folder: `edge.toml`, and its data in `data/`.
    pub home: PathBuf,
    /// Port of its own broker, which serves once a link asks for it.
    pub broker: u16,
    /// Port of its local page.
    pub page: u16,
    process: Option<Process>,
}

impl Edge {
    /// Writes `edge.toml` into `home`, with `more` keys at its top and `sections` at its end.
    pub fn prepare(home: &Path, more: &str, sections: &str) -> Result<Edge> {
        let edge = Edge { home: home.to_owned(), broker: free_port()?, page: free_port()?, process: None };
        fs::create_dir_all(home)?;
        let (broker, page) = (edge.broker, edge.page);
        let text = format!(
            "data = \"data\"\n{more}\n[local_page]\nlisten = \"127.0.0.1:{page}\"\nopen = true\n[broker]\nlisten = \"127.0.0.1:{broker}\"\nanonymous = true\n{sections}"
        );
        fs::write(home.join("edge.toml"), text)?;
        Ok(edge)
    }

    /// An edge that runs the site file `site` with the shipped drivers and triggers, and has no controller.
    pub fn of_site(home: &Path, site: &str) -> Result<Edge> {
        let library = |name: &str| root().join(name).display().to_string();
        let more = format!(
            "site = \"site.toml\"\ndrivers = {:?}\ntriggers = {:?}",
            library("drivers"),
            library("triggers")
        );
        let edge = Edge::prepare(home, &more, "")?;
        fs::write(home.join("site.toml"), site)?;
        Ok(edge)
    }

    /// `backoffice-edge …` with this edge's configuration.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("backoffice-edge")?);
        command.args(arguments).arg("--config").arg(self.home.join("edge.toml"));
        Ok(command)
    }

    /// Runs a command that has to succeed; its standard output.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        done(&mut self.command(arguments)?)
    }

    /// Starts it and waits until it answers.
    pub fn start(&mut self) -> Result<()> {
        let mut process = Process::start("the edge", &mut self.command(&["run"])?)?;
        wait_for("the edge to answer", PATIENCE, || {
            ensure!(process.is_running(), "it ended:\n{}", process.output());
            self.status().map(Some)
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// The running process.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the edge does not run")
    }

    /// A power cut, as well as a process can have one.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the edge does not run")?.kill()
    }

    /// What it says of itself.
    pub fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.run(&["status", "--json"])?)?)
    }

    /// What it keeps of a kind across restarts, a document per line, as it is on disk.
    pub fn kept(&self, kind: &str) -> Result<String> {
        let db = rusqlite::Connection::open(self.home.join("data/state.sqlite"))?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        let mut query = db.prepare("SELECT value FROM kept WHERE kind = ?1 ORDER BY key")?;
        let all = query.query_map([kind], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(all.join("\n"))
    }

    /// A value as `point read` shows it: `{data, quality, observed_at}`.
    pub fn value(&self, device: &str, name: &str) -> Result<Value> {
        let read: Value = serde_json::from_str(&self.run(&["point", "read", device, name, "--json"])?)?;
        Ok(read[0]["value"].clone())
    }

    /// Waits until a value is as wanted.
    pub fn shows(&self, device: &str, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        wait_for(&format!("{device}.{name} on the edge"), PATIENCE, || {
            let value = self.value(device, name)?;
            ensure!(wanted(&value), "it is {value}");
            Ok(Some(value))
        })
    }

    /// A command by somebody on site; fails unless it was carried out.
    pub fn write(&self, device: &str, command: &str, parameters: &[&str]) -> Result<Output> {
        let mut arguments = vec!["point", "write", device, command];
        arguments.extend(parameters);
        let output = self.command(&arguments)?.output()?;
        ensure!(output.status.success(), "{command}: {}", text(&output));
        Ok(output)
    }

    /// Waits until the controller has all that the journal holds; its status then.
    pub fn drained(&self) -> Result<Value> {
        wait_for("the controller to have everything", PATIENCE, || {
            let status = self.status()?;
            let journal = &status["journal"];
            ensure!(journal["backlog"] == 0, "{} {}", journal["backlog"], status["controller"]);
            Ok(Some(status))
        })
    }
}

/// True for a good value with this datum; numbers may differ by a ten-thousandth.
pub fn good(value: &Value, datum: &Value) -> bool {
    let near = match (value["data"].as_f64(), datum.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-4 * other.abs().max(1.0),
        _ => value["data"] == *datum,
    };
    value["quality"] == "good" && near
}

/// Runs a command that has to succeed; its standard output.
pub fn done(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", text(&output));
    Ok(String::from_utf8(output.stdout)?)
}

/// Everything a program printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
