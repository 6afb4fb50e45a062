//! Lines of PJLink class 1, pure.

use backoffice_driver::{Error, Result};
use md5::{Digest, Md5};
use std::fmt::Write;

/// The first line of a display.
#[derive(Debug, PartialEq)]
pub enum Greeting {
    /// No password needed.
    Open,
    /// A password is needed; the random number goes into the digest.
    Password(String),
    /// The digest was wrong.
    Refused,
}

/// Reads the first line.
pub fn greeting(line: &[u8]) -> Result<Greeting> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("PJLINK"), Some("0"), None) => Ok(Greeting::Open),
        (Some("PJLINK"), Some("1"), Some(random)) => Ok(Greeting::Password(random.to_owned())),
        (Some("PJLINK"), Some("ERRA"), None) => Ok(Greeting::Refused),
        _ => Err(Error::Protocol(format!("`{text}` is no PJLink greeting"))),
    }
}

/// MD5 of random number and password, in hex (§5.1).
pub fn digest(random: &str, password: &str) -> String {
    let mut md5 = Md5::new();
    md5.update(random);
    md5.update(password);
    md5.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The value in `%1POWR=value`, or the display's refusal in words (§4.3).
pub fn answer(line: &[u8], command: &str) -> Result<String> {
    let text = String::from_utf8_lossy(line);
    let wrong = || Error::Protocol(format!("`{text}` does not answer {command}"));
    let (head, value) = text.split_once('=').ok_or_else(wrong)?;
    let echoed = head.strip_prefix("%1").or_else(|| head.strip_prefix("%2")).ok_or_else(wrong)?;
    if !echoed.eq_ignore_ascii_case(command) {
        return Err(wrong());
    }
    match value.trim_end() {
        "ERR1" => Err(Error::Refused(format!("this display does not know {command}"))),
        "ERR2" => Err(Error::Refused("this display does not have that input or value".into())),
        "ERR3" => Err(Error::Refused(
            "not possible at this time: the display is off, warming up or cooling down".into(),
        )),
        "ERR4" => Err(Error::Failed("the display reports a failure of its own".into())),
        value => Ok(value.to_owned()),
    }
}

/// State of power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Power {
    Off,
    On,
    Cooling,
    Warming,
}

impl Power {
    /// From the answer to `POWR ?`.
    pub fn parse(text: &str) -> Result<Power> {
        match text {
            "0" => Ok(Power::Off),
            "1" => Ok(Power::On),
            "2" => Ok(Power::Cooling),
            "3" => Ok(Power::Warming),
            other => Err(Error::Protocol(format!("`{other}` is no state of power"))),
        }
    }

    /// As the manifest names it.
    pub fn word(self) -> &'static str {
        match self {
            Power::Off => "off",
            Power::On => "on",
            Power::Cooling => "cooling",
            Power::Warming => "warming",
        }
    }
}

/// Whether the picture is muted, from the answer to `AVMT ?`: 1 picture, 2 sound, 3 both; then on or off.
pub fn picture_muted(text: &str) -> Result<bool> {
    match text {
        "11" | "31" => Ok(true),
        "10" | "20" | "21" | "30" => Ok(false),
        other => Err(Error::Protocol(format!("`{other}` is no state of mute"))),
    }
}

/// Hours of the most used lamp, from `hours on hours on …`.
pub fn lamp_hours(text: &str) -> Result<i64> {
    let hours = text.split_ascii_whitespace().step_by(2).map(str::parse);
    let hours: std::result::Result<Vec<i64>, _> = hours.collect();
    hours
        .ok()
        .and_then(|hours| hours.into_iter().max())
        .ok_or_else(|| Error::Protocol(format!("`{text}` are no lamp hours")))
}

/// What is wrong, from the six digits of `ERST ?`: 0 nothing, 1 warning, 2 error.
pub fn errors(text: &str) -> Result<String> {
    const PARTS: [&str; 6] = ["fan", "lamp", "temperature", "cover", "filter", "other"];
    if text.len() != PARTS.len() || !text.bytes().all(|digit| (b'0'..=b'2').contains(&digit)) {
        return Err(Error::Protocol(format!("`{text}` is no state of errors")));
    }
    let told: Vec<String> = PARTS
        .iter()
        .zip(text.bytes())
        .filter(|(_, digit)| *digit != b'0')
        .map(|(part, digit)| format!("{part} {}", if digit == b'1' { "warning" } else { "error" }))
        .collect();
    Ok(if told.is_empty() { "none".into() } else { told.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_of_the_specification() {
        // §5.1's example: random 498e4a67, password JBMIAProjectorLink.
        assert_eq!(digest("498e4a67", "JBMIAProjectorLink"), "5d8409bc1c3fa39749434aa3a5c38682");
    }

    #[test]
    fn errors_are_named_by_part() {
        assert_eq!(errors("000000").ok(), Some("none".into()));
        assert_eq!(errors("010020").ok(), Some("lamp warning, filter error".into()));
        assert!(errors("00000").is_err());
    }

    #[test]
    fn refusals_are_told_in_words_and_a_foreign_answer_is_not_taken() {
        assert!(matches!(answer(b"%1POWR=ERR3", "POWR"), Err(Error::Refused(_))));
        assert!(matches!(answer(b"%1POWR=ERR4", "POWR"), Err(Error::Failed(_))));
        assert!(matches!(answer(b"%1INPT=31", "POWR"), Err(Error::Protocol(_))));
        assert!(answer(b"%1powr=1", "POWR").is_ok_and(|value| value == "1"));
    }

    #[test]
    fn the_most_used_lamp_counts() {
        assert!(lamp_hours("120 1 4300 0").is_ok_and(|hours| hours == 4300));
        assert!(lamp_hours("").is_err());
    }
}
