//! A site of simulated devices and the agent that runs it, in one process but over real sockets.
#![allow(dead_code, reason = "not every test uses every part")]

use backoffice_edge::agent::Agent;
use backoffice_edge::config::EdgeConfig;
use backoffice_edge::site::Desired;
use bo_model::clock::SharedClock;
use bo_model::command::{Actor, CommandRequest, Priority};
use bo_model::{DeviceId, SystemClock, Value};
use bo_runtime::Shutdown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a loaded machine; conditions are awaited, not slept for.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const SYSTEM: &str = "0198c0de-0000-7000-8000-000000000001";

/// The drivers that are shipped.
pub fn drivers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../drivers")
}

/// The triggers that are shipped.
pub fn triggers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../triggers")
}

pub fn id(n: u32) -> DeviceId {
    format!("0198c0de-0000-7000-8000-{n:012}").parse().unwrap()
}

/// A site file with one system and `rest`.
pub fn site(rest: &str) -> String {
    format!("[[system]]\nid = \"{SYSTEM}\"\nname = \"Room 1.01\"\n{rest}\n")
}

/// A device entry.
pub fn device(n: u32, address: &str, driver: &str, link: Option<&str>, settings: &str) -> String {
    let link = link.map(|name| format!("link = \"{name}\"\n")).unwrap_or_default();
    format!(
        "[[device]]\nid = \"{}\"\nsystem = \"{SYSTEM}\"\naddress = \"{address}\"\ndriver = \"{driver}\"\n{link}settings = {settings}\n",
        id(n)
    )
}

pub fn modbus_tcp(name: &str, address: &bo_simulator::Address) -> String {
    let bo_simulator::Address::Tcp(address) = address else { panic!("not on TCP") };
    format!(
        "[link.{name}]\nkind = \"modbus-tcp\"\nhost = \"{}\"\nport = {}\ntiming = {{ timeout = \"300ms\" }}\n",
        address.ip(),
        address.port()
    )
}

pub fn desired(folder: &Path, site: &str) -> Desired {
    let file = folder.join("site.toml");
    std::fs::write(&file, site).unwrap();
    Desired::from_file(&file, &drivers(), Some(&triggers())).unwrap()
}

pub async fn start(folder: &Path) -> Arc<Agent> {
    start_with(folder, Arc::new(SystemClock), |_| {}).await
}

pub async fn start_with(
    folder: &Path,
    clock: SharedClock,
    change: impl FnOnce(&mut EdgeConfig),
) -> Arc<Agent> {
    let mut config = EdgeConfig { data: folder.join("data"), ..EdgeConfig::default() };
    config.local_page.listen = None;
    config.broker.listen.set_port(0);
    change(&mut config);
    std::fs::create_dir_all(&config.data).unwrap();
    Agent::start(config, clock, Shutdown::new()).await.unwrap()
}

/// Waits until a value is as wanted.
pub async fn until(agent: &Agent, device: DeviceId, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let seen = async {
        loop {
            if let Some(value) = agent.board.find(device, name).filter(|value| wanted(value)) {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, seen).await {
        Ok(value) => value,
        Err(_) => panic!("{name} stayed {:?}", agent.board.find(device, name)),
    }
}

pub fn request(agent: &Agent, device: DeviceId, command: &str, params: serde_json::Value) -> CommandRequest {
    CommandRequest {
        id: agent.commands.id(),
        device,
        command: command.into(),
        params: serde_json::from_value(params).unwrap(),
        actor: Actor::Operator,
        priority: Priority::Manual,
        deadline: agent.clock.now().after(PATIENCE),
        lease: None,
        reason: None,
    }
}
