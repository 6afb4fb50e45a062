//! The books of both sides compared: what the edge's journal says it kept, and what the controller has. Nothing may
//! be missing and nothing may be there twice.

use crate::api::Api;
use crate::demo::PATIENCE;
use crate::rig::Rig;
use anyhow::{Context, Result, ensure};
use bo_db::{DbError, Tx, params};
use bo_testkit::wait_for;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The classes whose acknowledged records stay in the journal for a backfill.
const STATUS: u8 = 3;
const HISTORY: u8 = 4;
const CLASSES: [&str; 6] = ["audit", "alarm", "command", "status", "history", "log"];

/// What a journal's file holds.
pub struct Journal {
    /// Number of the epoch.
    pub epoch: u64,
    /// Last number of each class.
    pub written: Vec<u64>,
    /// `(class, sequence number, body)`.
    records: Vec<(u8, u64, Value)>,
}

impl Journal {
    /// Reads the file of an edge, which may be running.
    pub fn read(rig: &Rig) -> Result<Journal> {
        let path = rig.edge.home.join("data/journal.sqlite");
        let db = rusqlite::Connection::open(&path).with_context(|| path.display().to_string())?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        let epoch: String =
            db.query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0))?;
        let written = db
            .prepare("SELECT written FROM cursor ORDER BY class")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let blocks: Vec<(u8, Vec<u8>)> = db
            .prepare("SELECT class, body FROM block ORDER BY class, upto")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut records = Vec::new();
        for (class, body) in blocks {
            for line in bo_testkit::journal::text(body)?.lines() {
                let mut parts = line.splitn(3, ' ');
                let (Some(seq), Some(_), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
                    anyhow::bail!("a line of the journal does not read: {line}");
                };
                records.push((class, seq.parse()?, serde_json::from_str(body)?));
            }
        }
        Ok(Journal { epoch: epoch.parse()?, written, records })
    }

    /// No number is missing and none is there twice; it has lost nothing.
    fn is_whole(&self) -> Result<()> {
        for class in [STATUS, HISTORY] {
            let numbers: Vec<u64> =
                self.records.iter().filter(|(of, ..)| *of == class).map(|(_, seq, _)| *seq).collect();
            let expected: Vec<u64> = (1..=self.written[usize::from(class)]).collect();
            ensure!(numbers == expected, "the journal's class {} has holes", CLASSES[usize::from(class)]);
        }
        let gap = self.records.iter().find(|(.., body)| body["t"] == "gap");
        ensure!(gap.is_none(), "the journal lost records: {gap:?}");
        Ok(())
    }

    /// Values it kept, by `(device, name)`, in order.
    fn values(&self) -> BTreeMap<(String, String), Vec<Value>> {
        let mut found: BTreeMap<_, Vec<Value>> = BTreeMap::new();
        for (.., body) in self.records.iter().filter(|(.., body)| body["t"] == "status") {
            let key = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            found.entry((key("device"), key("name"))).or_default().push(body["value"].clone());
        }
        found
    }
}

/// Waits until both sides agree about everything: the devices go on, so a look may fall between a record and its arrival.
/// What is lost or there twice stays so. Gives the number of samples compared.
pub fn balance(rig: &Rig, api: &Api) -> Result<usize> {
    wait_for("the books of both sides to agree", PATIENCE, || compare(rig, api).map(Some))
}

fn compare(rig: &Rig, api: &Api) -> Result<usize> {
    let journal = Journal::read(rig)?;
    journal.is_whole()?;
    let view = rig.edge_view(api)?;
    watermarks(&journal, &view)?;
    let compared = history(&journal, api)?;
    database(rig, &view)?;
    Ok(compared)
}

/// The controller stands where the journal ends, in one epoch, and knows of no loss.
fn watermarks(journal: &Journal, view: &Value) -> Result<()> {
    let marks = view["watermarks"].as_array().context("no watermarks")?;
    for (class, written) in CLASSES.iter().zip(&journal.written) {
        let of_class: Vec<&Value> = marks.iter().filter(|mark| mark["class"] == **class).collect();
        let have = match of_class.as_slice() {
            [] => 0,
            [mark] => {
                ensure!(mark["epoch"].as_u64() == Some(journal.epoch), "{mark}, not epoch {}", journal.epoch);
                mark["seq"].as_u64().unwrap_or(0)
            }
            more => anyhow::bail!("the journal began anew: {more:?}"),
        };
        ensure!(have == *written, "{class}: the journal has {written}, the controller {have}");
    }
    ensure!(view["gaps"] == serde_json::json!([]), "{}", view["gaps"]);
    Ok(())
}

/// Every point has as many samples, with the same numbers in the same order, as the journal kept.
fn history(journal: &Journal, api: &Api) -> Result<usize> {
    let mut compared = 0;
    for ((device, name), kept) in journal.values() {
        let path = format!("/devices/{device}/history/{name}?step=raw");
        let rows = api.get(&path)?["items"].as_array().context("no items")?.clone();
        if rows.is_empty() {
            continue; // its driver keeps no history of it
        }
        let good = |value: &Value| match &value["data"] {
            _ if value["quality"] != "good" => None,
            Value::Bool(on) => Some(f64::from(u8::from(*on))),
            other => other.as_f64(),
        };
        // History counts in milliseconds: of several samples in one, the last stands (decision 5).
        let mut by_time: BTreeMap<i64, &Value> = BTreeMap::new();
        let millis = |value: &Value| value["observed_at"].as_i64().unwrap_or(0).div_euclid(1000);
        by_time.extend(kept.iter().map(|value| (millis(value), value)));
        let expected: Vec<Option<f64>> = by_time.values().map(|value| good(value)).collect();
        let found: Vec<Option<f64>> = rows.iter().map(|row| row["avg"].as_f64()).collect();
        let words = kept.iter().any(|value| value["data"].is_string());
        ensure!(
            expected.len() == found.len() && (words || expected == found),
            "{name}: the journal kept {} samples, the controller has {}; first difference: {:?}",
            expected.len(),
            found.len(),
            expected.iter().zip(&found).position(|(one, other)| one != other)
        );
        compared += expected.len();
    }
    Ok(compared)
}

/// What the API can't show: the edge's audit entries each once and without a hole, and no evidence twice.
fn database(rig: &Rig, view: &Value) -> Result<()> {
    let edge = view["id"].as_str().context("no id")?.to_owned();
    let (origins, steps) = rig.controller.database.db.read(|tx: &mut Tx| -> Result<_, DbError> {
        let origins: Vec<String> =
            tx.query("SELECT body FROM audit_record WHERE verb = 'edge.record'", params![], |row| row.get(0))?;
        let steps: Vec<(String, String)> = tx.query(
            "SELECT s.command, s.step FROM command_step s JOIN command c ON c.id = s.command WHERE c.edge = ?1",
            params![&edge],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok((origins, steps))
    })?;
    let mut folded = BTreeSet::new();
    for record in &origins {
        let record: Value = serde_json::from_str(record)?;
        let seq =
            record["origin"]["edge"]["seq"].as_u64().with_context(|| format!("no number in {record}"))?;
        ensure!(folded.insert(seq), "the edge's audit entry {seq} is in the log twice");
    }
    let last = folded.last().copied().unwrap_or(0);
    ensure!(folded.len() as u64 == last, "{} audit entries up to number {last}", folded.len());
    let mut seen = BTreeSet::new();
    for (command, step) in steps {
        // Both sides may say that a deadline passed, each in its own words.
        let mut step: Value = serde_json::from_str(&step)?;
        step["at"] = Value::Null;
        let step = step.to_string();
        ensure!(seen.insert((command.clone(), step.clone())), "command {command} has {step} twice");
    }
    Ok(())
}
