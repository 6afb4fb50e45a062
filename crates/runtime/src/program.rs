//! How a program ends: what went wrong is one line on standard error and an exit status, never a stack of frames;
//! and a reader that has seen enough (`… | head`) ends it quietly.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::process::ExitCode;

/// Exit status of a program whose reader went away, as shells count it: 128 + SIGPIPE.
const READER_GONE: u8 = 141;

/// Runs a program's `main`; gives the exit status. An error is written as `program: what: why`.
pub fn main<E: Display>(program: &str, run: impl FnOnce() -> Result<ExitCode, E>) -> ExitCode {
    let tell = take_hook();
    set_hook(Box::new(move |panic| {
        if !reader_gone(panic.payload()) {
            tell(panic);
        }
    }));
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            eprintln!("{program}: {error:#}");
            ExitCode::FAILURE
        }
        Err(panic) if reader_gone(panic.as_ref()) => ExitCode::from(READER_GONE),
        Err(panic) => resume_unwind(panic),
    }
}

/// Whether it is what `println!` does when nobody reads any more.
fn reader_gone(panic: &(dyn std::any::Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>();
    text.is_some_and(|text| text.starts_with("failed printing to stdout") && text.contains("Broken pipe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_told_from_a_fault_of_the_program() {
        let gone: Box<dyn std::any::Any + Send> =
            Box::new("failed printing to stdout: Broken pipe (os error 32)".to_owned());
        assert!(reader_gone(gone.as_ref()));
        let fault: Box<dyn std::any::Any + Send> = Box::new("index out of bounds".to_owned());
        assert!(!reader_gone(fault.as_ref()));
    }
}
