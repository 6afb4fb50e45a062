//! `driver record`: lets a driver talk to its real device and writes the conversation down as a transcript.

use super::profile;
use crate::cli::serial::SerialSettings;
use anyhow::{Context, bail};
use bo_driver_host::transcript::{Bench, Recorder, Subject};
use bo_driver_host::{Device, DeviceConfig, Engine, Event, Links, Package};
use bo_link::mailbox::Receiver;
use bo_link::{Health, LinkState};
use bo_model::clock::SharedClock;
use bo_model::driver::{LinkKind, Manifest};
use bo_model::release::{LinkConfig, ModbusTiming};
use bo_model::settings::Values;
use bo_model::{IdGen, SystemClock};
use bo_runtime::Shutdown;
use clap::{ArgGroup, Args};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a broker has to answer.
const CONNECT: Duration = Duration::from_secs(10);
/// Messages that may wait.
const ROOM: usize = 1_000;

/// How to reach the device, and for how long.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["tcp", "serial", "http", "broker"])))]
pub struct RecordArgs {
    /// The driver's folder.
    folder: PathBuf,
    /// Device on TCP, `host:port`; for a Modbus driver Modbus TCP.
    #[arg(long, value_name = "HOST:PORT")]
    tcp: Option<String>,
    /// Device on a serial port, `/dev/ttyUSB0`; for a Modbus driver Modbus RTU.
    #[arg(long, value_name = "PATH")]
    serial: Option<PathBuf>,
    /// Device with a web interface: its base address, `http://192.0.2.7`.
    #[arg(long, value_name = "URL")]
    http: Option<String>,
    /// Device on an MQTT broker, `host:port`.
    #[arg(long, value_name = "HOST:PORT")]
    broker: Option<String>,
    #[command(flatten)]
    port: SerialSettings,
    /// A setting of the device, `key=value`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// A command to carry out on the way, `name {JSON}`; may be given again.
    #[arg(long = "command", value_name = "NAME JSON")]
    commands: Vec<String>,
    /// How long to listen, and how long after each command.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// File to write; `tests/recorded.transcript` in the driver's folder when absent.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl RecordArgs {
    /// Records.
    pub fn run(self) -> anyhow::Result<()> {
        let out = self.out.clone().unwrap_or_else(|| self.folder.join("tests/recorded.transcript"));
        if out.exists() {
            bail!("{} exists already; move it away or name another file with --out", out.display());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let text = runtime.block_on(self.record())?;
        if let Some(parent) = out.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
        }
        std::fs::write(&out, text).with_context(|| format!("can't write {}", out.display()))?;
        println!("{} is written. Read it, shorten it, and take out what is secret.", out.display());
        Ok(())
    }

    async fn record(&self) -> anyhow::Result<String> {
        let package = Package::load_folder(&self.folder)?;
        let (settings, commands) = (self.settings(&package.manifest)?, self.commands(&package.manifest)?);
        let clock: SharedClock = Arc::new(SystemClock);
        let shutdown = Shutdown::new();
        let recorder = Recorder::new(&settings);
        let (links, mut unasked, health) = self.open(&package, &recorder, &clock, &shutdown).await?;
        let config = DeviceConfig {
            id: IdGen::new(clock.clone(), 1).make(),
            address: format!("{}_1", package.manifest.driver.module),
            settings,
        };
        let bench = Bench { config, links, sink: recorder.clone(), clock };
        let device = start(&package, bench)?;
        if !matches!(unasked, Unasked::Bytes(_)) {
            // A Modbus profile polls from its start on and knows no such event.
            if package.manifest.modbus.is_none() || package.component.is_some() {
                recorder.tell(&Event::Connected);
            }
            device.event(Event::Connected);
        }
        listen(&device, &recorder, &mut unasked, Duration::from_secs(self.seconds)).await;
        for (name, params) in &commands {
            recorder.command(name, params);
            let outcome = device.command(name, params).await;
            recorder.outcome(&outcome);
            println!("{name}: {}", outcome.map_or_else(|error| error.to_string(), |()| "ok".into()));
            listen(&device, &recorder, &mut unasked, Duration::from_secs(self.seconds)).await;
        }
        reached(&health.borrow())?;
        Ok(recorder.transcript())
    }

    /// What to command, checked before the device is asked for anything.
    fn commands(&self, manifest: &Manifest) -> anyhow::Result<Vec<(String, Values)>> {
        let read = |command: &String| {
            let (name, params) = command.split_once(' ').unwrap_or((command, "{}"));
            let params = serde_json::from_str(params)
                .with_context(|| format!("`{command}`: parameters are a JSON object"))?;
            if !manifest.commands.contains_key(name) {
                let known: Vec<&str> = manifest.commands.keys().map(String::as_str).collect();
                bail!("the driver has no command `{name}`; it has {}", known.join(", "));
            }
            Ok((name.to_owned(), params))
        };
        self.commands.iter().map(read).collect()
    }

    /// The driver's link with the recorder in between, and what the device says unasked.
    async fn open(
        &self,
        package: &Package,
        recorder: &Arc<Recorder>,
        clock: &SharedClock,
        shutdown: &Shutdown,
    ) -> anyhow::Result<(Links, Unasked, watch::Receiver<Health>)> {
        let mut links = Links::default();
        let wanted = &package.manifest.link;
        let config = self.link(package);
        match wanted.kind {
            LinkKind::Modbus => {
                let handle = bo_link_modbus::spawn(&config, clock.clone(), shutdown)?;
                let health = handle.health();
                links.modbus = Some(recorder.modbus(handle));
                Ok((links, Unasked::Nothing, health))
            }
            LinkKind::Bytes => {
                let framing = wanted.framing.as_ref();
                let link = bo_link_bytes::spawn(&config, framing, wanted.port, clock.clone(), shutdown)?;
                let health = link.handle.health();
                links.bytes = Some(recorder.bytes(link.handle));
                Ok((links, Unasked::Bytes(link.events), health))
            }
            LinkKind::Http => {
                let base =
                    self.http.clone().context("this driver speaks HTTP: give its device with --http")?;
                let config = LinkConfig::Http { base, tls: None };
                let handle = bo_link_http::spawn(&config, clock.clone(), shutdown)?;
                let health = handle.health();
                links.http = Some(recorder.http(handle));
                Ok((links, Unasked::Nothing, health))
            }
            LinkKind::Mqtt => {
                let broker =
                    self.broker.clone().context("this driver speaks MQTT: give its broker with --broker")?;
                let (host, port) = broker.rsplit_once(':').context("--broker is HOST:PORT")?;
                let id = format!("backoffice-record-{}", std::process::id());
                let config =
                    bo_link_mqtt::MqttConfig::new(host, port.parse().context("--broker is HOST:PORT")?, id);
                let link = bo_link_mqtt::spawn(config, clock.clone(), shutdown);
                let mut health = link.health();
                let up = health.wait_for(|health| health.state == bo_link::LinkState::Up);
                tokio::time::timeout(CONNECT, up)
                    .await
                    .with_context(|| format!("the broker {broker} does not answer"))??;
                let (handle, listener) = link.user(&[], ROOM).map_err(|error| anyhow::anyhow!("{error}"))?;
                links.mqtt = Some(recorder.mqtt(handle));
                Ok((links, Unasked::Mqtt(listener), link.health()))
            }
            LinkKind::None => bail!("a logic driver has no device to record: write its transcript by hand"),
        }
    }

    fn settings(&self, manifest: &Manifest) -> anyhow::Result<Values> {
        self.settings
            .iter()
            .map(|pair| {
                let (key, value) =
                    pair.split_once('=').with_context(|| format!("`{pair}` should be KEY=VALUE"))?;
                if !manifest.settings.contains_key(key) {
                    let known: Vec<&str> = manifest.settings.keys().map(String::as_str).collect();
                    bail!("the driver has no setting `{key}`; it has {}", known.join(", "));
                }
                // What is no JSON is text: nobody wants to quote twice.
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                Ok((key.to_owned(), value))
            })
            .collect()
    }

    fn link(&self, package: &Package) -> LinkConfig {
        let is_modbus = package.manifest.link.kind == LinkKind::Modbus;
        let line = self.serial.as_ref().map(|path| self.port.of(path));
        let timing = ModbusTiming::default();
        if let Some(line) = line {
            return if is_modbus {
                LinkConfig::ModbusRtu { line, timing }
            } else {
                LinkConfig::Serial { line }
            };
        }
        let address = self.tcp.clone().unwrap_or_default();
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host.to_owned(), port.parse().ok()),
            None => (address, None),
        };
        if is_modbus {
            LinkConfig::ModbusTcp { host, port: port.unwrap_or(502), rtu_framing: false, tls: None, timing }
        } else {
            LinkConfig::Tcp { host, port, tls: None }
        }
    }
}

/// A transcript of silence proves nothing: says why there was none, as far as the link knows.
fn reached(health: &Health) -> anyhow::Result<()> {
    match (&health.last_proved, &health.state) {
        (Some(_), _) => Ok(()),
        (None, LinkState::Down(why)) => bail!("nothing is written, the device was not reached: {why}"),
        (None, _) => bail!("nothing is written: the device did not answer"),
    }
}

fn start(package: &Package, bench: Bench) -> anyhow::Result<Arc<dyn Subject>> {
    if package.component.is_none() {
        return profile::start(package.manifest.clone(), bench).map_err(anyhow::Error::msg);
    }
    let engine = Engine::new(None)?;
    let loaded = engine.load(package)?;
    let (config, links, sink, clock) = (bench.config, bench.links, bench.sink, bench.clock);
    Ok(Arc::new(Device::spawn(&engine, package, loaded, config, links, sink, clock)))
}

/// What a device says without being asked.
enum Unasked {
    /// It only answers.
    Nothing,
    /// Frames, and the news of the connection.
    Bytes(Receiver<bo_link_bytes::Event>),
    /// Messages.
    Mqtt(bo_link_mqtt::Listener),
}

impl Unasked {
    /// The next thing it says; never returns when there will be nothing.
    async fn next(&mut self) -> Event {
        match self {
            Unasked::Nothing => std::future::pending().await,
            Unasked::Mqtt(listener) => match listener.recv().await {
                Some(message) => Event::Message(message),
                None => std::future::pending().await,
            },
            Unasked::Bytes(events) => match events.recv().await {
                Some(bo_link_bytes::Event::Connected) => Event::Connected,
                Some(bo_link_bytes::Event::Disconnected(_)) => Event::Disconnected,
                Some(bo_link_bytes::Event::Frame(frame)) => Event::Frame(frame),
                None => std::future::pending().await,
            },
        }
    }
}

/// Passes on what the device says unasked, for a while.
async fn listen(device: &Arc<dyn Subject>, recorder: &Recorder, unasked: &mut Unasked, span: Duration) {
    let end = tokio::time::Instant::now() + span;
    while let Ok(event) = tokio::time::timeout_at(end, unasked.next()).await {
        recorder.tell(&event);
        device.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::driver::test::check;
    use bo_simulator::{Address, Fake, Place, Running, start};
    use clap::Parser;
    use std::path::Path;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        record: RecordArgs,
    }

    fn shipped(driver: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../drivers").join(driver)
    }

    async fn simulated(driver: &str, place: Place) -> (Running, String) {
        let fake = Fake::from_folder(driver, &shipped(driver), Values::new()).unwrap();
        let running = start(&place, std::slice::from_ref(&fake)).await.unwrap();
        let address = match &running.address {
            Address::Serial(path) => path.display().to_string(),
            other => other.to_string(),
        };
        (running, address)
    }

    /// Records a conversation with a simulated device, and plays it back to a copy of the driver.
    async fn there_and_back(driver: &str, place: Place, command: &str) -> String {
        let is_http = Package::load_folder(&shipped(driver)).unwrap().manifest.link.kind == LinkKind::Http;
        let serial = matches!(place, Place::Serial { .. });
        let (running, address) = simulated(driver, place).await;
        let (way, address) = match (is_http, serial) {
            (true, _) => ("--http", format!("http://{address}")),
            (_, true) => ("--serial", address),
            _ => ("--tcp", address),
        };
        let folder = shipped(driver).display().to_string();
        let line = ["record", &folder, way, &address, "--seconds", "2", "--command", command];
        let text = Line::parse_from(line).record.record().await.unwrap();
        running.stop().await;

        let copy = tempfile::tempdir().unwrap();
        let package = Package::load_folder(&shipped(driver)).unwrap();
        for (path, bytes) in package.files.iter().filter(|(path, _)| !path.starts_with("tests/")) {
            std::fs::write(copy.path().join(path), bytes).unwrap();
        }
        std::fs::create_dir(copy.path().join("tests")).unwrap();
        std::fs::write(copy.path().join("tests/recorded.transcript"), &text).unwrap();
        let copied = copy.path().to_owned();
        let report = tokio::task::spawn_blocking(move || check(&copied, None)).await.unwrap().unwrap();
        assert_eq!(report.failures, Vec::<String>::new(), "{text}");
        assert_eq!(report.passed.len(), 1);
        text
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_device_that_is_not_there_nothing_is_written_and_typing_mistakes_are_told_before_it_is_asked()
     {
        let folder = shipped("av-switcher").display().to_string();
        let nobody = format!("127.0.0.1:{}", bo_testkit::free_port().unwrap());
        let record = |more: &[&str]| {
            let line = ["record", &folder, "--tcp", &nobody, "--seconds", "1"];
            Line::parse_from(line.iter().chain(more)).record
        };
        let silent = record(&[]).record().await.unwrap_err().to_string();
        assert!(silent.contains("nothing is written"), "{silent}");
        let typo = record(&["--command", "rout {}"]).record().await.unwrap_err().to_string();
        assert!(typo.contains("no command `rout`") && typo.contains("route"), "{typo}");
        let typo = record(&["--set", "pol=1s"]).record().await.unwrap_err().to_string();
        assert!(typo.contains("no setting `pol`") && typo.contains("poll"), "{typo}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_conversation_with_a_device_on_a_serial_line_is_recorded_and_plays_back() {
        let text =
            there_and_back("modbus-fancoil", Place::Serial { baud: None }, "set_mode {\"mode\": \"heat\"}")
                .await;
        assert!(text.contains("-> ok") && text.contains("status mode = \"heat\""), "{text}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_conversation_of_a_component_over_tcp_is_recorded_and_plays_back() {
        let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
        let text = there_and_back("av-switcher", place, "route {\"output\": 2, \"input\": 5}").await;
        assert!(text.contains("send ROUTE 2 5") && text.contains("status output_2 = 5"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_conversation_over_http_is_recorded_and_plays_back() {
        let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
        let text = there_and_back("shelly-relay", place, "power {\"on\": true}").await;
        assert!(text.contains("request POST /rpc") && text.contains("status on = true"), "{text}");
    }
}
