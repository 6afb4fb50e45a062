//! Whether a device with a component is there, and where what its driver publishes goes.
//!
//! A serial port opens and an HTTP address resolves though nobody is behind: what counts is whether requests are answered.

use super::super::DeviceContext;
use super::super::both::Parts;
use crate::board::Recorder;
use bo_driver_host::{DeviceState, Level, Sink};
use bo_model::{DeviceId, Reason, Value};
use bo_wire::{Body, Class, LogLevel, LogLine};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Requests in a row without an answer that make a device offline. More than for reads of a profile: drivers ask things that some
/// models of a device do not answer.
const SILENT: u32 = 3;
/// How often an answer proves the device anew.
const PROVED_EVERY: Duration = Duration::from_secs(1);

/// How a device answered its driver so far. Pure.
#[derive(Debug, Default)]
pub(super) struct Answers {
    misses: u32,
    away: bool,
    proved: Option<Instant>,
}

impl Answers {
    /// Takes one outcome; true when it is news for the presence. One that never answered has no credit.
    fn note(&mut self, answered: bool, now: Instant) -> bool {
        if !answered {
            self.misses = self.misses.saturating_add(1);
            let gone = self.misses >= SILENT || self.proved.is_none();
            return gone && !std::mem::replace(&mut self.away, true);
        }
        self.misses = 0;
        let back = std::mem::take(&mut self.away);
        let news = back || self.proved.is_none_or(|proved| now - proved >= PROVED_EVERY);
        if news {
            self.proved = Some(now);
        }
        news
    }
}

/// Variables the component answers for become bad.
fn fail(context: &DeviceContext, parts: Option<&Parts>, reason: &Reason) {
    let Some(parts) = parts else { return context.board.fail_device(&context.slots, reason) };
    let mut update = context.board.update();
    let now = update.now();
    for slot in &parts.component {
        update.set(*slot, Value::bad(reason.clone(), now));
    }
}

/// The device answers when its driver runs, its link is there, and its requests are not in vain; beside a profile, the
/// profile's reads tell.
pub(super) struct Presence {
    pub(super) context: DeviceContext,
    pub(super) parts: Option<Arc<Parts>>,
    pub(super) running: bool,
    /// Why the driver failed, until it runs again.
    pub(super) fault: Option<Arc<str>>,
    pub(super) connected: bool,
    /// Whether it answers; `None` while nobody knows.
    pub(super) heard: Option<bool>,
}

impl Presence {
    pub(super) fn takes(&mut self, state: &DeviceState) {
        self.running = *state == DeviceState::Running;
        match state {
            DeviceState::Faulted { fault, .. } => self.fault = Some(fault.to_string().into()),
            DeviceState::Running => self.fault = None,
            DeviceState::Starting | DeviceState::Stopped => {}
        }
    }

    pub(super) fn hears(&mut self, answers: &Answers) {
        self.heard = Some(!answers.away);
    }

    pub(super) fn show(&self) {
        let answers = self.heard != Some(false);
        // A driver that failed, or a link that is down, is known without an answer.
        let known = self.heard.is_some() || !self.running || !self.connected;
        if self.parts.is_none() && known {
            let online = self.running && self.connected && answers;
            self.context.board.set_online(&self.context.slots, online);
        }
        // A driver that failed says more than a link that is down.
        match &self.fault {
            Some(why) => {
                let reason = Reason::DriverFault(why.clone());
                fail(&self.context, self.parts.as_deref(), &reason);
            }
            None if !self.connected => fail(&self.context, self.parts.as_deref(), &Reason::Offline),
            // What its driver has a reason of its own for keeps that.
            None if !answers && self.parts.is_none() => self.fade(),
            None => {}
        }
    }

    /// Values that are still good are not confirmed any more.
    fn fade(&self) {
        let slots = &self.context.slots;
        let mut update = self.context.board.update();
        let now = update.now();
        for slot in slots.status() {
            if update.is_good(slot) {
                update.set(slot, Value::bad(Reason::Offline, now));
            }
        }
    }
}

/// Takes what a driver publishes and says.
pub(super) struct BoardSink {
    pub(super) context: DeviceContext,
    pub(super) record: Recorder,
    pub(super) state: watch::Sender<DeviceState>,
    pub(super) answers: watch::Sender<Answers>,
    pub(super) parts: Option<Arc<Parts>>,
}

impl Sink for BoardSink {
    fn publish(&self, _: DeviceId, status: &Arc<str>, value: Value) {
        if let Some(slot) = self.context.slots.slot(status) {
            self.context.board.set(slot, value);
        }
    }

    fn state(&self, _: DeviceId, state: DeviceState) {
        if let DeviceState::Faulted { fault, .. } = &state {
            let why = fault.to_string();
            tracing::warn!(device = %self.context.site.address, %why, "the driver failed");
            fail(&self.context, self.parts.as_deref(), &Reason::DriverFault(why.into()));
        }
        self.state.send_replace(state);
    }

    fn answered(&self, _: DeviceId, answered: bool) {
        self.answers.send_if_modified(|so_far| so_far.note(answered, Instant::now()));
    }

    fn log(&self, device: DeviceId, level: Level, message: &str) {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warning => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let line = LogLine { device: Some(device), level, text: message.to_owned() };
        (self.record)(Class::Log, self.context.clock.now(), &Body::Log(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_requests_in_vain_are_absence_and_one_answer_is_presence() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        assert!(answers.note(true, now), "the first answer is news");
        assert!(!answers.note(true, now), "the next at once is none");
        assert!(!answers.note(false, now) && !answers.note(false, now));
        assert!(!answers.note(true, now), "it was never away");
        let lost: Vec<bool> = (0..5).map(|_| answers.note(false, now)).collect();
        assert_eq!(lost, [false, false, true, false, false], "told once");
        assert!(answers.note(true, now));
        assert!(answers.note(true, now + PROVED_EVERY), "a device is proved again and again");
        assert!(Answers::default().note(false, now), "one that never answered has no credit");
    }
}
