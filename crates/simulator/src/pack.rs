//! A datum to registers and back, as the device's own firmware does it. Written apart from the product's codec
//! (`crates/links/modbus`) on purpose: a mistake there must not be mirrored here.

use bo_model::points::{Encoding, ModbusPoint, Order};
use serde_json::Value as Json;

/// Registers a point takes.
pub fn width(point: &ModbusPoint) -> u16 {
    match point.encoding {
        Encoding::Bool | Encoding::I16 | Encoding::U16 | Encoding::Sunssf => 1,
        Encoding::I32 | Encoding::U32 | Encoding::F32 | Encoding::Acc32 => 2,
        Encoding::I64 | Encoding::U64 | Encoding::F64 | Encoding::Acc64 => 4,
        Encoding::String => point.length.unwrap_or(1),
    }
}

/// A datum as registers; `exponent` is the value of its scale factor. None when it can't be spelled.
pub fn pack(point: &ModbusPoint, order: Order, value: &Json, exponent: i32) -> Option<Vec<u16>> {
    if point.encoding == Encoding::String {
        return Some(pack_text(value.as_str()?, usize::from(width(point))));
    }
    let number = raw_number(point, value, exponent)?;
    let whole = number.round();
    let bytes: Vec<u8> = match point.encoding {
        Encoding::Bool => vec![0, u8::from(number != 0.0)],
        Encoding::U16 => (whole.clamp(0.0, f64::from(u16::MAX)) as u16).to_be_bytes().into(),
        Encoding::I16 | Encoding::Sunssf => (whole as i16).to_be_bytes().into(),
        Encoding::U32 | Encoding::Acc32 => (whole as u32).to_be_bytes().into(),
        Encoding::I32 => (whole as i32).to_be_bytes().into(),
        Encoding::U64 | Encoding::Acc64 => (whole as u64).to_be_bytes().into(),
        Encoding::I64 => (whole as i64).to_be_bytes().into(),
        Encoding::F32 => (number as f32).to_be_bytes().into(),
        Encoding::F64 => number.to_be_bytes().into(),
        Encoding::String => return None,
    };
    Some(reorder(&bytes, order))
}

/// Registers as a datum.
pub fn unpack(point: &ModbusPoint, order: Order, registers: &[u16], exponent: i32) -> Option<Json> {
    if point.encoding == Encoding::String {
        let bytes: Vec<u8> = registers.iter().flat_map(|register| register.to_be_bytes()).collect();
        let text = String::from_utf8_lossy(&bytes);
        return Some(Json::from(text.trim_end_matches(['\0', ' '])));
    }
    let bytes: Vec<u8> = reorder_back(registers, order);
    let number = match point.encoding {
        Encoding::Bool => f64::from(*registers.first()? >> point.bit.unwrap_or(0) & 1),
        Encoding::U16 => f64::from(u16::from_be_bytes(bytes.try_into().ok()?)),
        Encoding::I16 | Encoding::Sunssf => f64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        Encoding::U32 | Encoding::Acc32 => f64::from(u32::from_be_bytes(bytes.try_into().ok()?)),
        Encoding::I32 => f64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        Encoding::U64 | Encoding::Acc64 => u64::from_be_bytes(bytes.try_into().ok()?) as f64,
        Encoding::I64 => i64::from_be_bytes(bytes.try_into().ok()?) as f64,
        Encoding::F32 => f64::from(f32::from_be_bytes(bytes.try_into().ok()?)),
        Encoding::F64 => f64::from_be_bytes(bytes.try_into().ok()?),
        Encoding::String => return None,
    };
    if !point.map.is_empty() {
        return point.map.get(&(number as i64).to_string()).cloned();
    }
    if point.encoding == Encoding::Bool {
        return Some(Json::Bool(number != 0.0));
    }
    let scaled = number * 10f64.powi(exponent);
    Some(Json::from(scaled * point.scale.unwrap_or(1.0) + point.add.unwrap_or(0.0)))
}

fn raw_number(point: &ModbusPoint, value: &Json, exponent: i32) -> Option<f64> {
    if !point.map.is_empty() {
        return point.map.iter().find(|(_, datum)| *datum == value)?.0.parse().ok();
    }
    let number = match value {
        Json::Bool(on) => f64::from(u8::from(*on)),
        other => other.as_f64()?,
    };
    Some((number - point.add.unwrap_or(0.0)) / point.scale.unwrap_or(1.0) / 10f64.powi(exponent))
}

fn pack_text(text: &str, registers: usize) -> Vec<u16> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(registers * 2, 0);
    bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// Big-endian bytes as registers in the device's order.
fn reorder(bytes: &[u8], order: Order) -> Vec<u16> {
    let mut words: Vec<u16> =
        bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
    if matches!(order, Order::CDAB | Order::DCBA) {
        words.reverse();
    }
    if matches!(order, Order::BADC | Order::DCBA) {
        words.iter_mut().for_each(|word| *word = word.swap_bytes());
    }
    words
}

/// The inverse of [`reorder`], which is its own inverse on registers.
fn reorder_back(registers: &[u16], order: Order) -> Vec<u8> {
    let bytes: Vec<u8> = registers.iter().flat_map(|register| register.to_be_bytes()).collect();
    reorder(&bytes, order).into_iter().flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_float_lies_in_each_order_as_meters_have_it() {
        let point = ModbusPoint { encoding: Encoding::F32, ..ModbusPoint::default() };
        // 230.5 is 0x43668000.
        for (order, expected) in [
            (Order::ABCD, [0x4366, 0x8000]),
            (Order::CDAB, [0x8000, 0x4366]),
            (Order::BADC, [0x6643, 0x0080]),
            (Order::DCBA, [0x0080, 0x6643]),
        ] {
            let registers = pack(&point, order, &json!(230.5), 0).unwrap();
            assert_eq!(registers, expected, "{order:?}");
            assert_eq!(unpack(&point, order, &registers, 0), Some(json!(230.5)), "{order:?}");
        }
    }

    #[test]
    fn a_scale_factor_and_a_scale_multiply() {
        let point = ModbusPoint { encoding: Encoding::U32, scale: Some(0.001), ..ModbusPoint::default() };
        assert_eq!(pack(&point, Order::ABCD, &json!(184.5), 2), Some(vec![0, 1845]));
    }
}
