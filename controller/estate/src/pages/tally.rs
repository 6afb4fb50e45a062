//! How each zone and system is, counted: devices that answer, devices that don't, alarms. What the tree, the building
//! cards and the lists of systems show.

use crate::Estate;
use crate::http::{health, may};
use crate::registry::Registry;
use bo_model::{Kind, Level, SystemId, ZoneId};
use bo_web::layout::parts::{Tone, badge};
use bo_web::{Ctx, Result};
use maud::{Markup, html};
use std::collections::HashMap;

/// Counts of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Systems.
    pub systems: usize,
    /// Devices.
    pub devices: usize,
    /// Devices that don't answer, or whose gateway is away.
    pub unwell: usize,
    /// Devices of gateways that are not set up yet.
    pub not_set_up: usize,
    /// Active alarms.
    pub alarms: usize,
    /// Those of them that need somebody now.
    pub critical: usize,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.systems += other.systems;
        self.devices += other.devices;
        self.unwell += other.unwell;
        self.not_set_up += other.not_set_up;
        self.alarms += other.alarms;
        self.critical += other.critical;
    }

    /// In words, worst first.
    pub fn badges(&self) -> Markup {
        html! {
            @if self.alarms > 0 {
                (badge(if self.critical > 0 { Tone::Bad } else { Tone::Warn }, &super::parts::count(self.alarms, "alarm")))
            }
            @if self.unwell > 0 { (badge(Tone::Bad, &format!("{} of {} not answering", self.unwell, self.devices))) }
            @if self.not_set_up > 0 { (badge(Tone::Idle, &format!("{} not set up yet", self.not_set_up))) }
            @if self.unwell == 0 && self.devices > self.not_set_up && self.alarms == 0 { (badge(Tone::Good, "All well")) }
        }
    }
}

/// Counts of every system the viewer may see, and of every zone above them.
#[derive(Debug, Default)]
pub struct Tallies {
    /// By system.
    pub systems: HashMap<SystemId, Tally>,
    /// By zone, with everything below it.
    pub zones: HashMap<ZoneId, Tally>,
}

/// Counts.
pub fn tallies(estate: &Estate, ctx: &Ctx, registry: &Registry) -> Result<Tallies> {
    let workspace = ctx.workspace()?;
    let mut alarms: HashMap<SystemId, (usize, usize)> = HashMap::new();
    for alarm in estate.alarms.changes(0).iter().filter(|alarm| alarm.active) {
        let of_device =
            alarm.device.and_then(|id| registry.devices.get(&id)).map(|entry| entry.device.system);
        if let Some(system) = alarm.system.or(of_device) {
            let entry = alarms.entry(system).or_default();
            entry.0 += 1;
            entry.1 += usize::from(alarm.severity == "critical");
        }
    }
    let mut tallies = Tallies::default();
    ctx.read(|tx| {
        for system in registry.systems.values().filter(|system| system.workspace == workspace) {
            if !may(ctx, tx, Kind::SYSTEM, system.id, Level::View)? {
                continue;
            }
            let devices = registry.devices_in(system.id);
            let (mut unwell, mut not_set_up) = (0, 0);
            for entry in devices.iter().filter_map(|id| registry.devices.get(id)) {
                let state = health(estate, entry);
                unwell += usize::from(state.is_away());
                not_set_up += usize::from(state.state == "not-set-up");
            }
            let (alarms, critical) = alarms.get(&system.id).copied().unwrap_or_default();
            let tally = Tally { systems: 1, devices: devices.len(), unwell, not_set_up, alarms, critical };
            tallies.systems.insert(system.id, tally);
            for zone in registry.path(system.zone) {
                tallies.zones.entry(zone.id).or_default().add(tally);
            }
        }
        Ok::<_, bo_web::WebError>(())
    })?;
    Ok(tallies)
}
