//! As little of an MQTT 3.1.1 client as a load needs: QoS 0 on a blocking socket, written in batches. A library
//! would cost more than what is measured.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// A connected client.
pub struct Client {
    socket: TcpStream,
    read: Vec<u8>,
    used: usize,
    write: Vec<u8>,
}

impl Client {
    /// Connects and subscribes.
    pub fn connect(port: u16, name: &str, filter: &str) -> Result<Client> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut client = Client { socket, read: Vec::new(), used: 0, write: Vec::new() };
        // Protocol name and level, clean session, no keep-alive, client id (§3.1).
        let mut connect = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
        text(&mut connect, name);
        client.packet(0x10, &connect);
        let mut subscribe = vec![0, 1];
        text(&mut subscribe, filter);
        subscribe.push(0);
        client.packet(0x82, &subscribe);
        client.flush()?;
        for expected in [0x20, 0x90] {
            let (kind, ..) = client.next()?.context("the broker does not answer")?;
            ensure!(kind == expected, "packet {kind:#x} instead of {expected:#x}");
        }
        Ok(client)
    }

    /// Puts a message into the next batch.
    pub fn publish(&mut self, topic: &str, payload: &str) {
        let mut body = Vec::with_capacity(topic.len() + payload.len() + 2);
        text(&mut body, topic);
        body.extend_from_slice(payload.as_bytes());
        self.packet(0x30, &body);
    }

    /// Writes the batch.
    pub fn flush(&mut self) -> Result<()> {
        self.socket.write_all(&self.write)?;
        self.write.clear();
        Ok(())
    }

    /// Waits for messages and hands out all that came: topic and payload. False when none came in time.
    pub fn receive(&mut self, mut take: impl FnMut(&str, &[u8])) -> Result<bool> {
        let Some((kind, from, to)) = self.next()? else { return Ok(false) };
        let mut packet = Some((kind, from, to));
        while let Some((kind, from, to)) = packet {
            if kind & 0xf0 == 0x30 {
                let body = &self.read[from..to];
                let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
                take(std::str::from_utf8(&body[2..2 + length])?, &body[2 + length..]);
            }
            packet = self.buffered()?;
        }
        Ok(true)
    }

    fn packet(&mut self, kind: u8, body: &[u8]) {
        self.write.push(kind);
        let mut rest = body.len();
        loop {
            let more = if rest > 127 { 0x80 } else { 0 };
            self.write.push((rest % 128) as u8 | more);
            rest /= 128;
            if rest == 0 {
                break;
            }
        }
        self.write.extend_from_slice(body);
    }

    /// Kind and place in the buffer of the next packet; `None` when none comes in time.
    fn next(&mut self) -> Result<Option<(u8, usize, usize)>> {
        loop {
            if let Some(packet) = self.buffered()? {
                return Ok(Some(packet));
            }
            self.read.drain(..self.used);
            self.used = 0;
            let mut chunk = [0; 65_536];
            match self.socket.read(&mut chunk) {
                Ok(0) => bail!("the broker closed the connection"),
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<(u8, usize, usize)>> {
        let rest = &self.read[self.used..];
        let (mut length, mut at) = (0usize, 1);
        loop {
            let Some(byte) = rest.get(at) else { return Ok(None) };
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
            ensure!(at < 5, "not MQTT");
        }
        if rest.len() < at + length {
            return Ok(None);
        }
        let (kind, from) = (rest[0], self.used + at);
        self.used = from + length;
        Ok(Some((kind, from, self.used)))
    }
}

fn text(into: &mut Vec<u8>, text: &str) {
    into.extend_from_slice(&(text.len() as u16).to_be_bytes());
    into.extend_from_slice(text.as_bytes());
}

/// Mosquitto as a process of its own, and its port.
pub fn mosquitto() -> Result<(bo_testkit::process::Process, u16, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let port = bo_testkit::free_port()?;
    let config = folder.path().join("mosquitto.conf");
    std::fs::write(
        &config,
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
        ),
    )?;
    let process =
        bo_testkit::process::Process::start("mosquitto", Command::new("mosquitto").arg("-c").arg(&config))?;
    bo_testkit::wait_for("mosquitto", Duration::from_secs(10), || {
        Ok(TcpStream::connect(("127.0.0.1", port)).ok())
    })?;
    Ok((process, port, folder))
}
