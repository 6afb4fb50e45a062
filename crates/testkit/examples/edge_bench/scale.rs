//! What many devices cost: processor time of polling, memory at rest.

use crate::edge::{Place, device};
use crate::peers::{Peer, modbus, switcher};
use anyhow::{Result, ensure};
use bo_testkit::measure::{Figures, unless_quick};
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A meter of 100 registers, each a value of its own, read each second.
pub fn meter() -> String {
    let mut manifest = "[driver]\nname = \"bench-meter\"\nversion = \"1.0.0\"\ntitle = \"Meter\"\nkind = \"hardware\"\nmodule = \"Meter\"\n[link]\nkind = \"modbus\"\n[settings.unit]\ntype = \"integer\"\ndefault = 1\n[modbus.poll.all]\nevery = \"1s\"\n[status]\n".to_owned();
    for at in 0..100 {
        let _ = writeln!(manifest, "p{at} = {{ type = \"number\", title = \"Point {at}\", unit = \"W\" }}");
    }
    for at in 0..100 {
        let _ = writeln!(manifest, "[modbus.point.p{at}]\naddress = {at}\nscale = 0.1");
    }
    manifest
}

pub fn modbus_link(name: &str, peer: &Peer) -> String {
    format!("[link.{name}]\nkind = \"modbus-tcp\"\nhost = \"127.0.0.1\"\nport = {}\n", peer.port)
}

pub fn tcp_link(name: &str, peer: &Peer) -> String {
    format!("[link.{name}]\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {}\n", peer.port)
}

/// Fifty meters on fifty sockets, every value changing with every read: 5 000 changes a second, each a record.
pub fn polling(figures: &mut Figures) -> Result<()> {
    const METERS: usize = 50;
    let peer = modbus()?;
    let mut site = String::new();
    for number in 0..METERS {
        site += &modbus_link(&format!("l{number}"), &peer);
        site += &device(number, &format!("Meter_{number}"), "bench-meter", Some(&format!("l{number}")), "{}");
    }
    let place = Place::new(&site)?.driver("bench-meter", &meter())?;
    let edge = place.start()?;
    edge.until_online(METERS, Duration::from_secs(20))?;
    std::thread::sleep(Duration::from_secs(2));
    let (before, requests) = (edge.usage()?, peer.seen.requests.load(Ordering::Relaxed));
    let span = unless_quick(Duration::from_secs(15), Duration::from_secs(4));
    std::thread::sleep(span);
    let (after, requests) = (edge.usage()?, peer.seen.requests.load(Ordering::Relaxed) - requests);
    let rate = requests as f64 / span.as_secs_f64();
    ensure!((rate - METERS as f64).abs() < 0.1 * METERS as f64, "{rate} reads a second instead of {METERS}");
    let share = (after.cpu - before.cpu).as_secs_f64() * 100.0 / span.as_secs_f64();
    figures.at_most("50 meters × 100 registers each second, CPU", share, "% of a core", 1.5);
    figures.say("50 meters: memory", after.rss_kib as f64 / 1024.0, "MiB");
    edge.stop()
}

/// Memory at rest: devices that answer and do not change much.
pub fn memory(figures: &mut Figures) -> Result<()> {
    let sites = [
        ("5 Modbus and 5 WASM devices", 5, 5, Some(25.0)),
        ("500 Modbus and 500 WASM devices", 500, 500, None),
        ("1 000 WASM devices", 0, 1000, Some(80.0)),
        ("1 000 Modbus devices", 1000, 0, None),
    ];
    for (what, profiles, components, target) in sites {
        let rest = at_rest(profiles, components)?;
        let name = format!("at rest, {what}: memory");
        match target {
            Some(most) => figures.at_most(&name, rest.resident, "MiB", most),
            None => figures.say(&name, rest.resident, "MiB"),
        }
        figures.say(&format!("{name}, each page counted once"), rest.distinct, "MiB");
        figures.say(&format!("at rest, {what}: CPU"), rest.cpu, "% of a core");
    }
    Ok(())
}

/// An edge that has nothing to do but to ask.
struct Rest {
    /// MiB it has mapped.
    resident: f64,
    /// MiB in which each page counts once: instances of a driver share what none of them writes to.
    distinct: f64,
    /// Percent of a core.
    cpu: f64,
}

/// An edge with so many devices. Modbus devices share a line by tens, as behind a gateway.
fn at_rest(profiles: usize, components: usize) -> Result<Rest> {
    let (meters, switchers) = (modbus()?, switcher()?);
    let mut site = String::new();
    for number in 0..profiles {
        let (line, unit) = (number / 10, number % 10 + 1);
        if unit == 1 {
            site += &modbus_link(&format!("m{line}"), &meters);
        }
        let settings = format!("{{ unit = {unit} }}");
        site += &device(
            number,
            &format!("Meter_{number}"),
            "bench-slow-meter",
            Some(&format!("m{line}")),
            &settings,
        );
    }
    for number in 0..components {
        site += &tcp_link(&format!("t{number}"), &switchers);
        let (id, address) = (10_000 + number, format!("Switcher_{number}"));
        site += &device(id, &address, "av-switcher", Some(&format!("t{number}")), "{}");
    }
    let slow = meter().replace("bench-meter", "bench-slow-meter").replace("\"1s\"", "\"10s\"");
    let place = Place::new(&site)?.driver("bench-slow-meter", &slow)?.shipped("av-switcher")?;
    // Once for the compiled component, which takes memory to make, and then as it starts every other time.
    let first = place.start()?;
    until_asked(&switchers, components.min(1))?;
    first.stop()?;
    let before = [&meters, &switchers].map(|peer| peer.seen.requests.load(Ordering::Relaxed) as usize);
    let edge = place.start()?;
    // Its status would be a document of many megabytes, and is not asked for: the devices tell when all are up.
    until_asked(&meters, before[0] + profiles)?;
    until_asked(&switchers, before[1] + components * 5)?;
    std::thread::sleep(Duration::from_secs(2));
    let span = unless_quick(Duration::from_secs(5), Duration::from_secs(2));
    let before = edge.usage()?;
    std::thread::sleep(span);
    let (after, distinct) = (edge.usage()?, edge.distinct_kib()?);
    edge.stop()?;
    Ok(Rest {
        resident: after.rss_kib as f64 / 1024.0,
        distinct: distinct as f64 / 1024.0,
        cpu: (after.cpu - before.cpu).as_secs_f64() * 100.0 / span.as_secs_f64(),
    })
}

/// Waits until the devices behind a server were asked so often.
fn until_asked(peer: &Peer, requests: usize) -> Result<()> {
    bo_testkit::wait_for(&format!("{requests} requests"), Duration::from_secs(60), || {
        Ok((peer.seen.requests.load(Ordering::Relaxed) as usize >= requests).then_some(()))
    })
}
