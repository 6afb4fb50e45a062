//! A running demo, as `cargo demo` starts it.

use crate::api::Api;
use anyhow::Result;
use bo_testkit::process::Process;
use std::process::Command;
use std::time::Duration;

/// The whole estate, live.
pub struct Demo {
    /// The process that runs it all.
    pub process: Process,
    /// Base address of the console.
    pub url: String,
    /// Mail address to sign in with.
    pub user: String,
    /// Password to sign in with.
    pub password: String,
    /// Its data.
    pub data: tempfile::TempDir,
}

impl Demo {
    /// Starts it and waits for the ready line. Everything is built already, so that takes seconds.
    pub fn start() -> Result<Demo> {
        let data = tempfile::tempdir()?;
        let mut process = Process::start("the demo", &mut command(&data)?)?;
        let line = process.line("ready http", Duration::from_secs(120));
        let line = line.inspect_err(|_| drop(process.stop(STOP)))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, url, _, user, _, password] = words[..] else {
            anyhow::bail!("unexpected ready line: {line}")
        };
        Ok(Demo { process, url: url.into(), user: user.into(), password: password.into(), data })
    }

    /// Signs in as the ready line says.
    pub fn api(&self) -> Result<Api> {
        Api::sign_in(&self.url, &self.user, &self.password)
    }
}

/// `cargo demo` with its data in a folder of the test's own, which it does not wait for.
pub fn command(data: &tempfile::TempDir) -> Result<Command> {
    let http = format!("127.0.0.1:{}", bo_testkit::free_port()?);
    let mut command = Command::new(bo_testkit::binary("xtask")?);
    // Late in the morning the sun is up whenever the test runs.
    command.args(["demo", "--http", &http, "--hour", "11", "--data"]).arg(data.path());
    command.current_dir(bo_testkit::root());
    Ok(command)
}

/// How long a test waits for something the estate does by itself; a loaded two-core machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long the demo may take to end all it started.
pub const STOP: Duration = Duration::from_secs(15);

impl Drop for Demo {
    /// Asked, not killed: only so it can end its children.
    fn drop(&mut self) {
        if self.process.is_running()
            && let Err(error) = self.process.stop(STOP)
        {
            eprintln!("{error:#}");
        }
    }
}
