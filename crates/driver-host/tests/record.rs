//! A conversation that was recorded replays as a transcript.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use bo_driver_host::transcript::{Recorder, Transcript, replay};
use bo_driver_host::{Device, DeviceConfig, Engine, Event, Links};
use bo_link::{BytesOp, BytesReply};
use bo_model::settings::Values;
use bo_model::{IdGen, SystemClock};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A switcher of two outputs that takes its time.
fn answer(line: &[u8], routes: &mut [u8; 2]) -> String {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["INFO?"] => "INFO 8 2 1.0".into(),
        ["ROUTE?", output] => format!("ROUTE {output} {}", routes[output.parse::<usize>().unwrap() - 1]),
        ["ROUTE", output, input] => {
            routes[output.parse::<usize>().unwrap() - 1] = input.parse().unwrap();
            line.into_owned()
        }
        ["MUTE?", output] => format!("MUTE {output} 0"),
        _ => "ERR 1".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorded_conversation_is_a_transcript_that_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers/av-switcher");
    let package = common::load(&folder);
    let engine = Engine::new(None).unwrap();
    let loaded = engine.load(&package).unwrap();
    let (link, mut inbox, _health) = bo_link::queue::<BytesOp, BytesReply>(8);
    tokio::spawn(async move {
        let mut routes = [1, 2];
        while let Some(job) = inbox.next().await {
            tokio::time::sleep(Duration::from_millis(40)).await;
            let BytesOp::Exchange(line) = job.op.clone() else { continue };
            job.answer(Ok(BytesReply::Frame(answer(&line, &mut routes).into())));
        }
    });

    let settings = Values::new();
    let recorder = Recorder::new(&settings);
    let clock = Arc::new(SystemClock);
    let config =
        DeviceConfig { id: IdGen::new(clock.clone(), 1).make(), address: "Switcher_1".into(), settings };
    let links = Links { bytes: Some(recorder.bytes(link)), ..Links::default() };
    let device = Device::spawn(&engine, &package, loaded.clone(), config, links, recorder.clone(), clock);
    for event in [Event::Connected, Event::Frame("ROUTE 2 7".into())] {
        recorder.tell(&event);
        device.event(event);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let params = serde_json::from_str(r#"{"output": 1, "input": 5}"#).unwrap();
    recorder.command("route", &params);
    let outcome = device.command("route", &params, Duration::from_secs(5)).await;
    recorder.outcome(&outcome);
    tokio::time::sleep(Duration::from_secs(31)).await;
    let text = recorder.transcript();
    device.stop().await;

    assert!(
        text.contains("command route {\"input\":5,\"output\":1} -> ok\nsend ROUTE 1 5\nreply ROUTE 1 5"),
        "{text}"
    );
    assert!(text.contains("status output_2 = 7"), "{text}");
    let transcript = Transcript::parse(&text).unwrap();
    let outcome = replay(&package.manifest, &transcript, &|bench| {
        let (config, links) = (bench.config, bench.links);
        Ok(Arc::new(Device::spawn(&engine, &package, loaded.clone(), config, links, bench.sink, bench.clock)))
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}\n{text}"));
}
