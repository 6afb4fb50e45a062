//! A site file without a controller: followed as it changes, survived when it is wrong, shared with other masters, and
//! stopped in time whatever hangs.

mod common;

use backoffice_edge::agent::Agent;
use backoffice_edge::standalone::{self, Source};
use backoffice_edge::status::Status;
use bo_simulator::{Fake, Place, Running};
use common::*;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn inverter() -> (Fake, Running) {
    let fake =
        Fake::from_folder("Inverter_1", &drivers().join("sunspec-inverter"), Default::default()).unwrap();
    fake.set("power", 5_000);
    let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
    let running = bo_simulator::start(&place, std::slice::from_ref(&fake)).await.unwrap();
    (fake, running)
}

fn text(running: &Running, devices: &[u32]) -> String {
    let devices: String = devices
        .iter()
        .map(|n| device(*n, &format!("Inverter_{n}"), "sunspec-inverter", Some("plant"), "{ unit = 1 }"))
        .collect();
    site(&format!("{}{devices}", modbus_tcp("plant", &running.address)))
}

fn source(folder: &Path) -> Source {
    Source { site: folder.join("site.toml"), drivers: drivers(), triggers: Some(triggers()) }
}

async fn status(agent: &Agent, wanted: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = Status::of(agent).await;
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn trouble(status: &Status) -> Option<&str> {
    status.site_file.as_ref()?.trouble.as_deref()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_file_is_followed_and_a_broken_one_changes_nothing_even_at_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (_fake, running) = inverter().await;
    let file = folder.path().join("site.toml");
    std::fs::write(&file, text(&running, &[2])).unwrap();
    let agent = start(folder.path()).await;
    standalone::start(&agent, source(folder.path())).await.unwrap();
    until(&agent, id(2), "power", |value| value.quality.is_good()).await;

    std::fs::write(&file, text(&running, &[2, 3])).unwrap();
    status(&agent, |status| status.devices.len() == 2).await;
    until(&agent, id(3), "power", |value| value.quality.is_good()).await;

    std::fs::write(
        &file,
        text(&running, &[2]).replace("address = \"Inverter_2\"", "adress = \"Inverter_2\""),
    )
    .unwrap();
    let broken = status(&agent, |status| trouble(status).is_some()).await;
    let why = trouble(&broken).unwrap();
    assert!(why.contains("site.toml") && why.contains("line") && why.contains("adress"), "{why}");
    assert_eq!(broken.devices.len(), 2, "the last good one goes on");
    assert!(broken.alarms.iter().any(|alarm| alarm.key == "edge:site-file"));
    assert!(agent.stop().await);
    drop(agent);

    let again = start(folder.path()).await;
    standalone::start(&again, source(folder.path())).await.unwrap();
    until(&again, id(3), "power", |value| value.quality.is_good()).await;
    assert!(trouble(&status(&again, |_| true).await).is_some(), "and it still says so");
    std::fs::write(&file, text(&running, &[3])).unwrap();
    let mended = status(&again, |status| status.devices.len() == 1 && trouble(status).is_none()).await;
    assert!(mended.alarms.iter().all(|alarm| alarm.key != "edge:site-file"));
    assert!(again.stop().await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_with_nothing_to_go_back_to_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.toml"), "[[system]]\nid = 7\n").unwrap();
    let agent = start(folder.path()).await;
    let error = standalone::start(&agent, source(folder.path())).await.unwrap_err().to_string();
    assert!(error.contains("site.toml") && error.contains("line 2"), "{error}");
    assert!(agent.stop().await);
}

/// A Modbus TCP request: transaction 1, unit 1.
async fn master(at: &str, pdu: &[u8]) -> Vec<u8> {
    let exchange = async {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let mut request = vec![0, 1, 0, 0, 0, pdu.len() as u8 + 1, 1];
        request.extend_from_slice(pdu);
        stream.write_all(&request).await.unwrap();
        let mut head = [0; 7];
        stream.read_exact(&mut head).await.unwrap();
        let mut reply = vec![0; usize::from(head[5]) - 1];
        stream.read_exact(&mut reply).await.unwrap();
        reply
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_reads_a_shared_device_and_cannot_write_and_a_change_of_the_share_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (fake, running) = inverter().await;
    let port = std::net::SocketAddr::from(([127, 0, 0, 1], bo_testkit::free_port().unwrap()));
    let share =
        |writes: &str| format!("{}[share.plant]\nlisten = \"{port}\"\n{writes}\n", text(&running, &[2]));
    let agent = start(folder.path()).await;
    agent.apply(desired(folder.path(), &share(""))).await.unwrap();
    until(&agent, id(2), "power", |value| value.quality.is_good()).await;
    let shown = Status::of(&agent).await.shares;
    assert!(shown.len() == 1 && shown[0].listen == port && !shown[0].writes, "{shown:?}");

    let at = port.to_string();
    // The SunSpec marker, "SunS", at 40000.
    assert_eq!(master(&at, &[3, 0x9C, 0x40, 0, 2]).await, [3, 4, 0x53, 0x75, 0x6E, 0x53]);
    assert_eq!(master(&at, &[6, 0x9C, 0x40, 0, 0]).await, [0x86, 1], "writes are refused");

    let before = fake.number("power");
    agent.apply(desired(folder.path(), &share("writes = true"))).await.unwrap();
    assert!(Status::of(&agent).await.shares[0].writes, "the same port opens again as it is wanted now");
    assert_eq!(master(&at, &[3, 0x9C, 0x40, 0, 2]).await.len(), 6);
    assert_eq!(fake.number("power"), before);

    agent.apply(desired(folder.path(), &text(&running, &[2]))).await.unwrap();
    assert!(Status::of(&agent).await.shares.is_empty());
    let gone = async {
        while TcpStream::connect(&at).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the port is closed");
    assert!(agent.stop().await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_ends_within_ten_seconds_whatever_hangs_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let (fake, running) = inverter().await;
    std::fs::write(folder.path().join("site.toml"), text(&running, &[2])).unwrap();
    let page = std::net::SocketAddr::from(([127, 0, 0, 1], bo_testkit::free_port().unwrap()));
    let config = format!(
        "data = \"data\"\nsite = \"site.toml\"\ndrivers = \"{}\"\n[local_page]\nlisten = \"{page}\"\n",
        drivers().canonicalize().unwrap().display()
    );
    std::fs::write(folder.path().join("edge.toml"), config).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_backoffice-edge"))
        .args(["run", "--config"])
        .arg(folder.path().join("edge.toml"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let data = folder.path().join("data");
    let socket = backoffice_edge::control::socket(&data);
    let ready = async {
        loop {
            let ask = backoffice_edge::control::Ask::Read { device: "Inverter_2".into() };
            if let Ok(answer) = backoffice_edge::control::ask(&data, &ask).await
                && answer.to_string().contains("5000 W")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ready = tokio::time::timeout(PATIENCE, ready).await;
    if ready.is_err() {
        let _ = child.kill();
        panic!("the agent never showed a value");
    }
    // A browser that connects ahead, one that stops in the middle of its request, somebody on the control socket who says
    // nothing, and a command whose device has gone.
    let _silent = TcpStream::connect(page).await.unwrap();
    let mut half = TcpStream::connect(page).await.unwrap();
    half.write_all(b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\npass").await.unwrap();
    let _mute = tokio::net::UnixStream::connect(&socket).await.unwrap();
    fake.set_fault(bo_simulator::Fault::Offline);
    let command = backoffice_edge::control::Ask::Command {
        device: "Inverter_2".into(),
        command: "set_power_limit".into(),
        params: serde_json::from_value(serde_json::json!({"percent": 40})).unwrap(),
    };
    let asker = tokio::spawn(async move { backoffice_edge::control::ask(&data, &command).await });
    tokio::time::sleep(Duration::from_millis(300)).await;

    let asked = Instant::now();
    let terminated = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(terminated.success());
    let ended = tokio::task::spawn_blocking(move || {
        let status = child.wait();
        (status, asked.elapsed())
    });
    let (status, took) = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().unwrap();
    assert!(status.unwrap().success());
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    asker.abort();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_fake, running) = inverter().await;
    let file = folder.path().join("site.toml");
    std::fs::write(&file, text(&running, &[2])).unwrap();
    let agent: Arc<Agent> = start(folder.path()).await;
    standalone::start(&agent, source(folder.path())).await.unwrap();
    // Same size and time as before: only somebody who says so can know that it changed.
    let stamp = std::fs::metadata(&file).unwrap().modified().unwrap();
    let changed = text(&running, &[2]).replace("Inverter_2", "Inverter_9");
    std::fs::write(&file, changed).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(stamp).unwrap();
    let told = Command::new("kill").args(["-HUP", &std::process::id().to_string()]).status().unwrap();
    assert!(told.success());
    status(&agent, |status| status.devices.iter().any(|device| device.address == "Inverter_9")).await;
    assert!(agent.stop().await);
    running.stop().await;
}
