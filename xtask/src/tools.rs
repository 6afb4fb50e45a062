//! What the commands need beyond Rust, and how to get it: by name from the ordinary registries, as root on
//! Debian by ourselves, otherwise with a message that says exactly what is missing.

use crate::process::{command, has, output, root, run, say};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The target of driver components.
pub const WASM_TARGET: &str = "wasm32-wasip2";

/// Makes sure driver components can be compiled.
pub fn wasm_target() -> Result<()> {
    let sysroot = output(command("rustc", &["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(WASM_TARGET).exists() {
        return Ok(());
    }
    say(&format!("Adding the Rust target {WASM_TARGET} for driver components"));
    if run(command("rustup", &["target", "add", WASM_TARGET])).is_err() {
        bail!(
            "driver components need the Rust target {WASM_TARGET}. Install it with\n    rustup target add {WASM_TARGET}\nand run this again."
        );
    }
    Ok(())
}

/// Makes sure npm is there: the console's islands are bundled with it.
pub fn npm() -> Result<()> {
    if !has("npm") {
        debian(&[("npm", "nodejs"), ("npm", "npm")])?;
    }
    Ok(())
}

/// What the tests use besides: (program, Debian package).
const FOR_TESTS: &[(&str, &str)] = &[
    ("chromium", "chromium"),
    ("mosquitto", "mosquitto"),
    ("mosquitto_pub", "mosquitto-clients"),
    ("socat", "socat"),
    ("/usr/share/postgresql-common/pg_wrapper", "postgresql"),
    ("python3", "python3"),
    ("curl", "curl"),
];

/// Installs what the tests use, or says what is missing.
pub fn for_tests() -> Result<()> {
    debian(FOR_TESTS)?;
    npm()
}

/// Makes sure the broker that the edge is measured with is there, and a server for the controller.
pub fn for_bench() -> Result<()> {
    debian(&[("mosquitto", "mosquitto"), ("/usr/share/postgresql-common/pg_wrapper", "postgresql")])?;
    npm()
}

/// Installs the Debian packages whose program is missing.
fn debian(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let root = output(command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    if !root || !has("apt-get") {
        bail!(
            "missing: {list}. On Debian install them with\n    sudo apt-get install --no-install-recommends {list}"
        );
    }
    say(&format!("Installing {list}"));
    run(command("apt-get", &["update", "-qq"]))?;
    let mut install = command("apt-get", &["install", "-y", "-qq", "--no-install-recommends"]);
    install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    run(install)
}

fn is_there(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    std::env::split_paths(&path).chain(sbin).any(|folder| folder.join(program).exists())
}

/// Independent peers from PyPI, pinned, in a virtual environment of their own; its `bin` folder.
pub fn python_peers() -> Result<PathBuf> {
    const PEERS: &[&str] = &[
        "pymodbus==3.16.1",
        "pysunspec2==1.3.7",
        "pyserial==3.5",
        "aiosmtpd==1.4.6",
        "openapi-spec-validator==0.9.0",
        "icalendar==6.3.2",
    ];
    let venv = root().join("target/test-tools/python");
    let stamp = venv.join("installed");
    let wanted = PEERS.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(venv.join("bin"));
    }
    say("Installing the Python peers of the protocol tests");
    let made = run(command("python3", &["-m", "venv", &venv.to_string_lossy()]));
    if made.is_err() {
        debian(&[("/nonexistent", "python3-venv")])?;
        run(command("python3", &["-m", "venv", &venv.to_string_lossy()]))?;
    }
    let mut pip = command(venv.join("bin/pip"), &["install", "--quiet", "--disable-pip-version-check"]);
    pip.args(PEERS);
    run(pip)?;
    std::fs::write(stamp, wanted)?;
    Ok(venv.join("bin"))
}

/// Playwright and axe for the browser tests, and the OpenID provider people sign in at, from npm, pinned by lock files.
pub fn npm_peers() -> Result<()> {
    for (folder, package) in
        [("tests/browser", "playwright-core"), ("controller/identity/tests/oidc", "oidc-provider")]
    {
        let folder = root().join(folder);
        if folder.join("node_modules").join(package).exists() {
            continue;
        }
        say(&format!("Installing {package} for the tests"));
        let mut install = command("npm", &["ci", "--no-audit", "--no-fund", "--silent"]);
        install.current_dir(folder);
        run(install)?;
    }
    Ok(())
}
