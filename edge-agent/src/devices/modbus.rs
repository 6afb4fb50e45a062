//! A Modbus device described by its profile: read, decoded and written by the host, without code of its own.
//!
//! The task finds the models of a SunSpec device first, then reads what is due, one request at a time; a command
//! does not wait for the read under way.

use super::online::Presence;
use super::{Carried, CommandError, CommandQueue, DeviceCommand, DeviceContext};
use crate::board::SlotIx;
use crate::commands::effect::substitute;
use bo_link::mailbox::Receiver;
use bo_link::{Handle, LinkError, ModbusOp, ModbusReply, Urgency};
use bo_link_modbus::sunspec::{Found, Next, Walk};
use bo_link_modbus::{
    Learned, Points, Poll, Proof, ReadRequest, Reading, WearLedger, WriteError, WriteOptions, Writer,
};
use bo_model::driver::Manifest;
use bo_model::points::ModbusProfile;
use bo_model::{Data, DeviceId, Reason, Value};
use bo_runtime::Shutdown;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// How long a read may take, waiting for its turn on a slow bus included.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// Pause before a device that could not be discovered is asked again.
const DISCOVER_AGAIN: Duration = Duration::from_secs(5);
/// Interval of points whose group says nothing (as the poller has it).
const DEFAULT_EVERY: Duration = Duration::from_secs(10);
/// Kinds of document in the store.
pub const LEARNED: &str = "modbus-learned";
/// See [`LEARNED`].
pub const WEAR: &str = "modbus-wear";

/// What a device remembers across restarts.
#[derive(Clone, Default)]
pub struct Kept {
    /// Addresses it refused.
    pub learned: Learned,
    /// Writes to flash today.
    pub wear: Arc<Mutex<WearLedger>>,
    /// Shared with the devices that were started with it.
    pub plans: Plans,
}

/// The points of each driver: devices of one driver have the same, unless they tell themselves which they have.
#[derive(Clone, Default)]
pub struct Plans(Arc<Mutex<Vec<(Arc<Manifest>, Weak<Points>)>>>);

impl Plans {
    fn of(
        &self,
        manifest: &Arc<Manifest>,
        profile: &ModbusProfile,
        found: Option<&Found>,
    ) -> Result<Arc<Points>, String> {
        let make = || {
            let points = Points::new(profile, found, |name| manifest.status.contains_key(name));
            points.map(Arc::new).map_err(|error| error.to_string())
        };
        if found.is_some() {
            return make();
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|(of, _)| Arc::ptr_eq(of, manifest));
        if let Some(points) = known.and_then(|(_, points)| points.upgrade()) {
            return Ok(points);
        }
        let points = make()?;
        all.retain(|(_, points)| points.strong_count() > 0);
        all.push((manifest.clone(), Arc::downgrade(&points)));
        Ok(points)
    }
}

/// Staleness of a variable: three times the interval of the slowest point that feeds it.
pub fn stale_after(profile: &ModbusProfile, status: &str) -> Option<Duration> {
    let first = profile.poll.values().next().map(|group| group.every);
    let feeding =
        profile.points.iter().filter(|(name, point)| point.status.as_ref().unwrap_or(name) == status);
    let every = feeding.filter_map(|(_, point)| match point.poll.as_deref() {
        Some("once") => None,
        Some(group) => profile.poll.get(group).map(|group| group.every),
        None => Some(first.unwrap_or(DEFAULT_EVERY)),
    });
    every.max().map(|every| (every * 3).max(Duration::from_secs(2)))
}

/// Runs the device until the end is signalled. The error is the reason of a fault.
pub async fn run(
    context: DeviceContext,
    kept: Kept,
    handle: Handle<ModbusOp, ModbusReply>,
    queue: CommandQueue,
    shutdown: Shutdown,
) -> Result<(), String> {
    let manifest = context.manifest.clone();
    let profile = manifest.modbus.as_ref().ok_or("the driver has no [modbus] profile")?;
    let unit = context.site.settings.get("unit").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let unit =
        u8::try_from(unit).map_err(|_| format!("setting `unit` is {unit}; a Modbus unit is 0 to 255"))?;
    let mut queue = queue.lock().await;
    let mut device = Device {
        context,
        handle,
        unit,
        wear: kept.wear.clone(),
        presence: Presence::default(),
        was_away: false,
    };

    let found = match &profile.sunspec {
        None => None,
        Some(sunspec) => match device.discover(Walk::new(unit, sunspec), &mut queue, &shutdown).await? {
            Some(found) => Some(found),
            None => return Ok(()),
        },
    };
    let points = kept.plans.of(&manifest, profile, found.as_ref())?;
    device.poll(points, kept.learned, &mut queue, &shutdown).await
}

struct Device {
    context: DeviceContext,
    handle: Handle<ModbusOp, ModbusReply>,
    unit: u8,
    wear: Arc<Mutex<WearLedger>>,
    presence: Presence,
    was_away: bool,
}

type Read = Pin<Box<dyn Future<Output = (ReadRequest, Result<ModbusReply, LinkError>)> + Send>>;

impl Device {
    /// Walks the device's model list, again and again until it answers. `None` at the end.
    async fn discover(
        &mut self,
        walk: Walk,
        queue: &mut Receiver<DeviceCommand>,
        shutdown: &Shutdown,
    ) -> Result<Option<Found>, String> {
        loop {
            let mut attempt = walk.clone();
            let mut next = attempt.start();
            let failed = loop {
                match next {
                    Next::Ask(op) => {
                        let reply = tokio::select! {
                            reply = self.handle.call(op, Urgency::Poll, READ_WITHIN) => reply,
                            () = shutdown.signalled() => return Ok(None),
                        };
                        next = match &reply {
                            Ok(ModbusReply::Registers(words)) => attempt.reply(Ok(words)),
                            Ok(_) => {
                                attempt.reply(Err(LinkError::Protocol("a reply of another kind".into())))
                            }
                            Err(error) => attempt.reply(Err(error.clone())),
                        };
                    }
                    Next::Done(found) => return Ok(Some(found)),
                    Next::NotSunspec => {
                        return Err(format!(
                            "unit {} answers, but has no SunSpec models: is it the right unit, and is SunSpec switched on?",
                            self.unit
                        ));
                    }
                    Next::Failed(error) => break error,
                }
            };
            self.missed();
            self.context.board.fail_device(&self.context.slots, &Reason::from(&failed));
            let again = Instant::now() + DISCOVER_AGAIN;
            loop {
                tokio::select! {
                    Some(command) = queue.recv() => {
                        let why = format!("the device's models are not known yet: {failed}");
                        let _ = command.reply.send(Err(CommandError::Failed(why)));
                    }
                    () = tokio::time::sleep_until(again) => break,
                    () = shutdown.signalled() => return Ok(None),
                }
            }
        }
    }

    async fn poll(
        &mut self,
        points: Arc<Points>,
        learned: Learned,
        queue: &mut Receiver<DeviceCommand>,
        shutdown: &Shutdown,
    ) -> Result<(), String> {
        let slots: Vec<Option<SlotIx>> =
            points.statuses.iter().map(|name| self.context.slots.slot(name)).collect();
        let seed = seed(self.context.site.id);
        let mut poll = Poll::new(points.clone(), self.unit, learned, seed, Instant::now());
        self.show(poll.unavailable(self.context.clock.now()), &slots, None);
        let mut known = poll.learned().clone();
        let mut waiting: VecDeque<ReadRequest> = VecDeque::new();
        let mut reading: Option<Read> = None;
        loop {
            if reading.is_none() {
                if waiting.is_empty() {
                    waiting.extend(poll.due(Instant::now()));
                }
                reading = waiting.pop_front().map(|request| read(self.handle.clone(), request));
            }
            let idle_until = if reading.is_some() { None } else { poll.next_due() };
            tokio::select! {
                biased;
                () = shutdown.signalled() => return Ok(()),
                Some(command) = queue.recv() => {
                    if self.carry_out(command, &points).await {
                        poll.restart(Instant::now());
                    }
                }
                (request, result) = under_way(&mut reading) => {
                    reading = None;
                    let (now, mut readings) = (Instant::now(), Vec::new());
                    poll.apply(&request, &result, now, self.context.clock.now(), &mut readings);
                    let back = self.judge(&result, readings, &slots);
                    if back {
                        // It may have been switched off and on: what is read once is read once more.
                        poll.restart(now);
                    }
                    if *poll.learned() != known {
                        known = poll.learned().clone();
                        self.context.store.put(LEARNED, self.context.site.id.to_string(), &known);
                    }
                }
                () = sleep_until(idle_until) => {}
            }
        }
    }

    /// Shows what a read brought and what it says about presence. True when the device came back.
    fn judge(
        &mut self,
        result: &Result<ModbusReply, LinkError>,
        readings: Vec<Reading>,
        slots: &[Option<SlotIx>],
    ) -> bool {
        let online = match result {
            // 0x0A and 0x0B are said by a gateway about a device that is not there.
            Ok(_) => Some(self.presence.proved()),
            Err(LinkError::Exception(code)) if !matches!(code, 0x0A | 0x0B) => Some(self.presence.proved()),
            Err(LinkError::Busy | LinkError::Closed | LinkError::Invalid(_)) => None,
            Err(_) => Some(self.presence.missed()),
        };
        self.show(readings, slots, online);
        let back = online == Some(true) && std::mem::take(&mut self.was_away);
        self.was_away |= online == Some(false);
        back
    }

    fn show(&self, readings: Vec<Reading>, slots: &[Option<SlotIx>], online: Option<bool>) {
        let mut update = self.context.board.update();
        for reading in readings {
            if let Some(slot) = slots[reading.status] {
                update.set(slot, reading.value);
            }
        }
        if let Some(online) = online {
            update.online(&self.context.slots, online);
        }
    }

    fn missed(&mut self) {
        let online = self.presence.missed();
        self.context.board.update().online(&self.context.slots, online);
    }

    /// Carries a command out. True when what proves it has to be read anew.
    async fn carry_out(&mut self, command: DeviceCommand, points: &Points) -> bool {
        let (outcome, reread) = self.write_all(&command, points).await;
        let _ = command.reply.send(outcome);
        reread
    }

    async fn write_all(
        &self,
        command: &DeviceCommand,
        points: &Points,
    ) -> (Result<Carried, CommandError>, bool) {
        let Some(described) = self.context.manifest.commands.get(&command.name) else {
            return (Err(CommandError::Refused(format!("there is no command `{}`", command.name))), false);
        };
        let mut carried = Carried::ReadBack;
        let mut shown = Vec::new();
        for step in &described.write {
            let Some(value) = substitute(&step.value, &command.params) else {
                let why = format!("`{}` was not given", step.value);
                return (Err(CommandError::Refused(why)), false);
            };
            let within = command.deadline.saturating_duration_since(Instant::now());
            let options = WriteOptions { within, ..WriteOptions::default() };
            let data = Data::from_json(value);
            let writer = Writer { handle: &self.handle, unit: self.unit, points, wear: &self.wear };
            let written = writer.write(&step.point, &data, options, self.context.clock.now()).await;
            match written {
                Ok(written) => {
                    if written.worn {
                        self.keep_wear();
                    }
                    match written.proof {
                        Proof::ReadBack(data) | Proof::Unchanged(data) => {
                            shown.extend(self.seen(points, &step.point, data))
                        }
                        Proof::WriteOnly => carried = Carried::Written,
                    }
                }
                Err(error) => return (Err(failure(&error)), !shown.is_empty()),
            }
        }
        let proved = described.effect.as_ref().is_none_or(|effect| shown.contains(&effect.status));
        (Ok(carried), !proved)
    }

    /// A point read back is a reading like any other. Returns the variable it feeds.
    fn seen(&self, points: &Points, name: &str, data: Data) -> Option<String> {
        let status = points.get(name).and_then(|(_, point)| points.statuses.get(point.status?))?;
        let slot = self.context.slots.slot(status)?;
        self.context.board.set(slot, Value::good(data, self.context.clock.now()));
        Some(status.to_string())
    }

    fn keep_wear(&self) {
        let wear = self.wear.lock().unwrap_or_else(PoisonError::into_inner);
        self.context.store.put(WEAR, self.context.site.id.to_string(), &*wear);
    }
}

fn failure(error: &WriteError) -> CommandError {
    match error {
        WriteError::NoPoint(_)
        | WriteError::ReadOnly(_)
        | WriteError::Value { .. }
        | WriteError::WornOut(_) => CommandError::Refused(error.sentence()),
        _ => CommandError::Failed(error.sentence()),
    }
}

fn read(handle: Handle<ModbusOp, ModbusReply>, request: ReadRequest) -> Read {
    Box::pin(async move {
        let result = handle.call(request.op.clone(), Urgency::Poll, READ_WITHIN).await;
        (request, result)
    })
}

async fn under_way(reading: &mut Option<Read>) -> (ReadRequest, Result<ModbusReply, LinkError>) {
    match reading {
        Some(read) => read.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Spreads the devices of a site over their intervals, the same way after each restart.
fn seed(id: DeviceId) -> u64 {
    id.0.as_u64_pair().1
}

/// What the devices of a site remember, from the store.
pub struct Memory {
    learned: BTreeMap<String, Learned>,
    wear: BTreeMap<String, WearLedger>,
    plans: Plans,
}

impl Memory {
    /// Reads all of it.
    pub fn load(state: &std::path::Path) -> Result<Memory, crate::EdgeError> {
        use crate::store::Store;
        let (learned, wear) = (Store::load(state, LEARNED)?, Store::load(state, WEAR)?);
        Ok(Memory { learned, wear, plans: Plans::default() })
    }

    /// One device's part.
    pub fn of(&self, device: DeviceId) -> Kept {
        let key = device.to_string();
        Kept {
            learned: self.learned.get(&key).cloned().unwrap_or_default(),
            wear: Arc::new(Mutex::new(self.wear.get(&key).cloned().unwrap_or_default())),
            plans: self.plans.clone(),
        }
    }
}
