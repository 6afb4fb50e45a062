//! `trigger replay`: what a trigger would have done, over a recording or over what this edge's own journal still holds.

use super::super::Where;
use crate::site::Desired;
use anyhow::{Context as _, bail};
use bo_model::value::Source as Origin;
use bo_model::{Data, Quality, Reason, Time, Value};
use bo_rules::replay::{Happened, Sample, replay};
use bo_rules::{Act, Compiled, Context, ContextDevice, Source};
use bo_wire::{Body, Class};
use clap::Args;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Bytes of a recording, and of the journal per class.
const LARGEST: usize = 256 * 1024 * 1024;

/// What to replay over what.
#[derive(Debug, Args)]
pub struct Replay {
    /// `triggers/<name>`.
    folder: PathBuf,
    /// Recording: `.csv` with the columns at, device, name, value and, if it is known, quality; or `.jsonl` with an object
    /// of these a line. Without it the journal of the data directory is used, and --site says which devices are which.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// A parameter of the trigger, as often as needed.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    params: Vec<String>,
    /// Name of the system whose devices the trigger is for, where a site has several.
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// A line of JSON for each thing that would have happened.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// One recorded value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Row {
    /// RFC 3339.
    at: jiff::Timestamp,
    /// `Sensor_1`.
    device: String,
    /// `people`, or `online`.
    name: String,
    value: Json,
    /// `good` when absent.
    #[serde(default)]
    quality: Option<String>,
}

impl Replay {
    pub fn run(&self) -> anyhow::Result<()> {
        let happened = self.happened()?;
        for one in &happened {
            if self.json {
                let at = one.at.rfc3339();
                println!(
                    "{}",
                    serde_json::json!({ "at": at, "what": what(one), "actions": one.actions, "trace": one.trace })
                );
            } else {
                println!("{}  {}", one.at.rfc3339(), sentence(one));
                one.actions.iter().for_each(|act| println!("    {}", told(act)));
            }
        }
        if !self.json {
            let fired =
                happened.iter().filter(|one| one.transition == Some(bo_rules::Transition::Activated)).count();
            println!("{fired} times active");
        }
        Ok(())
    }

    fn happened(&self) -> anyhow::Result<Vec<Happened>> {
        let read = |name: &str| {
            let path = self.folder.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
        };
        let params = self
            .params
            .iter()
            .map(|pair| super::super::point::parameter(pair))
            .collect::<anyhow::Result<_>>()?;
        let script = self.folder.join("rule.rhai").is_file().then(|| read("rule.rhai")).transpose()?;
        let (context, rows) = match &self.history {
            Some(path) => {
                let rows = rows(path)?;
                (recorded(&rows), rows)
            }
            None => self.journal()?,
        };
        let compiled = bo_rules::load(&read("trigger.toml")?, script.as_deref(), &params, &context)?;
        let samples = samples(&compiled, rows);
        let Some(until) = samples.last().map(|sample| sample.at) else {
            bail!(
                "the history has no value of {}",
                compiled.sources().iter().map(Source::label).collect::<Vec<_>>().join(", ")
            );
        };
        Ok(replay(&compiled, samples, until))
    }

    /// What the journal of the data directory holds of a system's devices.
    fn journal(&self) -> anyhow::Result<(Context, Vec<Row>)> {
        let config = self.place.config()?;
        let (Some(site), Some(drivers)) = (&config.site, &config.drivers) else {
            bail!(
                "name a recording with --history, or the site whose journal it is with --site and --drivers"
            );
        };
        let desired = Desired::from_file(site, drivers, config.triggers.as_deref())?;
        let mut systems = desired
            .site
            .systems
            .iter()
            .filter(|system| self.system.as_ref().is_none_or(|name| *name == system.name));
        let system = match (systems.next(), systems.next()) {
            (Some(system), None) => system,
            (None, _) => bail!("the site has no such system"),
            (Some(_), Some(_)) => bail!("the site has several systems: say which with --system"),
        };
        let context = crate::triggers::context(&desired, system.id);
        let path = config.data.join(crate::journal::FILE);
        let mut rows = Vec::new();
        for class in [Class::Status, Class::History] {
            for record in crate::journal::peek(&path, class, LARGEST)? {
                let Body::Status(change) = record.body else { continue };
                let device = desired
                    .site
                    .devices
                    .iter()
                    .find(|device| device.id == change.device && device.system == system.id);
                let Some(device) = device else { continue };
                rows.push(Row {
                    at: record.at.timestamp(),
                    device: device.address.clone(),
                    name: change.name,
                    value: change.value.data.to_json(),
                    quality: Some(change.value.quality.word().to_owned()),
                });
            }
        }
        rows.sort_by_key(|row| row.at);
        Ok((context, rows))
    }
}

/// The system a recording is of: the devices in it, any variable and any command of which is taken as it is written.
fn recorded(rows: &[Row]) -> Context {
    let addresses: BTreeSet<&str> = rows.iter().map(|row| row.device.as_str()).collect();
    let devices = addresses
        .into_iter()
        .map(|address| ContextDevice { address: address.to_owned(), ..ContextDevice::default() });
    Context { devices: devices.collect(), ..Context::default() }
}

/// Reads a recording, in order of time.
fn rows(path: &Path) -> anyhow::Result<Vec<Row>> {
    let size = std::fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?.len();
    if size > LARGEST as u64 {
        bail!("{} has {size} bytes; a recording may have {LARGEST}", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let rows = if is_csv { from_csv(&text) } else { from_json_lines(&text) };
    let mut rows = rows.with_context(|| path.display().to_string())?;
    rows.sort_by_key(|row| row.at);
    Ok(rows)
}

fn from_json_lines(text: &str) -> anyhow::Result<Vec<Row>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| serde_json::from_str(line).with_context(|| format!("line {}", index + 1)))
        .collect()
}

fn from_csv(text: &str) -> anyhow::Result<Vec<Row>> {
    #[derive(Deserialize)]
    struct Line {
        at: jiff::Timestamp,
        device: String,
        name: String,
        value: String,
        #[serde(default)]
        quality: Option<String>,
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for line in reader.deserialize() {
        let Line { at, device, name, value, quality } = line?;
        // What is no JSON is text: nobody quotes twice in a table.
        let value = serde_json::from_str(&value).unwrap_or_else(|_| Json::from(value));
        rows.push(Row { at, device, name, value, quality: quality.filter(|word| !word.is_empty()) });
    }
    Ok(rows)
}

/// Rows as values of the trigger's sources; one row may be several.
fn samples(compiled: &Compiled, rows: Vec<Row>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for row in rows {
        let at = Time(row.at.as_microsecond());
        let quality = match row.quality.as_deref() {
            None | Some("good") => Quality::Good,
            Some("uncertain") => Quality::Uncertain(Reason::Stale),
            Some(_) => Quality::Bad(Reason::Offline),
        };
        let is_source = |source: &Source| match source {
            Source::Status { device, status, .. } => *device == row.device && *status == row.name,
            Source::Presence { device } => *device == row.device && row.name == "online",
            Source::Webhook { .. } => false,
        };
        for (source, _) in compiled.sources().iter().enumerate().filter(|(_, source)| is_source(source)) {
            let data = Data::from_json(row.value.clone());
            let value = Value { data, quality: quality.clone(), observed_at: at, source: Origin::Device };
            samples.push(Sample { at, source, value });
        }
    }
    samples
}

fn what(happened: &Happened) -> &'static str {
    match happened.transition {
        Some(bo_rules::Transition::Activated) => "active",
        Some(_) => "clear",
        None => "held-back",
    }
}

fn sentence(happened: &Happened) -> String {
    let why = happened.trace.as_ref().map(|trace| format!(": {}", trace.why)).unwrap_or_default();
    format!("{}{why}", what(happened))
}

fn told(act: &Act) -> String {
    match act {
        Act::Command { device, command, params, .. } => {
            format!("{device}.{command} {}", serde_json::to_string(params).unwrap_or_default())
        }
        Act::RaiseAlarm { severity, text, .. } => format!("alarm {}: {text}", severity.word()),
        Act::ClearAlarm { .. } => "the alarm clears".into(),
        Act::Notify { to, text, .. } => format!("notify {}: {text}", to.join(", ")),
        Act::Emit { event, data } => {
            format!("emit {event} {}", serde_json::to_string(data).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "at,device,name,value,quality\n\
        2026-01-05T12:00:00Z,Sensor_1,occupancy,true,good\n\
        2026-01-05T12:00:00Z,Hvac_1,mode,heat,\n\
        2026-01-05T12:05:00Z,Sensor_1,occupancy,false,good\n\
        2026-01-05T12:20:00Z,Sensor_1,occupancy,true,good\n";

    fn replayed(name: &str, text: &str) -> Vec<Happened> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../triggers/room-empty-off");
        let place = Where { config: None, data: None, site: None, drivers: None, triggers: None };
        let replay = Replay {
            folder: shipped,
            history: Some(file),
            params: Vec::new(),
            system: None,
            json: false,
            place,
        };
        replay.happened().unwrap()
    }

    #[test]
    fn a_trigger_over_a_recorded_day_says_when_it_would_have_switched_the_room_off() {
        let rows = from_csv(CSV).unwrap();
        let lines: Vec<String> = rows
            .iter()
            .map(|row| serde_json::json!({ "at": row.at, "device": row.device, "name": row.name, "value": row.value }).to_string())
            .collect();
        for (name, text) in [("day.csv", CSV.to_owned()), ("day.jsonl", lines.join("\n"))] {
            let happened = replayed(name, &text);
            let told: Vec<_> = happened.iter().map(|one| (one.at.rfc3339(), what(one))).collect();
            assert!(told[0].0.starts_with("2026-01-05T12:15:00") && told[0].1 == "active", "{told:?}");
            assert!(told[1].0.starts_with("2026-01-05T12:20:00") && told[1].1 == "clear", "{told:?}");
            let first: Vec<String> = happened[0].actions.iter().map(super::told).collect();
            assert!(first.iter().any(|act| act.starts_with("Hvac_1.set_mode")), "{first:?}");
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = format!("{:#}", from_csv("at,device,name,value\nyesterday,A_1,x,1\n").unwrap_err());
        assert!(error.contains("line: 2") || error.contains("line 2"), "{error}");
        let error = format!("{:#}", from_json_lines("{}\n").unwrap_err());
        assert!(error.contains("line 1"), "{error}");
    }
}
