//! The device's task: start, serve, and after a fault wait and start again.

use super::Event;
use super::queue::{Ask, Inbox};
use crate::bindings::backoffice::driver::types::Error as Refusal;
use crate::bindings::exports::backoffice::driver::device as wit;
use crate::engine::{Engine, Loaded};
use crate::error::{CommandError, Fault};
use crate::grant;
use crate::host::{Outside, to_wit};
use crate::instance::{Instance, words};
use crate::sink::{DeviceState, Level};
use crate::supervisor::Supervisor;
use bo_model::Reason;
use bo_model::driver::Manifest;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A driver that nothing happened to for one to two of these rests.
const QUIET: Duration = Duration::from_secs(1);

/// Everything a device needs over all its instances.
pub(super) struct Life {
    pub(super) engine: Engine,
    pub(super) loaded: Arc<Loaded>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) outside: Arc<Outside>,
    pub(super) address: String,
    pub(super) settings: Result<String, Fault>,
}

/// Runs until the handle is dropped.
pub(super) async fn run(life: Life, mut inbox: Inbox) {
    let mut supervisor = Supervisor::new();
    loop {
        life.state(DeviceState::Starting);
        let born = Instant::now();
        let Err(fault) = life.live(&mut inbox).await else { break };
        let pause = supervisor.failed(born.elapsed());
        let retry_in = (!fault.is_permanent()).then_some(pause);
        life.outside.log(Level::Error, &fault.to_string());
        life.state(DeviceState::Faulted { fault: fault.clone(), failures: supervisor.failures(), retry_in });
        let until = retry_in.map(|pause| Instant::now() + pause);
        if life.wait(&mut inbox, &fault, until).await.is_none() {
            break;
        }
    }
    life.state(DeviceState::Stopped);
}

/// What to do next.
enum Next {
    Command(Option<Ask>),
    Event(Option<Event>),
    Timer,
}

impl Life {
    fn state(&self, state: DeviceState) {
        self.outside.sink.state(self.outside.device, state);
    }

    /// One instance's life: `Ok` when the device was stopped.
    async fn live(&self, inbox: &mut Inbox) -> Result<(), Fault> {
        let settings = self.settings.clone()?;
        grant::check_links(&self.manifest, &self.outside.links)?;
        let mut instance =
            Instance::new(&self.engine, &self.loaded, &self.manifest, self.outside.clone()).await?;
        let started = {
            let config = wit::Config { address: self.address.clone(), settings };
            instance.start(&config).await
        };
        let ended = match started {
            Ok(Ok(())) => {
                self.state(DeviceState::Running);
                self.serve(&mut instance, inbox).await
            }
            Ok(Err(refusal)) => Err(Fault::Start(self.outside.redact(&words(&refusal)))),
            Err(fault) => Err(fault),
        };
        let reason = match &ended {
            Ok(()) => Reason::NeverRead,
            Err(fault) => Reason::DriverFault(fault.to_string().into()),
        };
        let now = self.outside.clock.now();
        instance.state().statuses.all_bad(&self.outside, &reason, now);
        ended
    }

    async fn serve(&self, instance: &mut Instance, inbox: &mut Inbox) -> Result<(), Fault> {
        let mut connected = false;
        // Stays armed: a busy driver moves no timer for each event.
        let mut quiet = pin!(tokio::time::sleep(QUIET));
        let (mut was_busy, mut rests) = (true, false);
        loop {
            let due = instance.state().timers.next();
            let next = tokio::select! {
                biased;
                ask = inbox.commands.recv() => Next::Command(ask.map(|ask| *ask)),
                () = sleep_until(due) => Next::Timer,
                event = inbox.events.next(connected) => Next::Event(event),
                () = &mut quiet, if !rests => {
                    rests = !was_busy;
                    if rests {
                        instance.rest();
                    }
                    was_busy = false;
                    quiet.as_mut().reset(Instant::now() + QUIET);
                    continue;
                }
            };
            (was_busy, rests) = (true, false);
            match next {
                Next::Command(None) | Next::Event(None) => return Ok(()),
                // Boxed, as all is that seldom happens: this task has room for it as long as the device lives.
                Next::Command(Some(ask)) => Box::pin(self.carry_out(instance, ask)).await?,
                Next::Timer => {
                    if let Some(id) = instance.state().timers.take_due(Instant::now()) {
                        self.tell(instance, &wit::Event::Timer(id)).await?;
                    }
                }
                Next::Event(Some(event)) => {
                    let dropped = inbox.events.take_dropped();
                    if dropped > 0 {
                        let text = format!("{dropped} events were lost: the driver is too slow for them");
                        self.outside.log(Level::Warning, &text);
                    }
                    if let Some(event) = self.take_in(instance, event, &mut connected) {
                        self.tell(instance, &event).await?;
                    }
                }
            }
        }
    }

    /// What the driver is told of it; `None` when it knows already or does not want to.
    fn take_in(&self, instance: &mut Instance, event: Event, connected: &mut bool) -> Option<wit::Event> {
        Some(match event {
            Event::Connected if *connected => return None,
            Event::Connected => {
                *connected = true;
                wit::Event::Connected
            }
            Event::Disconnected if !*connected => return None,
            Event::Disconnected => {
                *connected = false;
                let now = self.outside.clock.now();
                instance.state().statuses.all_bad(&self.outside, &Reason::Offline, now);
                wit::Event::Disconnected
            }
            Event::Frame(frame) => wit::Event::Frame(frame.into()),
            Event::Message(message) if !instance.state().wants(&message.topic) => return None,
            Event::Message(message) => wit::Event::Message(wit::Message {
                topic: message.topic,
                payload: message.payload.into(),
                retained: message.retain,
            }),
            Event::Input { device, name, value } => wit::Event::Input(wit::Input {
                device,
                name,
                value: to_wit(&value.data),
                good: value.quality.is_good(),
            }),
        })
    }

    /// An event; the driver's own error is a line in its log.
    async fn tell(&self, instance: &mut Instance, event: &wit::Event) -> Result<(), Fault> {
        if let Err(refusal) = instance.handle(event).await? {
            self.outside.log(Level::Warning, &words(&refusal));
        }
        self.print(instance);
        Ok(())
    }

    async fn carry_out(&self, instance: &mut Instance, ask: Ask) -> Result<(), Fault> {
        let within = ask.deadline.saturating_duration_since(Instant::now());
        if within.is_zero() || ask.reply.is_closed() {
            return Ok(()); // its asker has given up; doing it now would surprise everybody
        }
        let outcome = instance.command(&ask.name, &ask.params, within).await;
        self.print(instance);
        let (answer, ended) = match outcome {
            Ok(Ok(())) => (Ok(()), Ok(())),
            Ok(Err(refusal)) => (Err(self.refused(&refusal)), Ok(())),
            Err(fault) => (Err(CommandError::Failed(fault.to_string())), Err(fault)),
        };
        let _ = ask.reply.send(answer);
        ended
    }

    fn refused(&self, refusal: &Refusal) -> CommandError {
        let text = self.outside.redact(&words(refusal));
        match refusal {
            Refusal::Timeout => CommandError::TimedOut("the device to answer".into()),
            Refusal::Refused(_) | Refusal::Invalid(_) | Refusal::Exception(_) => CommandError::Refused(text),
            Refusal::Offline(_) | Refusal::Busy | Refusal::Protocol(_) | Refusal::Failed(_) => {
                CommandError::Failed(text)
            }
        }
    }

    /// What the driver printed, into its log.
    fn print(&self, instance: &mut Instance) {
        for line in instance.state().tail.take().lines().filter(|line| !line.trim().is_empty()) {
            self.outside.log(Level::Debug, line);
        }
    }

    /// Between two instances: commands fail at once, events are let go. `None` when the device was stopped.
    async fn wait(&self, inbox: &mut Inbox, fault: &Fault, until: Option<Instant>) -> Option<()> {
        loop {
            tokio::select! {
                biased;
                ask = inbox.commands.recv() => {
                    let _ = ask?.reply.send(Err(CommandError::Failed(fault.to_string())));
                }
                gone = inbox.events.discard() => gone?,
                () = sleep_until(until) => return Some(()),
            }
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
