//! Text to [`Transcript`]. Errors name the line and what was expected.

use super::text::unescape;
use super::{Answer, Expected, Shown, Step, Transcript};
use bo_model::points::Table;
use bo_model::settings::Values;
use bytes::Bytes;

impl Transcript {
    /// Reads a transcript. The error is `line N: …`.
    pub fn parse(text: &str) -> Result<Transcript, String> {
        let mut transcript = Transcript::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            take(&mut transcript, index + 1, line).map_err(|why| format!("line {}: {why}", index + 1))?;
        }
        Ok(transcript)
    }
}

fn take(transcript: &mut Transcript, number: usize, line: &str) -> Result<(), String> {
    let (word, rest) = line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim()));
    match word {
        "settings" => transcript.settings = values(rest)?,
        "device" => {
            let (address, module) =
                rest.split_once(' ').unwrap_or((rest, rest.split('_').next().unwrap_or(rest)));
            transcript.devices.push((address.to_owned(), module.trim().to_owned()));
        }
        _ => transcript.steps.push((number, step(word, rest)?)),
    }
    Ok(())
}

fn step(word: &str, rest: &str) -> Result<Step, String> {
    Ok(match word {
        "starts" => Step::Starts(expected(after_arrow(rest)?.1)?),
        "connect" => Step::Connect,
        "disconnect" => Step::Disconnect,
        "reconnect" => Step::Reconnect,
        "send" => Step::Send(unescape(rest)?),
        "reply" => Step::Reply(unescape(rest)?),
        "recv" => Step::Recv(unescape(rest)?),
        "read" => read(rest)?,
        "registers" => {
            let mut words = rest.split_ascii_whitespace();
            let table = table(words.next())?;
            let address = number(words.next(), "an address")?;
            Step::Registers(table, address, words_hex(words)?)
        }
        "write" => write(rest)?,
        "mask" => mask(rest)?,
        "write-read" => write_read(rest)?,
        "subscribe" => Step::Subscribe(rest.to_owned()),
        "publish" => {
            let (topic, payload) = message(rest)?;
            Step::Publish(topic, payload)
        }
        "message" | "retained" => {
            let (topic, payload) = message(rest)?;
            Step::Message { topic, payload, retained: word == "retained" }
        }
        "header" => {
            let (name, value) = rest.split_once(' ').ok_or("write `header NAME VALUE`")?;
            Step::Header(name.to_owned(), value.trim().to_owned())
        }
        "request" => request(rest)?,
        "value" => value(rest)?,
        "calls" => {
            let (name, params, expected) = call(rest)?;
            let (device, command) = dotted(&name)?;
            Step::Calls(device, command, params, expected)
        }
        "command" => {
            let (name, params, expected) = call(rest)?;
            Step::Command(name, params, expected)
        }
        "status" => status(rest)?,
        "log" => Step::Log(rest.to_owned()),
        "wait" => Step::Wait(bo_model::span::parse(rest)?),
        other => {
            return Err(format!(
                "`{other}` is not a step; there are settings, device, starts, connect, disconnect, send, reply, recv, \
                 reconnect, read, write, mask, write-read, registers, subscribe, publish, message, retained, header, request, value, calls, command, \
                 status, log and wait"
            ));
        }
    })
}

fn after_arrow(text: &str) -> Result<(&str, &str), String> {
    let (before, after) =
        text.rsplit_once("->").ok_or("an outcome is missing: end the line with `-> ok` or another one")?;
    Ok((before.trim(), after.trim()))
}

fn expected(text: &str) -> Result<Expected, String> {
    let (word, why) = text.split_once(' ').unwrap_or((text, ""));
    let why = why.trim().trim_matches('"').to_owned();
    match word {
        "ok" => Ok(Expected::Ok),
        "refused" => Ok(Expected::Refused(why)),
        "failed" | "error" => Ok(Expected::Failed(why)),
        "timeout" => Ok(Expected::Timeout),
        other => Err(format!("`{other}` is not an outcome; write ok, refused, failed or timeout")),
    }
}

fn values(text: &str) -> Result<Values, String> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
}

/// `NAME {JSON} -> outcome`.
fn call(text: &str) -> Result<(String, Values, Expected), String> {
    let (head, outcome) = after_arrow(text)?;
    let (name, params) = head.split_once(' ').unwrap_or((head, "{}"));
    Ok((name.to_owned(), values(params.trim())?, expected(outcome)?))
}

fn dotted(name: &str) -> Result<(String, String), String> {
    let (device, name) = name.split_once('.').ok_or_else(|| format!("`{name}` should be DEVICE.NAME"))?;
    Ok((device.to_owned(), name.trim().to_owned()))
}

fn message(text: &str) -> Result<(String, Bytes), String> {
    let (topic, payload) = text.split_once(' ').unwrap_or((text, ""));
    Ok((topic.to_owned(), unescape(payload.trim())?))
}

fn value(text: &str) -> Result<Step, String> {
    if let Some((name, json)) = text.split_once('=') {
        let (device, name) = dotted(name.trim())?;
        let json = serde_json::from_str(json.trim()).map_err(|error| format!("not JSON: {error}"))?;
        return Ok(Step::Value(device, name, Some(json)));
    }
    let name =
        text.strip_suffix(" bad").ok_or("write `value DEVICE.NAME = JSON` or `value DEVICE.NAME bad`")?;
    let (device, name) = dotted(name.trim())?;
    Ok(Step::Value(device, name, None))
}

fn status(text: &str) -> Result<Step, String> {
    let (name, rest) = text.split_once(' ').ok_or("write `status NAME = JSON` or `status NAME bad`")?;
    let rest = rest.trim();
    let shown = if let Some(json) = rest.strip_prefix('=') {
        Shown::Good(serde_json::from_str(json.trim()).map_err(|error| format!("not JSON: {error}"))?)
    } else if let Some(why) = rest.strip_prefix("bad") {
        Shown::Bad(why.trim().trim_matches('"').to_owned())
    } else {
        return Err("write `status NAME = JSON` or `status NAME bad`".into());
    };
    Ok(Step::Status(name.to_owned(), shown))
}

fn request(text: &str) -> Result<Step, String> {
    let (head, answer) = after_arrow(text)?;
    let mut words = head.splitn(3, ' ');
    let (method, path) = match (words.next(), words.next()) {
        (Some(method), Some(path)) => (method.to_owned(), path.to_owned()),
        _ => return Err("write `request METHOD PATH -> STATUS BODY`".into()),
    };
    let body = unescape(words.next().unwrap_or("").trim())?;
    let answer = if answer == "timeout" {
        None
    } else {
        let (status, body) = answer.split_once(' ').unwrap_or((answer, ""));
        let status = status.parse().map_err(|_| format!("`{status}` is not an HTTP status"))?;
        Some((status, unescape(body.trim())?))
    };
    Ok(Step::Request { method, path, body, answer })
}

fn table(word: Option<&str>) -> Result<Table, String> {
    match word {
        Some("coil") => Ok(Table::Coil),
        Some("discrete") => Ok(Table::Discrete),
        Some("input") => Ok(Table::Input),
        Some("holding") => Ok(Table::Holding),
        other => Err(format!("`{}` is not coil, discrete, input or holding", other.unwrap_or_default())),
    }
}

fn number(word: Option<&str>, what: &str) -> Result<u16, String> {
    let word = word.unwrap_or_default();
    word.parse().map_err(|_| format!("`{word}` is not {what} from 0 to 65535"))
}

fn words_hex(words: impl Iterator<Item = impl AsRef<str>>) -> Result<Vec<u16>, String> {
    words
        .map(|word| {
            let word = word.as_ref();
            u16::from_str_radix(word, 16).map_err(|_| format!("`{word}` is not a register in hex"))
        })
        .collect()
}

fn answer(text: &str) -> Result<Answer, String> {
    if let Some(code) = text.strip_prefix("exception") {
        let code = code.trim().parse().map_err(|_| format!("`{text}`: the exception's number is missing"))?;
        return Ok(Answer::Exception(code));
    }
    match text {
        "ok" => Ok(Answer::Ok),
        "timeout" => Ok(Answer::Timeout),
        values => words_hex(values.split_ascii_whitespace()).map(Answer::Values),
    }
}

fn read(text: &str) -> Result<Step, String> {
    let (head, outcome) = after_arrow(text)?;
    let mut words = head.split_ascii_whitespace();
    let table = table(words.next())?;
    let address = number(words.next(), "an address")?;
    let count = number(words.next(), "a count")?;
    Ok(Step::Read(table, address, count, values_answer(outcome, count)?))
}

/// As many values as were asked for, or another answer.
fn values_answer(outcome: &str, count: u16) -> Result<Answer, String> {
    let answer = answer(outcome)?;
    if let Answer::Values(values) = &answer
        && values.len() != usize::from(count)
    {
        return Err(format!("{count} values are asked for and {} are answered", values.len()));
    }
    Ok(answer)
}

fn mask(text: &str) -> Result<Step, String> {
    let (head, outcome) = after_arrow(text)?;
    let (address, masks) = head.split_once(' ').unwrap_or((head, ""));
    let [and, or] = words_hex(masks.split_ascii_whitespace())?[..] else {
        return Err("write `mask ADDRESS AND OR -> ok`".into());
    };
    Ok(Step::Mask(number(Some(address), "an address")?, and, or, answer(outcome)?))
}

fn write_read(text: &str) -> Result<Step, String> {
    let (head, outcome) = after_arrow(text)?;
    let (write, read) =
        head.split_once(" from ").ok_or("write `write-read ADDRESS VALUES from ADDRESS COUNT -> VALUES`")?;
    let (mut write, mut read) = (write.split_ascii_whitespace(), read.split_ascii_whitespace());
    let address = number(write.next(), "an address")?;
    let (from, count) = (number(read.next(), "an address")?, number(read.next(), "a count")?);
    Ok(Step::WriteRead(address, words_hex(write)?, (from, count), values_answer(outcome, count)?))
}

fn write(text: &str) -> Result<Step, String> {
    let (head, outcome) = after_arrow(text)?;
    let mut words = head.split_ascii_whitespace();
    let table = table(words.next())?;
    let address = number(words.next(), "an address")?;
    Ok(Step::Write(table, address, words_hex(words)?, answer(outcome)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialogue_is_read_with_its_lines() {
        let text = "# hello\nsettings {\"password\": \"x\"}\n\nconnect\nsend %1POWR ?\nreply %1POWR=1\nstatus power = \"on\"\n\
                    read holding 40000 2 -> 5375 6e53\nwrite coil 3 1 -> exception 2\ncommand power {\"on\": true} -> refused \"not now\"\n\
                    wait 1min 30s\n";
        let transcript = Transcript::parse(text).unwrap();
        assert_eq!(transcript.settings["password"], "x");
        assert_eq!(transcript.steps[1], (5, Step::Send("%1POWR ?".into())));
        let read = Step::Read(Table::Holding, 40000, 2, Answer::Values(vec![0x5375, 0x6e53]));
        assert_eq!(transcript.steps[4].1, read);
        assert_eq!(transcript.steps[5].1, Step::Write(Table::Coil, 3, vec![1], Answer::Exception(2)));
        let both =
            Transcript::parse("mask 4 00f2 0025 -> ok\nwrite-read 14 00ff 00fe from 3 1 -> 0acd").unwrap();
        assert_eq!(both.steps[0].1, Step::Mask(4, 0xF2, 0x25, Answer::Ok));
        assert_eq!(
            both.steps[1].1,
            Step::WriteRead(14, vec![0xFF, 0xFE], (3, 1), Answer::Values(vec![0x0ACD]))
        );
        assert_eq!(transcript.steps[7], (11, Step::Wait(std::time::Duration::from_secs(90))));
    }

    #[test]
    fn a_wrong_line_is_named_with_what_was_expected() {
        let error = |text: &str| Transcript::parse(text).unwrap_err();
        assert!(error("connect\nsned x").starts_with("line 2: `sned` is not a step"));
        assert!(error("command power {}").contains("end the line with `-> ok`"));
        assert!(error("read holding 1 2 -> 0001").contains("2 values are asked for and 1 are answered"));
        assert!(error("status power on").contains("write `status NAME = JSON`"));
    }
}
