//! The agent as a process: asked over its control socket, operated on its local page, killed and started again.

mod common;

use backoffice_edge::control::{Ask, ask};
use backoffice_edge::status::Status;
use bo_simulator::{Fake, Place, Running};
use common::*;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse battery";

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn edge(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backoffice-edge"));
    command.args(arguments).arg("--config").arg(folder.join("edge.toml")).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    edge(arguments, folder).output().unwrap()
}

/// A relay board on Modbus and the configuration that runs it.
async fn prepare(folder: &Path) -> (Fake, Running, u16) {
    let fake = Fake::from_folder("Meter_1", &drivers().join("sunspec-inverter"), Default::default()).unwrap();
    fake.set("power", 5_000);
    let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
    let running = bo_simulator::start(&place, std::slice::from_ref(&fake)).await.unwrap();
    let link = modbus_tcp("plant", &running.address);
    let device = device(2, "Inverter_1", "sunspec-inverter", Some("plant"), "{ unit = 1 }");
    std::fs::write(folder.join("site.toml"), site(&format!("{link}{device}"))).unwrap();
    let hash = Command::new(env!("CARGO_BIN_EXE_backoffice-edge"))
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), PASSWORD.as_bytes())?;
            child.wait_with_output()
        })
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let port = bo_testkit::free_port().unwrap();
    let config = format!(
        "data = \"data\"\nsite = \"site.toml\"\ndrivers = \"{}\"\n[local_page]\nlisten = \"127.0.0.1:{port}\"\nopen = true\noperator_password_hash = \"{}\"\n",
        drivers().canonicalize().unwrap().display(),
        hash.trim()
    );
    std::fs::write(folder.join("edge.toml"), config).unwrap();
    (fake, running, port)
}

/// Waits until the running agent's status is as wanted.
async fn status(folder: &Path, wanted: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(answer) = ask(&folder.join("data"), &Ask::Status).await {
            let status: Status = serde_json::from_value(answer).unwrap();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{status:?}");
        }
        assert!(Instant::now() < deadline, "no agent answers");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_well(status: &Status) -> bool {
    status.devices.iter().any(|device| device.unwell.is_none() && device.last_proved.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_did_survives_a_kill_and_a_second_agent_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (fake, _running, _) = prepare(folder.path()).await;
    let mut first = Process(edge(&["run"], folder.path()).spawn().unwrap());
    status(folder.path(), is_well).await;

    let written = run(&["point", "write", "Inverter_1", "set_power_limit", "percent=60"], folder.path());
    assert!(written.status.success(), "{written:?}");
    assert_eq!(fake.number("power_limit"), 60.0);
    let refused = run(&["point", "write", "Inverter_1", "set_power_limit", "percent=600"], folder.path());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("must be at most 100"), "{refused:?}");
    let shown = run(&["point", "read", "Inverter_1", "power"], folder.path());
    assert!(String::from_utf8_lossy(&shown.stdout).contains("5000 W"), "{shown:?}");
    let second = run(&["run"], folder.path());
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another backoffice-edge is running"),
        "{second:?}"
    );
    let before = status(folder.path(), |status| status.holds.len() == 1).await;

    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let mut again = Process(edge(&["run"], folder.path()).spawn().unwrap());
    let after = status(folder.path(), is_well).await;
    assert_eq!(after.holds.len(), 1, "the hold is there again");
    assert_eq!(after.holds[0].until, before.holds[0].until);
    let count = |status: &Status, class: &str| {
        status.journal.written.iter().find(|(name, _)| name == class).unwrap().1
    };
    assert!(count(&after, "command") >= 6 && count(&after, "audit") >= 2, "{:?}", after.journal);

    let ended = Instant::now();
    Command::new("kill").args(["-TERM", &again.0.id().to_string()]).status().unwrap();
    assert!(again.0.wait().unwrap().success());
    assert!(ended.elapsed() < Duration::from_secs(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_of_which_system_a_device_or_trigger_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_fake, _running, _) = prepare(folder.path()).await;
    let (config, site) = (folder.path().join("edge.toml"), folder.path().join("site.toml"));
    let library = format!("triggers = {:?}\ndrivers =", triggers().canonicalize().unwrap());
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap().replace("drivers =", &library))
        .unwrap();
    let trigger =
        format!("[[trigger]]\nid = \"{}\"\nsystem = \"{SYSTEM}\"\nname = \"driver-offline-notify\"\n", id(9));
    let devices = std::fs::read_to_string(&site).unwrap();
    std::fs::write(&site, devices + trigger.as_str()).unwrap();
    let _agent = Process(edge(&["run"], folder.path()).spawn().unwrap());
    status(folder.path(), is_well).await;

    let shown = run(&["trigger", "show"], folder.path());
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.starts_with("Room 1.01: ") && shown.contains("(driver-offline-notify)"), "{shown}");
    for missing in ["inverter_1", "Meter_1", "room 1.01/Inverter_1"] {
        let refused = run(&["point", "read", missing], folder.path());
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && why.contains("Room 1.01/Inverter_1"), "{missing}: {why}");
    }
    let typed = run(&["point", "write", "Inverter_1", "set_power_limit", "percent"], folder.path());
    assert!(typed.status.code() == Some(2), "{typed:?}");
    assert!(String::from_utf8_lossy(&typed.stderr).contains("`percent` is not KEY=VALUE"), "{typed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_page_shows_everybody_and_obeys_only_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let (fake, _running, port) = prepare(folder.path()).await;
    let _agent = Process(edge(&["run"], folder.path()).spawn().unwrap());
    let status = status(folder.path(), is_well).await;
    let base = format!("http://127.0.0.1:{port}");
    let device = format!("{base}/device/{}", status.devices[0].id);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = |url: String, cookie: String| {
        let client = client.clone();
        async move { client.get(url).header("cookie", cookie).send().await.unwrap().text().await.unwrap() }
    };
    let open = page(base.clone(), String::new()).await;
    assert!(open.contains("Inverter_1") && open.contains("Room 1.01"), "{open}");
    assert!(page(device.clone(), String::new()).await.contains("Sign in"));

    let form =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("&");
    let post = |url: String, cookie: String, body: String| {
        let client = client.clone();
        async move {
            let request = client
                .post(url)
                .header("cookie", cookie)
                .header("content-type", "application/x-www-form-urlencoded");
            request.body(body).send().await.unwrap()
        }
    };
    let limit = format!("{device}/command/set_power_limit");
    let stranger = post(limit.clone(), String::new(), form(&[("percent", "40")])).await;
    assert_eq!(stranger.status(), 403);
    let wrong = post(format!("{base}/sign-in"), String::new(), form(&[("secret", "guess")])).await;
    assert_eq!(wrong.status(), 403);
    let right =
        post(format!("{base}/sign-in"), String::new(), form(&[("secret", &PASSWORD.replace(' ', "+"))]))
            .await;
    let cookie = right.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();

    let without_token = post(limit.clone(), cookie.clone(), form(&[("percent", "40")])).await;
    assert_eq!(without_token.status(), 403, "a form of another site is no form of ours");
    let signed_in = page(device.clone(), cookie.clone()).await;
    let token =
        signed_in.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let done = post(limit, cookie, form(&[("form", &token), ("percent", "40")])).await.text().await.unwrap();
    assert!(done.contains("the device shows it"), "{done}");
    assert_eq!(fake.number("power_limit"), 40.0);
}

#[test]
fn help_teaches_with_examples() {
    let help = Command::new(env!("CARGO_BIN_EXE_backoffice-edge")).arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    for word in
        ["Examples:", "run", "status", "enroll", "point", "trigger", "driver", "simulate", "check-config"]
    {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
}
