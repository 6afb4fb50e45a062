//! `point`: read and operate a device through the running agent, with its checks, its arbitration and its evidence.

use super::Where;
use crate::control::{Ask, ask};
use crate::status::Shown;
use anyhow::bail;
use bo_model::settings::Values;
use clap::Subcommand;
use serde_json::Value as Json;

const EXAMPLES: &str = "\
Examples:
  backoffice-edge point read Meter_1
  backoffice-edge point read Meter_1 power
  backoffice-edge point write Hvac_1 set_mode mode=heat
  backoffice-edge point release Hvac_1 mode";

/// Read or operate a device.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Point {
    /// Shows a device's values with their quality and age.
    Read {
        /// `Meter_1`, `system/Meter_1`, or an id.
        device: String,
        /// Only this variable.
        name: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Gives a command, as a person on site: it holds its target against triggers for a while.
    Write {
        /// `Hvac_1`, `system/Hvac_1`, or an id.
        device: String,
        /// One of the driver's commands.
        command: String,
        /// Parameters.
        #[arg(value_name = "KEY=VALUE", value_parser = parameter)]
        params: Vec<(String, Json)>,
        #[command(flatten)]
        place: Where,
    },
    /// Ends a hold, so that triggers and schedules act again.
    Release {
        /// `Hvac_1`, `system/Hvac_1`, or an id.
        device: String,
        /// What of it; `status` lists what is held.
        target: String,
        #[command(flatten)]
        place: Where,
    },
}

pub async fn run(point: Point) -> anyhow::Result<()> {
    match point {
        Point::Read { device, name, json, place } => {
            let answer = ask(&place.config()?.data, &Ask::Read { device: device.clone() }).await?;
            let mut all: Vec<Shown> = serde_json::from_value(answer)?;
            if let Some(name) = name {
                let names: Vec<_> = all.iter().map(|shown| shown.name.clone()).collect();
                all.retain(|shown| shown.name == name);
                if all.is_empty() {
                    bail!("{device} has no `{name}`; it has {}", names.join(", "));
                }
            }
            if json {
                println!("{}", serde_json::to_string_pretty(&all)?);
            } else {
                all.iter().for_each(print);
            }
        }
        Point::Write { device, command, params, place } => {
            let params = Values::from_iter(params);
            let answer = ask(&place.config()?.data, &Ask::Command { device, command, params }).await?;
            let sentence = answer["sentence"].as_str().unwrap_or_default().to_owned();
            match answer["stage"]["stage"].as_str() {
                Some("observed" | "done") => println!("{sentence}"),
                _ => bail!("{sentence}"),
            }
        }
        Point::Release { device, target, place } => {
            ask(&place.config()?.data, &Ask::Release { device, target }).await?;
            println!("released");
        }
    }
    Ok(())
}

fn print(shown: &Shown) {
    let why = shown.value.quality.reason().map(|why| format!(": {why}")).unwrap_or_default();
    println!(
        "{:<24} {:<24} {}{why}, seen {}",
        shown.name,
        shown.text,
        shown.value.quality.word(),
        shown.value.observed_at
    );
}

/// `key=value`; the value is JSON where it reads as such, text otherwise.
pub(super) fn parameter(pair: &str) -> anyhow::Result<(String, Json)> {
    let Some((key, value)) = pair.split_once('=') else { bail!("`{pair}` is not KEY=VALUE") };
    Ok((key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Json::String(value.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_json_where_they_read_as_such() {
        assert_eq!(parameter("on=true").unwrap().1, json!(true));
        assert_eq!(parameter("setpoint=21.5").unwrap().1, json!(21.5));
        assert_eq!(parameter("mode=heat").unwrap().1, json!("heat"));
        assert!(parameter("on").is_err());
    }
}
