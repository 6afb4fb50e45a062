//! Frames as a line of text: printable characters as they are, the rest as `\r`, `\n`, `\t`, `\\` or `\xHH`.

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
