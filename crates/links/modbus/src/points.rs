//! A profile checked and flattened: what the planner, the poller and the writer work on. Pure.

use crate::codec::{self, Codec};
use crate::error::ProfileError;
use crate::pdu::MAX_READ_REGISTERS;
use crate::plan::Limits;
use crate::sunspec::Found;
use crate::wear::DEFAULT_BUDGET;
use bo_model::points::{Encoding, ModbusPoint, ModbusProfile, Table, Wear};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Interval of a profile that names no poll group.
const DEFAULT_EVERY: Duration = Duration::from_secs(10);
/// Shortest interval: below it a device is attacked, not polled.
const SHORTEST_EVERY: Duration = Duration::from_millis(10);
/// Registers a read may waste to merge two blocks when the profile does not say.
const DEFAULT_GAP: u16 = 16;

/// One point of one device.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its name in the profile.
    pub name: Arc<str>,
    /// Index of the status variable it feeds.
    pub status: Option<usize>,
    /// How often it is read; `None` = once.
    pub every: Option<Duration>,
    /// Which table.
    pub table: Table,
    /// 0-based address, resolved for SunSpec models.
    pub address: u16,
    /// Index of the point that holds its power of ten.
    pub scale_point: Option<usize>,
    /// Registers to data and back.
    pub codec: Codec,
    /// May be written.
    pub write: bool,
    /// Written with FC16 or FC15 even when it is one register or coil.
    pub write_multiple: bool,
    /// One bit, written with FC22.
    pub write_mask: bool,
    /// Writes a day, for points in flash.
    pub budget: Option<u32>,
}

impl Point {
    /// Addresses it takes in its table.
    pub fn width(&self) -> u16 {
        match self.table {
            Table::Coil | Table::Discrete => 1,
            _ => self.codec.width(),
        }
    }
}

/// All points that exist on one device, and the status variables they feed.
#[derive(Clone, Debug)]
pub struct Points {
    /// Points by index.
    pub points: Vec<Point>,
    /// Status variables by index, those that no point of this device feeds included.
    pub statuses: Vec<Arc<str>>,
    /// What a read may span.
    pub limits: Limits,
}

impl Points {
    /// Checks `profile`. `found` are the SunSpec models of this device; points of a model that it does not
    /// have are left out. `is_status` tells which names are status variables of the driver: a point that
    /// feeds none is read only for the sake of others or by a command.
    pub fn new(
        profile: &ModbusProfile,
        found: Option<&Found>,
        is_status: impl Fn(&str) -> bool,
    ) -> Result<Points, ProfileError> {
        let limits = limits(profile)?;
        for (name, group) in &profile.poll {
            if group.every < SHORTEST_EVERY {
                return Err(ProfileError::Limit {
                    key: format!("poll.{name}.every"),
                    what: format!("must be at least {}", bo_model::span::format(SHORTEST_EVERY)),
                });
            }
        }
        let mut statuses: Vec<Arc<str>> = Vec::new();
        let mut index = HashMap::new();
        let mut points = Vec::new();
        for (name, source) in &profile.points {
            check(name, source, profile, limits)?;
            let status_name = source.status.as_deref().unwrap_or(name);
            let status = is_status(status_name).then(|| {
                statuses.iter().position(|known| &**known == status_name).unwrap_or_else(|| {
                    statuses.push(status_name.into());
                    statuses.len() - 1
                })
            });
            let Some(address) = resolve(name, source, found)? else { continue };
            index.insert(name.as_str(), points.len());
            points.push(Point {
                name: name.as_str().into(),
                status,
                every: interval(profile, source),
                table: source.table,
                address,
                scale_point: None,
                codec: Codec::new(source, profile.order),
                write: source.write,
                write_multiple: source.write_multiple,
                write_mask: source.write_mask,
                budget: (source.wear == Wear::Flash).then(|| source.daily_budget.unwrap_or(DEFAULT_BUDGET)),
            });
        }
        for (name, source) in &profile.points {
            if let (Some(scale), Some(&at)) = (&source.scale_point, index.get(name.as_str())) {
                points[at].scale_point = Some(scale_of(name, scale, &points, at, &index, limits)?);
            }
        }
        Ok(Points { points, statuses, limits })
    }

    /// A point by name.
    pub fn get(&self, name: &str) -> Option<(usize, &Point)> {
        self.points.iter().enumerate().find(|(_, point)| &*point.name == name)
    }

    /// Addresses that have to be read together for the point at `index`: itself and its scale factor.
    pub fn span(&self, index: usize) -> (u32, u32) {
        let end = |point: &Point| u32::from(point.address) + u32::from(point.width());
        let point = &self.points[index];
        let (mut low, mut high) = (u32::from(point.address), end(point));
        if let Some(scale) = point.scale_point.map(|scale| &self.points[scale]) {
            low = low.min(u32::from(scale.address));
            high = high.max(end(scale));
        }
        (low, high)
    }
}

fn limits(profile: &ModbusProfile) -> Result<Limits, ProfileError> {
    let max_read = profile.max_read.unwrap_or(MAX_READ_REGISTERS);
    if !(1..=MAX_READ_REGISTERS).contains(&max_read) {
        return Err(ProfileError::Limit {
            key: "max_read".into(),
            what: format!("{max_read} registers in one read; Modbus allows 1 to {MAX_READ_REGISTERS}"),
        });
    }
    Ok(Limits { max_read, gap: profile.gap.unwrap_or(DEFAULT_GAP) })
}

fn wrong(point: &str, what: impl Into<String>) -> ProfileError {
    ProfileError::Point { point: point.to_owned(), what: what.into() }
}

fn check(
    name: &str,
    point: &ModbusPoint,
    profile: &ModbusProfile,
    limits: Limits,
) -> Result<(), ProfileError> {
    let bits = matches!(point.table, Table::Coil | Table::Discrete);
    if point.encoding == Encoding::String && point.length.is_none() {
        return Err(wrong(name, "a string needs its `length` in registers"));
    }
    if bits && !matches!(point.encoding, Encoding::Bool | Encoding::U16) {
        return Err(wrong(name, "coils and discrete inputs are bits: leave `type` away or make it \"bool\""));
    }
    if !bits && codec::width(point) > limits.max_read || codec::width(point) == 0 {
        return Err(wrong(name, format!("does not fit into one read of {} registers", limits.max_read)));
    }
    if point.bit.is_some_and(|bit| bit > 15) {
        return Err(wrong(name, "`bit` counts from 0 to 15"));
    }
    if point.bit.is_some() && point.encoding != Encoding::Bool {
        return Err(wrong(name, "`bit` is for `type = \"bool\"`"));
    }
    if point.write_mask && (point.bit.is_none() || point.table != Table::Holding) {
        return Err(wrong(name, "`write_mask` is for one `bit` of a holding register"));
    }
    if point.write && matches!(point.table, Table::Input | Table::Discrete) {
        return Err(wrong(
            name,
            "inputs can't be written; `write = true` needs table \"holding\" or \"coil\"",
        ));
    }
    if point.scale.is_some_and(|scale| scale == 0.0 || !scale.is_finite()) {
        return Err(wrong(name, "`scale` must be a number that is not 0"));
    }
    if let Some(model) = &point.model
        && !profile.sunspec.as_ref().is_some_and(|sunspec| sunspec.models.contains_key(model))
    {
        return Err(wrong(name, format!("`{model}` is not in [modbus.sunspec.models]")));
    }
    if let Some(group) = &point.poll
        && group != "once"
        && !profile.poll.contains_key(group)
    {
        return Err(wrong(name, format!("there is no [modbus.poll.{group}]")));
    }
    Ok(())
}

/// `None` when the device has no such model.
fn resolve(name: &str, point: &ModbusPoint, found: Option<&Found>) -> Result<Option<u16>, ProfileError> {
    let address = match (point.address, &point.model, point.offset) {
        (Some(address), None, _) => address,
        (None, Some(model), Some(offset)) => {
            let Some(model) = found.and_then(|found| found.model(model)) else { return Ok(None) };
            if u32::from(offset) + u32::from(codec::width(point)) > u32::from(model.length) + 2 {
                // An older revision of the model ends before this point.
                return Ok(None);
            }
            model.address.saturating_add(offset)
        }
        _ => return Err(wrong(name, "give it `address`, or `model` and `offset`")),
    };
    if u32::from(address) + u32::from(codec::width(point)) > 0x1_0000 {
        return Err(wrong(name, "reaches beyond the last address, 65535"));
    }
    Ok(Some(address))
}

fn interval(profile: &ModbusProfile, point: &ModbusPoint) -> Option<Duration> {
    match point.poll.as_deref() {
        Some("once") => None,
        Some(group) => profile.poll.get(group).map(|group| group.every),
        None => Some(profile.poll.values().next().map_or(DEFAULT_EVERY, |group| group.every)),
    }
}

fn scale_of(
    name: &str,
    scale: &str,
    points: &[Point],
    at: usize,
    index: &HashMap<&str, usize>,
    limits: Limits,
) -> Result<usize, ProfileError> {
    let Some(&by) = index.get(scale) else {
        return Err(wrong(name, format!("there is no point `{scale}` to scale by")));
    };
    let (point, factor) = (&points[at], &points[by]);
    if point.table != factor.table || factor.codec.width() != 1 {
        return Err(wrong(name, format!("`{scale}` must be one register of the same table")));
    }
    let low = u32::from(point.address.min(factor.address));
    let high = (u32::from(point.address) + u32::from(point.width())).max(u32::from(factor.address) + 1);
    if high - low > u32::from(limits.max_read) {
        return Err(wrong(
            name,
            format!(
                "lies {} registers from `{scale}`; they must fit into one read of {}",
                high - low,
                limits.max_read
            ),
        ));
    }
    Ok(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(toml: &str) -> Result<Points, ProfileError> {
        Points::new(&toml::from_str(toml).unwrap(), None, |_| true)
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_said_with_the_name_of_the_point() {
        for (toml, expected) in [
            ("[point.a]\naddress = 1\ntype = \"string\"", "modbus.point.a: a string needs its `length`"),
            ("[point.a]\naddress = 65535\ntype = \"u32\"", "beyond the last address"),
            ("[point.a]\naddress = 1\nwrite = true\ntable = \"input\"", "inputs can't be written"),
            ("[point.a]\naddress = 1\nscale_point = \"b\"", "there is no point `b`"),
            (
                "[point.a]\naddress = 1\nscale_point = \"b\"\n[point.b]\naddress = 300",
                "must fit into one read",
            ),
            ("[point.a]\naddress = 1\nbit = 16\ntype = \"bool\"", "from 0 to 15"),
            ("[point.a]\naddress = 1\nwrite = true\nwrite_mask = true", "for one `bit`"),
            ("max_read = 126\n[point.a]\naddress = 1", "Modbus allows 1 to 125"),
            ("[poll.fast]\nevery = \"1ms\"", "at least 10ms"),
        ] {
            let error = points(toml).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn points_without_a_group_follow_the_first_one() {
        let points = points("[poll.fast]\nevery = \"1s\"\n[poll.slow]\nevery = \"1min\"\n[point.a]\naddress = 1\n[point.b]\naddress = 2\npoll = \"once\"").unwrap();
        assert_eq!(points.get("a").unwrap().1.every, Some(Duration::from_secs(1)));
        assert_eq!(points.get("b").unwrap().1.every, None);
    }
}
