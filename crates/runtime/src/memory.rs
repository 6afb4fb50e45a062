//! Memory that the start of a daemon needed and the rest of its life does not.

/// Gives back what can be had again: pages of the heap that nothing lies on any more, and the program's own code and constants, of
/// which the start touches more than all that follows. What is still needed of those is mapped again when it is next run, from the
/// system's cache of the file. Takes some milliseconds, in which other threads may wait for memory.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    system::give_back();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(
    unsafe_code,
    reason = "the allocator and the mappings of the process are known to the C library alone"
)]
mod system {
    use std::ffi::c_void;

    pub(super) fn give_back() {
        // SAFETY: takes no pointer, and may be called by any thread at any time (mallopt(3), malloc_trim(3)).
        unsafe { libc::malloc_trim(0) };
        let (Ok(maps), Ok(program)) =
            (std::fs::read_to_string("/proc/self/maps"), std::fs::read_link("/proc/self/exe"))
        else {
            return;
        };
        let program = program.to_string_lossy();
        for (start, end) in maps.lines().filter_map(|line| super::unwritten(line, &program)) {
            // SAFETY: a private mapping of a file that was never written to: what is dropped is read again from the file, the same
            // bytes at the same place.
            unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_DONTNEED) };
        }
    }
}

/// The range of a line of `/proc/self/maps` when it holds code of `program`, or its constants. Constants with addresses in them are
/// written once by the loader and lie in a mapping further on, which is not to be touched.
#[cfg(any(test, all(target_os = "linux", target_env = "gnu")))]
fn unwritten(line: &str, program: &str) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (range, mode, offset) = (words.next()?, words.next()?, words.next()?);
    let is_code = mode == "r-xp";
    let is_start = mode == "r--p" && usize::from_str_radix(offset, 16) == Ok(0);
    if !(is_code || is_start) || words.nth(2)? != program {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_writes_to_is_let_go() {
        let maps = "\
55d0c4a00000-55d0c5200000 r--p 00000000 fd:00 131 /opt/edge
55d0c5200000-55d0c7000000 r-xp 007ff000 fd:00 131 /opt/edge
55d0c7000000-55d0c7100000 r--p 025fe000 fd:00 131 /opt/edge
55d0c7100000-55d0c7110000 rw-p 026fd000 fd:00 131 /opt/edge
7f0000000000-7f0000021000 rw-p 00000000 00:00 0
7f0000100000-7f0000200000 r-xp 00000000 fd:00 77 /lib/libc.so.6";
        let found: Vec<_> = maps.lines().filter_map(|line| unwritten(line, "/opt/edge")).collect();
        assert_eq!(found, [(0x55d0c4a00000, 0x55d0c5200000), (0x55d0c5200000, 0x55d0c7000000)]);
    }

    #[test]
    fn the_program_goes_on_with_what_it_gave_back() {
        let kept: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        give_back();
        assert_eq!(kept.iter().map(String::len).sum::<usize>(), 10 + 90 * 2 + 900 * 3);
        assert_eq!(format!("{:?}", 1.5_f64.sqrt()), "1.224744871391589");
    }
}
