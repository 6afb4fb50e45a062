//! A running demo, as `cargo demo` starts it.

use anyhow::{Context, Result};
use bo_testkit::http::{Reply, curl};
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
        let http = format!("127.0.0.1:{}", bo_testkit::free_port()?);
        let mut command = Command::new(bo_testkit::binary("xtask")?);
        command.args(["demo", "--http", &http, "--data"]).arg(data.path()).current_dir(bo_testkit::root());
        let mut process = Process::start("the demo", &mut command)?;
        let line = process.line("ready http", Duration::from_secs(120))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, url, _, user, _, password] = words[..] else {
            anyhow::bail!("unexpected ready line: {line}")
        };
        Ok(Demo { process, url: url.into(), user: user.into(), password: password.into(), data })
    }

    /// A token for the API, got as the README says.
    pub fn token(&self) -> Result<String> {
        let body = serde_json::json!({ "email": self.user, "password": self.password }).to_string();
        let reply = self.post("/api/v1/session", &body, &[])?;
        let token = reply.json()?["token"].as_str().map(str::to_owned);
        token.with_context(|| format!("no token in {reply:?}"))
    }

    /// GET with a token.
    pub fn get(&self, path: &str, token: &str) -> Result<Reply> {
        curl(&["--header", &format!("authorization: Bearer {token}"), &format!("{}{path}", self.url)])
    }

    /// POST of JSON.
    pub fn post(&self, path: &str, json: &str, headers: &[&str]) -> Result<Reply> {
        let url = format!("{}{path}", self.url);
        let mut arguments = vec!["--header", "content-type: application/json", "--data", json];
        headers.iter().for_each(|header| arguments.extend(["--header", header]));
        arguments.push(&url);
        curl(&arguments)
    }
}
