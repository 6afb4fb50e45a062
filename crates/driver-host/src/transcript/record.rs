//! The other direction: a conversation with a real device, written down as a transcript. The recorder stands
//! between the driver and its link, and is its sink.

use super::escape;
use super::text::{spelled, words};
use crate::device::Event;
use crate::error::CommandError;
use crate::sink::{DeviceState, Level, Sink};
use bo_link::{
    BytesOp, BytesReply, Handle, HttpReply, HttpRequest, LinkError, ModbusOp, ModbusReply, MqttOp, queue,
};
use bo_model::settings::Values;
use bo_model::{DeviceId, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A pause longer than this is one: what the device shows is written down, and a `wait`.
const PAUSE: Duration = Duration::from_millis(300);

/// Writes a conversation down.
pub struct Recorder(Mutex<Script>);

struct Script {
    text: String,
    last: Option<Instant>,
    shown: BTreeMap<String, Value>,
    changed: BTreeMap<String, Value>,
    /// The command in progress, its outcome not known yet.
    command: Option<String>,
    /// Lines of the conversation since it began.
    since: Vec<String>,
}

impl Recorder {
    /// Nothing written yet but the settings.
    pub fn new(settings: &Values) -> Arc<Recorder> {
        let settings = serde_json::to_string(settings).unwrap_or_default();
        Arc::new(Recorder(Mutex::new(Script {
            text: format!("settings {settings}\n"),
            last: None,
            shown: BTreeMap::new(),
            changed: BTreeMap::new(),
            command: None,
            since: Vec::new(),
        })))
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, line: String) {
        self.script().line(line);
    }

    /// A link the driver can be given in place of `link`. It needs a Tokio runtime.
    pub fn bytes(self: &Arc<Self>, link: Handle<BytesOp, BytesReply>) -> Handle<BytesOp, BytesReply> {
        self.between(link, |op, reply| match (op, reply) {
            (BytesOp::Reconnect, _) => vec!["reconnect".into()],
            (BytesOp::Send(frame), _) => vec![format!("send {}", escape(frame))],
            (BytesOp::Exchange(frame), Ok(BytesReply::Frame(reply))) => {
                vec![format!("send {}", escape(frame)), format!("reply {}", escape(reply))]
            }
            (BytesOp::Exchange(frame), _) => vec![format!("send {}", escape(frame))],
        })
    }

    /// See [`Recorder::bytes`].
    pub fn modbus(self: &Arc<Self>, link: Handle<ModbusOp, ModbusReply>) -> Handle<ModbusOp, ModbusReply> {
        self.between(link, |op, reply| vec![transaction(op, reply)])
    }

    /// See [`Recorder::bytes`].
    pub fn mqtt(self: &Arc<Self>, link: Handle<MqttOp, ()>) -> Handle<MqttOp, ()> {
        self.between(link, |op, _| match op {
            MqttOp::Subscribe(filter) => vec![format!("subscribe {filter}")],
            MqttOp::Publish(message) => {
                vec![format!("publish {} {}", message.topic, escape(&message.payload))]
            }
        })
    }

    /// See [`Recorder::bytes`]. What a request is signed with is not written down.
    pub fn http(self: &Arc<Self>, link: Handle<HttpRequest, HttpReply>) -> Handle<HttpRequest, HttpReply> {
        self.between(link, exchange)
    }

    fn between<Op, Reply>(
        self: &Arc<Self>,
        link: Handle<Op, Reply>,
        spell: fn(&Op, &Result<Reply, LinkError>) -> Vec<String>,
    ) -> Handle<Op, Reply>
    where
        Op: Clone + Send + 'static,
        Reply: Send + 'static,
    {
        let (handle, mut inbox, health) = queue::<Op, Reply>(64);
        let recorder = self.clone();
        tokio::spawn(async move {
            let _health = health;
            while let Some(job) = inbox.next().await {
                let began = Instant::now();
                let within = job.deadline().saturating_duration_since(began);
                let reply = link.call(job.op.clone(), bo_link::Urgency::Command, within).await;
                let lines = spell(&job.op, &reply);
                recorder.script().pause(began);
                for line in lines {
                    recorder.line(line);
                }
                job.answer(reply);
            }
        });
        handle
    }

    /// Something happened on the link.
    pub fn tell(&self, event: &Event) {
        let line = match event {
            Event::Connected => "connect".into(),
            Event::Disconnected => "disconnect".into(),
            Event::Frame(frame) => format!("recv {}", escape(frame)),
            Event::Message(message) => {
                let word = if message.retain { "retained" } else { "message" };
                format!("{word} {} {}", message.topic, escape(&message.payload))
            }
            Event::Input { device, name, value } => {
                format!("value {device}.{name} = {}", value.data.to_json())
            }
        };
        self.script().pause(Instant::now());
        self.line(line);
    }

    /// A command begins.
    pub fn command(&self, name: &str, params: &Values) {
        let mut script = self.script();
        script.pause(Instant::now());
        let params = serde_json::to_string(params).unwrap_or_default();
        script.command = Some(format!("command {name} {params}"));
    }

    /// It ended.
    pub fn outcome(&self, outcome: &Result<(), CommandError>) {
        let mut script = self.script();
        let Some(command) = script.command.take() else { return };
        let outcome = match outcome {
            Ok(()) => "ok".to_owned(),
            Err(CommandError::Refused(why)) => format!("refused \"{why}\""),
            Err(CommandError::Failed(why)) => format!("failed \"{why}\""),
            Err(CommandError::TimedOut(_)) => "timeout".to_owned(),
        };
        let conversation = std::mem::take(&mut script.since);
        let _ = writeln!(script.text, "{command} -> {outcome}");
        for line in conversation {
            let _ = writeln!(script.text, "{line}");
        }
        script.last = Some(Instant::now());
    }

    /// The transcript so far.
    pub fn transcript(&self) -> String {
        let mut script = self.script();
        script.show();
        script.text.clone()
    }
}

impl Script {
    fn line(&mut self, line: String) {
        if self.command.is_some() {
            self.since.push(line);
        } else {
            let _ = writeln!(self.text, "{line}");
        }
        self.last = Some(Instant::now());
    }

    /// Before something that began at `now`: after a silence, what is shown, and how long it was.
    fn pause(&mut self, now: Instant) {
        let Some(last) = self.last else { return };
        let pause = now.saturating_duration_since(last);
        if pause < PAUSE {
            return;
        }
        if self.command.is_none() {
            self.show();
        }
        let tenths = pause.as_millis().div_ceil(100) as u64;
        let span = bo_model::span::format(Duration::from_millis(tenths * 100));
        self.line(format!("wait {span}"));
    }

    fn show(&mut self) {
        for (name, value) in std::mem::take(&mut self.changed) {
            let line = match value.quality.reason() {
                None => format!("status {name} = {}", value.data.to_json()),
                Some(reason) => format!("status {name} bad \"{reason}\""),
            };
            let _ = writeln!(self.text, "{line}");
            self.shown.insert(name, value);
        }
    }
}

impl Sink for Recorder {
    fn publish(&self, _: DeviceId, status: &Arc<str>, value: Value) {
        let mut script = self.script();
        let same = script
            .shown
            .get(&**status)
            .is_some_and(|shown| shown.data == value.data && shown.quality == value.quality);
        if same {
            script.changed.remove(&**status);
        } else {
            script.changed.insert(status.to_string(), value);
        }
    }

    fn state(&self, _: DeviceId, state: DeviceState) {
        if let DeviceState::Faulted { fault, .. } = state {
            self.line(format!("# faulted: {fault}"));
        }
    }

    fn log(&self, _: DeviceId, level: Level, message: &str) {
        self.line(format!("# log {level:?}: {message}"));
    }
}

/// A request with its answer. The arrow between them must be the last on the line.
fn exchange(request: &HttpRequest, reply: &Result<HttpReply, LinkError>) -> Vec<String> {
    let text = |body: &[u8]| escape(body).replace("->", "-\\x3e");
    let asked = format!("request {} {} {}", request.method, request.path, text(&request.body));
    let Ok(reply) = reply else { return vec![format!("{} -> timeout", asked.trim_end())] };
    let challenge = reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
    let mut lines: Vec<String> = challenge.map(|(name, value)| format!("header {name} {value}")).collect();
    let answer = format!("{} -> {} {}", asked.trim_end(), reply.status, text(&reply.body));
    lines.push(answer.trim_end().to_owned());
    lines
}

fn transaction(op: &ModbusOp, reply: &Result<ModbusReply, LinkError>) -> String {
    let answer = match reply {
        Ok(ModbusReply::Registers(values)) => words(values),
        Ok(ModbusReply::Bits(bits)) => {
            bits.iter().map(|bit| u8::from(*bit).to_string()).collect::<Vec<_>>().join(" ")
        }
        Ok(_) => "ok".into(),
        Err(LinkError::Exception(code)) => format!("exception {code}"),
        Err(_) => "timeout".into(),
    };
    match op {
        ModbusOp::Identify { .. } => format!("# {}", spelled(op)),
        _ => format!("{} -> {answer}", spelled(op)),
    }
}
