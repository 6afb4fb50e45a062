//! `check-config`: everything that is wrong, before it matters.

use super::Where;
use crate::site::Desired;

pub fn run(place: &Where) -> anyhow::Result<()> {
    let config = place.config()?;
    match (&config.site, &config.drivers) {
        (Some(site), Some(drivers)) => {
            let desired = Desired::from_file(site, drivers, config.triggers.as_deref())?
                .trusting(site, &config.trusted_driver_keys)?;
            println!(
                "{}: {} devices on {} links, {} triggers: all fits",
                site.display(),
                desired.site.devices.len(),
                desired.site.links.len(),
                desired.site.triggers.len()
            );
            for plan in &desired.lines {
                println!("link {}: {}", plan.link, plan.sentence());
                if let Some(problem) = &plan.problem {
                    println!("  little room: {problem}");
                }
            }
            for (link, share) in &desired.site.shares {
                let writes =
                    if share.writes { "read and write, unseen by permission and audit" } else { "read" };
                println!("link {link}: other Modbus masters may {writes} through {}", share.listen);
            }
        }
        (Some(_), None) => anyhow::bail!("--site needs --drivers, the folder its drivers are in"),
        (None, _) => println!("the configuration is in order; the controller's releases decide what runs"),
    }
    Ok(())
}
