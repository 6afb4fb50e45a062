//! What the people of the demo are up to: events and projects from `demo/work.json`, made over the API as anybody's program
//! would, once.

use crate::process::root;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody signed in.
struct Api {
    address: SocketAddr,
    cookie: String,
    csrf: String,
}

/// An answer: status, headers in lower case, body.
struct Answer(u16, BTreeMap<String, String>, String);

impl Api {
    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = body.to_string();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\nx-csrf-token: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            self.cookie,
            self.csrf,
            body.len()
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").context("an answer without a body")?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Ok(Answer(status.context("an answer without a status")?, headers, body.to_owned()))
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let Answer(status, _, text) = self.send(method, path, body)?;
        if !(200..400).contains(&status) {
            bail!("{method} {path} answered {status}: {text}");
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    fn make(&self, path: &str, body: &Value) -> Result<String> {
        let made = self.call("POST", path, body)?;
        Ok(made["id"].as_str().with_context(|| format!("{path} answered no id"))?.to_owned())
    }
}

/// Signs in as the owner and makes what is not there yet.
pub fn begin(address: SocketAddr, email: &str, password: &str) -> Result<()> {
    let mut api = Api { address, cookie: String::new(), csrf: String::new() };
    let Answer(status, headers, body) =
        api.send("POST", "/api/v1/session", &json!({"email": email, "password": password}))?;
    if status != 200 {
        bail!("the owner of the demo could not sign in: {status} {body}");
    }
    let cookie = headers.get("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap_or_default();
    let signed: Value = serde_json::from_str(&body)?;
    (api.cookie, api.csrf) = (cookie.to_owned(), signed["csrf"].as_str().unwrap_or_default().to_owned());
    if api.call("GET", "/api/v1/events", &Value::Null)?["items"] != json!([]) {
        return Ok(());
    }
    let date = headers.get("date").context("the controller says no date")?;
    let today = jiff::fmt::rfc2822::parse(date)?.date();
    let text = std::fs::read_to_string(root().join("demo/work.json"))?;
    let work: Value = serde_json::from_str(&on_days(&text, today)?)?;
    let slots = json!({"quantity": work["event_slots"]});
    api.call("PUT", "/api/v1/workspace/licences/event-pro", &slots)?;
    list(&work["events"]).iter().try_for_each(|event| make_event(&api, event))?;
    api.call("POST", "/projects/profiles/set-up", &Value::Null)?;
    list(&work["projects"]).iter().try_for_each(|project| make_project(&api, project))
}

/// `{+18}` is the day in eighteen days.
fn on_days(text: &str, today: jiff::civil::Date) -> Result<String> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        done.push_str(before);
        match after.split_once('}') {
            Some((days, behind)) if days.starts_with(['+', '-']) => {
                let days: i64 = days.parse()?;
                done.push_str(&today.checked_add(jiff::Span::new().days(days))?.to_string());
                rest = behind;
            }
            _ => {
                done.push('{');
                rest = after;
            }
        }
    }
    Ok(done + rest)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().or(value["title"].as_str()).unwrap_or_default()
}

fn make_event(api: &Api, work: &Value) -> Result<()> {
    let at = format!("/api/v1/events/{}", api.make("/api/v1/events", &work["event"])?);
    let mut ids = BTreeMap::new();
    for kind in ["areas", "people"] {
        for part in list(&work[kind]) {
            ids.insert(name(part).to_owned(), api.make(&format!("{at}/{kind}"), part)?);
        }
    }
    let known = |named: &Value| json!(named.as_str().and_then(|name| ids.get(name)));
    let statuses = api.call("GET", &at, &Value::Null)?["statuses"].clone();
    let over =
        list(&statuses).iter().find(|status| status["state"] == "done").map(|status| status["id"].clone());
    for task in list(&work["tasks"]) {
        let mut task = task.clone();
        for field in ["area", "assignee"] {
            task[field] = known(&task[field]);
        }
        if list(&work["done"]).iter().any(|done| *done == task["title"]) {
            task["status"] = json!(over);
        }
        api.make(&format!("{at}/tasks"), &task)?;
    }
    for item in list(&work["schedule"]) {
        let mut item = item.clone();
        item["area"] = known(&item["area"]);
        item["people"] = list(&item["people"]).iter().map(known).collect();
        api.make(&format!("{at}/schedule"), &item)?;
    }
    Ok(())
}

fn make_project(api: &Api, work: &Value) -> Result<()> {
    let id = api.make("/api/v1/projects", &work["project"])?;
    let mut facts = work["project"].clone();
    if let (Some(facts), Some(fields)) = (facts.as_object_mut(), work["fields"].as_object()) {
        facts.remove("trade");
        facts.extend(fields.clone());
    }
    api.call("PUT", &format!("/api/v1/projects/{id}"), &facts)?;
    let put = |member: &Value| api.call("POST", &format!("/api/v1/projects/{id}/team"), member).map(drop);
    list(&work["team"]).iter().try_for_each(put)
}
