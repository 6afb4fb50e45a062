//! For the programs that measure (`*/examples/*_bench.rs`): what a process has cost so far, and the figures
//! they hand to `cargo xtask bench`.
//!
//! Processor time is read of one process, so that whoever makes the load never counts: put the load into a
//! process of its own.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The figures of one program.
#[derive(Debug)]
pub struct Figures {
    name: String,
    figures: Map<String, Value>,
}

impl Figures {
    /// None yet. `name` is the program's, without `_bench`.
    pub fn new(name: &str) -> Figures {
        Figures { name: name.to_owned(), figures: Map::new() }
    }

    /// A figure that is only reported.
    pub fn say(&mut self, figure: &str, value: f64, unit: &str) {
        self.add(figure, value, unit, Value::Null);
    }

    /// A figure that should be `target` or less.
    pub fn at_most(&mut self, figure: &str, value: f64, unit: &str, target: f64) {
        self.add(figure, value, unit, json!(format!("<= {target}")));
    }

    /// A figure that should be `target` or more.
    pub fn at_least(&mut self, figure: &str, value: f64, unit: &str, target: f64) {
        self.add(figure, value, unit, json!(format!(">= {target}")));
    }

    fn add(&mut self, figure: &str, value: f64, unit: &str, target: Value) {
        eprintln!("  {figure}: {value:.3} {unit}");
        self.figures.insert(figure.to_owned(), json!({ "value": value, "unit": unit, "target": target }));
    }

    /// Prints the one line that `cargo xtask bench` reads; the last thing a program does.
    pub fn print(self) {
        println!("{}", json!({ "name": self.name, "figures": self.figures }));
    }
}

/// True when the program was asked for a short run (`--quick`): less exact, good enough to see that it works.
pub fn quick() -> bool {
    std::env::args().any(|word| word == "--quick")
}

/// `full`, or `short` in a quick run.
pub fn unless_quick(full: Duration, short: Duration) -> Duration {
    if quick() { short } else { full }
}

/// A folder on the disk of the build: `/tmp` is memory on many machines, and memory has no fsync.
pub fn folder() -> Result<tempfile::TempDir> {
    let program = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(program.parent().context("a program in no folder")?)?)
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time, user and system, of all its threads.
    pub cpu: Duration,
    /// Memory it holds now (`VmRSS`), KiB.
    pub rss_kib: u64,
    /// Threads it has now.
    pub threads: u64,
}

/// The usage of a process, from `/proc/<id>/stat` (fields 14 and 15, ticks of 10 ms) and `/proc/<id>/status`.
pub fn usage(id: u32) -> Result<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).context("the process has ended")?;
    // The name is in parentheses and may hold anything; the fields after it count from 3.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_ascii_whitespace().nth(1).and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    Ok(Usage { cpu: Duration::from_millis(ticks * 10), rss_kib: field("VmRSS:"), threads: field("Threads:") })
}

/// Memory a process holds in which each page counts once, however often it is mapped, and only in part when other processes hold
/// it too (`Pss`, proc_pid_smaps_rollup(5)), KiB. The kernel looks at every page for it.
pub fn distinct_kib(id: u32) -> Result<u64> {
    let pages =
        std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).context("the process has ended")?;
    let line =
        pages.lines().find_map(|line| line.strip_prefix("Pss:")).context("this kernel counts no Pss")?;
    Ok(line.split_ascii_whitespace().next().unwrap_or_default().parse()?)
}

/// The usage of this process.
pub fn own_usage() -> Result<Usage> {
    usage(std::process::id())
}

/// Counts what a process executes for a while, where `perf` may (`perf stat`, hardware counters). Processor time differs with what
/// else the machine and its host do, instructions hardly.
#[derive(Debug)]
pub struct Counters {
    perf: Child,
    span: Duration,
}

/// A process's work per second.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Instructions, in its own code and in the kernel for it.
    pub instructions: f64,
    /// Cycles, likewise.
    pub cycles: f64,
}

impl Counters {
    /// Begins to count all threads of a process, for `span`. `None` without `perf`.
    pub fn start(id: u32, span: Duration) -> Option<Counters> {
        let perf = Command::new("perf")
            .args(["stat", "-x;", "-e", "instructions,cycles", "-p", &id.to_string()])
            .args(["--timeout", &span.as_millis().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        perf.ok().map(|perf| Counters { perf, span })
    }

    /// Waits for the end of the span. `None` when the machine has no counters.
    pub fn finish(self) -> Option<Work> {
        let told = self.perf.wait_with_output().ok()?;
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        let count = |event: &str| -> Option<f64> {
            let line = told.lines().find(|line| line.contains(event))?;
            Some(line.split(';').next()?.parse::<f64>().ok()? / self.span.as_secs_f64())
        };
        Some(Work { instructions: count(";instructions")?, cycles: count(";cycles")? })
    }
}

/// The value below which `share` (0 to 1) of the samples are. Sorts them.
pub fn percentile(samples: &mut [Duration], share: f64) -> Duration {
    samples.sort_unstable();
    let at = ((samples.len() as f64 * share) as usize).min(samples.len().saturating_sub(1));
    samples.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_is_seen_to_use_the_processor() -> Result<()> {
        let before = own_usage()?;
        let mut sum = 0u64;
        while own_usage()?.cpu < before.cpu + Duration::from_millis(20) {
            sum = (0..100_000).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        assert!(before.rss_kib > 0 && before.threads > 0 && sum != 1);
        let distinct = distinct_kib(std::process::id())?;
        assert!(distinct > 0 && distinct <= own_usage()?.rss_kib, "{distinct}");
        Ok(())
    }

    #[test]
    fn percentiles_are_of_the_sorted_samples() {
        let mut samples: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut samples, 0.5), Duration::from_millis(51));
        assert_eq!(percentile(&mut samples, 0.99), Duration::from_millis(100));
        assert_eq!(percentile(&mut [], 0.5), Duration::ZERO);
    }
}
