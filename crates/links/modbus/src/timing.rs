//! How long characters and silences last on a serial line. Pure.

use bo_model::release::{Parity, SerialLine};
use std::time::Duration;

/// Silence that ends a frame above 19200 baud ("Modbus over Serial Line V1.02" §2.5.1.1).
const FAST_SILENCE: Duration = Duration::from_micros(1750);

/// Durations of one serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTiming {
    /// One character, start, parity and stop bits included.
    pub character: Duration,
    /// t3.5: silence between two frames.
    pub silence: Duration,
}

impl LineTiming {
    /// From the line's settings. The silence counts 11 bits a character as the standard does.
    pub fn of(line: &SerialLine) -> LineTiming {
        let parity = u32::from(line.parity != Parity::None);
        let bits = 1 + u32::from(line.data_bits) + parity + u32::from(line.stop_bits);
        LineTiming::new(line.baud, bits)
    }

    /// From bits per second and bits per character.
    pub fn new(baud: u32, bits: u32) -> LineTiming {
        let bit = Duration::from_secs(1) / baud.max(1);
        let silence = if baud > 19_200 { FAST_SILENCE } else { bit * 77 / 2 };
        LineTiming { character: bit * bits, silence }
    }

    /// How long `count` characters take.
    pub fn characters(&self, count: usize) -> Duration {
        self.character * count as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silence_follows_the_baud_rate_up_to_19200_and_is_fixed_above() {
        assert_eq!(LineTiming::new(9600, 11).silence.as_micros(), 4010);
        assert_eq!(LineTiming::new(19_200, 11).silence.as_micros(), 2005);
        assert_eq!(LineTiming::new(115_200, 11).silence.as_micros(), 1750);
    }
}
