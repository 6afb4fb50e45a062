//! Registers to data and back, for one point. Pure, and flat: everything that can be decided when the
//! profile is read is decided then, so that a block of a hundred points decodes in microseconds.

use bo_model::points::{Encoding, ModbusPoint, Order};
use bo_model::{Data, Reason};

/// Largest power of ten a scale factor may name (SunSpec Device Information Model §6: −10 to 10).
const MAX_EXPONENT: i64 = 10;

/// raw ⇄ value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    None,
    Times(f64),
    /// For 0.1 and the like: 2305 / 10 is 230.5, 2305 × 0.1 is not.
    Over(f64),
}

/// How to read and write one point.
#[derive(Clone, Debug)]
pub struct Codec {
    encoding: Encoding,
    swap_words: bool,
    swap_bytes: bool,
    bit: Option<u8>,
    /// Registers.
    width: u16,
    scale: Scale,
    add: f64,
    /// An unscaled whole number stays one.
    whole: bool,
    limited: bool,
    min: f64,
    max: f64,
    /// Raw words that mean "not implemented", as unsigned bits.
    absent_bits: Option<u64>,
    absent: Vec<i64>,
    /// Raw number ⇄ datum, for registers that hold a choice; empty for all others.
    map: Vec<(i64, Data)>,
    sunspec: bool,
}

/// Registers an encoding takes; strings say so themselves.
pub fn width(point: &ModbusPoint) -> u16 {
    match point.encoding {
        Encoding::Bool | Encoding::I16 | Encoding::U16 | Encoding::Sunssf => 1,
        Encoding::I32 | Encoding::U32 | Encoding::F32 | Encoding::Acc32 => 2,
        Encoding::I64 | Encoding::U64 | Encoding::F64 | Encoding::Acc64 => 4,
        Encoding::String => point.length.unwrap_or(1),
    }
}

/// One entry of a point's `map`; the manifest's check has refused keys that are no number.
fn choice((key, datum): (&String, &serde_json::Value)) -> Option<(i64, Data)> {
    Some((key.parse().ok()?, Data::from_json(datum.clone())))
}

impl Codec {
    /// For `point` of a profile whose order is `order`.
    pub fn new(point: &ModbusPoint, order: Order) -> Codec {
        let order = point.order.unwrap_or(order);
        let sunspec = point.model.is_some();
        let absent_bits = match point.encoding {
            Encoding::Sunssf => Some(0x8000),
            Encoding::Acc32 | Encoding::Acc64 => Some(0),
            Encoding::I16 if sunspec => Some(0x8000),
            Encoding::U16 if sunspec => Some(0xFFFF),
            Encoding::I32 if sunspec => Some(0x8000_0000),
            Encoding::U32 if sunspec => Some(0xFFFF_FFFF),
            Encoding::I64 if sunspec => Some(1 << 63),
            Encoding::U64 if sunspec => Some(u64::MAX),
            _ => None,
        };
        let scale = match point.scale {
            None => Scale::None,
            Some(factor) => {
                let inverse = 1.0 / factor;
                if factor.abs() < 1.0 && (inverse - inverse.round()).abs() < 1e-9 * inverse.abs() {
                    Scale::Over(inverse.round())
                } else {
                    Scale::Times(factor)
                }
            }
        };
        let float = matches!(point.encoding, Encoding::F32 | Encoding::F64);
        Codec {
            encoding: point.encoding,
            swap_words: matches!(order, Order::CDAB | Order::DCBA),
            swap_bytes: matches!(order, Order::BADC | Order::DCBA),
            bit: point.bit,
            width: width(point),
            scale,
            add: point.add.unwrap_or(0.0),
            whole: point.scale.is_none() && point.add.is_none() && point.scale_point.is_none() && !float,
            limited: point.min.is_some() || point.max.is_some(),
            min: point.min.unwrap_or(f64::NEG_INFINITY),
            max: point.max.unwrap_or(f64::INFINITY),
            absent_bits,
            absent: point.unimplemented.clone(),
            map: point.map.iter().filter_map(choice).collect(),
            sunspec,
        }
    }

    /// Registers it takes.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// True when it is one bit of a register that holds others.
    pub fn shares_register(&self) -> bool {
        self.bit.is_some()
    }

    /// The datum in `words`, exactly [`Codec::width`] of them; `exponent` is the power of ten its scale point holds.
    pub fn decode(&self, words: &[u16], exponent: Option<i32>) -> Result<Data, Reason> {
        if words.len() != usize::from(self.width) {
            return Err(Reason::Decode(
                format!("{} registers instead of {}", words.len(), self.width).into(),
            ));
        }
        match self.encoding {
            Encoding::String => return self.decode_text(words),
            Encoding::Bool => {
                let word = self.bits(words);
                return Ok(Data::Bool(match self.bit {
                    Some(bit) => word >> bit & 1 == 1,
                    None => word != 0,
                }));
            }
            _ => {}
        }
        let bits = self.bits(words);
        if self.absent_bits == Some(bits) || self.means_absent(bits) {
            return Err(Reason::Unimplemented);
        }
        if !self.map.is_empty() {
            let raw = self.whole_number(bits);
            let found = self.map.iter().find(|(key, _)| Some(*key) == raw);
            return found.map(|(_, datum)| datum.clone()).ok_or(Reason::OutOfRange);
        }
        let raw = match self.encoding {
            Encoding::F32 | Encoding::F64 => {
                let real = self.real(bits);
                if real.is_nan() {
                    return Err(if self.sunspec {
                        Reason::Unimplemented
                    } else {
                        Reason::Decode("not a number".into())
                    });
                }
                if real.is_infinite() {
                    return Err(Reason::Decode("infinite".into()));
                }
                real
            }
            _ => match self.whole_number(bits) {
                Some(whole) if self.whole => {
                    return if self.limited && !(self.min..=self.max).contains(&(whole as f64)) {
                        Err(Reason::OutOfRange)
                    } else {
                        Ok(Data::Int(whole))
                    };
                }
                Some(whole) => whole as f64,
                None => bits as f64,
            },
        };
        let value = self.scaled(raw, exponent)?;
        if self.limited && !(self.min..=self.max).contains(&value) {
            return Err(Reason::OutOfRange);
        }
        Ok(Data::Float(value))
    }

    /// The power of ten in `words`, for a point that scales others.
    pub fn exponent(&self, words: &[u16]) -> Result<i32, Reason> {
        let bits = self.bits(words);
        if self.absent_bits == Some(bits) {
            return Err(Reason::Unimplemented);
        }
        match self.whole_number(bits) {
            Some(power) if power.abs() <= MAX_EXPONENT => Ok(power as i32),
            _ => Err(Reason::Decode(format!("{bits} is no scale factor").into())),
        }
    }

    /// Words for `data`. `current` holds the register as it is, which a single bit in it needs. The error is
    /// a sentence; nothing is clamped.
    pub fn encode(
        &self,
        data: &Data,
        exponent: Option<i32>,
        current: Option<u16>,
    ) -> Result<Vec<u16>, String> {
        if let (Encoding::String, Some(text)) = (self.encoding, data.text()) {
            return self.encode_text(text);
        }
        if let (Encoding::Bool, Some(on)) = (self.encoding, data.truth()) {
            let word = match (self.bit, current) {
                (None, _) => u16::from(on),
                (Some(bit), Some(current)) => {
                    let current = if self.swap_bytes { current.swap_bytes() } else { current };
                    if on { current | 1 << bit } else { current & !(1 << bit) }
                }
                (Some(_), None) => return Err("the other bits of its register are not known".into()),
            };
            return Ok(self.words(u64::from(word)));
        }
        if !self.map.is_empty() {
            let found = self.map.iter().find(|(_, datum)| datum == data);
            let (raw, _) = found.ok_or_else(|| format!("the device has no choice `{data}`"))?;
            return Ok(self.words(self.fit(i128::from(*raw), data)?));
        }
        let Some(value) = data.number() else { return Err(format!("`{data}` is not a number")) };
        if !value.is_finite() {
            return Err(format!("{value} can't be written"));
        }
        if value < self.min {
            return Err(format!("{data} is below the minimum, {}", self.min));
        }
        if value > self.max {
            return Err(format!("{data} is above the maximum, {}", self.max));
        }
        let raw = self.unscaled(value, exponent);
        let bits = match (self.encoding, data) {
            (Encoding::F32, _) => {
                let real = raw as f32;
                if !real.is_finite() {
                    return Err(format!("{data} does not fit"));
                }
                u64::from(real.to_bits())
            }
            (Encoding::F64, _) => raw.to_bits(),
            (_, Data::Int(whole)) if self.whole => self.fit(i128::from(*whole), data)?,
            // Larger than any register: the cast saturates and `fit` refuses.
            _ => self.fit(raw.round() as i128, data)?,
        };
        Ok(self.words(bits))
    }

    /// How far a value may be off after a write and a read: half a step of the raw number.
    pub fn tolerance(&self, value: f64, exponent: Option<i32>) -> f64 {
        let step = match self.encoding {
            Encoding::F32 => value.abs() * 1e-6,
            Encoding::F64 => value.abs() * 1e-12,
            _ => {
                (self.scaled(1.0, exponent).unwrap_or(1.0) - self.scaled(0.0, exponent).unwrap_or(0.0)).abs()
            }
        };
        step * 0.5 + value.abs() * 1e-9
    }

    fn fit(&self, whole: i128, data: &Data) -> Result<u64, String> {
        let (min, max, mask) = match self.encoding {
            Encoding::I16 | Encoding::Sunssf => (i128::from(i16::MIN), i128::from(i16::MAX), 0xFFFF),
            Encoding::I32 => (i128::from(i32::MIN), i128::from(i32::MAX), 0xFFFF_FFFF),
            Encoding::I64 => (i128::from(i64::MIN), i128::from(i64::MAX), u64::MAX),
            Encoding::U32 | Encoding::Acc32 => (0, i128::from(u32::MAX), 0xFFFF_FFFF),
            Encoding::U64 | Encoding::Acc64 => (0, i128::from(u64::MAX), u64::MAX),
            _ => (0, i128::from(u16::MAX), 0xFFFF),
        };
        if (min..=max).contains(&whole) {
            Ok(whole as u64 & mask)
        } else {
            Err(format!("{data} would be {whole} in the register, which holds {min} to {max}"))
        }
    }

    fn scaled(&self, raw: f64, exponent: Option<i32>) -> Result<f64, Reason> {
        let factored = match exponent {
            None | Some(0) => raw,
            Some(power) if power < 0 => raw / 10f64.powi(-power),
            Some(power) => raw * 10f64.powi(power),
        };
        let value = match self.scale {
            Scale::None => factored,
            Scale::Times(factor) => factored * factor,
            Scale::Over(divisor) => factored / divisor,
        } + self.add;
        if value.is_finite() { Ok(value) } else { Err(Reason::Decode("too large".into())) }
    }

    fn unscaled(&self, value: f64, exponent: Option<i32>) -> f64 {
        let factored = match self.scale {
            Scale::None => value - self.add,
            Scale::Times(factor) => (value - self.add) / factor,
            Scale::Over(divisor) => (value - self.add) * divisor,
        };
        match exponent {
            None | Some(0) => factored,
            Some(power) if power < 0 => factored * 10f64.powi(-power),
            Some(power) => factored / 10f64.powi(power),
        }
    }

    fn bits(&self, words: &[u16]) -> u64 {
        let order = |word: u16| u64::from(if self.swap_bytes { word.swap_bytes() } else { word });
        if self.swap_words {
            words.iter().rev().fold(0, |bits, word| bits << 16 | order(*word))
        } else {
            words.iter().fold(0, |bits, word| bits << 16 | order(*word))
        }
    }

    fn words(&self, bits: u64) -> Vec<u16> {
        let mut words: Vec<u16> =
            (0..self.width).rev().map(|at| (bits >> (16 * u32::from(at))) as u16).collect();
        if self.swap_words {
            words.reverse();
        }
        if self.swap_bytes {
            words.iter_mut().for_each(|word| *word = word.swap_bytes());
        }
        words
    }

    fn whole_number(&self, bits: u64) -> Option<i64> {
        match self.encoding {
            Encoding::I16 | Encoding::Sunssf => Some(i64::from(bits as u16 as i16)),
            Encoding::I32 => Some(i64::from(bits as u32 as i32)),
            Encoding::I64 => Some(bits as i64),
            _ => i64::try_from(bits).ok(),
        }
    }

    fn real(&self, bits: u64) -> f64 {
        match self.encoding {
            Encoding::F32 => f64::from(f32::from_bits(bits as u32)),
            _ => f64::from_bits(bits),
        }
    }

    /// The author may write −1 or 65535 for the same word, or a plain number for a float.
    fn means_absent(&self, bits: u64) -> bool {
        !self.absent.is_empty()
            && self.absent.iter().any(|absent| {
                *absent == bits as i64
                    || self.whole_number(bits) == Some(*absent)
                    || (matches!(self.encoding, Encoding::F32 | Encoding::F64)
                        && self.real(bits) == *absent as f64)
            })
    }

    fn decode_text(&self, words: &[u16]) -> Result<Data, Reason> {
        let bytes = words
            .iter()
            .flat_map(|word| if self.swap_bytes { word.to_le_bytes() } else { word.to_be_bytes() });
        let bytes: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Err(Reason::Decode("characters that are not ASCII".into()));
        };
        if text.bytes().any(|byte| !(0x20..0x7F).contains(&byte)) {
            return Err(Reason::Decode("characters that are not printable ASCII".into()));
        }
        let text = text.trim_end();
        if text.is_empty() && self.sunspec { Err(Reason::Unimplemented) } else { Ok(text.into()) }
    }

    fn encode_text(&self, text: &str) -> Result<Vec<u16>, String> {
        let room = usize::from(self.width) * 2;
        if text.len() > room {
            return Err(format!("`{text}` has {} characters, there is room for {room}", text.len()));
        }
        if text.bytes().any(|byte| !(0x20..0x7F).contains(&byte)) {
            return Err(format!("`{text}` has characters that are not printable ASCII"));
        }
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(room, 0);
        let word = |pair: &[u8]| {
            let pair = [pair[0], pair[1]];
            if self.swap_bytes { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
        };
        Ok(bytes.chunks_exact(2).map(word).collect())
    }
}

#[cfg(test)]
mod tests;
