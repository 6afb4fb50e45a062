//! What crosses a link as a line of text: frames with printable characters as they are and the rest as `\r`, `\n`, `\t`,
//! `\\` or `\xHH`; Modbus requests as words and numbers.

use bo_link::ModbusOp;
use bo_model::points::Table;
use bytes::Bytes;

/// Bytes as text.
pub fn escape(bytes: &[u8]) -> String {
    let last = bytes.len().saturating_sub(1);
    let mut text = String::with_capacity(bytes.len());
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            // A space at either end would be lost with the line's own.
            b' ' if index == 0 || index == last => text.push_str("\\x20"),
            b' '..=b'~' => text.push(byte as char),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// Text as bytes. The error is a sentence.
pub fn unescape(text: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.copied().unwrap_or(b'?') as char);
                let hex: String = digits.iter().collect();
                u8::from_str_radix(&hex, 16).map_err(|_| format!("`\\x{hex}` is not a byte in hex"))?
            }
            other => {
                let what = other.map(|byte| (*byte as char).to_string()).unwrap_or_default();
                return Err(format!("`\\{what}` is unknown; write \\r, \\n, \\t, \\\\ or \\xHH"));
            }
        });
    }
    Ok(bytes.into())
}

/// A Modbus request as a transcript writes it, without its outcome.
pub(super) fn spelled(op: &ModbusOp) -> String {
    match op {
        ModbusOp::Read { table, address, count, .. } => format!("read {} {address} {count}", word(*table)),
        ModbusOp::WriteRegisters { address, values, .. } => {
            format!("write holding {address} {}", words(values))
        }
        ModbusOp::WriteCoils { address, values, .. } => {
            let values: Vec<String> = values.iter().map(|on| u8::from(*on).to_string()).collect();
            format!("write coil {address} {}", values.join(" "))
        }
        ModbusOp::MaskWrite { address, and, or, .. } => format!("mask {address} {and:04x} {or:04x}"),
        ModbusOp::WriteRead { write_address, values, read_address, read_count, .. } => {
            format!("write-read {write_address} {} from {read_address} {read_count}", words(values))
        }
        ModbusOp::Identify { .. } => "identify".into(),
    }
}

/// Registers in hex.
pub(super) fn words(values: &[u16]) -> String {
    values.iter().map(|value| format!("{value:04x}")).collect::<Vec<_>>().join(" ")
}

fn word(table: Table) -> &'static str {
    match table {
        Table::Coil => "coil",
        Table::Discrete => "discrete",
        Table::Input => "input",
        Table::Holding => "holding",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_frame_reads_back_from_its_line(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let line = escape(&bytes);
            prop_assert!(line.trim() == line && !line.contains('\n'));
            prop_assert_eq!(unescape(&line).unwrap(), bytes);
        }
    }

    #[test]
    fn a_wrong_escape_is_named() {
        assert!(unescape("a\\q").unwrap_err().contains("`\\q` is unknown"));
        assert!(unescape("a\\xg1").unwrap_err().contains("not a byte"));
    }
}
