//! Where one frame ends and the next begins. Pure.

use crate::error::ConfigError;
use bo_model::driver::Framing;
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// Longest frame, in bytes; a peer that sends more without an end is not speaking this framing.
pub const MAX_FRAME: usize = 64 * 1024;
/// Silence that ends a frame when a driver names no framing.
const DEFAULT_SILENCE: Duration = Duration::from_millis(50);
const MAX_SILENCE_MS: u64 = 60_000;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Delimiter(Vec<u8>),
    Length(usize),
    Silence(Duration),
}

/// A frame had no end within [`MAX_FRAME`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no end of a frame within {MAX_FRAME} bytes; is the framing right?")]
pub struct TooLong;

/// Takes bytes, gives frames.
#[derive(Clone, Debug)]
pub struct Framer {
    kind: Kind,
    pending: BytesMut,
    /// Bytes at the start of `pending` known to hold no delimiter.
    searched: usize,
}

impl Framer {
    /// For a driver's framing; without one a short silence ends a frame.
    pub fn new(framing: Option<&Framing>) -> Result<Framer, ConfigError> {
        let kind = match framing {
            None => Kind::Silence(DEFAULT_SILENCE),
            Some(Framing::Delimiter(text)) => Kind::Delimiter(delimiter(text)?),
            Some(Framing::Length(0)) => return Err(ConfigError::Framing("a length of 0 ends no frame")),
            Some(Framing::Length(length)) if *length > MAX_FRAME => {
                return Err(ConfigError::Framing("a frame has at most 65536 bytes"));
            }
            Some(Framing::Length(length)) => Kind::Length(*length),
            Some(Framing::Silence(millis)) if !(1..=MAX_SILENCE_MS).contains(millis) => {
                return Err(ConfigError::Framing("a silence lasts from 1 to 60000 milliseconds"));
            }
            Some(Framing::Silence(millis)) => Kind::Silence(Duration::from_millis(*millis)),
        };
        Ok(Framer { kind, pending: BytesMut::new(), searched: 0 })
    }

    /// The pause that ends a frame, for framings that have one: call [`Framer::flush`] after it.
    pub fn silence(&self) -> Option<Duration> {
        match self.kind {
            Kind::Silence(silence) => Some(silence),
            _ => None,
        }
    }

    /// Appends what was received.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// True while part of a frame waits for its rest.
    pub fn is_open(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The next whole frame, without its delimiter. Empty ones are skipped: they are line ends of two
    /// characters, or noise.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, TooLong> {
        loop {
            let frame = match &self.kind {
                Kind::Length(length) if self.pending.len() >= *length => self.pending.split_to(*length),
                Kind::Delimiter(end) => {
                    let from = self.searched.saturating_sub(end.len() - 1);
                    match find(&self.pending[from..], end) {
                        Some(at) => {
                            self.searched = 0;
                            let mut frame = self.pending.split_to(from + at + end.len());
                            frame.truncate(from + at);
                            frame
                        }
                        None => {
                            self.searched = self.pending.len();
                            return if self.pending.len() > MAX_FRAME { Err(TooLong) } else { Ok(None) };
                        }
                    }
                }
                _ => return if self.pending.len() > MAX_FRAME { Err(TooLong) } else { Ok(None) },
            };
            if !frame.is_empty() {
                return Ok(Some(frame.freeze()));
            }
        }
    }

    /// Whatever is pending, as a frame: the silence, or the end of a datagram.
    pub fn flush(&mut self) -> Option<Bytes> {
        self.searched = 0;
        let frame = std::mem::take(&mut self.pending).freeze();
        (!frame.is_empty()).then_some(frame)
    }

    /// Forgets what is pending: a new connection.
    pub fn reset(&mut self) {
        self.searched = 0;
        self.pending.clear();
    }

    /// `frame` as it goes on the wire. A frame that holds its own delimiter is refused: it would arrive as two,
    /// and the second could be a command nobody gave.
    pub fn encode(&self, frame: &Bytes) -> Result<Bytes, String> {
        if frame.len() > MAX_FRAME {
            return Err(format!("{} bytes in one frame; there may be {MAX_FRAME}", frame.len()));
        }
        let Kind::Delimiter(end) = &self.kind else { return Ok(frame.clone()) };
        let mut wire = BytesMut::with_capacity(frame.len() + end.len());
        wire.extend_from_slice(frame);
        wire.extend_from_slice(end);
        match find(&wire, end) {
            Some(at) if at == frame.len() => Ok(wire.freeze()),
            _ => Err("the frame holds the characters that end a frame".into()),
        }
    }
}

/// A delimiter's bytes: each character up to U+00FF is one byte, so that `\u00FF` is 0xFF.
pub fn delimiter(text: &str) -> Result<Vec<u8>, ConfigError> {
    if text.is_empty() {
        return Err(ConfigError::Framing("an empty delimiter ends no frame"));
    }
    text.chars()
        .map(|c| u8::try_from(u32::from(c)))
        .collect::<Result<Vec<u8>, _>>()
        .map_err(|_| ConfigError::Framing("a delimiter consists of characters up to U+00FF, one byte each"))
}

fn find(bytes: &[u8], end: &[u8]) -> Option<usize> {
    bytes.windows(end.len()).position(|window| window == end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framer(framing: Framing) -> Framer {
        Framer::new(Some(&framing)).unwrap()
    }

    fn frames(framer: &mut Framer) -> Vec<Bytes> {
        std::iter::from_fn(|| framer.next_frame().unwrap()).collect()
    }

    #[test]
    fn lines_come_without_their_end_and_empty_ones_not_at_all() {
        let mut framer = framer(Framing::Delimiter("\r".into()));
        framer.push(b"%1POWR=1\r\r%1IN");
        assert_eq!(frames(&mut framer), ["%1POWR=1"]);
        framer.push(b"PT=31\r");
        assert_eq!(frames(&mut framer), ["%1INPT=31"]);
    }

    #[test]
    fn a_frame_without_end_is_given_up() {
        let mut framer = framer(Framing::Delimiter("\r\n".into()));
        framer.push(&vec![b'x'; MAX_FRAME + 1]);
        assert_eq!(framer.next_frame(), Err(TooLong));
    }

    #[test]
    fn a_frame_that_would_arrive_as_two_is_not_sent() {
        let framer = framer(Framing::Delimiter("\r".into()));
        assert_eq!(framer.encode(&Bytes::from_static(b"POWR 1")), Ok(Bytes::from_static(b"POWR 1\r")));
        assert!(framer.encode(&Bytes::from_static(b"POWR 1\rOPEN DOOR")).is_err());
        assert!(framer.encode(&Bytes::from_static(b"POWR 1\r")).is_err());
    }

    #[test]
    fn framings_that_cannot_work_are_refused() {
        for wrong in [
            Framing::Delimiter(String::new()),
            Framing::Delimiter("→".into()),
            Framing::Length(0),
            Framing::Length(MAX_FRAME + 1),
            Framing::Silence(0),
        ] {
            assert!(Framer::new(Some(&wrong)).is_err(), "{wrong:?}");
        }
        assert_eq!(delimiter("\u{ff}\u{3}").unwrap(), [0xFF, 0x03]);
    }

    proptest! {
        #[test]
        fn frames_survive_the_wire_in_any_pieces(
            sent in prop::collection::vec("[ -~]{1,40}", 1..20), cut in 1usize..30,
            end in prop::sample::select(vec!["\r", "\r\n", "\u{3}", "#>"]),
        ) {
            let mut framer = framer(Framing::Delimiter(end.into()));
            let sent: Vec<Bytes> = sent.into_iter().map(Bytes::from).filter(|f| framer.encode(f).is_ok()).collect();
            let wire: Vec<u8> = sent.iter().flat_map(|frame| framer.encode(frame).unwrap()).collect();
            let mut received = Vec::new();
            for piece in wire.chunks(cut) {
                framer.push(piece);
                received.extend(frames(&mut framer));
            }
            prop_assert_eq!(received, sent);
            prop_assert!(!framer.is_open());
        }

        #[test]
        fn frames_of_one_length_survive_in_any_pieces(bytes in prop::collection::vec(any::<u8>(), 0..400), length in 1usize..20, cut in 1usize..30) {
            let mut framer = framer(Framing::Length(length));
            let mut received = Vec::new();
            for piece in bytes.chunks(cut) {
                framer.push(piece);
                received.extend(frames(&mut framer));
            }
            let whole = bytes.len() / length * length;
            prop_assert!(received.iter().all(|frame| frame.len() == length));
            prop_assert_eq!(received.concat(), &bytes[..whole]);
        }
    }
}
