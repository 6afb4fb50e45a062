//! HTTP as a user would send it: through `curl`, an independent client.

use anyhow::{Context, Result};
use serde_json::Value;
use std::process::Command;

/// A reply.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("status {}, not JSON: {:.300}", self.status, self.body))
    }
}

/// `curl` with the given arguments; ten seconds at most.
pub fn curl(arguments: &[&str]) -> Result<Reply> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .context("cannot start curl")?;
    anyhow::ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr).trim());
    let text = String::from_utf8_lossy(&output.stdout);
    let (body, status) = text.rsplit_once('\n').context("curl printed no status")?;
    Ok(Reply { status: status.trim().parse()?, body: body.to_owned() })
}
