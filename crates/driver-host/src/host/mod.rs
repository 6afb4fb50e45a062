//! The host's side of the WIT world: what a component's imports do.

mod limits;
mod links;
mod publish;
mod system;
mod timers;

use crate::bindings::backoffice::driver as wit;
use crate::budget::{Budget, Verdict};
use crate::error::Fault;
use crate::links::Links;
use crate::sink::{Level, Sink};
use crate::stdio::Tail;
use bo_model::clock::SharedClock;
use bo_model::{DeviceId, Time};
pub(crate) use publish::{Statuses, to_wit};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use timers::Timers;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Longest wait a driver can ask for in one request.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Longest line of a log, in bytes.
const LONGEST_LINE: usize = 2048;
/// Lines a second in the long run, and at once.
const LOG_RATE: (u32, u32) = (10, 100);
/// Values a second in the long run.
pub(crate) const PUBLISH_RATE: u32 = 2000;
/// Filters a driver may subscribe.
const MOST_FILTERS: usize = 64;

/// What one device's instances share with the outside; survives a restart of the instance.
pub(crate) struct Outside {
    pub(crate) device: DeviceId,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: SharedClock,
    pub(crate) links: Links,
    /// Modbus unit address.
    pub(crate) unit: u8,
    /// Values of secret settings, struck out of everything that is shown.
    pub(crate) secrets: Vec<String>,
}

impl Outside {
    /// `text` without secrets, cut to one line's length.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "•••");
        }
        if text.len() > LONGEST_LINE {
            text.truncate(text.floor_char_boundary(LONGEST_LINE));
            text.push('…');
        }
        text
    }

    /// Writes to the device's log.
    pub(crate) fn log(&self, level: Level, message: &str) {
        self.sink.log(self.device, level, &self.redact(message));
    }
}

/// State of one instance: what its imports work on.
pub(crate) struct HostState {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) outside: Arc<Outside>,
    pub(crate) statuses: Statuses,
    pub(crate) timers: Timers,
    filters: Vec<String>,
    pub(crate) tail: Tail,
    memory_limit: usize,
    log_budget: Budget,
    publish_budget: Budget,
    /// Set when the driver waited for something: the tick that passed meanwhile is not its own.
    pub(crate) waited: bool,
    /// Ticks of computing in this call.
    pub(crate) ticks: u32,
    /// True while a command is carried out: its requests overtake polls.
    pub(crate) commanding: bool,
}

impl HostState {
    pub(crate) fn new(outside: Arc<Outside>, statuses: Statuses, memory_limit: usize) -> HostState {
        let tail = Tail::default();
        let wasi = WasiCtxBuilder::new()
            .stdout(tail.clone())
            .stderr(tail.clone())
            .allow_tcp(false)
            .allow_udp(false)
            // The system's own: a generator per instance would be 300 bytes that hardly any driver asks.
            .secure_random(UnwrapErr(SysRng))
            .wall_clock(GivenClock(outside.clock.clone()))
            .build();
        HostState {
            wasi,
            table: ResourceTable::new(),
            outside,
            statuses,
            timers: Timers::default(),
            filters: Vec::new(),
            tail,
            memory_limit,
            log_budget: Budget::new(LOG_RATE.0, LOG_RATE.1, 2_000),
            publish_budget: Budget::new(PUBLISH_RATE, PUBLISH_RATE * 5, 20_000),
            waited: false,
            ticks: 0,
            commanding: false,
        }
    }

    /// Whether the driver subscribed to this topic.
    pub(crate) fn wants(&self, topic: &str) -> bool {
        self.filters.iter().any(|filter| topic_matches(filter, topic))
    }

    /// How long a request may take that asks for `millis`.
    fn within(millis: u32) -> Duration {
        Duration::from_millis(millis.into()).clamp(Duration::from_millis(1), LONGEST_WAIT)
    }

    fn allow_publish(&mut self, count: usize) -> wasmtime::Result<bool> {
        match self.publish_budget.take(count, Instant::now()) {
            Verdict::Pass { dropped: 0 } => Ok(true),
            Verdict::Pass { dropped } => {
                self.outside.log(Level::Warning, &format!("{dropped} values dropped: too many at once"));
                Ok(true)
            }
            Verdict::Drop => Ok(false),
            Verdict::Flood => Err(wasmtime::Error::new(Fault::PublishFlood(PUBLISH_RATE))),
        }
    }
}

impl wit::types::Host for HostState {}

impl wit::host::Host for HostState {
    fn log(&mut self, level: wit::types::Level, message: String) -> wasmtime::Result<()> {
        match self.log_budget.take(1, Instant::now()) {
            Verdict::Pass { dropped } => {
                if dropped > 0 {
                    self.outside.log(Level::Warning, &format!("{dropped} lines dropped: too many at once"));
                }
                self.outside.log(level.into(), &message);
                Ok(())
            }
            Verdict::Drop => Ok(()),
            Verdict::Flood => Err(wasmtime::Error::new(Fault::LogFlood)),
        }
    }

    fn publish(&mut self, status: String, value: wit::types::Data) -> wasmtime::Result<()> {
        if self.allow_publish(1)? {
            let now = self.outside.clock.now();
            self.statuses.publish(&self.outside, &status, value, now);
        }
        Ok(())
    }

    fn publish_all(&mut self, values: Vec<(String, wit::types::Data)>) -> wasmtime::Result<()> {
        if self.allow_publish(values.len())? {
            let now = self.outside.clock.now();
            for (status, value) in values {
                self.statuses.publish(&self.outside, &status, value, now);
            }
        }
        Ok(())
    }

    fn publish_bad(&mut self, status: String, why: String) -> wasmtime::Result<()> {
        if self.allow_publish(1)? {
            let now = self.outside.clock.now();
            self.statuses.publish_bad(&self.outside, &status, &why, now);
        }
        Ok(())
    }

    fn set_timer(&mut self, id: u32, after_ms: u32, repeat: bool) {
        if !self.timers.set(id, Duration::from_millis(after_ms.into()), repeat, Instant::now()) {
            self.outside.log(Level::Warning, &format!("timer {id} is not set: too many timers"));
        }
    }

    fn cancel_timer(&mut self, id: u32) {
        self.timers.cancel(id);
    }

    fn now(&mut self) -> u64 {
        self.outside.clock.now().0.max(0) as u64
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl From<wit::types::Level> for Level {
    fn from(level: wit::types::Level) -> Level {
        match level {
            wit::types::Level::Debug => Level::Debug,
            wit::types::Level::Info => Level::Info,
            wit::types::Level::Warning => Level::Warning,
            wit::types::Level::Error => Level::Error,
        }
    }
}

/// The gateway's clock as the language runtimes see it.
struct GivenClock(SharedClock);

impl wasmtime_wasi::HostWallClock for GivenClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        self.0.now().since(Time(0))
    }
}

/// MQTT 3.1.1 §4.7: `+` is one level, `#` the rest; neither matches a topic that begins with `$`.
pub(crate) fn topic_matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (literal, Some(level)) if literal == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::topic_matches;

    #[test]
    fn filters_match_as_mqtt_says() {
        assert!(topic_matches("a/+/c", "a/b/c"));
        assert!(topic_matches("a/#", "a"));
        assert!(topic_matches("a/#", "a/b/c"));
        assert!(!topic_matches("a/+", "a"));
        assert!(!topic_matches("a/+", "a/b/c"));
        assert!(!topic_matches("#", "$SYS/uptime"));
        assert!(!topic_matches("a", "a/b"));
    }
}
