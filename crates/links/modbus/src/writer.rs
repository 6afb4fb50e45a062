//! One write of one point with everything around it: limits, scale factor, wear budget, the write itself, and
//! the read that proves it. Arbitration and permission came before; the effect on other values comes after.

use crate::codec::Codec;
use crate::error::WriteError;
use crate::plan::Block;
use crate::points::{Point, Points};
use crate::wear::WearLedger;
use bo_link::{Handle, LinkError, ModbusOp, ModbusReply, Urgency};
use bo_model::points::Table;
use bo_model::{Data, Time};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Times a written point is read back before it counts as not taken, and the pauses between: devices that
/// pass a value on inside take a moment.
const READ_BACKS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(600)];

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Leave the device alone when it has the value already. Always so for points in flash.
    pub compare: bool,
    /// For everything together, waiting for the line included.
    pub within: Duration,
}

impl Default for WriteOptions {
    fn default() -> Self {
        WriteOptions { compare: false, within: Duration::from_secs(10) }
    }
}

/// How a write is proved.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// It read back as this.
    ReadBack(Data),
    /// The device accepted it and does not let the point be read.
    WriteOnly,
    /// The device had the value already; nothing was sent.
    Unchanged(Data),
}

/// A write that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// How it is proved.
    pub proof: Proof,
    /// True when the wear ledger changed and is to be kept.
    pub worn: bool,
}

/// Writes the points of one device.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The device's link.
    pub handle: &'a Handle<ModbusOp, ModbusReply>,
    /// Its unit address.
    pub unit: u8,
    /// Its points.
    pub points: &'a Points,
    /// Its ledger of writes to flash.
    pub wear: &'a Mutex<WearLedger>,
}

impl Writer<'_> {
    /// Writes `data` to point `name`. The value is refused, not clamped, when it is outside the point's limits
    /// or does not fit its registers. `now` is for the wear budget.
    pub async fn write(
        &self,
        name: &str,
        data: &Data,
        options: WriteOptions,
        now: Time,
    ) -> Result<Written, WriteError> {
        let Some((index, point)) = self.points.get(name) else {
            return Err(WriteError::NoPoint(name.to_owned()));
        };
        if !point.write {
            return Err(WriteError::ReadOnly(name.to_owned()));
        }
        let target = Target { writer: self, index, deadline: Instant::now() + options.within };
        let value_error = |what: String| WriteError::Value { point: name.to_owned(), what };
        let compare = options.compare || point.budget.is_some();
        let must_know = point.scale_point.is_some() || (point.codec.shares_register() && !point.write_mask);
        let mut exponent = None;
        let mut current = None;
        if compare || must_know {
            match target.read().await {
                Ok(seen) => {
                    exponent = seen.exponent;
                    current = seen.words.first().copied();
                    let already = seen.data.filter(|already| same(&point.codec, already, data, exponent));
                    if let (true, Some(already)) = (compare, already) {
                        return Ok(Written { proof: Proof::Unchanged(already), worn: false });
                    }
                }
                // A point that can't be read can still be written, unless its scale or its neighbours matter.
                Err(LinkError::Exception(1..=3)) if !must_know => {}
                Err(source) => return Err(WriteError::ReadBefore { point: name.to_owned(), source }),
            }
            if point.scale_point.is_some() && exponent.is_none() {
                return Err(value_error("the device does not say how it is scaled".into()));
            }
        }
        let op = encode(self.unit, point, data, exponent, current).map_err(value_error)?;
        if let Some(budget) = point.budget {
            self.wear.lock().unwrap_or_else(PoisonError::into_inner).take(name, budget, now)?;
        }
        let worn = point.budget.is_some();
        target.call(op).await.map_err(|source| WriteError::Write { point: name.to_owned(), source })?;
        let proof = target.prove(data).await?;
        Ok(Written { proof, worn })
    }
}

/// One point during one write.
struct Target<'a> {
    writer: &'a Writer<'a>,
    index: usize,
    deadline: Instant,
}

/// The request that writes `data`; the error is a sentence.
pub fn encode(
    unit: u8,
    point: &Point,
    data: &Data,
    exponent: Option<i32>,
    current: Option<u16>,
) -> Result<ModbusOp, String> {
    let (address, multiple) = (point.address, point.write_multiple);
    if point.table == Table::Coil {
        let on = data.truth().ok_or_else(|| format!("`{data}` is neither on nor off"))?;
        return Ok(ModbusOp::WriteCoils { unit, address, values: vec![on], multiple });
    }
    if point.write_mask {
        // The bits that follow what was there before are the ones to keep.
        let with = |current: u16| {
            let words = point.codec.encode(data, exponent, Some(current))?;
            words.first().copied().ok_or_else(|| "it takes no register".to_owned())
        };
        let (clear, set) = (with(0)?, with(0xFFFF)?);
        return Ok(ModbusOp::MaskWrite { unit, address, and: clear ^ set, or: clear });
    }
    let values = point.codec.encode(data, exponent, current)?;
    Ok(ModbusOp::WriteRegisters { unit, address, values, multiple })
}

/// True when a device that shows `seen` has what was wanted.
fn same(codec: &Codec, seen: &Data, wanted: &Data, exponent: Option<i32>) -> bool {
    match (seen, wanted) {
        (Data::Text(seen), Data::Text(wanted)) => seen.trim_end() == wanted.trim_end(),
        (Data::Bool(seen), wanted) => wanted.truth() == Some(*seen),
        _ => match (seen.number(), wanted.number()) {
            (Some(seen), Some(wanted)) => (seen - wanted).abs() <= codec.tolerance(wanted, exponent),
            _ => false,
        },
    }
}

struct Seen {
    words: Vec<u16>,
    exponent: Option<i32>,
    /// `None` when the device says that it has no value there.
    data: Option<Data>,
}

impl Target<'_> {
    async fn call(&self, op: ModbusOp) -> Result<ModbusReply, LinkError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.writer.handle.call(op, Urgency::Command, left).await
    }

    async fn read(&self) -> Result<Seen, LinkError> {
        let point = &self.writer.points.points[self.index];
        let block = Block::of(self.writer.points, &[self.index]);
        let item = block.items[0];
        match self.call(block.op(self.writer.unit)).await? {
            ModbusReply::Bits(bits) => {
                Ok(Seen { words: Vec::new(), exponent: None, data: bits.first().map(|on| Data::Bool(*on)) })
            }
            ModbusReply::Registers(words) => {
                let short = || LinkError::Protocol("a short reply".into());
                let exponent = match (item.scale_at, point.scale_point) {
                    (Some(at), Some(scale)) => {
                        let word = words.get(usize::from(at)).ok_or_else(short)?;
                        self.writer.points.points[scale].codec.exponent(std::slice::from_ref(word)).ok()
                    }
                    _ => None,
                };
                let at = usize::from(item.at);
                let words = words.get(at..at + usize::from(point.codec.width())).ok_or_else(short)?.to_vec();
                let data = point.codec.decode(&words, exponent).ok();
                Ok(Seen { words, exponent, data })
            }
            _ => Err(LinkError::Protocol("a reply of another kind".into())),
        }
    }

    async fn prove(&self, wanted: &Data) -> Result<Proof, WriteError> {
        let point = &self.writer.points.points[self.index];
        let name = || point.name.to_string();
        let mut seen = None;
        for pause in READ_BACKS {
            if Instant::now() + pause >= self.deadline {
                break;
            }
            tokio::time::sleep(pause).await;
            match self.read().await {
                Ok(now) => {
                    if let Some(data) = &now.data
                        && same(&point.codec, data, wanted, now.exponent)
                    {
                        return Ok(Proof::ReadBack(data.clone()));
                    }
                    seen = Some(now.data.map_or_else(|| "no value".into(), |data| data.to_string()));
                }
                Err(LinkError::Exception(1..=3)) => return Ok(Proof::WriteOnly),
                Err(error) => seen = Some(error.to_string()),
            }
        }
        let seen = seen.unwrap_or_else(|| "nothing, there was no time left".into());
        Err(WriteError::ReadBack { point: name(), wanted: wanted.to_string(), seen })
    }
}
