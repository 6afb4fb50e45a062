//! Points into reads: as few as the limits allow. Pure.
//!
//! A value is never split, nor read apart from its scale factor; a read never spans an address the device was
//! seen to refuse, nor a boundary over which it was seen to refuse reads.

use crate::pdu::MAX_READ_BITS;
use crate::points::Points;
use bo_link::ModbusOp;
use bo_model::points::Table;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Unused coils cost a sixteenth of unused registers.
const BITS_PER_REGISTER: u32 = 16;

/// What one read may span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Registers in one read.
    pub max_read: u16,
    /// Unused registers that may be read to merge two blocks.
    pub gap: u16,
}

/// What a device was seen to refuse with exception 2. Keep it per model and firmware version: it saves every
/// further device of that kind the search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Learned {
    /// Addresses that can't be read.
    pub illegal: BTreeSet<(Table, u16)>,
    /// No read may include both the address before and this one.
    pub breaks: BTreeSet<(Table, u16)>,
}

impl Learned {
    /// True when any address from `low` up to, not including, `high` is known to be refused.
    pub fn refuses(&self, table: Table, low: u32, high: u32) -> bool {
        low < high && self.illegal.range((table, low as u16)..=(table, (high - 1) as u16)).next().is_some()
    }

    fn breaks_between(&self, table: Table, end: u32, next: u32) -> bool {
        end <= next && self.breaks.range((table, end as u16)..=(table, next as u16)).next().is_some()
    }
}

/// One point in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Index of the point.
    pub point: usize,
    /// Registers or bits from the start of the block.
    pub at: u16,
    /// Where its scale factor lies.
    pub scale_at: Option<u16>,
}

/// One read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Table.
    pub table: Table,
    /// First address.
    pub address: u16,
    /// Registers or bits.
    pub count: u16,
    /// The points in it, by address.
    pub items: Vec<Item>,
}

impl Block {
    /// A block of these points, which must fit into one read.
    pub fn of(points: &Points, members: &[usize]) -> Block {
        let spans = members.iter().map(|member| points.span(*member));
        let (low, high) = spans.fold((u32::MAX, 0), |(low, high), span| (low.min(span.0), high.max(span.1)));
        let item = |member: &usize| {
            let point = &points.points[*member];
            let scale = point.scale_point.map(|scale| points.points[scale].address);
            Item {
                point: *member,
                at: (u32::from(point.address) - low) as u16,
                scale_at: scale.map(|scale| (u32::from(scale) - low) as u16),
            }
        };
        Block {
            table: members.first().map(|member| points.points[*member].table).unwrap_or_default(),
            address: low as u16,
            count: (high - low) as u16,
            items: members.iter().map(item).collect(),
        }
    }

    /// The request that reads it.
    pub fn op(&self, unit: u8) -> ModbusOp {
        ModbusOp::Read { unit, table: self.table, address: self.address, count: self.count }
    }
}

/// Reads for `members`, and those of them that can't be read because the device refuses their addresses.
pub fn plan(points: &Points, members: &[usize], learned: &Learned) -> (Vec<Block>, Vec<usize>) {
    let (refused, mut readable): (Vec<usize>, Vec<usize>) = members.iter().partition(|member| {
        let (low, high) = points.span(**member);
        learned.refuses(points.points[**member].table, low, high)
    });
    readable.sort_by_key(|member| (points.points[*member].table, points.span(*member)));
    let mut blocks = Vec::new();
    let mut current: Vec<usize> = Vec::new();
    let mut reach = (Table::Coil, 0, 0);
    for member in readable {
        let (table, (low, high)) = (points.points[member].table, points.span(member));
        let (max, gap) = match table {
            Table::Coil | Table::Discrete => {
                (u32::from(MAX_READ_BITS), u32::from(points.limits.gap) * BITS_PER_REGISTER)
            }
            _ => (u32::from(points.limits.max_read), u32::from(points.limits.gap)),
        };
        let joins = !current.is_empty()
            && table == reach.0
            && high.max(reach.2) - reach.1 <= max
            && low.saturating_sub(reach.2) <= gap
            && !learned.refuses(table, reach.2, low)
            && !learned.breaks_between(table, reach.2, low);
        if joins {
            reach.2 = reach.2.max(high);
        } else {
            if !current.is_empty() {
                blocks.push(Block::of(points, &current));
            }
            current.clear();
            reach = (table, low, high);
        }
        current.push(member);
    }
    if !current.is_empty() {
        blocks.push(Block::of(points, &current));
    }
    (blocks, refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(toml: &str) -> Points {
        Points::new(&toml::from_str(toml).unwrap(), None, |_| true).unwrap()
    }

    fn planned(points: &Points, learned: &Learned) -> Vec<(u16, u16)> {
        let all: Vec<usize> = (0..points.points.len()).collect();
        plan(points, &all, learned).0.iter().map(|block| (block.address, block.count)).collect()
    }

    #[test]
    fn near_points_share_a_read_and_far_ones_do_not() {
        let points = points(
            "[point.a]\naddress = 0\ntype = \"f32\"\n[point.b]\naddress = 18\n[point.c]\naddress = 40",
        );
        assert_eq!(planned(&points, &Learned::default()), [(0, 19), (40, 1)]);
    }

    #[test]
    fn a_read_avoids_what_the_device_refused() {
        let points = points("[point.a]\naddress = 0\n[point.b]\naddress = 4\n[point.c]\naddress = 5");
        assert_eq!(planned(&points, &Learned::default()), [(0, 6)]);
        let gap = Learned { illegal: [(Table::Holding, 2)].into(), ..Learned::default() };
        assert_eq!(planned(&points, &gap), [(0, 1), (4, 2)]);
        let boundary = Learned { breaks: [(Table::Holding, 5)].into(), ..Learned::default() };
        assert_eq!(planned(&points, &boundary), [(0, 5), (5, 1)]);
        let point = Learned { illegal: [(Table::Holding, 4)].into(), ..Learned::default() };
        assert_eq!(plan(&points, &[0, 1, 2], &point).1, [1]);
    }

    #[test]
    fn a_value_is_never_read_apart_from_its_scale_factor() {
        let points = points(
            "max_read = 30\n[point.w]\naddress = 14\nscale_point = \"sf\"\n[point.x]\naddress = 0\n[point.sf]\naddress = 43",
        );
        let (blocks, _) = plan(&points, &[0, 1, 2], &Learned::default());
        let with_w =
            blocks.iter().find(|block| block.items.iter().any(|item| item.scale_at.is_some())).unwrap();
        assert_eq!((with_w.address, with_w.count), (14, 30));
    }

    proptest! {
        #[test]
        fn every_point_is_read_whole_exactly_once_and_no_read_is_too_long(
            addresses in prop::collection::btree_set(0u16..2000, 1..60), max in 4u16..125, gap in 0u16..40,
            illegal in prop::collection::btree_set(0u16..2000, 0..20),
        ) {
            let mut toml = format!("max_read = {max}\ngap = {gap}\n");
            for address in &addresses {
                toml += &format!("[point.p{address}]\naddress = {address}\ntype = \"u32\"\n");
            }
            let points = points(&toml);
            let all: Vec<usize> = (0..points.points.len()).collect();
            let learned = Learned {
                illegal: illegal.into_iter().map(|address| (Table::Holding, address)).collect(),
                breaks: BTreeSet::new(),
            };
            let (blocks, refused) = plan(&points, &all, &learned);
            let mut seen: Vec<usize> = refused;
            for block in &blocks {
                prop_assert!(block.count <= max);
                prop_assert!(!learned.refuses(block.table, block.address.into(), u32::from(block.address) + u32::from(block.count)));
                for item in &block.items {
                    seen.push(item.point);
                    prop_assert_eq!(block.address + item.at, points.points[item.point].address);
                    prop_assert!(item.at + 2 <= block.count);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, all);
        }
    }
}
