//! Capabilities: what a component may import, decided by its manifest. What is not granted is not linked, and a
//! component that wants it does not start; the error names what it wants and why it is not there.

use crate::bindings::backoffice::driver as wit;
use crate::error::Fault;
use crate::host::HostState;
use crate::links::Links;
use bo_model::driver::{Grant, LinkKind, Manifest};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

/// One interface a driver can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capability {
    Bytes,
    Modbus,
    Mqtt,
    Http,
    System,
}

impl Capability {
    const ALL: [Capability; 5] =
        [Capability::Bytes, Capability::Modbus, Capability::Mqtt, Capability::Http, Capability::System];

    /// Name of its WIT interface.
    pub(crate) fn word(self) -> &'static str {
        ["bytes", "modbus", "mqtt", "http", "system"][self as usize]
    }
}

/// What the manifest asks for.
pub(crate) fn capabilities(manifest: &Manifest) -> Vec<Capability> {
    let link = match manifest.link.kind {
        LinkKind::None => None,
        LinkKind::Modbus => Some(Capability::Modbus),
        LinkKind::Bytes => Some(Capability::Bytes),
        LinkKind::Mqtt => Some(Capability::Mqtt),
        LinkKind::Http => Some(Capability::Http),
    };
    let grants = manifest.component.iter().flat_map(|component| &component.grants);
    link.into_iter()
        .chain(grants.map(|grant| match grant {
            Grant::System => Capability::System,
        }))
        .collect()
}

/// Refuses a component that imports what it is not given.
pub(crate) fn check(engine: &Engine, component: &Component, granted: &[Capability]) -> Result<(), Fault> {
    let kind = component.component_type();
    for (name, _) in kind.imports(engine) {
        let Some(rest) = name.strip_prefix("backoffice:driver/") else {
            if WASI.iter().any(|known| name.starts_with(known)) {
                continue;
            }
            return Err(Fault::NotGranted(name.to_owned(), "no driver is given".to_owned()));
        };
        let interface = rest.split('@').next().unwrap_or(rest);
        if matches!(interface, "types" | "host") || granted.iter().any(|one| one.word() == interface) {
            continue;
        }
        let why = match Capability::ALL.iter().find(|one| one.word() == interface) {
            Some(Capability::System) => {
                "its manifest does not ask for (`[component] grants = [\"system\"]`)".to_owned()
            }
            Some(other) => {
                format!("its manifest does not ask for (`[link] kind = \"{}\"`)", other.word())
            }
            None => "this gateway does not know".to_owned(),
        };
        return Err(Fault::NotGranted(interface.to_owned(), why));
    }
    Ok(())
}

/// Refuses to start a driver whose capabilities were not given to this device.
pub(crate) fn check_links(manifest: &Manifest, links: &Links) -> Result<(), Fault> {
    for capability in capabilities(manifest) {
        let given = match capability {
            Capability::Bytes => links.bytes.is_some(),
            Capability::Modbus => links.modbus.is_some(),
            Capability::Mqtt => links.mqtt.is_some(),
            Capability::Http => links.http.is_some(),
            Capability::System => links.system.is_some(),
        };
        if !given {
            let why = "this device was not given: name a link of that kind in its configuration".to_owned();
            return Err(Fault::NotGranted(capability.word().to_owned(), why));
        }
    }
    Ok(())
}

/// Standard interfaces that language runtimes import. They are there and empty: no files, no network, no
/// environment, no input.
const WASI: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// A linker with exactly what is granted.
pub(crate) fn linker(engine: &Engine, granted: &[Capability]) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let all = &mut linker;
    wit::types::add_to_linker::<_, HasSelf<HostState>>(all, |state| state)?;
    wit::host::add_to_linker::<_, HasSelf<HostState>>(all, |state| state)?;
    for capability in granted {
        match capability {
            Capability::Bytes => wit::bytes::add_to_linker::<_, HasSelf<HostState>>(all, |state| state)?,
            Capability::Modbus => wit::modbus::add_to_linker::<_, HasSelf<HostState>>(all, |state| state)?,
            Capability::Mqtt => wit::mqtt::add_to_linker::<_, HasSelf<HostState>>(all, |state| state)?,
            Capability::Http => wit::http::add_to_linker::<_, HasSelf<HostState>>(all, |state| state)?,
            Capability::System => wit::system::add_to_linker::<_, HasSelf<HostState>>(all, |state| state)?,
        }
    }
    Ok(linker)
}
