//! A child process whose output is kept and which never outlives its test.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Lines kept per process.
const KEEP: usize = 2000;

/// A running child; killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it, collecting standard output and standard error. Its standard input stays open for as long as we
    /// live, so that a peer which ends with it never outlives a test that was killed.
    pub fn start(name: &str, command: &mut Command) -> Result<Process> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let pipes: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for pipe in pipes.into_iter().flatten() {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let Ok(mut kept) = lines.lock() else { return };
                    if kept.len() < KEEP {
                        kept.push(line);
                    }
                }
            });
        }
        Ok(Process { name: name.to_owned(), child, lines })
    }

    /// The operating system's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types a line into it.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let pipe = self.child.stdin.as_mut().context("its standard input is closed")?;
        Ok(writeln!(pipe, "{line}")?)
    }

    /// Everything it printed so far.
    pub fn output(&self) -> String {
        self.lines.lock().map(|lines| lines.join("\n")).unwrap_or_default()
    }

    /// The first line that contains `text`, waiting for it. Fails when the process ends first.
    pub fn line(&mut self, text: &str, limit: Duration) -> Result<String> {
        let end = Instant::now() + limit;
        loop {
            let found = self
                .lines
                .lock()
                .ok()
                .and_then(|lines| lines.iter().find(|line| line.contains(text)).cloned());
            if let Some(line) = found {
                return Ok(line);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}) before it printed `{text}`:\n{}", self.name, self.output());
            }
            if Instant::now() > end {
                bail!(
                    "{} did not print `{text}` within {} s:\n{}",
                    self.name,
                    limit.as_secs(),
                    self.output()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it started and what those started, as they are now: `(id, start time)`, which together name one process
    /// for ever.
    pub fn descendants(&self) -> Vec<(u32, u64)> {
        let all: Vec<(u32, u32, u64)> = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?))
            .collect();
        let mut found: Vec<(u32, u64)> = Vec::new();
        let mut parents = vec![self.id()];
        while let Some(parent) = parents.pop() {
            for (id, _, started) in all.iter().filter(|(_, of, _)| *of == parent) {
                found.push((*id, *started));
                parents.push(*id);
            }
        }
        found
    }

    /// Sends a signal by name: `TERM`, `INT`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status()?;
        anyhow::ensure!(status.success(), "kill -{signal} {} failed", self.name);
        Ok(())
    }

    /// Kills it at once, as a power cut would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end and waits.
    pub fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal("TERM")?;
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > end {
                bail!("{} did not end within {} s:\n{}", self.name, limit.as_secs(), self.output());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// True while the process of that id and start time runs; one that ended and was not waited for yet does not.
pub fn is_alive((id, started): (u32, u64)) -> bool {
    stat(id).is_some_and(|(_, _, now)| now == started)
}

/// `(id, parent, start time)` of a process that runs, from `/proc/<id>/stat` (proc(5)).
fn stat(id: u32) -> Option<(u32, u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name is in parentheses and may hold anything; the fields after it count from 3.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, parent, started) = (fields.first()?, fields.get(1)?, fields.get(19)?);
    (*state != "Z").then_some((id, parent.parse().ok()?, started.parse().ok()?))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} printed ---\n{}", self.name, self.output());
        }
    }
}
