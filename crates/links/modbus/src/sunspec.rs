//! Finds the SunSpec models of a device: a walk over its model list. Pure; fed with replies.
//!
//! After "SunSpec Device Information Model Specification" §4: a marker, then models as id, length and content,
//! then id 0xFFFF. Id and length are read apart, because some devices end without a length after the end
//! marker; and a refusal where a model could start counts as the end, because some devices have no marker.

use crate::codec;
use bo_link::{LinkError, ModbusOp};
use bo_model::points::{ModbusProfile, Sunspec, Table};
use std::collections::BTreeMap;

/// `SunS`.
const MARKER: [u16; 2] = [0x5375, 0x6E53];
const BASES: [u16; 3] = [40_000, 0, 50_000];
const END: u16 = 0xFFFF;
/// More models than any device has.
const MAX_MODELS: usize = 128;

/// A model in a device's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its number.
    pub id: u16,
    /// Address of its id register; offsets count from there.
    pub address: u16,
    /// Registers after id and length.
    pub length: u16,
}

/// What a device has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// All models in the order of the list; one that repeats stands for a sub-device.
    pub list: Vec<Model>,
    named: BTreeMap<String, Model>,
}

impl Found {
    /// The model a driver calls `name`: the first of its preferred ids that the device has.
    pub fn model(&self, name: &str) -> Option<Model> {
        self.named.get(name).copied()
    }

    /// A device that has every model a profile asks for, each as long as the profile's points need: for predicting
    /// reads before the device was asked.
    pub fn assumed(profile: &ModbusProfile) -> Found {
        let mut found = Found::default();
        let models = profile.sunspec.iter().flat_map(|sunspec| &sunspec.models);
        let mut address = BASES[0] + 2;
        for (name, ids) in models {
            let points = profile.points.values().filter(|point| point.model.as_ref() == Some(name));
            let ends = points.map(|point| point.offset.unwrap_or(0).saturating_add(codec::width(point)));
            let length = ends.max().unwrap_or(2).saturating_sub(2);
            let model = Model { id: ids.first().copied().unwrap_or_default(), address, length };
            found.list.push(model);
            found.named.insert(name.clone(), model);
            address = address.saturating_add(2).saturating_add(length);
        }
        found
    }

    /// Sub-devices: all models with this id.
    pub fn repeated(&self, id: u16) -> impl Iterator<Item = Model> + '_ {
        self.list.iter().copied().filter(move |model| model.id == id)
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this and give the reply to [`Walk::reply`].
    Ask(ModbusOp),
    /// The list is complete.
    Done(Found),
    /// No marker at any base: this is no SunSpec device, or not the right unit.
    NotSunspec,
    /// A read failed for a reason that may pass; begin anew later.
    Failed(LinkError),
}

#[derive(Clone, Copy, Debug)]
enum At {
    Base(usize),
    Id(u16),
    Length { id: u16, address: u16 },
}

/// One walk.
#[derive(Clone, Debug)]
pub struct Walk {
    unit: u8,
    bases: Vec<u16>,
    wanted: BTreeMap<String, Vec<u16>>,
    at: At,
    list: Vec<Model>,
}

impl Walk {
    /// A walk that has not begun.
    pub fn new(unit: u8, sunspec: &Sunspec) -> Walk {
        let bases = if sunspec.bases.is_empty() { BASES.to_vec() } else { sunspec.bases.clone() };
        Walk { unit, bases, wanted: sunspec.models.clone(), at: At::Base(0), list: Vec::new() }
    }

    /// The first request.
    pub fn start(&self) -> Next {
        self.ask()
    }

    /// Takes the reply to the last request.
    pub fn reply(&mut self, reply: Result<&[u16], LinkError>) -> Next {
        match (self.at, reply) {
            (At::Base(index), Ok(words)) if words == MARKER => {
                self.at = match self.bases[index].checked_add(2) {
                    Some(address) => At::Id(address),
                    None => return Next::NotSunspec,
                };
                self.ask()
            }
            (At::Base(index), Ok(_) | Err(LinkError::Exception(1..=4))) => {
                if index + 1 == self.bases.len() {
                    return Next::NotSunspec;
                }
                self.at = At::Base(index + 1);
                self.ask()
            }
            (At::Id(_), Ok([END]) | Err(LinkError::Exception(2))) => self.done(),
            (At::Id(address), Ok([id])) => {
                self.at = At::Length { id: *id, address };
                self.ask()
            }
            (At::Length { id, address }, Ok([length])) => {
                self.list.push(Model { id, address, length: *length });
                let next = address.checked_add(2).and_then(|content| content.checked_add(*length));
                match next {
                    Some(next) if self.list.len() < MAX_MODELS => {
                        self.at = At::Id(next);
                        self.ask()
                    }
                    _ => self.done(),
                }
            }
            (_, Err(error)) => Next::Failed(error),
            (_, Ok(words)) => Next::Failed(LinkError::Protocol(
                format!("{} registers in a SunSpec walk", words.len()).into(),
            )),
        }
    }

    fn ask(&self) -> Next {
        let (address, count) = match self.at {
            At::Base(index) => (self.bases[index], 2),
            At::Id(address) => (address, 1),
            At::Length { address, .. } => match address.checked_add(1) {
                Some(length) => (length, 1),
                None => return self.done(),
            },
        };
        Next::Ask(ModbusOp::Read { unit: self.unit, table: Table::Holding, address, count })
    }

    fn done(&self) -> Next {
        let first = |ids: &Vec<u16>| {
            ids.iter().find_map(|id| self.list.iter().find(|model| model.id == *id)).copied()
        };
        let named = self.wanted.iter().filter_map(|(name, ids)| Some((name.clone(), first(ids)?))).collect();
        Next::Done(Found { list: self.list.clone(), named })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registers of a device from `base`, refusing everything else.
    fn walk(base: u16, registers: &[u16], models: &[(&str, &[u16])]) -> (Next, usize) {
        let models = models.iter().map(|(name, ids)| ((*name).to_owned(), ids.to_vec())).collect();
        let mut walk = Walk::new(1, &Sunspec { bases: vec![], models });
        let mut next = walk.start();
        let mut asked = 0;
        while let Next::Ask(ModbusOp::Read { address, count, .. }) = next {
            asked += 1;
            let from = usize::from(address.wrapping_sub(base));
            next = match registers.get(from..from + usize::from(count)) {
                Some(words) if address >= base => walk.reply(Ok(words)),
                _ => walk.reply(Err(LinkError::Exception(2))),
            };
        }
        (next, asked)
    }

    fn list(models: &[(u16, u16)], end: &[u16]) -> Vec<u16> {
        let mut registers = MARKER.to_vec();
        for (id, length) in models {
            registers.extend([*id, *length]);
            registers.extend(std::iter::repeat_n(0, usize::from(*length)));
        }
        registers.extend_from_slice(end);
        registers
    }

    #[test]
    fn models_are_found_behind_unknown_ones_and_the_preferred_id_wins() {
        let registers = list(&[(1, 66), (64_001, 5), (113, 60), (103, 50), (103, 50)], &[END, 0]);
        let (Next::Done(found), _) =
            walk(40_000, &registers, &[("inverter", &[101, 103, 113]), ("storage", &[124])])
        else {
            panic!("not found");
        };
        assert_eq!(found.model("inverter"), Some(Model { id: 103, address: 40_139, length: 50 }));
        assert_eq!(found.model("storage"), None);
        assert_eq!(found.repeated(103).count(), 2);
    }

    #[test]
    fn an_end_without_length_or_without_marker_is_an_end() {
        for end in [&[END][..], &[]] {
            let (next, _) = walk(50_000, &list(&[(1, 66)], end), &[("common", &[1])]);
            assert!(matches!(next, Next::Done(found) if found.model("common").is_some()), "{end:?}");
        }
    }

    #[test]
    fn a_device_without_marker_is_no_sunspec_device() {
        assert_eq!(walk(0, &[1, 2, 3, 4], &[]).0, Next::NotSunspec);
        let mut walk = Walk::new(1, &Sunspec::default());
        assert_eq!(walk.reply(Err(LinkError::Timeout)), Next::Failed(LinkError::Timeout));
    }

    #[test]
    fn a_list_that_never_ends_does() {
        let registers: Vec<u16> = MARKER.into_iter().chain([7, 0].into_iter().cycle().take(40_000)).collect();
        let (Next::Done(found), _) = walk(0, &registers, &[]) else { panic!() };
        assert_eq!(found.list.len(), MAX_MODELS);
    }
}
