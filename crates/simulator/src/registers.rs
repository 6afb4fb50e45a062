//! The register image of a fake device: where its points lie, what a read finds there, what a write does.

use crate::fake::Fake;
use crate::pack::{pack, unpack, width};
use crate::sunspec;
use bo_model::points::{Encoding, ModbusPoint, ModbusProfile, Order, Table};
use bo_model::settings::Values;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Modbus exception: the function is not there.
pub const ILLEGAL_FUNCTION: u8 = 1;
/// Modbus exception: an address is not there.
pub const ILLEGAL_ADDRESS: u8 = 2;
/// Modbus exception: the value can't be.
pub const ILLEGAL_VALUE: u8 = 3;

/// A point at its place.
struct Placed {
    name: String,
    /// The variable it shows: its own name where there is such a variable, else its status variable.
    status: String,
    point: ModbusPoint,
    address: u16,
    order: Order,
}

impl Placed {
    fn end(&self) -> u32 {
        u32::from(self.address) + u32::from(width(&self.point))
    }

    fn value<'v>(&self, vars: &'v Values) -> Option<&'v Json> {
        vars.get(&self.name).or_else(|| vars.get(&self.status))
    }
}

/// Where everything lies.
pub struct RegisterMap {
    placed: Vec<Placed>,
    /// SunSpec: first address and the registers of an unimplemented chain of models.
    chain: Option<(u16, Vec<u16>)>,
    strict: bool,
}

impl RegisterMap {
    /// The map of a device. The error is a sentence.
    pub fn of(fake: &Fake) -> Result<RegisterMap, String> {
        let profile =
            fake.manifest().modbus.as_ref().ok_or("the driver has no [modbus] section to simulate")?;
        let (chain, bases) = chain(fake)?;
        let mut placed = Vec::new();
        for (name, point) in &profile.points {
            if let Some(address) = address(profile, point, &bases) {
                placed.push(Placed {
                    name: name.clone(),
                    status: point.status.clone().unwrap_or_else(|| name.clone()),
                    point: point.clone(),
                    address,
                    order: point.order.unwrap_or(profile.order),
                });
            }
        }
        Ok(RegisterMap { placed, chain, strict: fake.simulate().strict })
    }

    /// Reads registers. The error is a Modbus exception code.
    pub fn read_registers(
        &self,
        vars: &Values,
        table: Table,
        address: u16,
        count: u16,
    ) -> Result<Vec<u16>, u8> {
        self.check_range(table, address, count)?;
        let mut registers = vec![0; usize::from(count)];
        if let (Table::Holding, Some((base, blank))) = (table, &self.chain) {
            for (index, register) in registers.iter_mut().enumerate() {
                let at = (usize::from(address) + index).wrapping_sub(usize::from(*base));
                *register = blank.get(at).copied().unwrap_or(0);
            }
        }
        let end = u32::from(address) + u32::from(count);
        let hit = |placed: &&Placed| {
            placed.point.table == table
                && placed.end() > u32::from(address)
                && u32::from(placed.address) < end
        };
        for placed in self.placed.iter().filter(hit) {
            let Some(value) = placed.value(vars) else { continue };
            let Some(packed) = pack(&placed.point, placed.order, value, self.exponent(placed, vars)) else {
                continue;
            };
            for (index, word) in packed.into_iter().enumerate() {
                let at = (usize::from(placed.address) + index).wrapping_sub(usize::from(address));
                if let Some(register) = registers.get_mut(at) {
                    match (placed.point.encoding, placed.point.bit) {
                        (Encoding::Bool, Some(bit)) => {
                            let cleared = if *register == 0xFFFF { 0 } else { *register & !(1 << bit) };
                            *register = cleared | word << bit;
                        }
                        _ => *register = word,
                    }
                }
            }
        }
        Ok(registers)
    }

    /// Reads coils or discrete inputs.
    pub fn read_bits(&self, vars: &Values, table: Table, address: u16, count: u16) -> Result<Vec<bool>, u8> {
        self.check_range(table, address, count)?;
        Ok((0..count)
            .map(|index| {
                self.at(table, address + index)
                    .and_then(|placed| placed.value(vars))
                    .is_some_and(|value| value.as_bool().unwrap_or(value.as_f64().unwrap_or(0.0) != 0.0))
            })
            .collect())
    }

    /// What writing these registers makes of the variables: (point, variable, value), in order.
    pub fn write_registers(
        &self,
        vars: &Values,
        address: u16,
        registers: &[u16],
    ) -> Result<Vec<(String, String, Json)>, u8> {
        let mut changes = Vec::new();
        let mut at = 0;
        while at < registers.len() {
            let placed =
                self.writable(Table::Holding, address.wrapping_add(at as u16)).ok_or(ILLEGAL_ADDRESS)?;
            let width = usize::from(width(&placed.point));
            let words = registers.get(at..at + width).ok_or(ILLEGAL_ADDRESS)?;
            let value = unpack(&placed.point, placed.order, words, self.exponent(placed, vars))
                .ok_or(ILLEGAL_VALUE)?;
            let number = value.as_f64();
            if number.is_some_and(|n| placed.point.min.is_some_and(|min| n < min))
                || number.is_some_and(|n| placed.point.max.is_some_and(|max| n > max))
            {
                return Err(ILLEGAL_VALUE);
            }
            changes.push((placed.name.clone(), self.variable(placed, vars), value));
            at += width;
        }
        Ok(changes)
    }

    /// What writing these coils makes of the variables.
    pub fn write_bits(
        &self,
        vars: &Values,
        address: u16,
        bits: &[bool],
    ) -> Result<Vec<(String, String, Json)>, u8> {
        bits.iter()
            .enumerate()
            .map(|(index, on)| {
                let placed =
                    self.writable(Table::Coil, address.wrapping_add(index as u16)).ok_or(ILLEGAL_ADDRESS)?;
                Ok((placed.name.clone(), self.variable(placed, vars), Json::Bool(*on)))
            })
            .collect()
    }

    fn variable(&self, placed: &Placed, vars: &Values) -> String {
        if vars.contains_key(&placed.name) { placed.name.clone() } else { placed.status.clone() }
    }

    /// The value of a point's scale factor; 0 where there is none.
    fn exponent(&self, placed: &Placed, vars: &Values) -> i32 {
        let scale = placed.point.scale_point.as_ref().and_then(|name| vars.get(name));
        scale.and_then(Json::as_f64).map_or(0, |power| power as i32)
    }

    fn at(&self, table: Table, address: u16) -> Option<&Placed> {
        self.placed.iter().find(|placed| placed.point.table == table && placed.address == address)
    }

    fn writable(&self, table: Table, address: u16) -> Option<&Placed> {
        self.placed
            .iter()
            .find(|placed| placed.point.table == table && placed.address == address && placed.point.write)
    }

    /// Whether the device has all these addresses: everything between its first and its last point, or, when it
    /// is strict, its points alone.
    fn check_range(&self, table: Table, address: u16, count: u16) -> Result<(), u8> {
        let (start, end) = (u32::from(address), u32::from(address) + u32::from(count));
        if let (Table::Holding, Some((base, blank))) = (table, &self.chain) {
            let base = u32::from(*base);
            let inside = start >= base && end <= base + blank.len() as u32;
            return if inside { Ok(()) } else { Err(ILLEGAL_ADDRESS) };
        }
        let of_table = || self.placed.iter().filter(|placed| placed.point.table == table);
        let covered = |at: u32| of_table().any(|p| u32::from(p.address) <= at && at < p.end());
        let first = of_table().map(|placed| u32::from(placed.address)).min();
        let last = of_table().map(Placed::end).max();
        match (first, last) {
            (Some(first), Some(last))
                if start >= first && end <= last && (!self.strict || (start..end).all(covered)) =>
            {
                Ok(())
            }
            _ => Err(ILLEGAL_ADDRESS),
        }
    }
}

/// First address and registers of a chain of models.
type Chain = (u16, Vec<u16>);

/// The chain of SunSpec models, blank, and where each of them begins.
fn chain(fake: &Fake) -> Result<(Option<Chain>, BTreeMap<u16, u16>), String> {
    let simulate = fake.simulate();
    if simulate.sunspec.is_empty() {
        return Ok((None, BTreeMap::new()));
    }
    let base = simulate.base.unwrap_or(40000);
    let mut registers = sunspec::MARKER.to_vec();
    let mut bases = BTreeMap::new();
    for model in &simulate.sunspec {
        let blank = sunspec::blank(*model)
            .ok_or_else(|| format!("the simulator does not know SunSpec model {model}"))?;
        bases.insert(*model, base + registers.len() as u16);
        registers.extend(blank);
    }
    registers.extend([0xFFFF, 0]);
    Ok((Some((base, registers)), bases))
}

/// Where a point lies on this device; None when the device lacks the point's model.
fn address(profile: &ModbusProfile, point: &ModbusPoint, bases: &BTreeMap<u16, u16>) -> Option<u16> {
    match (&point.model, point.offset) {
        (Some(model), Some(offset)) => {
            let ids = profile.sunspec.as_ref()?.models.get(model)?;
            ids.iter().find_map(|id| bases.get(id)).map(|base| base + offset)
        }
        _ => point.address,
    }
}
