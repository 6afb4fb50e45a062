//! A PostgreSQL server of our own for the tests: a throw-away cluster in a temporary folder on a free port.

use crate::process::{Running, command, output, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The running server; the cluster is removed when this goes away.
pub struct Postgres {
    server: Option<Running>,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and waits until it answers.
    pub fn start() -> Result<Postgres> {
        let bin = newest_bin().context("PostgreSQL's initdb was not found")?;
        let port = bo_testkit::free_port()?;
        let folder = std::env::temp_dir().join(format!("backoffice-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let data = folder.join("data");
        // PostgreSQL refuses to run as root; Debian's package brings the user `postgres`.
        let user = as_root().then_some("postgres");
        if let Some(user) = user {
            run(command("chown", &[user, &folder.to_string_lossy()]))?;
        }
        let mut init = as_user(user, bin.join("initdb"));
        init.args(["--no-sync", "-A", "trust", "-U", "postgres", "-D"]).arg(&data).current_dir(&folder);
        output(init)?;
        let mut serve = as_user(user, bin.join("postgres"));
        serve.arg("-D").arg(&data).args(["-k"]).arg(&folder).current_dir(&folder);
        serve.args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=200",
        ]);
        serve.stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Running::start("PostgreSQL", serve)?;
        let limit = Instant::now() + Duration::from_secs(30);
        while !is_ready(&bin, port) {
            server.check()?;
            anyhow::ensure!(Instant::now() < limit, "PostgreSQL did not answer within 30 s");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Postgres { server: Some(server), folder, port })
    }

    /// Where tests may create databases.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.server.take());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_ready(bin: &std::path::Path, port: u16) -> bool {
    let port = port.to_string();
    output(command(bin.join("pg_isready"), &["-q", "-h", "127.0.0.1", "-p", &port])).is_ok()
}

fn as_root() -> bool {
    output(command("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}

fn as_user(user: Option<&str>, program: PathBuf) -> Command {
    match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--init-groups", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// The newest installed server: `/usr/lib/postgresql/<version>/bin` on Debian, else wherever `initdb` is.
fn newest_bin() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    if let Some(version) = newest {
        return Some(PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
}
