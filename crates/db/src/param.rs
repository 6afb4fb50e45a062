//! Values on their way into a statement.
//!
//! Both engines take the same five shapes. Booleans are 0 and 1 in a `BIGINT` column, times are microseconds
//! in a `BIGINT`, ids and objects are `TEXT`, JSON is `TEXT`.

use bo_model::{Level, Object, Time};
use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use rusqlite::types::{ToSqlOutput, ValueRef};
use std::borrow::Cow;

/// One bound value. Made with [`params!`](crate::params) or `Param::from`.
#[derive(Clone, Debug, PartialEq)]
pub enum Param<'a> {
    /// NULL.
    Null,
    /// Any whole number, boolean or time.
    Int(i64),
    /// A number.
    Real(f64),
    /// Text, ids, JSON.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

/// `params![a, &b, c]`: a slice of [`Param`]s from anything that has a `Param::from`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Param::from($value)),*][..] };
}

macro_rules! whole {
    ($($t:ty),*) => {$(
        impl From<$t> for Param<'_> {
            fn from(value: $t) -> Self { Param::Int(i64::from(value)) }
        }
    )*};
}
whole!(i64, i32, i16, i8, u32, u16, u8, bool);

impl From<u64> for Param<'_> {
    /// Saturates at `i64::MAX`, the largest number a column holds.
    fn from(value: u64) -> Self {
        Param::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<usize> for Param<'_> {
    fn from(value: usize) -> Self {
        Param::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<f64> for Param<'_> {
    fn from(value: f64) -> Self {
        Param::Real(value)
    }
}
impl From<Time> for Param<'_> {
    fn from(value: Time) -> Self {
        Param::Int(value.0)
    }
}
impl From<Level> for Param<'_> {
    fn from(value: Level) -> Self {
        Param::Int(value as i64)
    }
}
impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Param::Text(value.into())
    }
}
impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Self {
        Param::Text(value.as_str().into())
    }
}
impl From<String> for Param<'_> {
    fn from(value: String) -> Self {
        Param::Text(value.into())
    }
}
impl<'a> From<&'a Object> for Param<'a> {
    fn from(value: &'a Object) -> Self {
        Param::Text(value.as_str().into())
    }
}
impl From<Object> for Param<'_> {
    fn from(value: Object) -> Self {
        Param::Text(value.as_str().to_owned().into())
    }
}
impl From<&serde_json::Value> for Param<'_> {
    fn from(value: &serde_json::Value) -> Self {
        Param::Text(value.to_string().into())
    }
}
impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Param::Bytes(value.into())
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Param<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Param::Bytes(value.as_slice().into())
    }
}
impl<'a> From<&'a Vec<u8>> for Param<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Param::Bytes(value.as_slice().into())
    }
}
impl From<Vec<u8>> for Param<'_> {
    fn from(value: Vec<u8>) -> Self {
        Param::Bytes(value.into())
    }
}
impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Null => ValueRef::Null,
            Param::Int(whole) => ValueRef::Integer(*whole),
            Param::Real(real) => ValueRef::Real(*real),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// PostgreSQL says which type it expects for each placeholder; a value is written as that type where it fits.
impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        let no_fit = || Err(format!("{self:?} does not fit a column of type {ty}").into());
        match self {
            Param::Null => Ok(IsNull::Yes),
            Param::Int(whole) => match *ty {
                Type::INT8 => whole.to_sql(ty, out),
                Type::INT4 => i32::try_from(*whole)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*whole)?.to_sql(ty, out),
                Type::BOOL => (*whole != 0).to_sql(ty, out),
                Type::FLOAT8 => (*whole as f64).to_sql(ty, out),
                Type::TEXT | Type::VARCHAR | Type::UNKNOWN => whole.to_string().to_sql(ty, out),
                _ => no_fit(),
            },
            Param::Real(real) => match *ty {
                Type::FLOAT8 => real.to_sql(ty, out),
                Type::FLOAT4 => (*real as f32).to_sql(ty, out),
                Type::TEXT | Type::VARCHAR | Type::UNKNOWN => real.to_string().to_sql(ty, out),
                _ => no_fit(),
            },
            Param::Text(text) => match *ty {
                Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
                    text.as_ref().to_sql(ty, out)
                }
                _ => no_fit(),
            },
            Param::Bytes(bytes) => match *ty {
                Type::BYTEA => bytes.as_ref().to_sql(ty, out),
                _ => no_fit(),
            },
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
