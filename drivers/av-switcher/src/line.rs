//! Lines of the dialect, pure. README.md lists them.

use backoffice_driver::{Error, Result};

/// What the switcher says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// `INFO inputs outputs firmware`.
    Info { inputs: u8, outputs: u8, firmware: String },
    /// `ROUTE output input`.
    Route { output: u8, input: u8 },
    /// `MUTE output 0|1`.
    Mute { output: u8, on: bool },
    /// `ERR number`.
    Refusal(String),
}

/// What a line speaks about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subject {
    Info,
    Route(u8),
    Mute(u8),
    Nothing,
}

impl Subject {
    /// The line that asks about it.
    pub fn question(self) -> String {
        match self {
            Subject::Info | Subject::Nothing => "INFO?".into(),
            Subject::Route(output) => format!("ROUTE? {output}"),
            Subject::Mute(output) => format!("MUTE? {output}"),
        }
    }
}

impl Line {
    /// Reads a line.
    pub fn parse(frame: &[u8]) -> Result<Line> {
        let text = String::from_utf8_lossy(frame);
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let line = match words.as_slice() {
            ["INFO", inputs, outputs, firmware] => small(inputs)
                .zip(small(outputs))
                .map(|(inputs, outputs)| Line::Info { inputs, outputs, firmware: (*firmware).to_owned() }),
            ["ROUTE", output, input] => {
                small(output).zip(small(input)).map(|(output, input)| Line::Route { output, input })
            }
            ["MUTE", output, on @ ("0" | "1")] => {
                small(output).map(|output| Line::Mute { output, on: *on == "1" })
            }
            ["ERR", number] => Some(Line::Refusal(refusal(number))),
            _ => None,
        };
        line.ok_or_else(|| Error::Protocol(format!("`{text}` is no line of this protocol")))
    }

    /// What it speaks about.
    pub fn subject(&self) -> Subject {
        match self {
            Line::Info { .. } => Subject::Info,
            Line::Route { output, .. } => Subject::Route(*output),
            Line::Mute { output, .. } => Subject::Mute(*output),
            Line::Refusal(_) => Subject::Nothing,
        }
    }
}

fn small(word: &str) -> Option<u8> {
    word.parse().ok()
}

fn refusal(number: &str) -> String {
    match number {
        "1" => "the switcher does not know this command".into(),
        "2" => "the switcher has no such input or output".into(),
        "3" => "not possible now: the front panel is locked or the switcher is starting".into(),
        other => format!("the switcher refuses with error {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_never_taken_for_a_whole_one() {
        assert!(Line::parse(b"ROUTE 1 3").is_ok_and(|line| line == Line::Route { output: 1, input: 3 }));
        for broken in ["ROUTE 1", "ROUTE 1 3 4", "ROUTE one 3", "MUTE 1 2", "ROUTE 1 300", "", "INFO 8"] {
            assert!(Line::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
