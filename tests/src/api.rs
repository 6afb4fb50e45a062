//! The API as a program uses it: `curl` with a token, got as the README says.

use anyhow::{Context, Result, ensure};
use bo_testkit::http::{Reply, curl};
use serde_json::{Value, json};

/// Somebody who is signed in.
pub struct Api {
    /// `http://127.0.0.1:…`.
    pub url: String,
    token: String,
}

impl Api {
    /// Signs in and makes a token for the rest.
    pub fn sign_in(url: &str, email: &str, password: &str) -> Result<Api> {
        let body = json!({ "email": email, "password": password });
        let jar = tempfile::NamedTempFile::new()?;
        let cookies = jar.path().to_str().context("a path that is no text")?;
        let reply = send(&format!("{url}/api/v1/session"), &body, &["--cookie-jar", cookies])?;
        ensure!((200..300).contains(&reply.status), "{reply:?}");
        let csrf = reply.json()?["csrf"].as_str().map(|csrf| format!("x-csrf-token: {csrf}"));
        let csrf = csrf.with_context(|| format!("no csrf in {reply:?}"))?;
        let body = json!({ "name": "end-to-end", "level": "own", "days": 1 });
        let reply = send(&format!("{url}/api/v1/tokens"), &body, &["--cookie", cookies, "--header", &csrf])?;
        let token = reply.json()?["token"].as_str().map(str::to_owned);
        let token = token.with_context(|| format!("no token in {reply:?}"))?;
        Ok(Api { url: url.to_owned(), token })
    }

    fn authorization(&self) -> String {
        format!("authorization: Bearer {}", self.token)
    }

    /// Asks, whatever the answer.
    pub fn ask(&self, path: &str) -> Result<Reply> {
        curl(&["--header", &self.authorization(), &format!("{}/api/v1{path}", self.url)])
    }

    /// Asks; anything but 200 is a failure.
    pub fn get(&self, path: &str) -> Result<Value> {
        let reply = self.ask(path)?;
        ensure!(reply.status == 200, "GET {path}: {reply:?}");
        reply.json()
    }

    /// A page of the console, as it is sent.
    pub fn page(&self, path: &str) -> Result<String> {
        let page = curl(&["--header", &self.authorization(), &format!("{}{path}", self.url)])?;
        ensure!(page.status == 200, "GET {path}: {}", page.status);
        Ok(page.body)
    }

    /// All rows of a list, page by page. `path` may have a query.
    pub fn all(&self, path: &str) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut after = String::new();
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{sign}limit=100{after}"))?;
            rows.extend(page["items"].as_array().context("no items")?.iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(rows),
            }
        }
    }

    /// Sends JSON, whatever the answer.
    pub fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        send(&format!("{}/api/v1{path}", self.url), body, &["--header", &self.authorization()])
    }

    /// A device by its address and its system's key.
    pub fn device(&self, address: &str) -> Result<String> {
        let found = self.all(&format!("/devices?q={address}"))?;
        let device = found.iter().find(|device| device["address"] == address);
        let id = device.and_then(|device| device["id"].as_str());
        Ok(id.with_context(|| format!("no device {address} in {found:?}"))?.to_owned())
    }

    /// A device's point as it is now: `{data, quality, …}`; null before the first report.
    pub fn value(&self, device: &str, name: &str) -> Result<Value> {
        let view = self.get(&format!("/devices/{device}"))?;
        let points = view["points"].as_array().context("no points")?;
        let point = points.iter().find(|point| point["name"] == name);
        Ok(point.with_context(|| format!("no point {name}"))?["live"]["value"].clone())
    }

    /// Commands a device and gives the command with its evidence so far.
    pub fn command(&self, device: &str, command: &str, params: Value) -> Result<Value> {
        let reply = self.post(
            &format!("/devices/{device}/commands"),
            &json!({ "command": command, "params": params, "reason": "an end-to-end test" }),
        )?;
        ensure!(reply.status == 201, "{command}: {reply:?}");
        reply.json()
    }
}

/// The stages of a command's evidence, in order.
pub fn stages(command: &Value) -> Vec<&str> {
    command["steps"].as_array().into_iter().flatten().filter_map(|step| step["stage"].as_str()).collect()
}

fn send(url: &str, body: &Value, options: &[&str]) -> Result<Reply> {
    let body = body.to_string();
    let mut arguments = vec!["--header", "content-type: application/json", "--data", &body];
    arguments.extend(options);
    arguments.push(url);
    curl(&arguments)
}
