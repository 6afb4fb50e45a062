//! Independent peers: programs that others wrote, which speak the same protocols.

use crate::demo::PATIENCE;
use anyhow::{Context, Result};
use bo_testkit::process::Process;
use bo_testkit::{free_port, has, root, wait_for};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A script of `tests/peers`, once it is ready.
pub fn python(script: &str, arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new("python3");
    command.args(["-W", "ignore"]).arg(root().join("tests/peers").join(script)).args(arguments);
    let mut process = Process::start(script, &mut command)?;
    process.line("ready", PATIENCE)?;
    Ok(process)
}

/// True when Python has the packages the peers need.
pub fn has_python_peers() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import pymodbus, serial, sunspec2"]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// True when there is everything the tests of brokers and serial lines need.
pub fn has_programs() -> bool {
    ["mosquitto", "mosquitto_pub", "mosquitto_sub", "socat"].iter().all(|program| has(program))
}

/// An external broker.
pub struct Mosquitto {
    /// Its main listener.
    pub port: u16,
    /// Its listener with TLS, when its configuration has one.
    pub secured: Option<u16>,
    /// The process.
    pub process: Process,
}

impl Mosquitto {
    /// Starts it with a listener on a free port; `more` is the rest of its configuration.
    pub fn start(folder: &Path, more: &str) -> Result<Mosquitto> {
        let port = free_port()?;
        std::fs::create_dir_all(folder)?;
        let config = folder.join("mosquitto.conf");
        std::fs::write(&config, format!("listener {port} 127.0.0.1\n{more}\n"))?;
        Mosquitto::of_file(&config, port)
    }

    /// Starts it with a configuration that listens on `port`.
    pub fn of_file(config: &Path, port: u16) -> Result<Mosquitto> {
        // Started by root it would become another user, who may not read what is ours.
        let text = std::fs::read_to_string(config)?;
        let own = config.with_extension("test");
        std::fs::write(&own, text + "user root\n")?;
        let sbin = Path::new("/usr/sbin/mosquitto");
        let program = if sbin.exists() { sbin } else { Path::new("mosquitto") };
        let process = Process::start("mosquitto", Command::new(program).arg("-c").arg(&own))?;
        wait_for("mosquitto", PATIENCE, || Ok(Some(TcpStream::connect(("127.0.0.1", port))?)))
            .with_context(|| process.output())?;
        Ok(Mosquitto { port, secured: None, process })
    }
}

/// A mail server (aiosmtpd) that keeps what it takes in a file, a message per line as JSON.
pub struct Mailbox {
    /// Where it listens.
    pub port: u16,
    /// What it took.
    pub file: PathBuf,
    _process: Process,
}

impl Mailbox {
    /// True when Python has what it needs.
    pub fn is_there() -> bool {
        let mut command = Command::new("python3");
        command.args(["-c", "import aiosmtpd"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Starts it.
    pub fn start(folder: &Path) -> Result<Mailbox> {
        let file = folder.join("mailbox");
        std::fs::write(&file, "")?;
        let mut command = Command::new("python3");
        command.arg(root().join("controller/delivery/tests/smtp.py")).env("MAILBOX", &file);
        let process = Process::start("the mail server", &mut command)?;
        let port = wait_for("the mail server", PATIENCE, || Ok(process.output().trim().parse().ok()))?;
        Ok(Mailbox { port, file, _process: process })
    }
}

/// A serial cable: what goes in at one end comes out at the other. Dropping it cuts it.
pub struct Cable {
    /// The edge's end.
    pub ours: PathBuf,
    /// The devices' end.
    pub theirs: PathBuf,
    _socat: Process,
}

impl Cable {
    /// Plugs one in; its ends are always at the same paths of `folder`.
    pub fn plug(folder: &Path) -> Result<Cable> {
        let (ours, theirs) = (folder.join("ours"), folder.join("theirs"));
        let end = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
        let socat = Process::start("socat", Command::new("socat").args([end(&ours), end(&theirs)]))?;
        wait_for("socat", PATIENCE, || Ok((ours.exists() && theirs.exists()).then_some(())))?;
        Ok(Cable { ours, theirs, _socat: socat })
    }
}

/// Publishes one message.
pub fn publish(port: u16, topic: &str, message: &str) -> Result<()> {
    publish_with(port, &[], topic, message)
}

/// The same at a broker that wants a user name and a password.
pub fn publish_as(broker: &Mosquitto, login: (&str, &str), topic: &str, message: &str) -> Result<()> {
    publish_with(broker.port, &["-u", login.0, "-P", login.1], topic, message)
}

fn publish_with(port: u16, more: &[&str], topic: &str, message: &str) -> Result<()> {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", topic, "-m", message]);
    let output = command.args(more).output().context("cannot start mosquitto_pub")?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Prints each message of a topic as `topic payload`, once it is subscribed.
pub fn subscribe(port: u16, topic: &str) -> Result<Process> {
    let mut command = Command::new("stdbuf");
    command.args([
        "-oL",
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-v",
        "-d",
        "-t",
        topic,
    ]);
    let mut process = Process::start("mosquitto_sub", &mut command)?;
    process.line("Subscribed", PATIENCE)?;
    Ok(process)
}
