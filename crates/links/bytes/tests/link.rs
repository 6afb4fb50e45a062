//! Byte links over TCP, UDP and a serial port, with peers that greet, chatter, stall and go away.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod support;

use bo_link::{BytesOp, BytesReply, LinkError, LinkState, Urgency};
use bo_link_bytes::{ConfigError, Event, spawn};
use bo_model::driver::Framing;
use bo_model::release::{Direction, LinkConfig, SerialLine};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use support::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UdpSocket};
use tokio_serial::SerialPortBuilderExt;

/// Greets, then answers each line `x` with `x!`; `quiet` is never answered, `bye` ends the connection, `twice` is
/// answered twice.
async fn speaker(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.split();
        write.write_all(b"hello\r").await.unwrap();
        let mut read = BufReader::new(read);
        let mut line = Vec::new();
        while read.read_until(b'\r', &mut line).await.is_ok_and(|count| count > 0) {
            let answer = match line.as_slice() {
                b"quiet\r" => String::new(),
                b"bye\r" => break,
                b"twice\r" => "one\rtwo\r".into(),
                other => format!("{}!\r", String::from_utf8_lossy(&other[..other.len() - 1])),
            };
            // In two pieces, as networks do.
            let (first, second) = answer.split_at(answer.len() / 2);
            write.write_all(first.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
            write.write_all(second.as_bytes()).await.unwrap();
            line.clear();
        }
    }
}

#[tokio::test]
async fn a_greeting_goes_to_the_subscribers_and_a_reply_to_its_asker() {
    let listener = listen(0);
    let config = tcp(listener.local_addr().unwrap().port(), None);
    let server = tokio::spawn(speaker(listener));
    let mut link = link(&config, &lines());
    assert_eq!(event(&mut link.events).await, Event::Connected);
    assert_eq!(event(&mut link.events).await, Event::Frame("hello".into()));
    assert_eq!(ask(&link.handle, "power").await, Ok("power!".into()));
    assert_eq!(ask(&link.handle, "twice").await, Ok("one".into()));
    assert_eq!(event(&mut link.events).await, Event::Frame("two".into()), "what nobody asked for");
    let quiet = BytesOp::Exchange("quiet".into());
    let silent = link.handle.call(quiet, Urgency::Command, Duration::from_millis(100)).await;
    assert_eq!(silent, Err(LinkError::Timeout));
    assert_eq!(ask(&link.handle, "input").await, Ok("input!".into()), "one lost reply blocks nobody");
    let forged = BytesOp::Send("power\ropen door".into());
    let refused = link.handle.call(forged, Urgency::Command, PATIENCE).await;
    assert!(matches!(refused, Err(LinkError::Invalid(_))), "{refused:?}");
    server.abort();
}

#[tokio::test]
async fn a_new_connection_brings_a_new_greeting_when_asked_for_and_after_a_cut() {
    let listener = listen(0);
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(speaker(listener));
    let mut link = link(&tcp(port, None), &lines());
    event(&mut link.events).await;
    event(&mut link.events).await;
    let sent = link.handle.call(BytesOp::Reconnect, Urgency::Command, PATIENCE).await;
    assert_eq!(sent, Ok(BytesReply::Sent));
    assert!(matches!(event(&mut link.events).await, Event::Disconnected(_)));
    assert_eq!(event(&mut link.events).await, Event::Connected);
    assert_eq!(event(&mut link.events).await, Event::Frame("hello".into()));

    let cut = link.handle.call(BytesOp::Exchange("bye".into()), Urgency::Command, PATIENCE).await;
    assert_eq!(cut, Err(LinkError::Offline("closed by the peer".into())));
    assert!(matches!(event(&mut link.events).await, Event::Disconnected(_)));
    assert_eq!(event(&mut link.events).await, Event::Connected);
    event(&mut link.events).await;

    server.abort();
    let _ = server.await;
    state(&link.handle, |state| matches!(state, LinkState::Down(why) if why.contains("refused"))).await;
    let offline = link.handle.call(BytesOp::Send("x".into()), Urgency::Poll, PATIENCE).await;
    assert!(matches!(offline, Err(LinkError::Offline(_))), "{offline:?}");
    let server = tokio::spawn(speaker(listen(port)));
    assert_eq!(until_it_answers(&link.handle, "again").await, "again!");
    assert!(link.handle.health().borrow().connects >= 4);
    server.abort();
}

#[tokio::test]
async fn a_peer_without_frame_ends_is_cut_off_before_it_fills_the_memory() {
    let listener = listen(0);
    let config = tcp(listener.local_addr().unwrap().port(), None);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let link = link(&config, &lines());
    let why = state(&link.handle, |state| matches!(state, LinkState::Down(_))).await;
    assert!(format!("{why:?}").contains("is the framing right?"), "{why:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_pause_ends_a_frame_where_a_device_has_no_other_end() {
    let listener = listen(0);
    let config = tcp(listener.local_addr().unwrap().port(), None);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0u8; 3];
        stream.read_exact(&mut request).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&[1, 2]).await.unwrap();
        stream.write_all(&[3]).await.unwrap();
        stream.read_u8().await.unwrap_or_default()
    });
    let link = link(&config, &Framing::Silence(300));
    let op = BytesOp::Exchange(Bytes::from_static(&[9, 9, 9]));
    let reply = link.handle.call(op, Urgency::Command, PATIENCE).await;
    assert_eq!(reply, Ok(BytesReply::Frame(Bytes::from_static(&[1, 2, 3]))));
    drop(link);
    server.await.unwrap();
}

#[tokio::test]
async fn each_datagram_is_a_frame() {
    let device = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = device.local_addr().unwrap().port();
    let config = LinkConfig::Udp { host: "127.0.0.1".into(), port: Some(port) };
    let server = tokio::spawn(async move {
        let mut buffer = [0u8; 100];
        let (count, from) = device.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..count], b"status\r");
        device.send_to(b"without end", from).await.unwrap();
        device.send_to(b"with end\r", from).await.unwrap();
        device
    });
    let mut link = link(&config, &lines());
    assert_eq!(ask(&link.handle, "status").await, Ok("without end".into()));
    assert_eq!(event(&mut link.events).await, Event::Connected);
    assert_eq!(event(&mut link.events).await, Event::Frame("with end".into()));
    server.await.unwrap();
}

fn serial(path: &std::path::Path) -> LinkConfig {
    LinkConfig::Serial { line: SerialLine::new(path, 9600) }
}

/// Answers each line with itself and an exclamation mark.
async fn switcher(path: std::path::PathBuf) {
    let mut port =
        BufReader::new(tokio_serial::new(path.to_string_lossy(), 9600).open_native_async().unwrap());
    let mut line = Vec::new();
    while port.read_until(b'\r', &mut line).await.is_ok_and(|count| count > 0) {
        line.pop();
        line.extend_from_slice(b"!\r");
        if port.write_all(&line).await.is_err() {
            return;
        }
        line.clear();
    }
}

#[tokio::test]
async fn a_serial_port_is_opened_again_after_it_was_unplugged() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::plug(folder.path()).await;
    let device = tokio::spawn(switcher(pty.theirs.clone()));
    let link = link(&serial(&pty.ours), &lines());
    assert_eq!(ask(&link.handle, "1*2!").await, Ok("1*2!!".into()));
    pty.unplug();
    state(&link.handle, |state| matches!(state, LinkState::Down(_))).await;
    device.abort();
    let offline = link.handle.call(BytesOp::Send("x".into()), Urgency::Poll, PATIENCE).await;
    assert!(matches!(offline, Err(LinkError::Offline(_))), "{offline:?}");
    let pty = Pty::plug(folder.path()).await;
    let device = tokio::spawn(switcher(pty.theirs.clone()));
    assert_eq!(until_it_answers(&link.handle, "again").await, "again!");
    device.abort();
}

#[tokio::test]
async fn a_port_that_cannot_turn_rs_485_round_says_so_instead_of_staying_silent() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::plug(folder.path()).await;
    for (direction, part) in [
        (Direction::Kernel, "can't turn RS-485 round (`direction = \"kernel\"`)"),
        (Direction::Rts, "no RTS line to turn RS-485 round with"),
    ] {
        let line = SerialLine { direction, ..SerialLine::new(&pty.ours, 9600) };
        let link = link(&LinkConfig::Serial { line }, &lines());
        let state = state(&link.handle, |state| matches!(state, LinkState::Down(_))).await;
        let LinkState::Down(why) = state else { unreachable!() };
        assert!(why.contains(part), "{why}");
    }
}

#[tokio::test]
async fn configurations_that_cannot_work_are_refused_before_anything_is_tried() {
    let start = |config: &LinkConfig, framing: &Framing, port| {
        let clock = Arc::new(bo_model::SystemClock);
        spawn(config, Some(framing), port, clock, &bo_runtime::Shutdown::new()).map(drop)
    };
    let no_port = LinkConfig::Tcp { host: "display".into(), port: None, tls: None };
    let error = start(&no_port, &lines(), None).unwrap_err().to_string();
    assert!(error.contains("display") && error.contains("port"), "{error}");
    start(&no_port, &lines(), Some(4352)).unwrap();
    assert!(matches!(start(&LinkConfig::MqttEmbedded, &lines(), None), Err(ConfigError::NotBytes)));
    assert!(matches!(start(&no_port, &Framing::Delimiter("".into()), Some(1)), Err(ConfigError::Framing(_))));
    let mut line = serial(std::path::Path::new("/dev/ttyUSB0"));
    if let LinkConfig::Serial { line } = &mut line {
        line.data_bits = 9;
    }
    assert!(start(&line, &lines(), None).unwrap_err().to_string().contains("data_bits must be 5 to 8"));
}
