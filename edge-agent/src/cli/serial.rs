//! Line settings of a serial port that is named on the command line.

use bo_model::release::{Parity, SerialLine};
use clap::Args;
use std::path::PathBuf;

/// How the port is set.
#[derive(Debug, Args)]
pub struct SerialSettings {
    /// Bits per second of the serial port.
    #[arg(long, default_value_t = 9600)]
    baud: u32,
    /// Parity of the serial port: none, even or odd. Many Modbus devices come set to even.
    #[arg(long, default_value = "none", value_parser = parity)]
    parity: Parity,
    /// Stop bits of the serial port.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    stop_bits: u8,
}

impl SerialSettings {
    /// The port at `path`.
    pub fn of(&self, path: impl Into<PathBuf>) -> SerialLine {
        let (parity, stop_bits) = (self.parity, self.stop_bits);
        SerialLine { parity, stop_bits, ..SerialLine::new(path, self.baud) }
    }
}

fn parity(text: &str) -> Result<Parity, String> {
    match text {
        "none" => Ok(Parity::None),
        "even" => Ok(Parity::Even),
        "odd" => Ok(Parity::Odd),
        other => Err(format!("`{other}` is none of none, even, odd")),
    }
}
