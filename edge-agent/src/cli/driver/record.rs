//! `driver record`: lets a driver talk to its real device and writes the conversation down as a transcript.

use super::profile;
use anyhow::{Context, bail};
use bo_driver_host::transcript::{Bench, Recorder, Subject};
use bo_driver_host::{Device, DeviceConfig, Engine, EngineConfig, Event, Links, Package};
use bo_model::clock::SharedClock;
use bo_model::release::{LinkConfig, ModbusTiming, Parity, SerialLine};
use bo_model::settings::Values;
use bo_model::{IdGen, SystemClock};
use bo_runtime::Shutdown;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to reach the device, and for how long.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The driver's folder.
    folder: PathBuf,
    /// Device on TCP, `host:port`; for a Modbus driver Modbus TCP.
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "serial")]
    tcp: Option<String>,
    /// Device on a serial port, `/dev/ttyUSB0`; for a Modbus driver Modbus RTU.
    #[arg(long, value_name = "PATH", conflicts_with = "tcp")]
    serial: Option<PathBuf>,
    /// Bits per second of the serial port.
    #[arg(long, default_value_t = 9600)]
    baud: u32,
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
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let text = runtime.block_on(self.record())?;
        let out = self.out.clone().unwrap_or_else(|| self.folder.join("tests/recorded.transcript"));
        if out.exists() {
            bail!("{} exists already; move it away or name another file with --out", out.display());
        }
        if let Some(parent) = out.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
        }
        std::fs::write(&out, text).with_context(|| format!("can't write {}", out.display()))?;
        println!("{} is written. Read it, shorten it, and take out what is secret.", out.display());
        Ok(())
    }

    async fn record(&self) -> anyhow::Result<String> {
        let package = Package::load_folder(&self.folder)?;
        let settings = self.settings()?;
        let clock: SharedClock = Arc::new(SystemClock);
        let shutdown = Shutdown::new();
        let recorder = Recorder::new(&settings);
        let mut links = Links::default();
        let config = self.link(&package);
        let mut events = None;
        if package.manifest.modbus.is_some()
            || matches!(config, LinkConfig::ModbusTcp { .. } | LinkConfig::ModbusRtu { .. })
        {
            let handle = bo_link_modbus::spawn(&config, clock.clone(), &shutdown)?;
            links.modbus = Some(recorder.modbus(handle));
        } else {
            let wanted = &package.manifest.link;
            let link = bo_link_bytes::spawn(
                &config,
                wanted.framing.as_ref(),
                wanted.port,
                clock.clone(),
                &shutdown,
            )?;
            links.bytes = Some(recorder.bytes(link.handle));
            events = Some(link.events);
        }
        let config = DeviceConfig {
            id: IdGen::new(clock.clone(), 1).make(),
            address: format!("{}_1", package.manifest.driver.module),
            settings,
        };
        let bench = Bench { config, links, sink: recorder.clone(), clock };
        let device = start(&package, bench)?;
        if events.is_none() {
            recorder.tell(&Event::Connected);
            device.event(Event::Connected);
        }
        listen(&device, &recorder, &mut events, Duration::from_secs(self.seconds)).await;
        for command in &self.commands {
            let (name, params) = command.split_once(' ').unwrap_or((command, "{}"));
            let params: Values = serde_json::from_str(params)
                .with_context(|| format!("`{command}`: parameters are a JSON object"))?;
            recorder.command(name, &params);
            let outcome = device.command(name, &params).await;
            recorder.outcome(&outcome);
            println!("{name}: {}", outcome.map_or_else(|error| error.to_string(), |()| "ok".into()));
            listen(&device, &recorder, &mut events, Duration::from_secs(self.seconds)).await;
        }
        Ok(recorder.transcript())
    }

    fn settings(&self) -> anyhow::Result<Values> {
        self.settings
            .iter()
            .map(|pair| {
                let (key, value) =
                    pair.split_once('=').with_context(|| format!("`{pair}` should be KEY=VALUE"))?;
                // What is no JSON is text: nobody wants to quote twice.
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                Ok((key.to_owned(), value))
            })
            .collect()
    }

    fn link(&self, package: &Package) -> LinkConfig {
        let is_modbus = package.manifest.link.kind == bo_model::driver::LinkKind::Modbus;
        let line = self.serial.clone().map(|path| SerialLine {
            path,
            baud: self.baud,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
        });
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
            LinkConfig::ModbusTcp { host, port: port.unwrap_or(502), rtu_framing: false, timing }
        } else {
            LinkConfig::Tcp { host, port, tls: None }
        }
    }
}

fn start(package: &Package, bench: Bench) -> anyhow::Result<Arc<dyn Subject>> {
    if package.component.is_none() {
        return profile::start(package.manifest.clone(), bench).map_err(anyhow::Error::msg);
    }
    let engine = Engine::new(&EngineConfig { cache: None, instances: 1 })?;
    let loaded = engine.load(package)?;
    let (config, links, sink, clock) = (bench.config, bench.links, bench.sink, bench.clock);
    Ok(Arc::new(Device::spawn(&engine, package, loaded, config, links, sink, clock)))
}

/// Passes on what the device says unasked, for a while.
async fn listen(
    device: &Arc<dyn Subject>,
    recorder: &Recorder,
    events: &mut Option<tokio::sync::broadcast::Receiver<bo_link_bytes::Event>>,
    span: Duration,
) {
    let end = tokio::time::Instant::now() + span;
    loop {
        let next = async {
            match events {
                Some(events) => events.recv().await.ok(),
                None => std::future::pending().await,
            }
        };
        let Ok(event) = tokio::time::timeout_at(end, next).await else { return };
        let event = match event {
            Some(bo_link_bytes::Event::Connected) => Event::Connected,
            Some(bo_link_bytes::Event::Disconnected(_)) => Event::Disconnected,
            Some(bo_link_bytes::Event::Frame(frame)) => Event::Frame(frame),
            None => continue,
        };
        recorder.tell(&event);
        device.event(event);
    }
}
