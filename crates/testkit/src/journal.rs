//! An edge's journal read by somebody who did not write it: the format is its own statement here (decision 7).

use anyhow::{Context, Result, ensure};

/// The text of a block's body, lines of `<number> <time> <JSON>`: as it is, or after a one and four bytes that tell its length as
/// an LZ4 block.
pub fn text(body: Vec<u8>) -> Result<String> {
    let text = match body.split_first() {
        Some((1, packed)) => {
            let (length, packed) = packed.split_first_chunk().context("a packed block is cut off")?;
            let length = u32::from_le_bytes(*length) as usize;
            let text = lz4_flex::block::decompress(packed, length)?;
            ensure!(text.len() == length, "a packed block has {} bytes, not {length}", text.len());
            text
        }
        _ => body,
    };
    Ok(String::from_utf8(text)?)
}
