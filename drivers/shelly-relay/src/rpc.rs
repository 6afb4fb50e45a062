//! What the device says: JSON to values. Pure but for publishing.

use backoffice_driver::*;

/// The request that switches an output.
pub fn switch(channel: i64, on: bool) -> String {
    json!({ "id": 1, "method": "Switch.Set", "params": { "id": channel, "on": on } }).to_string()
}

/// The body of a reply, or what its status means.
pub fn accepted(status: u16, body: Vec<u8>) -> Result<Vec<u8>> {
    match status {
        200 => Ok(body),
        404 => Err(Error::Refused(
            "there is no such function: it is no relay of generation 2 or later, or the base address has a path too many"
                .into(),
        )),
        // The interface reports its own errors so.
        500 => Err(Error::Refused(message(&body).unwrap_or_else(|| "it failed inside (status 500)".into()))),
        other => Err(Error::Failed(format!("it answers with HTTP status {other}"))),
    }
}

fn message(body: &[u8]) -> Option<String> {
    let answer: Json = serde_json_of(body)?;
    Some(answer.get("message")?.as_str()?.to_owned())
}

fn serde_json_of(body: &[u8]) -> Option<Json> {
    std::str::from_utf8(body).ok()?.parse().ok()
}

/// What came of an RPC.
pub fn outcome(body: &[u8]) -> Result<()> {
    let answer = serde_json_of(body).ok_or_else(|| Error::Protocol("the answer is no JSON".into()))?;
    match answer.get("error") {
        None => Ok(()),
        Some(error) => Err(Error::Refused(
            error.get("message").and_then(Json::as_str).unwrap_or("it gives no reason").to_owned(),
        )),
    }
}

/// The state of one output. What the device does not measure is absent.
#[derive(Debug, PartialEq)]
pub struct Reading {
    on: bool,
    numbers: [(&'static str, Option<f64>); 5],
    problem: String,
}

impl Reading {
    /// From the answer to `Switch.GetStatus`.
    pub fn parse(body: &[u8]) -> Result<Reading> {
        let wrong = || Error::Protocol("the answer is no state of a switch".into());
        let answer = serde_json_of(body).ok_or_else(wrong)?;
        let number = |path: &str| answer.pointer(path).and_then(Json::as_f64);
        let errors = answer.get("errors").and_then(Json::as_array);
        let errors: Vec<&str> = errors.into_iter().flatten().filter_map(Json::as_str).collect();
        Ok(Reading {
            on: answer.get("output").and_then(Json::as_bool).ok_or_else(wrong)?,
            numbers: [
                ("power", number("/apower")),
                ("voltage", number("/voltage")),
                ("current", number("/current")),
                ("energy", number("/aenergy/total").map(|watt_hours| watt_hours / 1000.0)),
                ("temperature", number("/temperature/tC")),
            ],
            problem: errors.join(", "),
        })
    }

    /// Shows it.
    pub fn publish(&self) {
        publish("on", self.on);
        for (name, number) in self.numbers {
            if let Some(number) = number {
                publish(name, number);
            }
        }
        publish("problem", self.problem.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_without_a_meter_has_a_state_and_no_numbers() {
        let reading = Reading::parse(br#"{"id":0,"output":true,"temperature":{"tC":null}}"#);
        let Ok(reading) = reading else { panic!("{reading:?}") };
        assert!(reading.on && reading.numbers.iter().all(|(_, number)| number.is_none()));
        assert!(Reading::parse(b"<html>").is_err());
        assert!(Reading::parse(br#"{"id":0}"#).is_err());
    }
}
