//! Drivers that misbehave in every way there is. Each costs one device, with a reason a person can read, and its
//! neighbour in the same process keeps working.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use bo_driver_host::{CommandError, DeviceState, Error, Fault};
use bo_testkit::guest::{LOOPS, SWELLS, TRAPS, WELL_BEHAVED as NEIGHBOUR};
use common::{Guest, Host};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_costs_one_device_one_restart() {
    let host = Host::new();
    let (neighbour, heard_next_door) = host.spawn(&NEIGHBOUR).await;
    let (device, heard) = host.spawn(&Guest { command: TRAPS, ..NEIGHBOUR }).await;
    let outcome = device.command("go", &Default::default(), Duration::from_secs(20)).await;
    assert!(matches!(&outcome, Err(CommandError::Failed(why)) if why.contains("crashed")), "{outcome:?}");
    let fault = heard.fault().await;
    assert!(matches!(&fault, Fault::Trap(why) if why.contains("unreachable")), "{fault}");
    heard.state(|state| *state == DeviceState::Running).await;
    neighbour.command("go", &Default::default(), Duration::from_secs(20)).await.unwrap();
    assert!(heard_next_door.shows("count"));
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_rested_goes_on_with_its_next_command() {
    let host = Host::new();
    let (device, heard) = host.spawn(&NEIGHBOUR).await;
    for _ in 0..3 {
        device.command("go", &Default::default(), Duration::from_secs(20)).await.unwrap();
        // Longer than it takes until what its calls run on is given back.
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert!(heard.shows("count"));
    assert_eq!(heard.published(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_endless_loop_is_stopped_while_its_neighbour_on_the_same_thread_keeps_working() {
    let host = Host::new();
    let (neighbour, heard_next_door) = host.spawn(&NEIGHBOUR).await;
    let (device, heard) = host.spawn(&Guest { command: LOOPS, ..NEIGHBOUR }).await;
    let looping =
        tokio::spawn(async move { device.command("go", &Default::default(), Duration::from_secs(60)).await });
    neighbour.command("go", &Default::default(), Duration::from_secs(60)).await.unwrap();
    assert!(heard_next_door.shows("count"));
    let outcome = looping.await.unwrap();
    assert!(
        matches!(&outcome, Err(CommandError::Failed(why)) if why.contains("processor time")),
        "{outcome:?}"
    );
    assert!(matches!(heard.fault().await, Fault::Loop(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_bomb_is_stopped_at_its_limit() {
    let host = Host::new();
    let (device, heard) = host.spawn(&Guest { command: SWELLS, ..NEIGHBOUR }).await;
    let _ = device.command("go", &Default::default(), Duration::from_secs(60)).await;
    assert_eq!(heard.fault().await, Fault::Memory(4));
}

/// Commands a driver that says 500 things each time, until it is ended. In such small pieces no call uses up its processor
/// time, however slow the machine, and virtual time stands still, so nothing is forgiven in between: there is one reason.
async fn flood(command: &'static str) -> (Fault, std::sync::Arc<common::Heard>) {
    let host = Host::new();
    let (device, heard) = host.spawn_unchecked(&Guest { command, ..NEIGHBOUR });
    heard.state(|state| *state == DeviceState::Running).await;
    for _ in 0..100 {
        if device.command("go", &Default::default(), Duration::from_secs(60)).await.is_err() {
            break;
        }
    }
    (heard.fault().await, heard)
}

#[tokio::test(start_paused = true)]
async fn a_flooded_log_ends_the_driver_and_not_the_disk() {
    let (fault, heard) = flood("(call $lines) (i32.const 0)").await;
    assert_eq!(fault, Fault::LogFlood);
    assert!(heard.lines() < 1_000, "{} lines were passed on", heard.lines());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_values_ends_the_driver() {
    let (fault, heard) = flood("(call $values) (i32.const 0)").await;
    assert!(matches!(fault, Fault::PublishFlood(_)), "{fault}");
    assert!(heard.published() <= 10_001, "{} values were passed on", heard.published());
}

#[tokio::test]
async fn a_call_of_what_was_not_granted_does_not_even_load_and_says_what_to_write() {
    let host = Host::new();
    let error =
        host.load(&Guest { command: "(call $mqtt_subscribe) (i32.const 0)", ..NEIGHBOUR }).err().unwrap();
    assert!(matches!(&error, Error::NotGranted { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("`mqtt`") && text.contains("[link] kind = \"mqtt\""), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_without_the_link_its_driver_needs_is_told_so_and_not_tried_for_ever() {
    let host = Host::new();
    let (_device, heard) = host.spawn_unchecked(&Guest {
        link: "mqtt",
        command: "(call $mqtt_subscribe) (i32.const 0)",
        ..NEIGHBOUR
    });
    let state = heard.state(|state| matches!(state, DeviceState::Faulted { .. })).await;
    let DeviceState::Faulted { fault, retry_in, .. } = state else { unreachable!() };
    assert!(fault.to_string().contains("not given"), "{fault}");
    assert_eq!(retry_in, None);
}

/// Time is virtual here, and a request that nobody answers makes it jump to its deadline.
#[tokio::test(start_paused = true)]
async fn a_command_that_never_returns_times_out_for_its_asker_and_then_ends_the_instance() {
    let host = Host::new();
    let waits = "(loop (call $mqtt_subscribe) (br 0)) (i32.const 0)";
    let guest = Guest { link: "mqtt", command: waits, ..NEIGHBOUR };
    let (device, heard, _link) = host.spawn_with_mqtt(&guest);
    heard.state(|state| *state == DeviceState::Running).await;
    let asked = tokio::time::Instant::now();
    let outcome = device.command("go", &Default::default(), Duration::from_secs(3)).await;
    assert!(matches!(outcome, Err(CommandError::TimedOut(_))), "{outcome:?}");
    assert_eq!(asked.elapsed().as_secs(), 3);
    assert!(matches!(heard.fault().await, Fault::WallClock(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crashed_driver_published_is_bad_from_then_on() {
    let host = Host::new();
    let guest = Guest { handle: TRAPS, ..NEIGHBOUR };
    let (device, heard) = host.spawn(&guest).await;
    device.command("go", &Default::default(), Duration::from_secs(20)).await.unwrap();
    assert!(heard.shows("count"));
    device.event(bo_driver_host::Event::Connected);
    heard.fault().await;
    let value = heard.value("count").unwrap();
    assert_eq!(value.quality.word(), "bad");
    assert!(value.quality.reason().unwrap().to_string().contains("crashed"));
    assert_eq!(value.data, bo_model::Data::Int(7), "the last good one is kept, greyed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_between_restarts_grow() {
    let host = Host::new();
    let (_device, heard) = host.spawn_unchecked(&Guest { start: TRAPS, ..NEIGHBOUR });
    let mut pauses = Vec::new();
    for failures in 1..=2u32 {
        let state = heard
            .state(move |state| matches!(state, DeviceState::Faulted { failures: seen, .. } if *seen == failures))
            .await;
        let DeviceState::Faulted { retry_in, .. } = state else { unreachable!() };
        pauses.push(retry_in.unwrap().as_secs());
    }
    assert_eq!(pauses, [1, 2]);
}

#[test]
fn a_compiled_component_is_kept_on_disk_and_a_damaged_one_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let load = || Host::cached(directory.path()).load(&NEIGHBOUR).map(drop);
    load().unwrap();
    let files: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let whole = std::fs::read(&files[0]).unwrap();
    std::fs::write(&files[0], &whole[..whole.len() / 2]).unwrap();
    load().unwrap();
    assert_eq!(std::fs::read(&files[0]).unwrap().len(), whole.len(), "written anew");
}
