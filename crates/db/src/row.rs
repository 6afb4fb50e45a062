//! Values on their way out of a statement.

use crate::error::DbError;
use bo_model::{Level, Object, Time};
use postgres::types::{FromSql, Type};
use rusqlite::types::ValueRef;

/// One row of a result. Columns count from 0.
#[derive(Clone, Copy)]
pub enum Row<'r> {
    /// From SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// From PostgreSQL.
    Postgres(&'r postgres::Row),
}

/// One datum of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'r> {
    /// NULL.
    Null,
    /// A whole number or boolean.
    Int(i64),
    /// A number.
    Real(f64),
    /// Text.
    Text(&'r str),
    /// Bytes.
    Bytes(&'r [u8]),
    /// Something this crate does not read: an exotic column type.
    Other,
}

impl Cell<'_> {
    fn word(&self) -> &'static str {
        match self {
            Cell::Null => "NULL",
            Cell::Int(_) => "a whole number",
            Cell::Real(_) => "a number",
            Cell::Text(_) => "text",
            Cell::Bytes(_) => "bytes",
            Cell::Other => "a type that is not supported",
        }
    }
}

/// A Rust type a column can be read as.
pub trait Column: Sized {
    /// What it is called in an error.
    const NAME: &'static str;
    /// Reads it; `None` when the cell holds something else.
    fn read(cell: Cell<'_>) -> Option<Self>;
}

impl<'r> Row<'r> {
    /// Reads a column: `row.get::<i64>(0)?`, `row.get::<Option<Time>>(3)?`.
    ///
    /// # Errors
    /// [`DbError::Column`] when it holds something else.
    pub fn get<T: Column>(&self, column: usize) -> Result<T, DbError> {
        let cell = self.cell(column);
        T::read(cell).ok_or(DbError::Column { column, found: cell.word(), expected: T::NAME })
    }

    /// Text without a copy.
    ///
    /// # Errors
    /// [`DbError::Column`] when it holds something else.
    pub fn str(&self, column: usize) -> Result<&'r str, DbError> {
        match self.cell(column) {
            Cell::Text(text) => Ok(text),
            other => Err(DbError::Column { column, found: other.word(), expected: "text" }),
        }
    }

    /// Bytes without a copy.
    ///
    /// # Errors
    /// [`DbError::Column`] when it holds something else.
    pub fn bytes(&self, column: usize) -> Result<&'r [u8], DbError> {
        match self.cell(column) {
            Cell::Bytes(bytes) => Ok(bytes),
            other => Err(DbError::Column { column, found: other.word(), expected: "bytes" }),
        }
    }

    /// JSON kept as text.
    ///
    /// # Errors
    /// [`DbError::Column`] or [`DbError::Json`].
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, DbError> {
        serde_json::from_str(self.str(column)?)
            .map_err(|source| DbError::Json { what: "a stored column", source })
    }

    /// The raw datum.
    pub fn cell(&self, column: usize) -> Cell<'r> {
        match self {
            Row::Sqlite(row) => match row.get_ref(column) {
                Ok(ValueRef::Null) => Cell::Null,
                Ok(ValueRef::Integer(whole)) => Cell::Int(whole),
                Ok(ValueRef::Real(real)) => Cell::Real(real),
                Ok(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(Cell::Other, Cell::Text),
                Ok(ValueRef::Blob(bytes)) => Cell::Bytes(bytes),
                Err(_) => Cell::Other,
            },
            Row::Postgres(row) => row.try_get::<_, Wire<'r>>(column).map_or(Cell::Other, |wire| wire.0),
        }
    }
}

/// A PostgreSQL datum read by its own type.
struct Wire<'r>(Cell<'r>);

impl<'r> FromSql<'r> for Wire<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Wire(match *ty {
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Cell::Int(i64::from(i32::from_sql(ty, raw)?)),
            Type::INT2 => Cell::Int(i64::from(i16::from_sql(ty, raw)?)),
            Type::BOOL => Cell::Int(i64::from(bool::from_sql(ty, raw)?)),
            Type::FLOAT8 => Cell::Real(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Cell::Real(f64::from(f32::from_sql(ty, raw)?)),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
                Cell::Text(<&str>::from_sql(ty, raw)?)
            }
            Type::BYTEA => Cell::Bytes(raw),
            Type::NUMERIC => numeric(raw),
            _ => Cell::Other,
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Wire(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// `sum(bigint)` and `avg(bigint)` are NUMERIC in PostgreSQL. Binary form (`src/backend/utils/adt/numeric.c`,
/// `numeric_send`): counts of base-10000 digits, weight of the first, sign, display scale, digits.
fn numeric(raw: &[u8]) -> Cell<'static> {
    let word = |at: usize| raw.get(at * 2..at * 2 + 2).map(|two| i16::from_be_bytes([two[0], two[1]]));
    let (Some(count), Some(weight), Some(sign)) = (word(0), word(1), word(2)) else { return Cell::Other };
    let negative = match sign as u16 {
        0 => false,
        0x4000 => true,
        _ => return Cell::Other,
    };
    let digits: Option<Vec<i16>> = (0..count.max(0) as usize).map(|i| word(4 + i)).collect();
    let Some(digits) = digits else { return Cell::Other };
    if digits.len() as i32 <= i32::from(weight) + 1 {
        let mut whole: i64 = 0;
        for place in 0..=i32::from(weight) {
            let digit = digits.get(place as usize).copied().unwrap_or(0);
            match whole.checked_mul(10_000).and_then(|w| w.checked_add(i64::from(digit))) {
                Some(next) => whole = next,
                None => return Cell::Other,
            }
        }
        return Cell::Int(if negative { -whole } else { whole });
    }
    let real: f64 = digits
        .iter()
        .enumerate()
        .map(|(i, digit)| f64::from(*digit) * 10_000f64.powi(i32::from(weight) - i as i32))
        .sum();
    Cell::Real(if negative { -real } else { real })
}

macro_rules! column {
    ($($t:ty, $name:literal, $pattern:pat => $value:expr;)*) => {$(
        impl Column for $t {
            const NAME: &'static str = $name;
            fn read(cell: Cell<'_>) -> Option<Self> {
                match cell { $pattern => $value, _ => None }
            }
        }
    )*};
}
column! {
    i64, "a whole number", Cell::Int(whole) => Some(whole);
    i32, "a 32-bit whole number", Cell::Int(whole) => i32::try_from(whole).ok();
    u64, "a whole number from 0", Cell::Int(whole) => u64::try_from(whole).ok();
    u32, "a 32-bit whole number from 0", Cell::Int(whole) => u32::try_from(whole).ok();
    usize, "a count", Cell::Int(whole) => usize::try_from(whole).ok();
    bool, "0 or 1", Cell::Int(whole) => Some(whole != 0);
    Time, "a time", Cell::Int(micros) => Some(Time(micros));
    Level, "a level", Cell::Int(number) => Some(Level::from_number(number));
    String, "text", Cell::Text(text) => Some(text.to_owned());
    Object, "an object", Cell::Text(text) => Object::parse(text);
    Vec<u8>, "bytes", Cell::Bytes(bytes) => Some(bytes.to_vec());
}

impl Column for f64 {
    const NAME: &'static str = "a number";
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Real(real) => Some(real),
            Cell::Int(whole) => Some(whole as f64),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    const NAME: &'static str = T::NAME;
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            other => T::read(other).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeric_reads_as_the_number_it_is() {
        let wire = |words: &[i16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(numeric(&wire(&[0, 0, 0, 0])), Cell::Int(0));
        assert_eq!(numeric(&wire(&[2, 1, 0, 0, 12, 3456])), Cell::Int(123_456));
        assert_eq!(numeric(&wire(&[1, 1, 0x4000, 0, 12])), Cell::Int(-120_000));
        assert_eq!(numeric(&wire(&[2, 0, 0, 2, 1, 2500])), Cell::Real(1.25));
        assert_eq!(numeric(&[0]), Cell::Other);
    }
}
