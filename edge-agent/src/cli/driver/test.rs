//! `driver test`: plays a driver's transcripts. A component runs as it does on a gateway; a profile runs in the code
//! that polls and decodes on a gateway.

use super::profile;
use anyhow::{Context, bail};
use bo_driver_host::transcript::{Bench, Subject, Transcript, replay};
use bo_driver_host::{Device, Engine, Package};
use std::path::Path;
use std::sync::Arc;

/// What came of a driver's transcripts.
#[derive(Debug, Default)]
pub struct Report {
    /// Names of those that passed.
    pub passed: Vec<String>,
    /// `name: line N: what` of those that did not.
    pub failures: Vec<String>,
    /// Names of those that were not asked for.
    pub left_out: Vec<String>,
    /// What the manifest says to no effect.
    pub loose: Vec<String>,
}

/// Plays and prints; an error when one fails or there is none.
pub fn run(folder: &Path, filter: Option<&str>) -> anyhow::Result<()> {
    let report = check(folder, filter)?;
    for end in &report.loose {
        println!("note  {end}");
    }
    for name in &report.passed {
        println!("ok    {name}");
    }
    for failure in &report.failures {
        println!("FAIL  {failure}");
    }
    match (report.passed.len(), report.failures.len()) {
        (0, 0) => match filter {
            Some(part) if !report.left_out.is_empty() => {
                bail!("no transcript has `{part}` in its name; there are {}", report.left_out.join(", "))
            }
            _ => bail!("no transcript to play: write one in {}/tests", folder.display()),
        },
        (_, 0) => Ok(()),
        (passed, failed) => bail!("{failed} of {} transcripts failed", passed + failed),
    }
}

/// Plays the transcripts of a driver's folder or packed file.
pub fn check(folder: &Path, filter: Option<&str>) -> anyhow::Result<Report> {
    let package = if folder.is_dir() {
        Package::load_folder(folder)?
    } else {
        let bytes = std::fs::read(folder).with_context(|| format!("can't read {}", folder.display()))?;
        Package::from_packed(&bytes)?
    };
    let wanted = |path: &&(&str, String)| filter.is_none_or(|part| path.0.contains(part));
    let transcripts: Vec<(&str, String)> = package.transcripts().collect();
    let component = match &package.component {
        Some(_) => {
            let engine = Engine::new(None)?;
            let loaded = engine.load(&package)?;
            Some((engine, loaded))
        }
        None => None,
    };
    let start = |bench: Bench| -> Result<Arc<dyn Subject>, String> {
        match &component {
            Some((engine, loaded)) => {
                let (config, links, sink, clock) = (bench.config, bench.links, bench.sink, bench.clock);
                Ok(Arc::new(Device::spawn(engine, &package, loaded.clone(), config, links, sink, clock)))
            }
            None => profile::start(package.manifest.clone(), bench),
        }
    };
    let mut report = Report { loose: super::loose::ends(&package.manifest), ..Report::default() };
    let others = transcripts.iter().filter(|path| !wanted(path));
    report.left_out = others.map(|(path, _)| (*path).to_owned()).collect();
    for (path, text) in transcripts.iter().filter(wanted) {
        let outcome = Transcript::parse(text).and_then(|transcript| {
            replay(&package.manifest, &transcript, &start).map_err(|failure| failure.to_string())
        });
        match outcome {
            Ok(()) => report.passed.push((*path).to_owned()),
            Err(why) => report.failures.push(format!("{path}: {why}")),
        }
    }
    Ok(report)
}
