//! From the start of the process to the first request on a device's socket, with components compiled before.

use crate::edge::{Place, device};
use crate::peers::{Seen, modbus, switcher};
use crate::scale::{meter, modbus_link, tcp_link};
use anyhow::{Context, Result};
use bo_testkit::measure::{Figures, percentile, quick};
use std::time::{Duration, Instant};

/// Ten devices: five meters and five switchers.
pub fn measure(figures: &mut Figures) -> Result<()> {
    let (meters, switchers) = (modbus()?, switcher()?);
    let mut site = String::new();
    for number in 0..5 {
        site += &modbus_link(&format!("m{number}"), &meters);
        site += &device(number, &format!("Meter_{number}"), "bench-meter", Some(&format!("m{number}")), "{}");
        site += &tcp_link(&format!("t{number}"), &switchers);
        let (id, address) = (100 + number, format!("Switcher_{number}"));
        site += &device(id, &address, "av-switcher", Some(&format!("t{number}")), "{}");
    }
    let place = Place::new(&site)?.driver("bench-meter", &meter())?.shipped("av-switcher")?;
    let (mut polls, mut components, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    let rounds = if quick() { 4 } else { 11 };
    for round in 0..rounds {
        meters.seen.forget();
        switchers.seen.forget();
        let edge = place.start()?;
        let poll = first(&meters.seen, edge.started)?;
        let component = first(&switchers.seen, edge.started)?;
        let used = edge.usage()?.cpu;
        edge.stop()?;
        if round == 0 {
            figures.say("very first start: a component compiled, to its first request", ms(component), "ms");
        } else {
            polls.push(poll);
            components.push(component);
            cpu.push(used);
        }
    }
    figures.at_most("start to first poll", ms(percentile(&mut polls, 0.5)), "ms", 150.0);
    figures.say("start to a component's first request", ms(percentile(&mut components, 0.5)), "ms");
    figures.say("start: CPU until then", ms(percentile(&mut cpu, 0.5)), "ms");
    Ok(())
}

fn first(seen: &Seen, started: Instant) -> Result<Duration> {
    let limit = started + Duration::from_secs(60);
    loop {
        if let Some(at) = seen.first() {
            return Ok(at - started);
        }
        (Instant::now() < limit).then_some(()).context("no request within a minute")?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
