//! A demo that is stopped before it is ready, while it builds or while it starts, leaves no process behind.

use anyhow::{Result, ensure};
use backoffice_tests::demo::{PATIENCE, STOP, command};
use bo_testkit::process::{Process, is_alive};
use bo_testkit::wait_for;
use std::os::unix::fs::PermissionsExt;

/// Signals it once `stage` is printed and at least one child runs, and looks whether all of them end.
fn stopped(mut process: Process, stage: &str, signal: &str) -> Result<()> {
    process.line(stage, PATIENCE)?;
    let children =
        wait_for("a child", PATIENCE, || Ok(Some(process.descendants()).filter(|all| !all.is_empty())))?;
    process.signal(signal)?;
    let began = std::time::Instant::now();
    while process.is_running() {
        ensure!(began.elapsed() < STOP, "it did not end within {STOP:?}:\n{}", process.output());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let left: Vec<_> = children.into_iter().filter(|child| is_alive(*child)).collect();
    ensure!(left.is_empty(), "these outlived it: {left:?}");
    Ok(())
}

#[test]
fn a_demo_stopped_while_it_builds_ends_the_compilers_too() -> Result<()> {
    // In cargo's place a program that works for ever, with a compiler that does, and does not end by itself.
    let data = tempfile::tempdir()?;
    let cargo = data.path().join("cargo");
    std::fs::write(&cargo, "#!/bin/sh\ncase \"$*\" in *backoffice-edge*) sleep 600 & wait;; esac\n")?;
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755))?;
    for signal in ["INT", "TERM"] {
        let mut demo = command(&data)?;
        let process = Process::start("the demo", demo.env("CARGO", &cargo))?;
        stopped(process, "Building the controller and the edge agent", signal)?;
    }
    Ok(())
}

#[test]
fn a_demo_stopped_while_it_starts_ends_what_it_started() -> Result<()> {
    for (stage, signal) in [("Starting the simulated devices", "INT"), ("Starting the edge", "TERM")] {
        let data = tempfile::tempdir()?;
        stopped(Process::start("the demo", &mut command(&data)?)?, stage, signal)?;
    }
    Ok(())
}
