//! `backoffice-edge simulate`: one fake device to try a driver against, or the whole demo.

use crate::demo::{self, Size};
use crate::error::SimulatorError;
use crate::fake::{Fake, Fault, plain, read_manifest};
use crate::serve::{Broker, Place, Running, start};
use bo_model::clock::SharedClock;
use bo_model::driver::{LinkKind, Manifest};
use bo_model::settings::{Field, Values, check_all};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Makes a device that speaks out of a driver's folder, on a real socket, serial port or broker.
///
/// Prints where it is, and each change of its variables as a line of JSON. Lines typed in change it:
/// `temperature = 24.5` sets a variable, `fault offline` breaks it (also slow, exception, garbage, wrong-unit,
/// stuck), `fault none` mends it.
///
/// Examples:
///   backoffice-edge simulate drivers/sunspec-inverter --listen 127.0.0.1:1502
///   backoffice-edge simulate drivers/sdm630-meter --serial --set unit=3
///   backoffice-edge simulate drivers/tasmota-relay --broker 127.0.0.1:1883 --set topic=boiler
///   backoffice-edge simulate --demo --out /tmp/estate
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct SimulateArgs {
    /// Folder of the driver.
    #[arg(value_name = "DRIVER_DIR", required_unless_present = "demo", conflicts_with = "demo")]
    pub driver: Option<PathBuf>,
    /// Listen there; port 0 takes a free one. The default for Modbus and text devices.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Make a serial port instead.
    #[arg(long)]
    pub serial: bool,
    /// The broker of an MQTT device; it need not be up yet.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1883")]
    pub broker: String,
    /// A setting of the device, as often as needed.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Start the demo's whole estate instead of one device.
    #[arg(long, requires = "out")]
    pub demo: bool,
    /// How large a demo.
    #[arg(long, value_enum, default_value_t = Size::Small)]
    pub size: Size,
    /// Folder the demo's estate files go to.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The driver library of the demo.
    #[arg(long, value_name = "DIR", default_value = "drivers")]
    pub drivers: PathBuf,
    /// Seed of everything that is chance in the demo: the same seed, the same day.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The demo's world moves so many times faster than the clock.
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    pub speed: f64,
    /// Local hour at which the demo's world begins, 0 to 24; now when absent.
    #[arg(long, value_name = "HOUR")]
    pub hour: Option<f64>,
    /// Chance in percent that a device of the demo fails within a quarter of an hour.
    #[arg(long, default_value_t = 0.6, value_name = "PERCENT")]
    pub trouble: f64,
}

/// Runs until it is interrupted or terminated.
pub async fn run(arguments: SimulateArgs, clock: SharedClock) -> Result<(), SimulatorError> {
    if arguments.demo { run_demo(arguments, clock).await } else { run_device(arguments).await }
}

async fn run_demo(arguments: SimulateArgs, clock: SharedClock) -> Result<(), SimulatorError> {
    let options = demo::Options {
        size: arguments.size,
        seed: arguments.seed,
        speed: arguments.speed,
        hour: arguments.hour,
        trouble: arguments.trouble,
        drivers: arguments.drivers,
        out: arguments.out.unwrap_or_default(),
    };
    let running = demo::start(&options, clock).await?;
    say(&serde_json::to_value(&running.facts).unwrap_or_default());
    interrupted().await;
    running.stop().await;
    Ok(())
}

async fn run_device(arguments: SimulateArgs) -> Result<(), SimulatorError> {
    let folder = arguments.driver.clone().unwrap_or_default();
    // A broker lets a client in once: two simulated devices must not have one name.
    let name = format!("simulated-{}", std::process::id());
    let manifest = Arc::new(read_manifest(&folder)?);
    let settings = settings(&manifest, &arguments.settings)?;
    let fake = Fake::new(&name, manifest, settings)?;
    let place = place(&arguments, fake.manifest().link.kind)?;
    let running = start(&place, std::slice::from_ref(&fake)).await?;
    say(&json!({ "driver": fake.manifest().driver.name, "listening": listening(&running, &place) }));
    let ended = interrupted();
    tokio::pin!(ended);
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let (mut changes, mut shown, mut reading) = (fake.changes(), Values::new(), true);
    loop {
        let now = fake.vars();
        let changed: Values = now
            .iter()
            .filter(|(name, value)| shown.get(*name) != Some(*value))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        if !changed.is_empty() {
            say(&json!(changed));
        }
        shown = now;
        tokio::select! {
            () = &mut ended => break,
            _ = changes.changed() => {}
            line = typed.next_line(), if reading => match line {
                Ok(Some(line)) => typed_in(&fake, &line),
                _ => reading = false,
            },
        }
    }
    running.stop().await;
    Ok(())
}

fn place(arguments: &SimulateArgs, kind: LinkKind) -> Result<Place, SimulatorError> {
    match kind {
        LinkKind::Mqtt => {
            let wrong = || SimulatorError::Endpoint(format!("`{}` is not HOST:PORT", arguments.broker));
            let (host, port) = arguments.broker.rsplit_once(':').ok_or_else(wrong)?;
            let port = port.parse().map_err(|_| wrong())?;
            Ok(Place::Broker(Broker { host: host.into(), port, login: None }))
        }
        _ if arguments.serial => Ok(Place::Serial { baud: None }),
        _ => Ok(Place::Tcp(arguments.listen)),
    }
}

fn listening(running: &Running, place: &Place) -> String {
    match place {
        Place::Broker(broker) => format!("{}:{}", broker.host, broker.port),
        _ => running.address.to_string(),
    }
}

/// What `--set` says, held against what the driver can be set to; defaults stand for the rest.
fn settings(manifest: &Manifest, pairs: &[String]) -> Result<Values, SimulatorError> {
    let mut given = Values::new();
    for pair in pairs {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| SimulatorError::Endpoint(format!("--set `{pair}` is not KEY=VALUE")))?;
        let (key, value) = (key.trim(), value.trim());
        let is_text =
            |field: &Field| field.check(&datum(value)).is_err() && field.check(&value.into()).is_ok();
        let text = manifest.settings.get(key).is_some_and(is_text);
        given.insert(key.to_owned(), if text { value.into() } else { datum(value) });
    }
    check_all(&manifest.settings, &given).map_err(|errors| {
        let wrong: Vec<String> = errors.iter().map(|(key, why)| format!("`{key}` {why}")).collect();
        let known: Vec<&str> = manifest.settings.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        SimulatorError::Endpoint(format!("--set: {}; settings of this driver: {known}", wrong.join("; ")))
    })
}

fn datum(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::from(text))
}

/// A line from whoever plays with the device.
fn typed_in(fake: &Fake, line: &str) {
    let line = line.trim();
    if let Some(word) = line.strip_prefix("fault ") {
        match fault(word.trim()) {
            Some(fault) => fake.set_fault(fault),
            None => say(
                &json!({ "error": format!("`{word}` is none of none, offline, slow, exception, garbage, wrong-unit, stuck") }),
            ),
        }
    } else if let Some((name, value)) = line.split_once('=') {
        let (name, value) = (name.trim(), value.trim());
        if fake.get(name).is_some() || fake.manifest().status.contains_key(name) {
            fake.set(name, datum(value));
        } else {
            let known: Vec<_> = fake.manifest().status.keys().collect();
            say(&json!({ "error": format!("there is no variable `{name}`"), "variables": known }));
        }
    } else if !line.is_empty() {
        say(&json!({ "error": "write `variable = value` or `fault offline`" }));
    }
}

fn fault(word: &str) -> Option<Fault> {
    Some(match word {
        "none" => Fault::None,
        "offline" => Fault::Offline,
        "slow" => Fault::Slow(Duration::from_millis(800)),
        "exception" => Fault::Exception(4),
        "garbage" => Fault::Garbage,
        "wrong-unit" => Fault::WrongUnit,
        "stuck" => Fault::Stuck,
        _ => return None,
    })
}

/// One line for whoever started it.
fn say(json: &Json) {
    println!("{}", plain(json));
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn given(driver: &str, pairs: &[&str]) -> Result<Values, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers").join(driver);
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        settings(&read_manifest(&folder).unwrap(), &pairs).map_err(|error| error.to_string())
    }

    #[test]
    fn a_setting_that_the_driver_does_not_have_or_allow_is_named_with_those_it_has() {
        assert_eq!(given("sdm630-meter", &["unit=3"]).unwrap()["unit"], 3);
        let error = given("sdm630-meter", &["unti=3"]).unwrap_err();
        assert!(error.contains("`unti`") && error.contains("settings of this driver: unit"), "{error}");
        assert!(given("sdm630-meter", &["unit=999"]).unwrap_err().contains("`unit`"));
        // A password of digits is a text all the same.
        assert_eq!(given("pjlink-display", &["password=1234"]).unwrap()["password"], "1234");
    }

    #[test]
    fn a_device_without_a_wire_can_not_be_simulated_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers/room-logic");
        let fake = Fake::from_folder("room", &folder, Values::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let place = Place::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let Err(error) = runtime.block_on(start(&place, &[fake])) else { panic!("it speaks") };
        assert!(error.to_string().contains("made of other devices"), "{error}");
    }
}
