//! Plays a transcript: the runner is the other end of every link.

mod expect;

use super::bench::{Bench, Ends, bench};
use super::{Expected, Step, Transcript};
use crate::device::{Device, Event};
use crate::error::CommandError;
use crate::sink::DeviceState;
use bo_link::{BytesOp, BytesReply, HttpReply, HttpRequest, Job, LinkError, ModbusOp, MqttMessage, MqttOp};
use bo_model::Value;
use bo_model::driver::Manifest;
use bo_model::points::Table;
use bo_model::settings::Values;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Virtual time between two steps: everything that is ready runs, nothing that waits does.
const MOMENT: Duration = Duration::from_millis(1);
/// How long the driver may take to do what the next line expects.
const SOON: Duration = Duration::from_secs(1);
/// How long a command may take to end.
const LONG: Duration = Duration::from_secs(150);

/// A device under test: one with a component, or one that is a profile only.
pub trait Subject: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: Event);
    /// Somebody commands it.
    fn command<'a>(
        &'a self,
        name: &'a str,
        params: &'a Values,
    ) -> Pin<Box<dyn Future<Output = Result<(), CommandError>> + Send + 'a>>;
    /// What a status variable shows, for a device that does not publish to the bench's sink.
    fn status(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }
}

impl Subject for Device {
    fn event(&self, event: Event) {
        Device::event(self, event);
    }

    fn command<'a>(
        &'a self,
        name: &'a str,
        params: &'a Values,
    ) -> Pin<Box<dyn Future<Output = Result<(), CommandError>> + Send + 'a>> {
        Box::pin(Device::command(self, name, params, LONG))
    }
}

/// Where a dialogue went another way than its transcript.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Failure {
    /// Line of the transcript, from 1.
    pub line: usize,
    /// What was expected and what happened, with the end of the device's log.
    pub what: String,
}

/// Plays `transcript` against a device that `start` makes. Blocks, but takes no longer than the computing: time is
/// virtual. The runtime of the dialogue is its own, so this can be called from anywhere.
pub fn replay(
    manifest: &Manifest,
    transcript: &Transcript,
    start: &(dyn Fn(Bench) -> Result<Arc<dyn Subject>, String> + Sync),
) -> Result<(), Failure> {
    let play = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(|error| Failure { line: 0, what: error.to_string() })?;
        runtime.block_on(async {
            let (bench, ends) = bench(manifest, &transcript.settings, &transcript.devices);
            // What stands at the top is so before the device starts.
            let mut registers = BTreeMap::new();
            for (_, step) in &transcript.steps {
                match step {
                    Step::Registers(table, address, values) => {
                        expect::hold(&mut registers, *table, *address, values);
                    }
                    Step::Value(device, name, json) => {
                        ends.room.set(device, name, json.clone(), bench.clock.now());
                    }
                    _ => break,
                }
            }
            let subject = start(bench).map_err(|what| Failure { line: 0, what })?;
            let mut runner = Runner {
                ends,
                subject,
                asked: None,
                silent: Vec::new(),
                headers: Vec::new(),
                unanswered: Vec::new(),
                command: None,
                subscribed: Vec::new(),
                published: VecDeque::new(),
                registers,
                written: VecDeque::new(),
                line: 0,
                may_fault: false,
            };
            runner.play(transcript).await
        })
    };
    std::thread::scope(|scope| scope.spawn(play).join())
        .unwrap_or_else(|_| Err(Failure { line: 0, what: "the runner panicked".into() }))
}

struct Runner {
    ends: Ends,
    subject: Arc<dyn Subject>,
    /// What the driver sent last and waits to be answered.
    asked: Option<Job<BytesOp, BytesReply>>,
    /// Frames that are never answered; kept, so that the driver sees silence until the link goes down.
    silent: Vec<Job<BytesOp, BytesReply>>,
    /// Headers of the next HTTP answer.
    headers: Vec<(String, String)>,
    /// HTTP requests that are never answered.
    unanswered: Vec<Job<HttpRequest, HttpReply>>,
    command: Option<Running>,
    subscribed: Vec<String>,
    published: VecDeque<MqttMessage>,
    /// What a Modbus device holds, when the transcript says so.
    registers: BTreeMap<(Table, u16), u16>,
    written: VecDeque<ModbusOp>,
    line: usize,
    may_fault: bool,
}

/// A command in progress.
struct Running {
    line: usize,
    name: String,
    expected: Expected,
    task: JoinHandle<Result<(), CommandError>>,
}

impl Runner {
    async fn play(&mut self, transcript: &Transcript) -> Result<(), Failure> {
        self.settle(MOMENT).await;
        if !matches!(transcript.steps.first(), Some((_, Step::Starts(_)))) {
            self.check_state()?;
        }
        for (line, step) in &transcript.steps {
            // `registers` lines in a row are one device: no read comes between them.
            if !matches!(step, Step::Registers(..)) {
                self.settle(MOMENT).await;
            }
            self.line = *line;
            self.step(step).await?;
        }
        self.settle(MOMENT).await;
        self.quiet().await?;
        self.finish_command().await?;
        self.quiet().await?;
        self.check_state()
    }

    async fn step(&mut self, step: &Step) -> Result<(), Failure> {
        let is_conversation = matches!(
            step,
            Step::Send(_)
                | Step::Reply(_)
                | Step::Recv(_)
                | Step::Reconnect
                | Step::Read(..)
                | Step::Write(..)
                | Step::Mask(..)
                | Step::WriteRead(..)
                | Step::Subscribe(_)
                | Step::Publish(..)
                | Step::Message { .. }
                | Step::Header(..)
                | Step::Request { .. }
                | Step::Value(..)
                | Step::Registers(..)
                | Step::Calls(..)
                | Step::Wait(_)
        );
        if !matches!(step, Step::Reply(_)) {
            self.silent.extend(self.asked.take());
        }
        if !is_conversation {
            self.quiet().await?;
            self.finish_command().await?;
            self.quiet().await?;
        }
        match step {
            Step::Starts(expected) => self.starts(expected),
            Step::Connect => self.tell(Event::Connected),
            Step::Disconnect => {
                for job in self.silent.drain(..) {
                    job.answer(Err(LinkError::Offline("the connection was cut".into())));
                }
                self.tell(Event::Disconnected)
            }
            Step::Recv(frame) => self.tell(Event::Frame(frame.clone())),
            Step::Message { topic, payload, retained } => self.tell(Event::Message(MqttMessage {
                topic: topic.clone(),
                payload: payload.clone(),
                qos: 0,
                retain: *retained,
            })),
            Step::Value(device, name, json) => {
                self.ends.room.set(device, name, json.clone(), bo_model::Time::from_seconds(1_750_000_000));
                Ok(())
            }
            Step::Registers(table, address, values) => {
                expect::hold(&mut self.registers, *table, *address, values);
                Ok(())
            }
            Step::Wait(span) => {
                self.settle(*span).await;
                Ok(())
            }
            Step::Send(frame) => self.send(frame).await,
            Step::Reply(frame) => self.reply(frame),
            Step::Reconnect => self.reconnect().await,
            Step::Read(..) | Step::Write(..) | Step::Mask(..) | Step::WriteRead(..) => {
                self.modbus(step).await
            }
            Step::Subscribe(filter) => self.subscribes(filter),
            Step::Publish(topic, payload) => self.publishes(topic, payload).await,
            Step::Header(name, value) => {
                self.headers.push((name.clone(), value.clone()));
                Ok(())
            }
            Step::Request { .. } => self.request(step).await,
            Step::Calls(device, name, params, expected) => self.calls(device, name, params, expected).await,
            Step::Status(name, shown) => self.shows(name, shown),
            Step::Log(text) => self.logged(text),
            Step::Command(name, params, expected) => self.start_command(name, params, expected),
        }
    }

    fn tell(&mut self, event: Event) -> Result<(), Failure> {
        self.subject.event(event);
        Ok(())
    }

    /// Lets time pass, tells watched values, and takes in what needs no script.
    async fn settle(&mut self, span: Duration) {
        let mut end = Instant::now() + span;
        loop {
            for (device, name, value) in self.ends.room.take_fresh() {
                self.subject.event(Event::Input { device, name, value });
                end = end.max(Instant::now() + MOMENT);
            }
            tokio::select! {
                biased;
                Some(job) = self.ends.mqtt.next() => {
                    match &job.op {
                        MqttOp::Subscribe(filter) => self.subscribed.push(filter.clone()),
                        MqttOp::Publish(message) => self.published.push_back(message.clone()),
                    }
                    job.answer(Ok(()));
                }
                Some(job) = self.ends.modbus.next(), if !self.registers.is_empty() => self.serve(job),
                () = tokio::time::sleep_until(end) => {
                    if !self.ends.room.has_fresh() {
                        break;
                    }
                }
            }
        }
    }

    fn start_command(&mut self, name: &str, params: &Values, expected: &Expected) -> Result<(), Failure> {
        let (subject, owned, params) = (self.subject.clone(), name.to_owned(), params.clone());
        let task = tokio::spawn(async move { subject.command(&owned, &params).await });
        self.command =
            Some(Running { line: self.line, name: name.to_owned(), expected: expected.clone(), task });
        Ok(())
    }

    /// The command in progress must have come to the expected end.
    async fn finish_command(&mut self) -> Result<(), Failure> {
        let Some(mut running) = self.command.take() else { return Ok(()) };
        let end = Instant::now() + LONG;
        while !running.task.is_finished() && Instant::now() < end {
            self.settle(Duration::from_millis(100)).await;
        }
        let outcome = tokio::time::timeout(MOMENT, &mut running.task).await;
        let line = std::mem::replace(&mut self.line, running.line);
        let verdict = match outcome {
            Ok(Ok(outcome)) => {
                self.compare(&format!("command {}", running.name), &running.expected, &outcome)
            }
            Ok(Err(error)) => Err(self.failure(format!("the command ended badly: {error}"))),
            Err(_) => Err(self.failure(format!("the command {} does not end", running.name))),
        };
        self.line = line;
        verdict
    }

    fn failure(&self, what: impl Into<String>) -> Failure {
        let mut what = what.into();
        let said = self.ends.heard.said();
        if let Some(DeviceState::Faulted { fault, .. }) = &said.state {
            what.push_str(&format!("\n  the driver is faulted: {fault}"));
        }
        for (level, line) in said.log.iter().rev().take(5).rev() {
            what.push_str(&format!("\n  log {level:?}: {line}"));
        }
        Failure { line: self.line, what }
    }

    fn check_state(&self) -> Result<(), Failure> {
        let faulted = matches!(self.ends.heard.said().state, Some(DeviceState::Faulted { .. }));
        if faulted && !self.may_fault { Err(self.failure("the driver does not run")) } else { Ok(()) }
    }
}
