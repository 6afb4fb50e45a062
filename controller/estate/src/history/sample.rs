//! One kept value of a point: what history stores and charts draw.

use bo_model::{Data, Quality, Reason, Time, Value};
use std::sync::Arc;

/// A datum as history keeps it.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// None: the quality says why.
    None,
    /// Numbers and booleans.
    Number(f64),
    /// Words, and JSON as text.
    Text(Arc<str>),
}

/// One sample. Times are whole milliseconds: finer than any device tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When the device showed it.
    pub at: i64,
    /// How far to trust it.
    pub grade: Grade,
    /// What it was; `None` when the grade is bad.
    pub datum: Datum,
}

/// A quality in one byte: 0 good, 32 + reason uncertain, 64 + reason bad. Details of a reason (the exception's
/// code, a driver's words) are not kept; they are in the log of that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grade(pub u8);

const REASONS: [&str; 12] = [
    "not read yet",
    "stale",
    "retained, not live yet",
    "device offline",
    "no reply in time",
    "device refused",
    "reply not understood",
    "not implemented by this device",
    "out of range",
    "driver fault",
    "reported by the driver",
    "device disabled",
];

fn code(reason: &Reason) -> u8 {
    match reason {
        Reason::NeverRead => 0,
        Reason::Stale => 1,
        Reason::Retained => 2,
        Reason::Offline => 3,
        Reason::Timeout => 4,
        Reason::Exception(_) => 5,
        Reason::Decode(_) => 6,
        Reason::Unimplemented => 7,
        Reason::OutOfRange => 8,
        Reason::DriverFault(_) => 9,
        Reason::Driver(_) => 10,
        Reason::Disabled => 11,
    }
}

impl Grade {
    /// Read, decoded, fresh.
    pub const GOOD: Grade = Grade(0);

    /// From a quality.
    pub fn of(quality: &Quality) -> Grade {
        match quality {
            Quality::Good => Grade::GOOD,
            Quality::Uncertain(reason) => Grade(32 + code(reason)),
            Quality::Bad(reason) => Grade(64 + code(reason)),
        }
    }

    /// True when there is no datum to use.
    pub fn is_bad(self) -> bool {
        self.0 >= 64
    }

    /// `good`, `uncertain` or `bad`.
    pub fn word(self) -> &'static str {
        match self.0 {
            0 => "good",
            1..64 => "uncertain",
            _ => "bad",
        }
    }

    /// Back to a quality; the words of a reason that had some are gone.
    pub fn quality(self) -> Quality {
        let reason = match self.0 % 32 {
            0 => Reason::NeverRead,
            1 => Reason::Stale,
            2 => Reason::Retained,
            3 => Reason::Offline,
            4 => Reason::Timeout,
            5 => Reason::Exception(0),
            6 => Reason::Decode("not kept".into()),
            7 => Reason::Unimplemented,
            8 => Reason::OutOfRange,
            9 => Reason::DriverFault("not kept".into()),
            11 => Reason::Disabled,
            _ => Reason::Driver("reported by the driver".into()),
        };
        match self.0 {
            0 => Quality::Good,
            1..64 => Quality::Uncertain(reason),
            _ => Quality::Bad(reason),
        }
    }

    /// Why it is not good.
    pub fn reason(self) -> Option<&'static str> {
        (self.0 != 0).then(|| REASONS.get(usize::from(self.0 % 32)).copied().unwrap_or("unknown"))
    }
}

impl Sample {
    /// From a live value. A bad one keeps no datum: what was true before it is in the sample before.
    pub fn of(value: &Value) -> Sample {
        let grade = Grade::of(&value.quality);
        let datum = match &value.data {
            _ if grade.is_bad() => Datum::None,
            Data::None => Datum::None,
            Data::Text(text) => Datum::Text(text.clone()),
            Data::Json(json) => Datum::Text(json.to_string().into()),
            number => number.number().filter(|n| n.is_finite()).map_or(Datum::None, Datum::Number),
        };
        Sample { at: millis(value.observed_at), grade, datum }
    }

    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self.datum {
            Datum::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// A time in whole milliseconds since 1970.
pub fn millis(at: Time) -> i64 {
    at.0.div_euclid(1000)
}

/// Back to a time.
pub fn time(millis: i64) -> Time {
    Time(millis.saturating_mul(1000))
}
