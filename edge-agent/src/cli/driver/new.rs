//! `driver new`: a folder that builds and passes its test at once, to be changed from there.

use super::Link;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// Sources of the SDK and the interface, so that a driver builds wherever its folder lies.
const SDK: [(&str, &str); 10] = [
    ("sdk/Cargo.toml", include_str!("../../../../drivers/sdk/Cargo.toml")),
    ("sdk/src/lib.rs", include_str!("../../../../drivers/sdk/src/lib.rs")),
    ("sdk/src/bindings.rs", include_str!("../../../../drivers/sdk/src/bindings.rs")),
    ("sdk/src/data.rs", include_str!("../../../../drivers/sdk/src/data.rs")),
    ("sdk/src/memory.rs", include_str!("../../../../drivers/sdk/src/memory.rs")),
    ("sdk/src/values.rs", include_str!("../../../../drivers/sdk/src/values.rs")),
    ("wit/0.1/driver.wit", include_str!("../../../../drivers/wit/0.1/driver.wit")),
    ("wit/0.1/host.wit", include_str!("../../../../drivers/wit/0.1/host.wit")),
    ("wit/0.1/links.wit", include_str!("../../../../drivers/wit/0.1/links.wit")),
    ("wit/0.1/system.wit", include_str!("../../../../drivers/wit/0.1/system.wit")),
];
/// The versions the shipped drivers are built with: a driver builds with those, also where there is no network and they are
/// in cargo's cache.
const CARGO_LOCK: &str = include_str!("../../../../drivers/Cargo.lock");
const TYPES_WIT: &str = include_str!("../../../../drivers/wit/0.1/types.wit");

/// Makes the driver `name` in `within`; returns its folder.
pub fn create(within: &Path, name: &str, link: Link, component: bool) -> anyhow::Result<PathBuf> {
    check_name(name)?;
    let folder = if within == Path::new(".") { PathBuf::from(name) } else { within.join(name) };
    if folder.exists() {
        bail!("{} exists already; choose another name or remove it", folder.display());
    }
    let title = title(name);
    let write = |path: &str, text: &str| -> anyhow::Result<()> {
        let path = folder.join(path);
        let parent = path.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
        let text = text.replace("@name@", name).replace("@title@", &title);
        std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
    };
    match (component, link) {
        (true, _) => {
            write("driver.toml", include_str!("templates/component.toml"))?;
            write("tests/first.transcript", include_str!("templates/component.transcript"))?;
            write("src/lib.rs", include_str!("templates/component.rs.txt"))?;
            write(".gitignore", "/target\n/component.wasm\n")?;
            // Inside the product's own `drivers/` the SDK is next door.
            let shared = within.join("sdk/src/bindings.rs").is_file() && within.join("wit/0.1").is_dir();
            let cargo = include_str!("templates/component.Cargo.toml.txt");
            if shared {
                let cargo = cargo.split("# --- own SDK").next().unwrap_or(cargo);
                write("Cargo.toml", &format!("{}[workspace]\n", cargo.replace("@sdk@", "../sdk")))?;
            } else {
                write("Cargo.toml", &cargo.replace("@sdk@", "sdk"))?;
                write("Cargo.lock", CARGO_LOCK)?;
                for (path, text) in SDK.into_iter().chain([("wit/0.1/types.wit", TYPES_WIT)]) {
                    write(path, text)?;
                }
            }
        }
        (false, Link::Modbus) => {
            write("driver.toml", include_str!("templates/modbus.toml"))?;
            write("tests/first.transcript", include_str!("templates/modbus.transcript"))?;
        }
        (false, Link::Mqtt) => {
            write("driver.toml", include_str!("templates/mqtt.toml"))?;
            write("tests/first.transcript", include_str!("templates/mqtt.transcript"))?;
        }
    }
    write("README.md", include_str!("templates/README.md.txt"))?;
    Ok(folder)
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || !name.chars().all(fits) || name.ends_with('-') || name.len() > 60 {
        bail!("`{name}` is no name for a driver; use small letters, digits and -, like acme-meter");
    }
    Ok(())
}

/// `acme-meter` as `Acme meter`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::driver::test::check;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpStream;

    #[test]
    fn a_new_profile_driver_passes_its_transcript_at_once() {
        let within = tempfile::tempdir().unwrap();
        for (name, link) in [("acme-meter", Link::Modbus), ("acme-sensor", Link::Mqtt)] {
            let folder = create(within.path(), name, link, false).unwrap();
            let report = check(&folder, None).unwrap();
            assert_eq!(report.failures, Vec::<String>::new(), "{name}");
            assert_eq!(report.passed.len(), 1);
        }
    }

    #[test]
    fn a_new_component_driver_builds_and_passes_its_transcript_at_once() {
        let targets = std::process::Command::new("rustup").args(["target", "list", "--installed"]).output();
        let there = targets.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("wasm32-wasip2"));
        if bo_testkit::skip_without("the Rust target wasm32-wasip2", there) {
            return;
        }
        let within = tempfile::tempdir().unwrap();
        let folder = create(within.path(), "acme-lamp", Link::Modbus, true).unwrap();
        let versions = |text: &str| -> std::collections::BTreeSet<String> {
            text.lines().filter(|line| line.starts_with("checksum")).map(str::to_owned).collect()
        };
        let component = super::super::build::build(&folder).unwrap();
        assert_eq!(component, folder.join("component.wasm"));
        let lock = std::fs::read_to_string(folder.join("Cargo.lock")).unwrap();
        assert!(
            versions(&lock).is_subset(&versions(CARGO_LOCK)),
            "other versions than the shipped drivers have"
        );
        let report = check(&folder, None).unwrap();
        assert_eq!(report.failures, Vec::<String>::new());
        assert_eq!(report.passed.len(), 1);
    }

    #[tokio::test]
    async fn a_new_component_driver_can_be_simulated_at_once() {
        let within = tempfile::tempdir().unwrap();
        let folder = create(within.path(), "acme-lamp", Link::Modbus, true).unwrap();
        let fake = bo_simulator::Fake::from_folder("Lamp_1", &folder, Default::default()).unwrap();
        let place = bo_simulator::Place::Tcp("127.0.0.1:0".parse().unwrap());
        let running = bo_simulator::start(&place, &[fake]).await.unwrap();
        let bo_simulator::Address::Tcp(address) = running.address.clone() else { panic!("not on TCP") };
        let mut lamp = BufReader::new(TcpStream::connect(address).await.unwrap());
        for (said, answer) in [("POWER?", "POWER=OFF"), ("POWER=ON", "POWER=ON"), ("POWER?", "POWER=ON")] {
            lamp.get_mut().write_all(format!("{said}\r\n").as_bytes()).await.unwrap();
            let mut line = String::new();
            lamp.read_line(&mut line).await.unwrap();
            assert_eq!(line.trim_end(), answer, "{said}");
        }
    }

    #[test]
    fn a_bad_name_or_an_existing_folder_is_refused_and_nothing_is_overwritten() {
        let within = tempfile::tempdir().unwrap();
        for name in ["Acme", "../x", "a_b", "-a", ""] {
            assert!(create(within.path(), name, Link::Modbus, false).is_err(), "{name}");
        }
        create(within.path(), "acme-meter", Link::Modbus, false).unwrap();
        let error = create(within.path(), "acme-meter", Link::Mqtt, true).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
    }

    #[test]
    fn the_interface_that_is_written_out_is_complete() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../drivers/wit/0.1");
        let files = std::fs::read_dir(shipped).unwrap().count();
        let written = SDK.iter().filter(|(path, _)| path.starts_with("wit/")).count() + 1;
        assert_eq!(files, written);
    }
}
