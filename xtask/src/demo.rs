//! `cargo demo`: a whole estate on one machine. Builds what is needed, starts the simulated devices, the
//! controller and two edges as processes of their own, enrols the edges, and prints where to look.

use crate::artefacts;
use crate::process::{Running, cargo, command, output, root, run as run_step, say, stop_on_signals};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where and how large.
#[derive(clap::Args)]
pub struct Options {
    /// Address of the console.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Folder for data; a fresh one that is removed afterwards when absent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// `small` is about 150 devices, `large` ten times that.
    #[arg(long, default_value = "small", value_parser = ["small", "large"])]
    size: String,
    /// Seed of everything random in the simulated world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Local hour at which the simulated world begins, 0 to 24; now when absent. At night the sun does not shine.
    #[arg(long, value_name = "HOUR")]
    hour: Option<f64>,
}

/// How long the estate may take to come alive once everything is built.
const PATIENCE: Duration = Duration::from_secs(60);

/// Builds, starts, prints the ready line, waits for the end.
pub fn run(options: &Options) -> Result<()> {
    let stop = stop_on_signals()?;
    build()?;
    let temporary = options.data.is_none();
    let data = options
        .data
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("backoffice-demo-{}", std::process::id())));
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let data = data.canonicalize()?;
    let result = live(options, &data, &stop);
    if temporary {
        let _ = std::fs::remove_dir_all(&data);
    }
    result
}

/// How the two daemons are built. The tests build them the same way before they start a demo, which then has nothing to
/// do: Cargo compiles dependencies again for each selection of packages whose features differ.
pub const BUILD: [&str; 5] = ["build", "-p", "backoffice", "-p", "backoffice-edge"];

fn build() -> Result<()> {
    artefacts::islands()?;
    artefacts::drivers()?;
    say("Building the controller and the edge agent");
    run_step(cargo(&BUILD))
}

/// A binary that was just built: it lies beside this one, wherever the target folder is.
fn binary(name: &str) -> PathBuf {
    let here = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    here.unwrap_or_else(|| root().join("target/debug")).join(name)
}

fn live(options: &Options, data: &Path, stop: &AtomicBool) -> Result<()> {
    let password = password()?;
    say("Starting the simulated devices");
    let estate = data.join("estate");
    let mut simulate = command(binary("backoffice-edge"), &["simulate", "--demo", "--size", &options.size]);
    simulate.args(["--seed", &options.seed.to_string(), "--out"]).arg(&estate);
    if let Some(hour) = options.hour {
        simulate.args(["--hour", &hour.to_string()]);
    }
    let mut devices = start("the simulated devices", simulate, data, true)?;
    let facts = first_line(&mut devices, stop)?;

    say("Starting the controller");
    let config = data.join("controller.toml");
    std::fs::write(&config, controller_toml(options, data))?;
    let config_flag = format!("--config={}", config.display());
    let owner = [("name", "Noor Haddad"), ("email", "noor@demo.example")];
    let mut bootstrap = command(binary("backoffice"), &["bootstrap", &config_flag, "--if-empty"]);
    bootstrap.args(["--workspace", facts["organisation"].as_str().unwrap_or("Demo"), "--email", owner[1].1]);
    bootstrap.args(["--name", owner[0].1, "--password-env", "BACKOFFICE_DEMO_PASSWORD"]);
    bootstrap.env("BACKOFFICE_DEMO_PASSWORD", &password);
    output(bootstrap)?;
    let mut import = command(binary("backoffice"), &["import", &config_flag]);
    import.arg(&estate).arg("--drivers").arg(root().join("drivers"));
    output(import)?;
    let ready = data.join("controller.ready");
    let _ = std::fs::remove_file(&ready);
    let mut serve = command(binary("backoffice"), &["serve", &config_flag]);
    serve.arg("--ready-file").arg(&ready);
    let mut controller = start("the controller", serve, data, false)?;
    let addresses = wait(stop, "the controller", || {
        controller.check()?;
        Ok(std::fs::read_to_string(&ready).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok()))
    })?;

    let mut edges = Vec::new();
    for edge in facts["edges"].as_array().into_iter().flatten() {
        let name = edge["name"].as_str().context("an edge without a name")?;
        say(&format!("Starting the edge {name}"));
        edges.push(start_edge(name, edge, data, &config_flag, &addresses)?);
    }
    wait(stop, "the edges", || {
        controller.check()?;
        devices.check()?;
        edges.iter_mut().try_for_each(Running::check)?;
        let status = output(command(binary("backoffice"), &["status", &config_flag, "--json"]))?;
        let status: Value = serde_json::from_str(&status)?;
        let online = status["edges_online"].as_u64().unwrap_or(0);
        Ok((online as usize >= edges.len() && status["values"].as_u64().unwrap_or(0) > 0).then_some(()))
    })?;

    // Somebody may have changed the password of a demo that is kept.
    if let Err(error) = crate::work::begin(options.http, owner[1].1, &password) {
        say(&format!("No events and projects were made: {error:#}"));
    }

    println!("ready http://{} user {} password {password}", options.http, owner[1].1);
    while !stop.load(Ordering::SeqCst) {
        controller.check()?;
        devices.check()?;
        edges.iter_mut().try_for_each(Running::check)?;
        std::thread::sleep(Duration::from_millis(200));
    }
    say("Stopping");
    edges.iter().for_each(Running::ask_to_end);
    drop(edges);
    controller.ask_to_end();
    devices.ask_to_end();
    Ok(())
}

fn start_edge(name: &str, edge: &Value, data: &Path, config: &str, addresses: &Value) -> Result<Running> {
    // The simulated devices have no credentials; the broker listens on loopback alone.
    let home = data.join(format!("edge-{name}"));
    std::fs::create_dir_all(&home)?;
    let file = home.join("edge.toml");
    let local_page = edge["local_page"].as_str().unwrap_or("127.0.0.1:0");
    let broker = edge["broker"].as_str().unwrap_or("127.0.0.1:0");
    std::fs::write(
        &file,
        format!(
            "data = {home:?}\n\n[local_page]\nlisten = {local_page:?}\n\n[broker]\nlisten = {broker:?}\nanonymous = true\n"
        ),
    )?;
    let file_flag = format!("--config={}", file.display());
    if !home.join("identity").exists() {
        let code = output(command(binary("backoffice"), &["enroll", config, name]))?;
        let controller =
            addresses["enroll"].as_str().context("the controller named no address for enrolment")?;
        let enroll = command(
            binary("backoffice-edge"),
            &["enroll", &file_flag, "--controller", controller, "--code", code.trim()],
        );
        output(enroll)?;
    }
    start(&format!("the edge {name}"), command(binary("backoffice-edge"), &["run", &file_flag]), data, false)
}

fn controller_toml(options: &Options, data: &Path) -> String {
    let database = format!("sqlite:{}", data.join("controller.db").display());
    format!(
        "data = {data:?}\ndatabase = {database:?}\n\n[http]\nlisten = \"{}\"\n\n[uplink]\nlisten = \"127.0.0.1:0\"\n",
        options.http
    )
}

/// Starts a child whose log goes to `<data>/<name>.log`; its standard output too unless it is `piped`.
fn start(name: &str, mut command: Command, data: &Path, piped: bool) -> Result<Running> {
    let log = data.join(name.trim_start_matches("the ").replace(' ', "-") + ".log");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
    command.stdin(Stdio::null()).stderr(log.try_clone()?);
    command.stdout(if piped { Stdio::piped() } else { Stdio::from(log) });
    // A Ctrl-C in the terminal is for us; we end the children in order.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Running::start(name, command)
}

fn first_line(devices: &mut Running, stop: &AtomicBool) -> Result<Value> {
    let pipe = devices.child().stdout.take().context("no standard output")?;
    let (send, lines) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        let _ = send.send(line);
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    wait(stop, "the simulated devices", || {
        devices.check()?;
        match lines.try_recv() {
            Ok(line) => Ok(Some(serde_json::from_str(&line).with_context(|| format!("unexpected: {line}"))?)),
            Err(_) => Ok(None),
        }
    })
}

fn wait<T>(stop: &AtomicBool, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if stop.load(Ordering::SeqCst) {
            bail!("stopped while waiting for {what}");
        }
        if Instant::now() > limit {
            bail!(
                "{what} did not come alive within {} s; the logs are in the data folder",
                PATIENCE.as_secs()
            );
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A password for this demo alone.
fn password() -> Result<String> {
    use std::io::Read;
    let mut bytes = [0u8; 12];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect())
}
