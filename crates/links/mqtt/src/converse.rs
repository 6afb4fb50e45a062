//! One connection with a broker, from its greeting to its end: what comes is passed on, what is given is written.

use crate::listeners::Listeners;
use crate::packets::{Broken, next_frame};
use crate::session::Heard;
use crate::shared::Shared;
use crate::task::{Line, WRITE_WITHIN, send};
use crate::terms::Terms;
use bo_link::{MqttMessage, Reporter};
use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

/// How often it is looked, before a write, whether more came meanwhile, whose answers can go with it: a write costs as much as several
/// messages. Only where several came at once; a message that comes alone is answered at once.
const GATHER: usize = 4;

/// What came over one connection, and when.
struct Ear<'a> {
    shared: &'a Shared,
    listeners: &'a Listeners,
    reporter: &'a mut Reporter,
    stamp: &'a mut u64,
    messages: Vec<MqttMessage>,
    /// When something came last.
    heard: Instant,
    /// Whether the broker was asked since if it is still there.
    asked: bool,
    /// Messages that came with the last read.
    crowd: usize,
}

impl Ear<'_> {
    /// Passes on what was read: `count` bytes of it are new.
    fn hear(&mut self, read: &mut BytesMut, count: std::io::Result<usize>) -> Result<(), Broken> {
        if count.map_err(Broken::off)? == 0 {
            return Err(Broken::off("closed by the broker"));
        }
        (self.heard, self.asked) = (Instant::now(), false);
        self.reporter.proved();
        let mut failed = take(read, self.shared, &mut self.messages)? as u64;
        self.crowd = self.messages.len();
        for message in self.messages.drain(..) {
            *self.stamp += 1;
            failed += self.listeners.deliver(&message, *self.stamp);
        }
        for _ in 0..failed {
            self.reporter.failed();
        }
        read.reserve(16 * 1024);
        Ok(())
    }
}

/// One connection, until it ends. Returns why.
pub(crate) async fn converse(
    line: &mut Line,
    shared: &Shared,
    listeners: &Listeners,
    reporter: &mut Reporter,
    stamp: &mut u64,
) -> Result<std::convert::Infallible, Broken> {
    let Line { connection, read, terms: Terms { keep_alive, .. }, .. } = line;
    let quiet = tokio::time::sleep(*keep_alive / 2);
    tokio::pin!(quiet);
    let (heard, messages) = (Instant::now(), Vec::new());
    let mut wrote = heard;
    let mut ear = Ear { shared, listeners, reporter, stamp, messages, heard, asked: false, crowd: 0 };
    loop {
        let mut gathered = 0;
        while shared.has_unwritten() {
            if ear.crowd > 1 && gathered < GATHER {
                gathered += 1;
                // The runtime looks at its sockets before it comes back here.
                tokio::task::yield_now().await;
                tokio::select! {
                    biased;
                    count = connection.read_buf(read) => {
                        ear.hear(read, count)?;
                        continue;
                    }
                    () = std::future::ready(()) => {}
                }
            }
            let Some((bytes, written)) = shared.unwritten() else { break };
            timeout(WRITE_WITHIN, send(connection, &bytes))
                .await
                .map_err(|_| Broken::off("the broker takes no more bytes"))?
                .map_err(Broken::off)?;
            written.into_iter().for_each(|job| job.answer(Ok(())));
            wrote = Instant::now();
        }
        shared.refusals.tell(ear.reporter);
        tokio::select! {
            count = connection.read_buf(read) => ear.hear(read, count)?,
            () = shared.write.notified() => {}
            () = quiet.as_mut() => {
                // Moved only when it is over: most of the time something came meanwhile.
                let quiet_until = ear.heard.min(wrote) + *keep_alive / if ear.asked { 1 } else { 2 };
                if quiet_until > Instant::now() {
                    quiet.as_mut().reset(quiet_until);
                    continue;
                }
                if ear.asked {
                    return Err(Broken::off("the broker does not answer any more"));
                }
                ear.asked = true;
                quiet.as_mut().reset(Instant::now() + *keep_alive / 2);
                if let Ok(session) = &mut *shared.lock() {
                    session.ping();
                }
            }
        }
    }
}

/// Takes every whole packet that was read. Returns how many subscriptions were refused.
fn take(read: &mut BytesMut, shared: &Shared, messages: &mut Vec<MqttMessage>) -> Result<usize, Broken> {
    let mut refused = 0;
    match &mut *shared.lock() {
        Err(why) => return Err(Broken::off(why)),
        Ok(session) => {
            while let Some(frame) = next_frame(read)? {
                match session.hear(frame)? {
                    Heard::Message(message) => messages.push(message),
                    Heard::Refused(filters) => refused += shared.refusals.note(filters),
                    Heard::Proof => {}
                }
            }
        }
    }
    Ok(refused)
}
