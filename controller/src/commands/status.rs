//! `backoffice status`: how the estate is, read from the database.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::Result;
use bo_db::{DbError, Tx, params};
use bo_estate::fleet::OFFLINE_AFTER;
use bo_model::{Clock, SystemClock, Time};
use serde_json::json;

/// How to print it.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigFlag,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

struct Line {
    name: String,
    state: String,
    proved_at: Option<Time>,
}

/// Prints it. Presence is stored when it changes and twice a minute, so "online" here may be half a minute old.
pub fn run(options: &Options) -> Result<()> {
    let opened = open::open(&options.config.load()?)?;
    let (edges, points, alarms) = opened.db.read(|tx: &mut Tx| -> Result<_, DbError> {
        let edges = tx.query("SELECT name, state, proved_at FROM edge ORDER BY name", params![], |row| {
            Ok(Line { name: row.get(0)?, state: row.get(1)?, proved_at: row.get(2)? })
        })?;
        let count = |tx: &mut Tx, sql: &str| tx.query_one(sql, params![], |row| row.get::<i64>(0));
        let points = count(tx, "SELECT count(*) FROM point")?;
        let alarms = count(tx, "SELECT count(*) FROM alarm WHERE active = 1")?;
        Ok((edges, points, alarms))
    })?;
    let now = SystemClock.now();
    // A checkpoint may be as old as the time between two of them.
    let limit = OFFLINE_AFTER + std::time::Duration::from_secs(30);
    let online = |line: &Line| line.proved_at.is_some_and(|at| now.since(at) < limit);
    let online_count = edges.iter().filter(|line| online(line)).count();
    if options.json {
        let list: Vec<_> = edges
            .iter()
            .map(|line| {
                json!({ "name": line.name, "state": line.state, "online": online(line), "proved_at": line.proved_at })
            })
            .collect();
        let facts = json!({
            "edges_online": online_count, "edges": list, "values": points, "alarms_active": alarms
        });
        println!("{facts}");
        return Ok(());
    }
    println!(
        "{online_count} of {} gateways online, {points} points known, {alarms} {} active",
        edges.len(),
        if alarms == 1 { "alarm" } else { "alarms" }
    );
    for line in &edges {
        let word = if online(line) { "online" } else { line.state.as_str() };
        let proved = line.proved_at.map_or_else(|| "never".into(), |at| at.rfc3339());
        println!("  {:<30} {word:<9} last proved {proved}", line.name);
    }
    Ok(())
}
