//! The stacks that drivers' calls run on. An instance keeps its own for its whole life, two pages of which nobody needs while the
//! driver waits for something to happen: they are given back when it has been quiet for a while.

#![allow(
    unsafe_code,
    reason = "a stack is memory of its own, mapped with a page below it that stops what runs over"
)]

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use wasmtime::{StackCreator, StackMemory};

/// Memory of one stack; unmapped when its instance and all handles are gone.
pub(crate) struct Stack {
    /// Where the mapping begins, with the guard.
    start: usize,
    guard: usize,
    size: usize,
}

thread_local! {
    /// The last one made on this thread, until whoever caused it asks.
    static MADE: Cell<Option<Arc<Stack>>> = const { Cell::new(None) };
}

impl Stack {
    fn new(size: usize) -> std::io::Result<Stack> {
        // SAFETY: asks for a constant of the system.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let guard = usize::try_from(page).map_err(std::io::Error::other)?;
        let size = size.next_multiple_of(guard);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at a place of the system's choice touches nobody's memory.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), guard + size, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let stack = Stack { start: start as usize, guard, size };
        // SAFETY: the range lies in the mapping just made.
        let opened = unsafe { libc::mprotect(stack.low(), size, libc::PROT_READ | libc::PROT_WRITE) };
        if opened == 0 { Ok(stack) } else { Err(std::io::Error::last_os_error()) }
    }

    /// The lowest address that may be used.
    fn low<T>(&self) -> *mut T {
        (self.start + self.guard) as *mut T
    }

    /// The stack made on this thread since this was last asked.
    pub(crate) fn made() -> Option<Arc<Stack>> {
        MADE.take()
    }

    /// Gives its pages back; the next call finds zeros, as the first did.
    ///
    /// # Safety
    ///
    /// No call may be under way on it.
    pub(crate) unsafe fn give_back(&self) {
        // SAFETY: the range is this mapping's, and nothing on it is needed any more.
        unsafe { libc::madvise(self.low(), self.size, libc::MADV_DONTNEED) };
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.start as *mut libc::c_void, self.guard + self.size) };
    }
}

/// One stack as the engine sees it.
struct Held(Arc<Stack>);

// SAFETY: page-aligned memory of its own, with a page below it that can't be touched, mapped as long as this lives.
unsafe impl StackMemory for Held {
    fn top(&self) -> *mut u8 {
        (self.0.start + self.0.guard + self.0.size) as *mut u8
    }

    fn range(&self) -> Range<usize> {
        let low = self.0.start + self.0.guard;
        low..low + self.0.size
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.0.start as *mut u8..self.0.low()
    }
}

/// Makes stacks and remembers the last one for its instance.
pub(crate) struct Stacks;

// SAFETY: each stack is a mapping of its own, zero-filled by the system.
unsafe impl StackCreator for Stacks {
    fn new_stack(&self, size: usize, _zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let stack = Arc::new(Stack::new(size)?);
        MADE.set(Some(stack.clone()));
        Ok(Box::new(Held(stack)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_was_given_back_is_as_new() {
        let stack = Stack::new(64 * 1024).unwrap();
        let highest = (stack.start + stack.guard + stack.size - 8) as *mut u64;
        // SAFETY: the last eight bytes of a mapping of this test's own, on which nothing runs.
        let (before, after) = unsafe {
            highest.write(42);
            let before = highest.read();
            stack.give_back();
            (before, highest.read())
        };
        assert_eq!((before, after), (42, 0));
    }

    #[test]
    fn a_stack_is_found_by_whoever_had_it_made() {
        assert!(Stack::made().is_none());
        let held = Stacks.new_stack(64 * 1024, true).unwrap();
        let made = Stack::made().unwrap();
        assert_eq!(held.range().start, made.low::<u8>() as usize);
        assert_eq!(held.guard_range().end as usize, held.range().start);
        assert!(Stack::made().is_none());
    }
}
