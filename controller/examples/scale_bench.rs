//! A controller that knows a million points: how long it takes to start, what it holds in memory, and how long its pages
//! and its API take (`cargo xtask bench --only scale`).
//!
//! 100 gateways, 10 000 systems and 100 000 devices are imported with the command line, every point gets a value and an
//! hour of history, the real binary serves it, all gateways are enrolled and connected. One client asks, one request at
//! a time, as the owner, who may see everything: the most there is to check and to count.
//! `scale_bench [--quick] [sqlite | postgres]`, both when none is named.

mod support;

use anyhow::{Context, Result, ensure};
use bo_estate::history::History;
use bo_estate::history::journal::Entry;
use bo_model::{DeviceId, EdgeId, Level, Time, Value};
use bo_runtime::Shutdown;
use bo_testkit::measure::{Figures, percentile, quick, unless_quick};
use std::time::{Duration, Instant};
use support::{Controller, POINTS, Size, World, connect, enrolled};

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let named: Vec<String> = std::env::args().collect();
    let one = ["sqlite", "postgres"].into_iter().find(|engine| named.iter().any(|word| word == engine));
    let mut figures = Figures::new("scale");
    for engine in ["sqlite", "postgres"].into_iter().filter(|engine| one.is_none_or(|one| one == *engine)) {
        measure(&mut figures, engine).await?;
    }
    figures.print();
    Ok(())
}

async fn measure(figures: &mut Figures, engine: &str) -> Result<()> {
    let size = match quick() {
        true => Size { gateways: 10, systems: 20, devices: 10 },
        false => Size { gateways: 100, systems: 100, devices: 10 },
    };
    let Some(world) = World::make(engine, size)? else { return Ok(()) };
    let of = |what: &str| format!("{engine}: {what}");
    let devices = world.devices()?;
    figures.say(&of("points"), (devices.len() * POINTS.len()) as f64, "");
    figures.say(&of("import of the estate from files"), world.import.as_secs_f64(), "s");
    fill(&world, &devices)?;

    // As after a power cut: every value is still in the journal.
    let controller = world.serve()?;
    figures.say(&of("start, everything still in the journal"), controller.startup.as_secs_f64(), "s");
    figures.say(&of("stop, folding a sample of every point"), controller.stop()?.as_secs_f64(), "s");
    let controller = world.serve()?;
    figures.say(&of("start"), controller.startup.as_secs_f64(), "s");
    figures.say(&of("memory after the start"), mebibytes(&controller)?, "MiB");

    let (token, shutdown) = (world.token(Level::Own)?, Shutdown::new());
    let mut gateways = Vec::new();
    for (edge, code) in world.codes()? {
        let folder = world.folder.path().join(edge.to_string());
        let (identity, journal) = enrolled(&controller, &folder, &code).await?;
        gateways.push(connect(identity, &journal, &shutdown));
    }
    let client = Client::new(&controller, &token)?;
    client.until_online(gateways.len()).await?;
    for (what, path) in paths(&world, &devices)? {
        let mut times = client.measure(&path).await.with_context(|| path.clone())?;
        let first = times[0];
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        figures.say(&of(&format!("{what}: first")), millis(first), "ms");
        figures.at_most(&of(&format!("{what}: p50")), millis(percentile(&mut times, 0.5)), "ms", 100.0);
        figures.say(&of(&format!("{what}: p99")), millis(percentile(&mut times, 0.99)), "ms");
    }
    figures.say(&of("memory after all of it"), mebibytes(&controller)?, "MiB");
    shutdown.drain(Duration::from_secs(5)).await;
    controller.stop()?;
    Ok(())
}

fn mebibytes(controller: &Controller) -> Result<f64> {
    Ok(controller.usage()?.rss_kib as f64 / 1024.0)
}

/// What is measured: a name and a path.
fn paths(world: &World, devices: &[(DeviceId, EdgeId)]) -> Result<Vec<(&'static str, String)>> {
    let one = |sql: &'static str| -> Result<String> {
        Ok(world.db().read(|tx| tx.query_one(sql, &[], |row| row.get::<String>(0)))?)
    };
    let (device, edge) = devices[devices.len() / 2];
    let system = one("SELECT id FROM system WHERE key = 's3-7'")?;
    let (root, building, level) = (
        one("SELECT id FROM zone WHERE key = 'root'")?,
        one("SELECT id FROM zone WHERE key = 'b3'")?,
        one("SELECT id FROM zone WHERE key = 'b3-4'")?,
    );
    Ok(vec![
        ("overview", "/".into()),
        ("zones, the tree", "/zones".into()),
        ("zone, all of it", format!("/zones/{root}")),
        ("zone, a building", format!("/zones/{building}")),
        ("zone, a level", format!("/zones/{level}")),
        ("systems", "/systems".into()),
        ("systems of a building", format!("/systems?zone={building}")),
        ("system", format!("/systems/{system}")),
        ("devices", "/devices".into()),
        ("device", format!("/devices/{device}")),
        ("gateways", "/edges".into()),
        ("gateway", format!("/edges/{edge}")),
        ("alarms", "/alarms".into()),
        ("search", "/search?q=Room+42".into()),
        ("triggers", "/triggers".into()),
        ("drivers", "/drivers".into()),
        ("releases", "/releases".into()),
        ("rollouts", "/rollouts".into()),
        ("commands", "/commands".into()),
        ("audit", "/audit".into()),
        ("users", "/users".into()),
        ("access review of a device", format!("/access/review?object=device:{device}")),
        ("wiki", "/wiki".into()),
        ("events", "/events".into()),
        ("projects", "/projects".into()),
        ("API fleet", "/api/v1/fleet".into()),
        ("API systems", "/api/v1/systems".into()),
        ("API system", format!("/api/v1/systems/{system}")),
        ("API devices", "/api/v1/devices".into()),
        ("API devices that are away", "/api/v1/devices?state=offline".into()),
        ("API device with its points", format!("/api/v1/devices/{device}")),
        ("API history of a point", format!("/api/v1/devices/{device}/history/temperature")),
        ("API search", "/api/v1/search?q=station".into()),
        ("API alarms", "/api/v1/alarms".into()),
    ])
}

struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    fn new(controller: &Controller, token: &str) -> Result<Client> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
        Ok(Client { http, base: controller.http.clone(), token: token.to_owned() })
    }

    async fn get(&self, path: &str) -> Result<String> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer = request.send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {body:.200}");
        Ok(body)
    }

    async fn until_online(&self, gateways: usize) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let fleet: serde_json::Value = serde_json::from_str(&self.get("/api/v1/fleet").await?)?;
            if fleet["edges_online"] == gateways {
                return Ok(());
            }
            ensure!(Instant::now() < end, "not all gateways came: {fleet}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks until enough is known: 200 times, or for a second and at least five times.
    async fn measure(&self, path: &str) -> Result<Vec<Duration>> {
        let limit = unless_quick(Duration::from_secs(1), Duration::from_millis(200));
        let (begun, mut times) = (Instant::now(), Vec::new());
        while times.len() < 5 || (times.len() < 200 && begun.elapsed() < limit) {
            let started = Instant::now();
            self.get(path).await?;
            times.push(started.elapsed());
        }
        Ok(times)
    }
}

/// A value of every point, as a controller has it that was cut off right after they came in, and an hour of history
/// of the device that is looked at.
fn fill(world: &World, devices: &[(DeviceId, EdgeId)]) -> Result<()> {
    let (workspace, now) = (world.workspace()?, support::clock().now());
    let mut point = 0i64;
    for some in devices.chunks(1000) {
        let mut rows: Vec<Vec<bo_db::Param<'static>>> = Vec::new();
        let mut entries: Vec<(EdgeId, Entry)> = Vec::new();
        for (device, edge) in some {
            for name in POINTS {
                point += 1;
                rows.push(vec![point.into(), workspace.into(), device.into(), name.into()]);
                let value = Value::good((point % 300) as f64 / 10.0, Time(now.0 - point % 1_000_000));
                entries.push((*edge, Entry { point, keep: true, value }));
            }
        }
        world.db().write_blocking(move |tx| {
            tx.unaudited("measuring");
            tx.insert_many("point", &["id", "workspace", "device", "name"], &rows)?;
            for some in entries.chunk_by(|a, b| a.0 == b.0) {
                let (edge, some) =
                    (some[0].0, some.iter().map(|(_, entry)| entry.clone()).collect::<Vec<_>>());
                History::journal(tx, workspace, edge, &some)?;
            }
            Ok::<_, bo_db::DbError>(())
        })?;
    }
    let seen = devices.len() / 2;
    let first = (seen * POINTS.len()) as i64 + 1;
    let hour: Vec<Entry> = (0..360)
        .map(|step| {
            let at = Time(now.0 - (3600 - step * 10) * 1_000_000);
            Entry { point: first, keep: true, value: Value::good(200 + step % 17, at) }
        })
        .collect();
    let edge = devices[seen].1;
    world.db().write_blocking(move |tx| {
        tx.unaudited("measuring");
        History::journal(tx, workspace, edge, &hour).map(|_| ())?;
        Ok::<_, bo_db::DbError>(())
    })?;
    Ok(())
}
