//! Running other programs: steps that must succeed, and children that end with us.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Says what is being done now.
pub fn say(what: &str) {
    eprintln!("\x1b[1m▸ {what}\x1b[0m");
}

/// A command in the repository's root.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Set by Ctrl-C and SIGTERM once [`stop_on_signals`] was called.
static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on Ctrl-C and SIGTERM set the flag that is given back, and end the step that is running with all it started.
pub fn stop_on_signals() -> Result<Arc<AtomicBool>> {
    let stop = STOP.get_or_init(Arc::default).clone();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}

/// Runs a command with our output and fails when it fails.
pub fn run(mut command: Command) -> Result<()> {
    let shown = show(&command);
    let started = || format!("cannot start `{shown}`");
    let status = match STOP.get() {
        None => command.status().with_context(started)?,
        Some(stop) => {
            // A group of its own, so that compilers started by a build tool end with it.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            let child = command.stdin(Stdio::null()).spawn().with_context(started)?;
            wait_or_stop(child, stop)?
        }
    };
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Waits for the leader of a process group; when we are to stop, ends the group, kindly first.
fn wait_or_stop(mut child: Child, stop: &AtomicBool) -> Result<ExitStatus> {
    let signal = |signal: &str, child: &Child| {
        let _ = Command::new("kill").args([signal, "--", &format!("-{}", child.id())]).status();
    };
    let mut asked: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            if asked.is_some() {
                // What the leader left behind.
                let _ = Command::new("kill")
                    .args(["-KILL", "--", &format!("-{}", child.id())])
                    .stderr(Stdio::null())
                    .status();
                bail!("stopped");
            }
            return Ok(status);
        }
        match asked {
            None if stop.load(Ordering::SeqCst) => {
                signal("-TERM", &child);
                asked = Some(Instant::now());
            }
            Some(at) if at.elapsed() > Duration::from_secs(5) => signal("-KILL", &child),
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command silently; its standard output when it succeeds.
pub fn output(mut command: Command) -> Result<String> {
    let shown = show(&command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// True when the program is there and answers `--version`.
pub fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Cargo, the one that runs us. What it told us of our own package stays here: build scripts (ring's) look at it, and
/// half of the dependencies would be compiled again whenever somebody else calls Cargo.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments);
    let own = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(own) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// A child that is asked to end, and then made to, when this goes away.
pub struct Running {
    name: String,
    child: Child,
}

impl Running {
    /// Starts it.
    pub fn start(name: &str, mut command: Command) -> Result<Running> {
        let shown = show(&command);
        let child = command.spawn().with_context(|| format!("cannot start {name}: `{shown}`"))?;
        Ok(Running { name: name.to_owned(), child })
    }

    /// The child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Fails when it has ended, which nobody asked for.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended by itself: {status}", self.name),
            None => Ok(()),
        }
    }

    /// Asks it to end without waiting for it.
    pub fn ask_to_end(&self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.ask_to_end();
        let limit = Instant::now() + Duration::from_secs(12);
        while Instant::now() < limit {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        eprintln!("{} did not end in time and is killed", self.name);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
