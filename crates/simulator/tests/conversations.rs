//! Devices that converse in text, made from the shipped drivers' manifests, at the other end of a real wire.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use bo_simulator::{Address, Fake, Fault, Place, Running, start};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_serial::SerialPortBuilderExt;

fn fake(name: &str, settings: Json) -> Fake {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers").join(name);
    Fake::from_folder(name, &folder, serde_json::from_value(settings).unwrap()).unwrap()
}

/// A client that speaks lines.
struct Client<S> {
    stream: BufReader<S>,
    delimiter: &'static str,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(stream: S, delimiter: &'static str) -> Client<S> {
        Client { stream: BufReader::new(stream), delimiter }
    }

    async fn line(&mut self) -> String {
        let last = *self.delimiter.as_bytes().last().unwrap();
        let mut line = Vec::new();
        let read = self.stream.read_until(last, &mut line);
        tokio::time::timeout(Duration::from_secs(10), read).await.expect("a line in time").unwrap();
        String::from_utf8_lossy(&line).trim_end_matches(self.delimiter).to_owned()
    }

    async fn ask(&mut self, line: &str) -> String {
        self.stream.write_all(format!("{line}{}", self.delimiter).as_bytes()).await.unwrap();
        self.line().await
    }
}

async fn display(password: &str) -> (Fake, Running, Client<TcpStream>) {
    let fake = fake("pjlink-display", json!({ "password": password }));
    let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
    let running = start(&place, std::slice::from_ref(&fake)).await.unwrap();
    let Address::Tcp(address) = running.address else { panic!("not a socket") };
    let client = Client::new(TcpStream::connect(address).await.unwrap(), "\r");
    (fake, running, client)
}

#[tokio::test]
async fn a_display_wants_its_password_and_warms_up() {
    use md5::{Digest, Md5};
    let (fake, running, mut client) = display("panel-demo").await;
    let greeting = client.line().await;
    let nonce = greeting.strip_prefix("PJLINK 1 ").expect("a greeting with a random number");
    assert_eq!(nonce.len(), 8);
    assert_eq!(client.ask("%1POWR ?").await, "PJLINK ERRA");
    let digest = hex::encode(Md5::digest(format!("{nonce}panel-demo").as_bytes()));
    assert_eq!(client.ask(&format!("{digest}%1POWR ?")).await, "%1POWR=0");
    assert_eq!(client.ask("%1INPT 31").await, "%1INPT=ERR3", "it is off");
    assert_eq!(client.ask("%1POWR 1").await, "%1POWR=OK");
    assert_eq!(client.ask("%1POWR ?").await, "%1POWR=3");
    assert_eq!(client.ask("%1POWR 0").await, "%1POWR=ERR3", "not while it warms up");
    fake.set("power", "on");
    assert_eq!(client.ask("%1INPT 32").await, "%1INPT=OK");
    assert_eq!(client.ask("%1INPT ?").await, "%1INPT=32");
    assert_eq!(client.ask("%1INPT 99").await, "%1INPT=ERR2");
    assert_eq!(client.ask("%1AVMT 31").await, "%1AVMT=OK");
    assert!(fake.truth("mute"));
    assert_eq!(client.ask("%1LAMP ?").await, "%1LAMP=1840 1");
    assert_eq!(client.ask("%1ERST ?").await, "%1ERST=000000");
    assert_eq!(client.ask("%1XXXX ?").await, "%1XXXX=ERR1");
    running.stop().await;
}

#[tokio::test]
async fn a_display_that_loses_power_hangs_up() {
    let (fake, running, mut client) = display("").await;
    assert_eq!(client.line().await, "PJLINK 0");
    fake.set_fault(Fault::Offline);
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), client.stream.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the connection ends");
    running.stop().await;
}

#[tokio::test]
async fn a_switcher_on_a_serial_port_tells_what_is_pressed_at_its_front() {
    let fake = fake("av-switcher", json!({}));
    let running = start(&Place::Serial { baud: None }, std::slice::from_ref(&fake)).await.unwrap();
    let Address::Serial(path) = &running.address else { panic!("not a serial port") };
    let port = tokio_serial::new(path.to_string_lossy(), 9600).open_native_async().unwrap();
    let mut client = Client::new(port, "\r\n");
    assert_eq!(client.ask("INFO?").await, "INFO 8 2 1.04");
    assert_eq!(client.ask("ROUTE 2 5").await, "ROUTE 2 5");
    assert_eq!(client.ask("ROUTE? 2").await, "ROUTE 2 5");
    assert_eq!(client.ask("MUTE 1 1").await, "MUTE 1 1");
    assert_eq!(client.ask("MUTE? 1").await, "MUTE 1 1");
    assert_eq!(client.ask("ROUTE 9 1").await, "ERR 2");
    assert_eq!(client.ask("HELLO").await, "ERR 1");
    fake.set("output_1", 4);
    assert_eq!(client.line().await, "ROUTE 1 4", "told unasked");

    // The cable is pulled and put back: a client that comes again is served again.
    drop(client);
    let port = loop {
        match tokio_serial::new(path.to_string_lossy(), 9600).open_native_async() {
            Ok(port) => break port,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let mut client = Client::new(port, "\r\n");
    assert_eq!(client.ask("ROUTE? 1").await, "ROUTE 1 4");

    // Waiting for a client costs nothing: the processor time of this process stands.
    drop(client);
    let before = processor_time();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let spent = processor_time() - before;
    assert!(spent <= 15, "{spent} hundredths of a second spent on half a second of silence");
    running.stop().await;
}

/// Processor time of this process, user and system, in ticks of a hundredth of a second (proc(5)).
fn processor_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn a_relay_with_a_web_interface_is_switched_and_answers_what_it_does_not_know_with_404() {
    let fake = fake("shelly-relay", json!({}));
    let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
    let running = start(&place, std::slice::from_ref(&fake)).await.unwrap();
    let Address::Tcp(address) = running.address else { panic!("not a socket") };
    let ask = async |request: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n");
    let state = ask(get("/rpc/Switch.GetStatus?id=0")).await;
    assert!(state.starts_with("HTTP/1.1 200") && state.contains("\"output\":false"), "{state}");
    let body = r#"{"id":1,"method":"Switch.Set","params":{"id":0,"on":true}}"#;
    let switch = format!(
        "POST /rpc HTTP/1.1\r\nhost: relay\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(ask(switch).await.contains("was_on"));
    assert_eq!(fake.get("on"), Some(json!(true)));
    assert!(ask(get("/rpc/Switch.GetStatus?id=0")).await.contains("\"apower\":60.5"));
    assert!(ask(get("/settings")).await.starts_with("HTTP/1.1 404"));
    running.stop().await;
}
