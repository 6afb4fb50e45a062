//! `link test`: is there somebody at the other end? `link scan`: who?

mod scan;
mod sunspec;
#[cfg(test)]
mod tests;

use super::Where;
use crate::control::{Ask, ask};
use crate::links::{Link, Links};
use crate::site::{Desired, kind_of};
use crate::status::Status;
use anyhow::{Context, bail};
use bo_link::{HttpRequest, LinkState, ModbusOp, Urgency};
use bo_model::SystemClock;
use bo_model::driver::LinkKind;
use bo_runtime::Shutdown;
use clap::Subcommand;
use std::sync::Arc;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  What the running agent sees of its links:
    backoffice-edge link test
  Try one link of a site file, while no agent uses it:
    backoffice-edge link test bus --site site.toml --drivers drivers --unit 3
  Find the units on a line, or what devices announce on a broker, as the beginning of a site file:
    backoffice-edge link scan --serial /dev/ttyUSB0 --baud 19200 --units 1-50
    backoffice-edge link scan --broker 192.0.2.10:1883 --write drivers > site.toml";

/// Try an endpoint, or find out who is there.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum LinkCommand {
    /// Says whether a link works: the running agent's view, or an own try of a site file's link.
    Test {
        /// Name of the link; all of the running agent's when absent.
        name: Option<String>,
        /// Modbus unit to ask, when no agent runs that asks them all; 1 when absent.
        #[arg(long)]
        unit: Option<u8>,
        #[command(flatten)]
        place: Where,
    },
    /// Finds Modbus units, and devices that announce themselves on a broker the way Home Assistant understands.
    Scan(Box<scan::Scan>),
}

pub async fn run(command: LinkCommand) -> anyhow::Result<()> {
    match command {
        LinkCommand::Test { name, unit, place } => test(name, unit, &place).await,
        LinkCommand::Scan(scan) => scan.run().await,
    }
}

async fn test(name: Option<String>, unit: Option<u8>, place: &Where) -> anyhow::Result<()> {
    let config = place.config()?;
    match ask(&config.data, &Ask::Status).await {
        Ok(_) if unit.is_some() => bail!(
            "--unit is for a try without an agent, and one is running here: `link test` without it shows what that \
             one sees, `point read` what its devices tell"
        ),
        Ok(answer) => show(&serde_json::from_value(answer)?, name.as_deref()),
        Err(gone) => {
            let (Some(site), Some(drivers)) = (&config.site, &config.drivers) else {
                return Err(gone)
                    .context("to try a link without an agent, give --site, --drivers and the link's name");
            };
            let desired = Desired::from_file(site, drivers, config.triggers.as_deref())?;
            let Some(name) = name else { bail!("say which link: {}", names(&desired)) };
            try_link(&desired, &name, unit.unwrap_or(1), &config).await
        }
    }
}

fn show(status: &Status, name: Option<&str>) -> anyhow::Result<()> {
    let links: Vec<_> =
        status.links.iter().filter(|link| name.is_none_or(|name| link.name == name)).collect();
    if links.is_empty() {
        let open: Vec<&str> = status.links.iter().map(|link| link.name.as_str()).collect();
        match name {
            Some(name) if !open.is_empty() => {
                bail!("the running agent has no link `{name}` open; it has {}", open.join(", "))
            }
            _ => bail!("the running agent has no link open: none of its devices is on one"),
        }
    }
    for link in &links {
        let why = link.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        println!(
            "{}: {}{why}, since {}, last proved {}, {} requests, {} failed, connected {} times",
            link.name,
            link.state,
            link.since,
            super::status::ago(link.last_proved, status.at),
            link.requests,
            link.failures,
            link.connects
        );
    }
    if links.iter().any(|link| link.state == "down") { bail!("not all links are up") } else { Ok(()) }
}

async fn try_link(
    desired: &Desired,
    name: &str,
    unit: u8,
    config: &crate::config::EdgeConfig,
) -> anyhow::Result<()> {
    let Some(link) = desired.site.links.get(name) else {
        bail!("the site has no link `{name}`; it has {}", names(desired));
    };
    let devices = desired.site.devices.iter().filter(|device| device.link.as_deref() == Some(name));
    let driver = devices.filter_map(|device| desired.drivers.get(&device.driver)).next();
    // Whether somebody is there shows without a driver too.
    let wanted = driver.map(|driver| driver.manifest.link.clone()).unwrap_or_default();
    let shutdown = Shutdown::new();
    let links =
        Links::new(config.broker.clone(), config.data.clone(), Arc::new(SystemClock), shutdown.clone());
    let open = links.open(name, link, &wanted).await.map_err(anyhow::Error::msg)?;
    let outcome = probe(&open, unit).await;
    shutdown.drain(Duration::from_secs(2)).await;
    match outcome {
        Ok(sentence) => println!("{name}: {sentence}"),
        Err(why) => bail!(
            "{name} ({}): {why}",
            if kind_of(link) == LinkKind::Modbus { format!("unit {unit}") } else { "no unit".into() }
        ),
    }
    Ok(())
}

async fn probe(link: &Link, unit: u8) -> Result<String, String> {
    if let Link::Modbus(handle) = link {
        let read = ModbusOp::Read { unit, table: bo_model::points::Table::Holding, address: 0, count: 1 };
        return match handle.call(read, Urgency::Command, WITHIN).await {
            Ok(_) => Ok(match scan::who(handle, unit).await {
                Ok(Some(name)) if !name.is_empty() => format!("unit {unit} answers: {name}"),
                _ => format!("unit {unit} answers"),
            }),
            Err(bo_link::LinkError::Exception(code)) if !matches!(code, 0x0A | 0x0B) => Ok(format!(
                "unit {unit} answers (it refuses register 0 with exception {code}, which proves it all the same)"
            )),
            Err(error) => Err(error.to_string()),
        };
    }
    if let Link::Http(handle) = link {
        let request = HttpRequest {
            method: "GET".into(),
            path: "/".into(),
            headers: Vec::new(),
            body: Default::default(),
        };
        return match handle.call(request, Urgency::Command, WITHIN).await {
            Ok(reply) => Ok(format!("answers with status {}", reply.status)),
            Err(error) => Err(error.to_string()),
        };
    }
    let mut health = link.health();
    let up = health.wait_for(|health| health.state == LinkState::Up);
    match tokio::time::timeout(WITHIN, up).await {
        Ok(Ok(_)) => Ok("connected".into()),
        _ => match &link.health().borrow().state {
            LinkState::Down(why) => Err(why.to_string()),
            _ => Err("no connection within ten seconds".into()),
        },
    }
}

fn names(desired: &Desired) -> String {
    desired.site.links.keys().cloned().collect::<Vec<_>>().join(", ")
}
