//! What the serial lines of a site will carry, predicted from the drivers on them before anything is switched. Pure.
//!
//! Only Modbus on a serial line is predicted: there the wire is the limit, and it can be computed.

use crate::site::Desired;
use bo_link_modbus::bus::{BusPlan, TURNAROUND, timetable};
use bo_model::release::LinkConfig;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The prediction for one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinePlan {
    /// The link's name.
    pub link: String,
    /// All reads of all its devices once, in milliseconds.
    pub cycle_ms: u64,
    /// Part of the time the line is busy, 0 to 1; more is impossible.
    pub load: f64,
    /// Devices that decide by themselves what they read; they come on top.
    pub unpredicted: usize,
    /// What is wrong and what to do about it, when there is little room or none.
    pub problem: Option<String>,
    /// It can't be kept.
    pub impossible: bool,
}

impl LinePlan {
    /// `reads everything in 1.2 s, busy 35 % of the time`.
    pub fn sentence(&self) -> String {
        let more = match self.unpredicted {
            0 => String::new(),
            n => format!("; {n} devices decide by themselves what they read"),
        };
        format!(
            "reads everything in {:.1} s, busy {:.0} % of the time{more}",
            self.cycle_ms as f64 / 1000.0,
            self.load * 100.0
        )
    }
}

/// One plan per serial Modbus line, by name. A profile that can't be planned is left to whoever runs it, and named there.
pub fn plans(desired: &Desired) -> Vec<LinePlan> {
    let mut plans = Vec::new();
    for (name, link) in &desired.site.links {
        let LinkConfig::ModbusRtu { line, timing } = link else { continue };
        let mut reads = Vec::new();
        let mut unpredicted = 0;
        let on_it = |device: &&Arc<bo_model::release::SiteDevice>| {
            device.enabled && device.link.as_deref() == Some(name.as_str())
        };
        for device in desired.site.devices.iter().filter(on_it) {
            let Some(driver) = desired.drivers.get(&device.driver) else { continue };
            unpredicted += usize::from(driver.manifest.component.is_some());
            let Some(profile) = &driver.manifest.modbus else { continue };
            let unit = device.settings.get("unit").and_then(serde_json::Value::as_u64).unwrap_or(1);
            let is_status = |status: &str| driver.manifest.status.contains_key(status);
            if let Ok(of_device) = timetable(profile, u8::try_from(unit).unwrap_or(1), is_status) {
                reads.extend(of_device);
            }
        }
        let plan = BusPlan::predict(line, timing, TURNAROUND, reads);
        plans.push(LinePlan {
            link: name.clone(),
            cycle_ms: plan.cycle.as_millis() as u64,
            load: plan.load,
            unpredicted,
            problem: plan.problem(line),
            impossible: plan.is_impossible(),
        });
    }
    plans
}
