//! The allocator that components get from the SDK, run natively.

#![allow(unsafe_code, reason = "an allocator is called with promises")]

#[path = "../../../drivers/sdk/src/memory.rs"]
mod memory;

use memory::Small;
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout};

/// What a driver does with its memory.
#[derive(Clone, Debug)]
enum Step {
    Take { size: usize, align: usize },
    Resize { which: usize, size: usize },
    GiveBack { which: usize },
}

/// A block of the allocator's and what was written there.
struct Held {
    block: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Held {
    fn write(&self) {
        // SAFETY: the block has as many bytes and nobody else has it; if it has not, that is what this looks for.
        unsafe { self.block.write_bytes(self.mark, self.layout.size()) };
    }

    fn is_whole(&self, bytes: usize) -> bool {
        // SAFETY: written above.
        let bytes = unsafe { std::slice::from_raw_parts(self.block, bytes) };
        bytes.iter().all(|byte| *byte == self.mark)
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![6 => 1..80usize, 3 => 80..600usize, 1 => 600..9000usize];
    let align = (0..8u32).prop_map(|power| 1usize << power);
    let step = prop_oneof![
        3 => (size.clone(), align).prop_map(|(size, align)| Step::Take { size, align }),
        2 => (any::<usize>(), size).prop_map(|(which, size)| Step::Resize { which, size }),
        2 => any::<usize>().prop_map(|which| Step::GiveBack { which }),
    ];
    proptest::collection::vec(step, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_driver_keeps_stays_as_it_wrote_it(steps in steps()) {
        let memory = Small::new();
        let mut all: Vec<Held> = Vec::new();
        for (count, step) in steps.into_iter().enumerate() {
            match step {
                Step::Take { size, align } => {
                    let layout = Layout::from_size_align(size, align).unwrap();
                    // SAFETY: not of size zero.
                    let block = unsafe { memory.alloc(layout) };
                    prop_assert!(!block.is_null() && block.addr().is_multiple_of(align));
                    all.push(Held { block, layout, mark: count as u8 });
                    all.last().unwrap().write();
                }
                Step::Resize { which, size } if !all.is_empty() => {
                    let index = which % all.len();
                    let held = &mut all[index];
                    // SAFETY: a block of this allocator, with its layout.
                    held.block = unsafe { memory.realloc(held.block, held.layout, size) };
                    prop_assert!(held.block.addr().is_multiple_of(held.layout.align()));
                    prop_assert!(held.is_whole(size.min(held.layout.size())), "a block that moved lost its content");
                    held.layout = Layout::from_size_align(size, held.layout.align()).unwrap();
                    held.write();
                }
                Step::GiveBack { which } if !all.is_empty() => {
                    let held = all.swap_remove(which % all.len());
                    prop_assert!(held.is_whole(held.layout.size()), "two have the same memory");
                    // SAFETY: a block of this allocator, with its layout.
                    unsafe { memory.dealloc(held.block, held.layout) };
                }
                Step::Resize { .. } | Step::GiveBack { .. } => {}
            }
        }
        for held in all {
            prop_assert!(held.is_whole(held.layout.size()), "two have the same memory");
            // SAFETY: a block of this allocator, with its layout.
            unsafe { memory.dealloc(held.block, held.layout) };
        }
    }
}

#[test]
fn small_things_that_come_and_go_need_no_more_room() {
    let memory = Small::new();
    let layout = Layout::from_size_align(100, 8).unwrap();
    // SAFETY: not of size zero; given back with the same layout.
    let places: std::collections::HashSet<usize> = (0..10_000)
        .map(|_| unsafe {
            let block = memory.alloc(layout);
            memory.dealloc(block, layout);
            block.addr()
        })
        .collect();
    assert_eq!(places.len(), 1);
}
