//! MQTT message → rule → MQTT command: latency with one message in flight, and rate and cost with fifty. Everything
//! is on as it is for users: quality, trace, journal, evidence of each command.

use crate::edge::{Edge, Place, SYSTEM, device, records};
use crate::mqtt::{Client, mosquitto};
use anyhow::{Context, Result, ensure};
use bo_testkit::measure::{Counters, Figures, Work, percentile, unless_quick};
use std::time::{Duration, Instant};

/// Sensors, each with a relay and a trigger of its own.
const PAIRS: usize = 10;
/// Messages in flight per pair when the rate is measured.
const WINDOW: usize = 5;

const SENSOR: &str = r#"
[driver]
name = "bench-sensor"
version = "1.0.0"
title = "Sensor"
kind = "hardware"
module = "Sensor"
[link]
kind = "mqtt"
[settings.name]
type = "text"
required = true
[status]
occupancy = { type = "boolean", title = "Occupied" }
illuminance = { type = "number", title = "Light", unit = "lx" }
[mqtt.point]
occupancy = { topic = "bench/{name}", path = "occupancy" }
"#;

const RELAY: &str = r#"
[driver]
name = "bench-relay"
version = "1.0.0"
title = "Relay"
kind = "hardware"
module = "Relay"
[link]
kind = "mqtt"
[settings.name]
type = "text"
required = true
[status]
power = { type = "boolean", title = "On" }
[command.set_power]
title = "Switch"
publish = [{ topic = "command/{name}", payload = "{on}" }]
EFFECT
params.on = { type = "boolean", title = "On", required = true }
[mqtt.point]
power = { topic = "state/{name}" }
"#;

/// What the condition is written in.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Form,
    Script,
}

/// What the bench does with a command.
#[derive(Clone, Copy, PartialEq)]
enum Relay {
    /// Takes it; the command declares no effect to observe.
    Silent,
    /// Tells its new state, which completes the command's evidence.
    Answers,
}

/// The plain rule over Mosquitto, and whether the journal kept all of it.
pub fn measure(figures: &mut Figures) -> Result<()> {
    let (broker, port, _folder) = mosquitto()?;
    let external = format!("[link.broker]\nkind = \"mqtt\"\nhost = \"127.0.0.1\"\nport = {port}\n");
    let place = place(&external, Rule::Form, Relay::Silent)?;
    let edge = place.start()?;
    edge.until_online(0, Duration::from_secs(10))?;
    {
        let mut load = Load::new(port, Relay::Silent)?;
        load.ready()?;
        let one = load.run(&edge, 1, 1)?;
        figures.at_most("rule: one in flight, p50", one.p50_us, "µs", 100.0);
        figures.say("rule: one in flight, p99", one.p99_us, "µs");
        figures.say("rule: one in flight, CPU", one.cpu_us, "µs/message");
        one.say_work(figures, "rule: one in flight");
        let many = load.run(&edge, PAIRS, WINDOW)?;
        figures.at_most("rule: 50 in flight, CPU", many.cpu_us, "µs/message", 20.0);
        figures.at_least("rule: 50 in flight, rate", many.rate, "messages/s", 20_000.0);
        many.say_work(figures, "rule: 50 in flight");
        figures.say("rule: memory after the load", edge.usage()?.rss_kib as f64 / 1024.0, "MiB");
    }
    edge.stop()?;
    let (written, lost) = records(&place.data())?;
    figures.say("rule: records kept", written as f64, "records");
    figures.at_most("rule: records lost", lost as f64, "records", 0.0);
    drop(broker);
    Ok(())
}

/// The other kinds of rule and relay, and the embedded broker.
pub fn kinds(figures: &mut Figures) -> Result<()> {
    let (broker, port, _folder) = mosquitto()?;
    let external = format!("[link.broker]\nkind = \"mqtt\"\nhost = \"127.0.0.1\"\nport = {port}\n");
    let script = at_load(&external, port, Rule::Script, Relay::Silent)?;
    figures.say("rule in Rhai: 50 in flight, CPU", script.cpu_us, "µs/message");
    let evidence = at_load(&external, port, Rule::Form, Relay::Answers)?;
    figures.say("rule, effect observed: CPU (two messages in, one out)", evidence.cpu_us, "µs/command");
    figures.say("rule, effect observed: rate", evidence.rate, "commands/s");
    drop(broker);

    let embedded = at_load("[link.broker]\nkind = \"mqtt-embedded\"\n", 0, Rule::Form, Relay::Silent)?;
    figures.say("rule, on-site broker's own CPU included", embedded.cpu_us, "µs/message");
    figures.say("rule, on-site broker: rate", embedded.rate, "messages/s");
    Ok(())
}

fn at_load(link: &str, port: u16, rule: Rule, relay: Relay) -> Result<Outcome> {
    let place = place(link, rule, relay)?;
    let edge = place.start()?;
    edge.until_online(0, Duration::from_secs(10))?;
    let mut load = Load::new(if port == 0 { place.broker() } else { port }, relay)?;
    load.ready()?;
    let outcome = load.run(&edge, PAIRS, WINDOW)?;
    edge.stop()?;
    Ok(outcome)
}

fn place(link: &str, rule: Rule, relay: Relay) -> Result<Place> {
    let mut site = link.to_owned();
    for pair in 0..PAIRS {
        let (sensor, switch) = (format!("Sensor_{pair}"), format!("Relay_{pair}"));
        site +=
            &device(pair * 2, &sensor, "bench-sensor", Some("broker"), &format!("{{ name = \"s{pair}\" }}"));
        site += &device(
            pair * 2 + 1,
            &switch,
            "bench-relay",
            Some("broker"),
            &format!("{{ name = \"r{pair}\" }}"),
        );
        let (when, script) = match rule {
            Rule::Form => ("[when]\ninput = \"occupied\"\nequals = true\n", ""),
            Rule::Script => ("", "script = \"fn condition(inputs, params) { inputs.occupied == true }\"\n"),
        };
        let definition = format!(
            "name = \"light-{pair}\"\ntitle = \"Light while somebody is there\"\n[input.occupied]\nof = \"{sensor}.occupancy\"\n{when}[[on_active]]\ncommand = \"{switch}.set_power\"\nparams = {{ on = true }}\n[[on_clear]]\ncommand = \"{switch}.set_power\"\nparams = {{ on = false }}\n"
        );
        site += &format!(
            "[[trigger]]\nid = \"0198c0de-0000-7000-8002-{pair:012}\"\nsystem = \"{SYSTEM}\"\nname = \"light-{pair}\"\ndefinition = '''{definition}'''\n{script}"
        );
    }
    let effect = match relay {
        Relay::Silent => "",
        Relay::Answers => "effect = { status = \"power\", equals = \"{on}\" }",
    };
    Place::new(&site)?.driver("bench-sensor", SENSOR)?.driver("bench-relay", &RELAY.replace("EFFECT", effect))
}

struct Outcome {
    rate: f64,
    cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
    /// Instructions and cycles per message.
    work: Option<Work>,
}

impl Outcome {
    fn say_work(&self, figures: &mut Figures, what: &str) {
        let Some(work) = self.work else { return };
        figures.say(&format!("{what}, instructions"), work.instructions / self.rate, "/message");
        figures.say(&format!("{what}, cycles"), work.cycles / self.rate, "/message");
    }
}

/// The sensors and relays: each command that arrives is the reply to one sensor message and lets the next one go.
struct Load {
    client: Client,
    relay: Relay,
    occupied: [bool; PAIRS],
}

impl Load {
    fn new(port: u16, relay: Relay) -> Result<Load> {
        let client = bo_testkit::wait_for("the broker", Duration::from_secs(10), || {
            Client::connect(port, "bench-load", "command/#").map(Some)
        })?;
        Ok(Load { client, relay, occupied: [false; PAIRS] })
    }

    fn send(&mut self, pair: usize) {
        self.occupied[pair] = !self.occupied[pair];
        let payload = format!(
            "{{\"occupancy\":{},\"battery\":97,\"linkquality\":{},\"illuminance\":412}}",
            self.occupied[pair],
            100 + pair
        );
        self.client.publish(&format!("bench/s{pair}"), &payload);
    }

    /// Waits until each pair has closed its loop once: the edge has connected and subscribed.
    fn ready(&mut self) -> Result<()> {
        for pair in 0..PAIRS {
            let end = Instant::now() + Duration::from_secs(15);
            loop {
                ensure!(Instant::now() < end, "pair {pair} does not close its loop");
                self.send(pair);
                self.client.flush()?;
                if self.take(&mut |_| {})? > 0 {
                    break;
                }
            }
        }
        // Replies to messages that were sent while the edge was still connecting.
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    }

    /// Takes what has come; returns how many commands.
    fn take(&mut self, each: &mut impl FnMut(usize)) -> Result<usize> {
        let (mut count, mut states) = (0, Vec::new());
        let relay = self.relay;
        self.client.receive(|topic, payload| {
            let pair = topic.rsplit('r').next().and_then(|number| number.parse().ok()).unwrap_or(0);
            if relay == Relay::Answers {
                states.push((pair, payload == b"true"));
            }
            count += 1;
            each(pair);
        })?;
        for (pair, on) in states {
            self.client.publish(&format!("state/r{pair}"), if on { "true" } else { "false" });
        }
        Ok(count)
    }

    /// A closed loop of `window` messages per pair.
    fn run(&mut self, edge: &Edge, pairs: usize, window: usize) -> Result<Outcome> {
        let warm = Duration::from_millis(500);
        let span = unless_quick(Duration::from_secs(4), Duration::from_secs(1));
        let mut sent = [Instant::now(); PAIRS];
        let mut latencies = Vec::with_capacity(1 << 20);
        for (pair, sent) in sent.iter_mut().enumerate().take(pairs) {
            for _ in 0..window {
                self.send(pair);
            }
            *sent = Instant::now();
        }
        self.client.flush()?;
        let began = Instant::now();
        let (mut counting, mut count, mut counters) = (None, 0u64, None);
        loop {
            let mut arrived = Vec::new();
            let taken = self.take(&mut |pair| arrived.push(pair))?;
            ensure!(taken > 0, "a message was not answered within two seconds, after {count}");
            let now = Instant::now();
            if counting.is_none() && now >= began + warm {
                counting = Some((now, edge.usage()?.cpu));
                counters = edge.count(span.mul_f64(0.8));
            } else if let Some((since, cpu)) = counting {
                count += taken as u64;
                if window == 1 && pairs == 1 {
                    latencies.push(now - sent[0]);
                }
                if now - since >= span {
                    let used = edge.usage()?.cpu - cpu;
                    let work = counters.take().and_then(Counters::finish);
                    self.drain(pairs * window - taken)?;
                    return Ok(Outcome {
                        rate: count as f64 / (now - since).as_secs_f64(),
                        cpu_us: used.as_secs_f64() * 1e6 / count as f64,
                        p50_us: percentile(&mut latencies, 0.5).as_secs_f64() * 1e6,
                        p99_us: percentile(&mut latencies, 0.99).as_secs_f64() * 1e6,
                        work,
                    });
                }
            }
            for pair in arrived {
                self.send(pair);
                sent[pair] = Instant::now();
            }
            self.client.flush()?;
        }
    }

    /// Takes what is still under way, so that the next run begins empty.
    fn drain(&mut self, mut under_way: usize) -> Result<()> {
        self.client.flush()?;
        while under_way > 0 {
            let taken = self.take(&mut |_| {})?;
            under_way = under_way.checked_sub(taken).filter(|_| taken > 0).context("messages were lost")?;
        }
        self.client.flush()
    }
}
