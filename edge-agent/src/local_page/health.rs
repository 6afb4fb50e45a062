//! For what watches the gateway: whether the process lives, whether it can keep what happens, and its numbers.

use super::Shared;
use crate::status::Status;
use axum::extract::{ConnectInfo, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::net::SocketAddr;

/// Answers as long as the process runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// 200 when what happens can be kept, 503 otherwise.
pub(super) async fn ready(State(local): State<Shared>) -> Response {
    match local.agent.journal.state().stuck {
        None => "ready\n".into_response(),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "nothing can be written to disk\n").into_response(),
    }
}

/// Prometheus text: all of it for this machine, for others what they may see.
pub(super) async fn metrics(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let visitor = local.visitor(&headers);
    let status = if from.ip().is_loopback() {
        Status::of(&local.agent).await
    } else if visitor.is_known() {
        local.status(&visitor).await
    } else {
        return (StatusCode::FORBIDDEN, "ask from this machine, or sign in\n").into_response();
    };
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text(&status)).into_response()
}

/// Labels and value of one series.
type Series = (String, f64);

fn text(status: &Status) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, all: Vec<Series>| {
        if all.is_empty() {
            return;
        }
        // Writing to a string does not fail.
        let _ = writeln!(out, "# HELP backoffice_edge_{name} {help}\n# TYPE backoffice_edge_{name} {kind}");
        for (labels, value) in all {
            let _ = writeln!(out, "backoffice_edge_{name}{labels} {value}");
        }
    };
    let links = |value: fn(&crate::status::LinkStatus) -> f64| -> Vec<Series> {
        let series = status.links.iter().map(|link| (labels(&[("link", &link.name)]), value(link)));
        series.collect()
    };
    let one = |value: f64| vec![(String::new(), value)];
    family("link_up", "gauge", "1 while the link is connected.", links(|link| f64::from(link.state == "up")));
    family("link_requests_total", "counter", "Requests sent.", links(|link| link.requests as f64));
    family("link_failures_total", "counter", "Requests that failed.", links(|link| link.failures as f64));
    family("link_connects_total", "counter", "Connections made.", links(|link| link.connects as f64));
    let devices = status.devices.iter().map(|device| {
        let labels = labels(&[("system", &device.system), ("device", &device.address)]);
        (labels, f64::from(device.unwell.is_none()))
    });
    family("device_up", "gauge", "1 while the device answers.", devices.collect());
    let controller = status.controller.iter().map(|state| (String::new(), f64::from(state.connected)));
    family("controller_connected", "gauge", "1 while the controller answers.", controller.collect());
    let journal = &status.journal;
    family(
        "journal_backlog",
        "gauge",
        "Records the controller does not have yet.",
        one(journal.backlog as f64),
    );
    family("journal_bytes", "gauge", "Bytes of the journal on disk.", one(journal.bytes as f64));
    family(
        "journal_stuck",
        "gauge",
        "1 while nothing can be written.",
        one(f64::from(journal.stuck.is_some())),
    );
    let written = journal.written.iter().map(|(class, count)| (labels(&[("class", class)]), *count as f64));
    family("journal_records_total", "counter", "Records ever written.", written.collect());
    family("alarms", "gauge", "Active alarms.", one(status.alarms.len() as f64));
    family("memory_bytes", "gauge", "Resident memory.", one(status.memory as f64));
    out
}

/// `{a="x",b="y"}`, escaped as the text format wants it.
fn labels(all: &[(&str, &str)]) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = all.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_gave_cannot_break_the_text() {
        assert_eq!(labels(&[("system", "Room \"1\"\\\n")]), "{system=\"Room \\\"1\\\"\\\\\\n\"}");
    }
}
