//! Peers for the tests of this crate: a scripted TCP device, a pymodbus process.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

use bo_link::{Handle, LinkError, LinkState, ModbusOp, ModbusReply, Urgency};
use bo_link_modbus::spawn;
pub use bo_link_stream::testing::{Authority, PATIENCE, Pty, listen};
use bo_model::SystemClock;
use bo_model::points::Table;
use bo_model::release::{LinkConfig, ModbusTiming, SerialLine};
use bo_runtime::Shutdown;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub type Link = Handle<ModbusOp, ModbusReply>;

pub fn timing(timeout_ms: u64) -> ModbusTiming {
    ModbusTiming { timeout: Duration::from_millis(timeout_ms), ..ModbusTiming::default() }
}

pub fn tcp(port: u16, timeout_ms: u64) -> LinkConfig {
    LinkConfig::ModbusTcp {
        host: "127.0.0.1".into(),
        port,
        rtu_framing: false,
        tls: None,
        timing: timing(timeout_ms),
    }
}

pub fn rtu(path: &Path) -> LinkConfig {
    LinkConfig::ModbusRtu { line: SerialLine::new(path, 115_200), timing: timing(500) }
}

pub fn link(config: &LinkConfig) -> Link {
    spawn(config, Arc::new(SystemClock), &Shutdown::new()).unwrap()
}

pub fn read(unit: u8, address: u16, count: u16) -> ModbusOp {
    ModbusOp::Read { unit, table: Table::Holding, address, count }
}

pub async fn poll(link: &Link, op: ModbusOp) -> Result<ModbusReply, LinkError> {
    link.call(op, Urgency::Poll, PATIENCE).await
}

pub async fn command(link: &Link, op: ModbusOp) -> Result<ModbusReply, LinkError> {
    link.call(op, Urgency::Command, PATIENCE).await
}

pub fn registers(values: impl IntoIterator<Item = u16>) -> Result<ModbusReply, LinkError> {
    Ok(ModbusReply::Registers(values.into_iter().collect()))
}

/// Waits until the link's state is as wanted.
pub async fn state(link: &Link, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
    let mut health = link.health();
    let seen = tokio::time::timeout(PATIENCE, health.wait_for(|health| wanted(&health.state))).await;
    seen.expect("the link never got there").unwrap().state.clone()
}

/// Polls until it works.
pub async fn until_it_answers(link: &Link, op: ModbusOp) -> ModbusReply {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match poll(link, op.clone()).await {
            Ok(reply) => return reply,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "still {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a scripted device does with a request.
pub enum Answer {
    /// Sends these bytes as they are.
    Bytes(Vec<u8>),
    /// Sends nothing.
    Silence,
    /// Closes the connection.
    Close,
    /// Sends these bytes, then closes.
    Last(Vec<u8>),
}

/// A Modbus TCP request as a device sees it.
#[derive(Clone, Debug)]
pub struct Request {
    pub transaction: [u8; 2],
    pub unit: u8,
    pub pdu: Vec<u8>,
}

impl Request {
    /// A well-formed frame around `pdu`.
    pub fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        let mut frame = self.transaction.to_vec();
        frame.extend([0, 0]);
        frame.extend((pdu.len() as u16 + 1).to_be_bytes());
        frame.push(self.unit);
        frame.extend_from_slice(pdu);
        frame
    }

    /// The answer to a read: each register holds its address.
    pub fn addresses(&self) -> Vec<u8> {
        let word = |at: usize| u16::from_be_bytes([self.pdu[at], self.pdu[at + 1]]);
        let mut pdu = vec![self.pdu[0], (word(3) * 2) as u8];
        pdu.extend((word(1)..word(1) + word(3)).flat_map(u16::to_be_bytes));
        self.frame(&pdu)
    }

    pub fn exception(&self, code: u8) -> Vec<u8> {
        self.frame(&[self.pdu[0] | 0x80, code])
    }
}

/// A scripted Modbus TCP device.
pub struct Device {
    pub port: u16,
    pub requests: Arc<Mutex<Vec<Request>>>,
    pub connections: Arc<Mutex<u32>>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Device {
    pub async fn start(answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Device {
        Device::start_on(0, answer).await
    }

    pub async fn start_on(port: u16, answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Device {
        let listener = listen(port);
        let device = Device {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            connections: Arc::default(),
            tasks: Arc::default(),
        };
        let accept = accept(
            listener,
            device.requests.clone(),
            device.connections.clone(),
            device.tasks.clone(),
            Arc::new(Mutex::new(answer)),
        );
        device.tasks.lock().unwrap().push(tokio::spawn(accept));
        device
    }

    /// Requests that unit `unit` got.
    pub fn asked(&self, unit: u8) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.unit == unit).count()
    }

    pub fn connected(&self) -> u32 {
        *self.connections.lock().unwrap()
    }

    /// Pulls the plug: connections end, nobody listens.
    pub async fn stop(self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

async fn accept<F: FnMut(&Request) -> Answer + Send + 'static>(
    listener: TcpListener,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<Mutex<u32>>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
    answer: Arc<Mutex<F>>,
) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        *connections.lock().unwrap() += 1;
        let (requests, answer) = (requests.clone(), answer.clone());
        let serve = async move {
            let mut header = [0u8; 7];
            while stream.read_exact(&mut header).await.is_ok() {
                let mut pdu = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]])) - 1];
                if stream.read_exact(&mut pdu).await.is_err() {
                    return;
                }
                let request = Request { transaction: [header[0], header[1]], unit: header[6], pdu };
                requests.lock().unwrap().push(request.clone());
                let answer = (answer.lock().unwrap())(&request);
                match answer {
                    Answer::Bytes(bytes) => {
                        let _ = stream.write_all(&bytes).await;
                    }
                    Answer::Last(bytes) => {
                        let _ = stream.write_all(&bytes).await;
                        return;
                    }
                    Answer::Silence => {}
                    Answer::Close => return,
                }
            }
        };
        tasks.lock().unwrap().push(tokio::spawn(serve));
    }
}

/// True when pymodbus can be used. In CI it must.
pub fn pymodbus_is_there() -> bool {
    let found = Command::new("python3")
        .args(["-c", "import pymodbus, serial"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    assert!(found || std::env::var_os("CI").is_none(), "install pymodbus and pyserial for python3");
    if !found {
        eprintln!("skipped: python3 has no pymodbus and pyserial");
    }
    found
}

/// A pymodbus device in its own process.
pub struct Peer {
    child: Child,
    /// Its port; 0 on a serial line.
    pub port: u16,
    _stdin: ChildStdin,
}

impl Peer {
    pub fn start(args: &[&str]) -> Peer {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/peer.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let stdin = child.stdin.take().unwrap();
        let port = if args[0] == "tcp" { line.trim().parse().expect("the peer printed its port") } else { 0 };
        Peer { child, port, _stdin: stdin }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
