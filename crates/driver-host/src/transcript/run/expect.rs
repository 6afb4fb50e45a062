//! Steps that say what the device must do or show, and the comparison.

use super::{Failure, MOMENT, Runner, SOON};
use crate::error::CommandError;
use crate::sink::DeviceState;
use crate::transcript::text::spelled;
use crate::transcript::{Answer, Expected, Shown, Step, escape};
use bo_link::{BytesOp, BytesReply, HttpReply, Inbox, Job, LinkError, ModbusOp, ModbusReply};
use bo_model::points::Table;
use bo_model::settings::Values;
use bo_model::{Data, Reason};
use bytes::Bytes;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The next request on a link, if it comes within `within`.
async fn next<Op, Reply>(
    inbox: &mut Inbox<Op, Reply>,
    within: std::time::Duration,
) -> Option<Job<Op, Reply>> {
    tokio::time::timeout(within, inbox.next()).await.ok().flatten()
}

fn shown(op: &BytesOp) -> String {
    match op {
        BytesOp::Send(frame) | BytesOp::Exchange(frame) => format!("send {}", escape(frame)),
        BytesOp::Reconnect => "reconnect".into(),
    }
}

impl Runner {
    /// Nothing may be waiting on a link that the transcript does not expect.
    pub(super) async fn quiet(&mut self) -> Result<(), Failure> {
        let surprise = if let Some(job) = next(&mut self.ends.bytes, MOMENT / 4).await {
            shown(&job.op)
        } else if let Some(job) = next(&mut self.ends.modbus, MOMENT / 4).await {
            spelled(&job.op)
        } else if let Some(job) = next(&mut self.ends.http, MOMENT / 4).await {
            format!("request {} {} {}", job.op.method, job.op.path, escape(&job.op.body))
        } else if let Some(op) = self.written.pop_front() {
            spelled(&op)
        } else if let Some(message) = self.published.pop_front() {
            format!("publish {} {}", message.topic, escape(&message.payload))
        } else if let Ok(call) = self.ends.calls.try_recv() {
            format!("calls {}.{} {}", call.device, call.name, json(&call.params))
        } else {
            return Ok(());
        };
        Err(self.failure(format!("before this line the driver does what no line expects:\n  {surprise}")))
    }

    pub(super) fn starts(&mut self, expected: &Expected) -> Result<(), Failure> {
        let state = self.ends.heard.said().state.clone();
        match (expected, state) {
            (Expected::Ok, Some(DeviceState::Running)) => Ok(()),
            (Expected::Ok, _) => Err(self.failure("the driver did not start")),
            (Expected::Failed(part) | Expected::Refused(part), Some(DeviceState::Faulted { fault, .. })) => {
                self.may_fault = true;
                let text = fault.to_string();
                if text.contains(part) {
                    return Ok(());
                }
                Err(self.failure(format!("expected an error with `{part}`, got `{text}`")))
            }
            (_, state) => Err(self.failure(format!("expected an error at start, the state is {state:?}"))),
        }
    }

    pub(super) async fn send(&mut self, frame: &Bytes) -> Result<(), Failure> {
        let wanted = format!("send {}", escape(frame));
        let Some(job) = next(&mut self.ends.bytes, SOON).await else {
            return Err(self.failure(format!("expected `{wanted}`, but the driver sends nothing")));
        };
        match &job.op {
            BytesOp::Exchange(sent) if sent == frame => self.asked = Some(job),
            BytesOp::Send(sent) if sent == frame => job.answer(Ok(BytesReply::Sent)),
            other => {
                return Err(
                    self.failure(format!("expected `{wanted}`\n  the driver does `{}`", shown(other)))
                );
            }
        }
        Ok(())
    }

    pub(super) fn reply(&mut self, frame: &Bytes) -> Result<(), Failure> {
        match self.asked.take() {
            Some(job) => job.answer(Ok(BytesReply::Frame(frame.clone()))),
            None => {
                let text = "nothing waits for a reply: the last `send` expects none, or there was none; write `recv` \
                            for a frame that comes unasked";
                return Err(self.failure(text));
            }
        }
        Ok(())
    }

    pub(super) async fn reconnect(&mut self) -> Result<(), Failure> {
        match next(&mut self.ends.bytes, SOON).await {
            Some(job) if job.op == BytesOp::Reconnect => job.answer(Ok(BytesReply::Sent)),
            Some(job) => {
                return Err(
                    self.failure(format!("expected `reconnect`, the driver does `{}`", shown(&job.op)))
                );
            }
            None => return Err(self.failure("expected `reconnect`, but the driver asks for nothing")),
        }
        Ok(())
    }

    /// Answers from what the device holds.
    pub(super) fn serve(&mut self, job: Job<ModbusOp, ModbusReply>) {
        let reply = match &job.op {
            ModbusOp::Read { table, address, count, .. } => match self.held(*table, *address, *count) {
                None => Err(LinkError::Exception(2)),
                Some(values) if matches!(table, Table::Coil | Table::Discrete) => {
                    Ok(ModbusReply::Bits(values.iter().map(|value| *value != 0).collect()))
                }
                Some(values) => Ok(ModbusReply::Registers(values)),
            },
            ModbusOp::MaskWrite { address, and, or, .. } => match self.held(Table::Holding, *address, 1) {
                None => Err(LinkError::Exception(2)),
                Some(before) => {
                    let after = (before[0] & and) | (or & !and);
                    hold(&mut self.registers, Table::Holding, *address, &[after]);
                    self.written.push_back(job.op.clone());
                    Ok(ModbusReply::Written)
                }
            },
            ModbusOp::WriteRead { write_address, values, read_address, read_count, .. } => {
                hold(&mut self.registers, Table::Holding, *write_address, values);
                self.written.push_back(job.op.clone());
                let held = self.held(Table::Holding, *read_address, *read_count);
                held.map(ModbusReply::Registers).ok_or(LinkError::Exception(2))
            }
            ModbusOp::WriteRegisters { address, values, .. } => {
                hold(&mut self.registers, Table::Holding, *address, values);
                self.written.push_back(job.op.clone());
                Ok(ModbusReply::Written)
            }
            ModbusOp::WriteCoils { address, values, .. } => {
                let values: Vec<u16> = values.iter().map(|on| u16::from(*on)).collect();
                hold(&mut self.registers, Table::Coil, *address, &values);
                self.written.push_back(job.op.clone());
                Ok(ModbusReply::Written)
            }
            ModbusOp::Identify { .. } => Err(LinkError::Exception(1)),
        };
        job.answer(reply);
    }

    fn held(&self, table: Table, address: u16, count: u16) -> Option<Vec<u16>> {
        (0..count).map(|offset| self.registers.get(&(table, address.wrapping_add(offset))).copied()).collect()
    }

    pub(super) async fn modbus(&mut self, step: &Step) -> Result<(), Failure> {
        if !self.registers.is_empty() {
            return self.wrote(step).await;
        }
        let Some(job) = next(&mut self.ends.modbus, SOON).await else {
            return Err(self.failure("the driver asks for nothing"));
        };
        if !fits(step, &job.op) {
            return Err(self.failure(format!("the driver does `{}`", spelled(&job.op))));
        }
        let (Step::Read(.., answer)
        | Step::Write(.., answer)
        | Step::Mask(.., answer)
        | Step::WriteRead(.., answer)) = step
        else {
            return Ok(());
        };
        let is_bits = matches!(&job.op, ModbusOp::Read { table: Table::Coil | Table::Discrete, .. });
        match answer {
            Answer::Values(values) if is_bits => {
                job.answer(Ok(ModbusReply::Bits(values.iter().map(|value| *value != 0).collect())));
            }
            Answer::Values(values) => job.answer(Ok(ModbusReply::Registers(values.clone()))),
            Answer::Ok => job.answer(Ok(ModbusReply::Written)),
            Answer::Exception(code) => job.answer(Err(LinkError::Exception(*code))),
            Answer::Timeout => job.answer(Err(LinkError::Timeout)),
        }
        Ok(())
    }

    /// A write to what the device holds must have been this one.
    async fn wrote(&mut self, step: &Step) -> Result<(), Failure> {
        if matches!(step, Step::Read(..)) {
            return Err(self.failure("the device answers reads from `registers`; leave this line out"));
        }
        if self.written.is_empty() {
            self.settle(SOON).await;
        }
        match self.written.pop_front() {
            Some(op) if fits(step, &op) => Ok(()),
            Some(op) => Err(self.failure(format!("the driver does `{}`", spelled(&op)))),
            None => Err(self.failure("the driver writes nothing")),
        }
    }

    pub(super) fn subscribes(&mut self, filter: &str) -> Result<(), Failure> {
        if self.subscribed.iter().any(|known| known == filter) {
            return Ok(());
        }
        Err(self.failure(format!("the driver subscribed to {:?}", self.subscribed)))
    }

    pub(super) async fn publishes(&mut self, topic: &str, payload: &Bytes) -> Result<(), Failure> {
        let wanted = format!("publish {topic} {}", escape(payload));
        if self.published.is_empty() {
            self.settle(SOON).await;
        }
        match self.published.pop_front() {
            Some(message) if message.topic == topic && message.payload == *payload => Ok(()),
            Some(other) => Err(self.failure(format!(
                "expected `{wanted}`\n  the driver does `publish {} {}`",
                other.topic,
                escape(&other.payload)
            ))),
            None => Err(self.failure(format!("expected `{wanted}`, but the driver publishes nothing"))),
        }
    }

    pub(super) async fn request(&mut self, step: &Step) -> Result<(), Failure> {
        let Step::Request { method, path, body, answer } = step else { return Ok(()) };
        let Some(job) = next(&mut self.ends.http, SOON).await else {
            return Err(
                self.failure(format!("expected `request {method} {path}`, but the driver sends nothing"))
            );
        };
        let sent = &job.op;
        if sent.method != *method || sent.path != *path || (!body.is_empty() && sent.body != *body) {
            let text = format!("request {} {} {}", sent.method, sent.path, escape(&sent.body));
            return Err(self.failure(format!("the driver does `{text}`")));
        }
        match answer {
            Some((status, body)) => {
                let headers = std::mem::take(&mut self.headers);
                job.answer(Ok(HttpReply { status: *status, headers, body: body.clone() }));
            }
            None => self.unanswered.push(job),
        }
        Ok(())
    }

    pub(super) async fn calls(
        &mut self,
        device: &str,
        name: &str,
        params: &Values,
        expected: &Expected,
    ) -> Result<(), Failure> {
        let wanted = format!("calls {device}.{name} {}", json(params));
        let Ok(Some(call)) = tokio::time::timeout(SOON, self.ends.calls.recv()).await else {
            return Err(self.failure(format!("expected `{wanted}`, but the driver commands nothing")));
        };
        if call.device != device || call.name != name || call.params != *params {
            let text = format!("calls {}.{} {}", call.device, call.name, json(&call.params));
            return Err(self.failure(format!("expected `{wanted}`\n  the driver does `{text}`")));
        }
        let answer = match expected {
            Expected::Ok => Ok(()),
            Expected::Refused(why) => Err(CommandError::Refused(why.clone())),
            Expected::Failed(why) => Err(CommandError::Failed(why.clone())),
            Expected::Timeout => Err(CommandError::TimedOut("the device".into())),
        };
        let _ = call.reply.send(answer);
        Ok(())
    }

    pub(super) fn shows(&mut self, name: &str, wanted: &Shown) -> Result<(), Failure> {
        let value = self.subject.status(name);
        let value = value.or_else(|| self.ends.heard.said().statuses.get(name).cloned());
        let reason = match &value {
            Some(value) => value.quality.reason().map(ToString::to_string),
            None => Some(Reason::NeverRead.to_string()),
        };
        match (wanted, value, reason) {
            (Shown::Good(json), Some(value), None) if same(json, &value.data) => Ok(()),
            (Shown::Bad(part), _, Some(why)) if why.contains(part) => Ok(()),
            (_, Some(value), None) => Err(self.failure(format!("status {name} = {}", value.data.to_json()))),
            (_, _, Some(why)) => Err(self.failure(format!("status {name} is not good: {why}"))),
            (_, None, None) => Err(self.failure(format!("status {name} was never published"))),
        }
    }

    pub(super) fn logged(&mut self, part: &str) -> Result<(), Failure> {
        if self.ends.heard.said().log.iter().any(|(_, line)| line.contains(part)) {
            return Ok(());
        }
        Err(self.failure(format!("no line of the log contains `{part}`")))
    }

    pub(super) fn compare(
        &self,
        what: &str,
        expected: &Expected,
        outcome: &Result<(), CommandError>,
    ) -> Result<(), Failure> {
        let fits = match (expected, outcome) {
            (Expected::Ok, Ok(())) => true,
            (Expected::Refused(part), Err(CommandError::Refused(why)))
            | (Expected::Failed(part), Err(CommandError::Failed(why))) => why.contains(part.as_str()),
            (Expected::Timeout, Err(CommandError::TimedOut(_))) => true,
            _ => false,
        };
        let outcome = match outcome {
            Ok(()) => "ok".to_owned(),
            Err(CommandError::Refused(why)) => format!("refused {why}"),
            Err(CommandError::Failed(why)) => format!("failed {why}"),
            Err(CommandError::TimedOut(_)) => "timeout".to_owned(),
        };
        if fits { Ok(()) } else { Err(self.failure(format!("{what} -> {outcome}"))) }
    }
}

/// Sets what a device holds.
pub(super) fn hold(registers: &mut BTreeMap<(Table, u16), u16>, table: Table, address: u16, values: &[u16]) {
    for (offset, value) in (0..).zip(values) {
        registers.insert((table, address.wrapping_add(offset)), *value);
    }
}

fn fits(step: &Step, op: &ModbusOp) -> bool {
    match (step, op) {
        (
            Step::Read(table, address, count, _),
            ModbusOp::Read { table: asked, address: from, count: many, .. },
        ) => (table, address, count) == (asked, from, many),
        (
            Step::Write(Table::Holding, address, values, _),
            ModbusOp::WriteRegisters { address: at, values: sent, .. },
        ) => (address, values) == (at, sent),
        (
            Step::Write(Table::Coil, address, values, _),
            ModbusOp::WriteCoils { address: at, values: sent, .. },
        ) => address == at && values.iter().map(|value| *value != 0).eq(sent.iter().copied()),
        (Step::Mask(address, and, or, _), ModbusOp::MaskWrite { address: at, and: keep, or: set, .. }) => {
            (address, and, or) == (at, keep, set)
        }
        (
            Step::WriteRead(address, values, read, _),
            ModbusOp::WriteRead { write_address, values: sent, read_address, read_count, .. },
        ) => (address, values, read) == (write_address, sent, &(*read_address, *read_count)),
        _ => false,
    }
}

fn json(params: &Values) -> String {
    serde_json::to_string(params).unwrap_or_default()
}

/// Numbers are the same when they differ by no more than rounding.
fn same(json: &Json, data: &Data) -> bool {
    match (json.as_f64(), data) {
        (Some(wanted), Data::Int(_) | Data::Float(_)) => {
            let shown = data.number().unwrap_or(f64::NAN);
            (wanted - shown).abs() <= 1e-9 * wanted.abs().max(1.0)
        }
        _ => *json == data.to_json(),
    }
}
