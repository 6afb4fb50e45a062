//! A conversation in lines on a TCP socket or a serial line.

use super::gone_offline;
use super::pty::Port;
use crate::dialogue::{Conversation, Script};
use crate::error::SimulatorError;
use crate::fake::{Fake, Fault};
use bo_model::driver::Framing;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const MAX_CLIENTS: usize = 16;

/// Longer lines are not lines.
const MAX_LINE: usize = 4096;

/// A device with its script.
#[derive(Clone)]
pub struct Speaker {
    fake: Fake,
    script: Arc<Script>,
    delimiter: Vec<u8>,
}

impl Speaker {
    pub fn of(fake: &Fake) -> Result<Speaker, SimulatorError> {
        let driver = || fake.manifest().driver.name.clone();
        let script =
            Script::of(fake).map_err(|problem| SimulatorError::Simulate { driver: driver(), problem })?;
        let delimiter = match &fake.manifest().link.framing {
            Some(Framing::Delimiter(text)) if !text.is_empty() => text.as_bytes().to_vec(),
            _ => {
                let problem = "a dialogue needs [link] framing = { delimiter = … }".to_owned();
                return Err(SimulatorError::Simulate { driver: driver(), problem });
            }
        };
        Ok(Speaker { fake: fake.clone(), script: Arc::new(script), delimiter })
    }

    fn framed(&self, line: &str) -> Vec<u8> {
        let mut bytes = line.as_bytes().to_vec();
        if self.fake.fault() == Fault::Garbage {
            bytes.iter_mut().for_each(|byte| *byte = (*byte ^ 0x15) | 0x20);
        }
        bytes.extend(&self.delimiter);
        bytes
    }

    fn open(&self) -> (Conversation, Option<String>) {
        Conversation::open(&self.script, &self.fake, format!("{:08x}", rand::random::<u32>()))
    }

    /// What goes back for one line.
    async fn answer(&self, talk: &mut Conversation, line: &[u8]) -> Option<Vec<u8>> {
        match self.fake.fault() {
            Fault::Offline => return None,
            Fault::Slow(delay) => tokio::time::sleep(delay).await,
            _ => {}
        }
        let line = String::from_utf8_lossy(line);
        talk.line(&self.script, line.trim_matches(['\r', '\n'])).map(|reply| self.framed(&reply))
    }

    fn unasked(&self, talk: &mut Conversation) -> Vec<u8> {
        let lines = talk.unasked(&self.script);
        if self.fake.fault() == Fault::Offline {
            return Vec::new();
        }
        lines.iter().flat_map(|line| self.framed(line)).collect()
    }

    /// Takes the next whole line off what has come.
    fn next_line(&self, pending: &mut Vec<u8>) -> Option<Vec<u8>> {
        let at = pending.windows(self.delimiter.len()).position(|window| window == self.delimiter)?;
        let mut line: Vec<u8> = pending.drain(..at + self.delimiter.len()).collect();
        line.truncate(at);
        Some(line)
    }
}

pub async fn serve_tcp(listener: TcpListener, speaker: Speaker) {
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let offline = speaker.fake.fault() == Fault::Offline;
        if offline || clients.len() >= MAX_CLIENTS || stream.set_nodelay(true).is_err() {
            continue;
        }
        let speaker = speaker.clone();
        clients.spawn(async move {
            tokio::select! {
                _ = converse(stream, &speaker) => {}
                () = gone_offline(&speaker.fake) => {}
            }
        });
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    speaker: &Speaker,
) -> std::io::Result<()> {
    let (mut talk, greeting) = speaker.open();
    let mut changes = speaker.fake.changes();
    if let Some(greeting) = greeting {
        stream.write_all(&speaker.framed(&greeting)).await?;
    }
    let idle = speaker.script.idle().unwrap_or(Duration::from_secs(86_400));
    let mut hang_up = tokio::time::Instant::now() + idle;
    let (mut pending, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => {
                let count = read?;
                if count == 0 || pending.len() + count > MAX_LINE {
                    return Ok(());
                }
                pending.extend(&buffer[..count]);
                hang_up = tokio::time::Instant::now() + idle;
                while let Some(line) = speaker.next_line(&mut pending) {
                    if let Some(reply) = speaker.answer(&mut talk, &line).await {
                        stream.write_all(&reply).await?;
                    }
                }
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                stream.write_all(&speaker.unasked(&mut talk)).await?;
            }
            () = tokio::time::sleep_until(hang_up) => return Ok(()),
        }
    }
}

/// The same on a serial line, which has no connect and no end.
pub async fn serve_line(mut line: Port, speaker: Speaker) {
    let (mut talk, _) = speaker.open();
    let mut changes = speaker.fake.changes();
    let (mut pending, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        let out = tokio::select! {
            count = line.read(&mut buffer) => {
                if pending.len() + count > MAX_LINE {
                    pending.clear();
                }
                pending.extend(&buffer[..count]);
                let mut out = Vec::new();
                while let Some(line) = speaker.next_line(&mut pending) {
                    out.extend(speaker.answer(&mut talk, &line).await.unwrap_or_default());
                }
                out
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                speaker.unasked(&mut talk)
            }
        };
        if !out.is_empty() {
            line.write(&out).await;
        }
    }
}
