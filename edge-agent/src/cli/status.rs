//! `status`: how the running agent is.

use super::Where;
use crate::control::{Ask, ask};
use crate::status::Status;
use bo_model::Time;

pub async fn run(place: &Where, json: bool) -> anyhow::Result<()> {
    let answer = ask(&place.config()?.data, &Ask::Status).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    print(&serde_json::from_value(answer)?);
    Ok(())
}

fn print(status: &Status) {
    let release = if status.release.is_empty() { "none yet" } else { &status.release };
    println!("backoffice-edge {}, {} MiB, release {release}", status.version, status.memory / 1_048_576);
    match &status.controller {
        None => println!("controller  none: this edge runs a site file"),
        Some(state) if state.connected => {
            println!("controller  connected, last proved {}", ago(state.last_proved, status.at))
        }
        Some(state) => {
            let why = state.why.as_deref().unwrap_or("no connection");
            println!("controller  away since {} ({why})", state.since);
        }
    }
    if let Some(file) = &status.site_file {
        println!("site file   {}, read {}", file.path.display(), ago(Some(file.read_at), status.at));
        if let Some(why) = &file.trouble {
            println!("            AS IT IS NOW IT CAN'T BE RUN, the last good one is: {why}");
        }
    }
    let journal = &status.journal;
    println!("journal     {} records wait, {} KiB on disk", journal.backlog, journal.bytes / 1024);
    if let Some(why) = &journal.stuck {
        println!("            NOTHING CAN BE WRITTEN: {why}");
    }
    if let Some(bound) = journal.squeezed {
        println!(
            "            the disk is nearly full: at most {} MiB are kept for the controller",
            bound >> 20
        );
    }
    if let Some(broker) = &status.broker {
        println!("broker      listens on {broker}");
    }
    println!("\nlinks");
    for link in &status.links {
        let why = link.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        println!(
            "  {:<20} {}{why}, last proved {}, {} requests, {} failed",
            link.name,
            link.state,
            ago(link.last_proved, status.at),
            link.requests,
            link.failures
        );
    }
    for plan in &status.lines {
        println!("  {:<20} {}", plan.link, plan.problem.clone().unwrap_or_else(|| plan.sentence()));
    }
    for share in &status.shares {
        let writes = if share.writes { "read and write" } else { "read" };
        println!("  {:<20} other Modbus masters may {writes} through {}", share.link, share.listen);
    }
    let well = status.devices.iter().filter(|device| device.unwell.is_none()).count();
    println!("\ndevices     {well} of {} answer", status.devices.len());
    for device in &status.devices {
        if let Some(why) = &device.unwell {
            println!("  {}/{}: {why}", device.system, device.address);
        }
    }
    for hold in &status.holds {
        println!("held        {}.{} by {} until {}", hold.address, hold.target, hold.who, hold.until);
    }
    for alarm in &status.alarms {
        println!("alarm       {}: {}", alarm.severity, alarm.text);
    }
}

pub(super) fn ago(at: Option<Time>, now: Time) -> String {
    match at {
        None => "never".into(),
        Some(at) => {
            format!("{} ago", bo_model::span::format(std::time::Duration::from_secs(now.since(at).as_secs())))
        }
    }
}
