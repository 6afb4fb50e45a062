//! Memory of small things. The language's own allocator takes two pages of each device before anything lies in them; a driver
//! seldom has more than some hundred bytes, and those lie here, among its variables. What is larger, and what finds no room here,
//! goes to the language's own.

#![allow(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// Bytes for small things: with a driver's other variables they fit one page of 4 KiB.
const ROOM: usize = 2048;
/// The smallest block, and what each begins at a multiple of.
const UNIT: usize = 16;
/// Blocks have 16, 32, 64, 128, 256 or 512 bytes.
const CLASSES: usize = 6;

/// Blocks that double in size. A free one goes to the next who wants one of its size; its first word is the next free one.
pub struct Small(UnsafeCell<Blocks>);

#[repr(C, align(16))]
struct Blocks {
    room: [u8; ROOM],
    taken: usize,
    free: [*mut u8; CLASSES],
}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static MEMORY: Small = Small::new();

/// Which size of block such a thing takes; `None` when it is not small.
fn class_of(layout: &Layout) -> Option<usize> {
    let units = layout.size().div_ceil(UNIT).max(1);
    let class = units.next_power_of_two().trailing_zeros() as usize;
    (class < CLASSES && layout.align() <= UNIT).then_some(class)
}

impl Small {
    /// Nothing taken yet.
    pub const fn new() -> Small {
        Small(UnsafeCell::new(Blocks { room: [0; ROOM], taken: 0, free: [null_mut(); CLASSES] }))
    }
}

impl Blocks {
    /// A block of `class`; null when there is none left.
    fn take(&mut self, class: usize) -> *mut u8 {
        let (free, size) = (self.free[class], UNIT << class);
        if !free.is_null() {
            // SAFETY: a free block of ours, whose first word is the next free one.
            self.free[class] = unsafe { free.cast::<*mut u8>().read() };
            return free;
        }
        let Some(block) = self.room.get_mut(self.taken..self.taken + size) else { return null_mut() };
        self.taken += size;
        block.as_mut_ptr()
    }

    fn give_back(&mut self, class: usize, block: *mut u8) {
        // SAFETY: a block of ours that nobody uses any more, aligned and large enough for a word.
        unsafe { block.cast::<*mut u8>().write(self.free[class]) };
        self.free[class] = block;
    }

    fn holds(&self, block: *const u8) -> bool {
        self.room.as_ptr_range().contains(&block)
    }
}

// SAFETY: a component has one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for Small {}

// SAFETY: a block is handed out to one at a time, is as large and as aligned as was asked for, and goes back to where it came from.
// The references made here end before anything else is called.
unsafe impl GlobalAlloc for Small {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = class_of(&layout).map_or(null_mut(), |class| unsafe { (*self.0.get()).take(class) });
        if block.is_null() { unsafe { System.alloc(layout) } } else { block }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let blocks = unsafe { &mut *self.0.get() };
        match class_of(&layout) {
            Some(class) if blocks.holds(block) => blocks.give_back(class, block),
            _ => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if !unsafe { (*self.0.get()).holds(block) } {
            return unsafe { System.realloc(block, layout, size) };
        }
        if class_of(&wanted) == class_of(&layout) {
            return block;
        }
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
