//! The libraries an estate names things from: drivers, triggers, maps.

use crate::drivers::held;
use crate::drivers::package::{Packed, pack_folder, read};
use crate::error::EstateError;
use crate::maps::{ZoneMap, forbidden};
use crate::triggers::TriggerDefinition;
use bo_model::WorkspaceId;
use bo_model::estate::Estate as EstateFile;
use bo_model::map::ZoneMap as Drawn;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Largest drawing, in bytes.
const MAX_SVG: usize = 4 * 1024 * 1024;

/// Where the libraries are.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Holds `<driver>/driver.toml`.
    pub drivers: PathBuf,
    /// Holds `<trigger>/trigger.toml`.
    pub triggers: PathBuf,
    /// Holds `<map>/map.toml` and `<map>/map.svg`.
    pub maps: PathBuf,
}

impl Folders {
    /// All three below one folder.
    pub fn below(root: &Path) -> Folders {
        Folders {
            drivers: root.join("drivers"),
            triggers: root.join("triggers"),
            maps: root.join("zone-maps"),
        }
    }
}

/// What an estate uses of the libraries.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Drivers by name, packed.
    pub drivers: BTreeMap<String, Packed>,
    /// Trigger definitions by name.
    pub triggers: BTreeMap<String, TriggerDefinition>,
    /// Maps by name.
    pub maps: BTreeMap<String, ZoneMap>,
}

impl Library {
    /// Reads what `estate` names.
    ///
    /// # Errors
    /// [`EstateError::Import`] with everything that is missing or does not read.
    pub fn read(
        workspace: WorkspaceId,
        folders: &Folders,
        estate: &EstateFile,
    ) -> Result<Library, EstateError> {
        let mut library = Library::default();
        let mut faults = Vec::new();
        let devices = estate.systems.iter().flat_map(|system| &system.devices);
        for name in devices.map(|device| &device.driver).collect::<BTreeSet<_>>() {
            let found = place(&folders.drivers, name).and_then(|folder| pack_folder(workspace, &folder));
            match found.and_then(|packed| labelled(packed, name)) {
                Ok(packed) => drop(library.drivers.insert(name.clone(), packed)),
                Err(error) => faults.push(format!("driver `{name}`: {}", sentence(error))),
            }
        }
        let triggers = estate.systems.iter().flat_map(|system| &system.triggers);
        for name in triggers.map(|trigger| &trigger.name).collect::<BTreeSet<_>>() {
            match place(&folders.triggers, name).and_then(|folder| read_trigger(workspace, name, &folder)) {
                Ok(trigger) => drop(library.triggers.insert(name.clone(), trigger)),
                Err(error) => faults.push(format!("trigger `{name}`: {}", sentence(error))),
            }
        }
        for name in estate.zones.iter().filter_map(|zone| zone.map.as_ref()).collect::<BTreeSet<_>>() {
            match place(&folders.maps, name).and_then(|folder| read_map(workspace, name, &folder)) {
                Ok(map) => drop(library.maps.insert(name.clone(), map)),
                Err(error) => faults.push(format!("map `{name}`: {}", sentence(error))),
            }
        }
        if faults.is_empty() { Ok(library) } else { Err(EstateError::Import(faults)) }
    }
}

/// What is wrong, without saying a second time that the estate can't be imported.
fn sentence(error: EstateError) -> String {
    match error {
        EstateError::Import(faults) => faults.join("\n"),
        other => other.to_string(),
    }
}

/// A driver in the folder `name@version` is for the devices that hold that version.
fn labelled(mut packed: Packed, name: &str) -> Result<Packed, EstateError> {
    let Some((_, wanted)) = held(name) else { return Ok(packed) };
    packed.driver.held = true;
    let version = &packed.driver.manifest.driver.version;
    if packed.driver.label() == name {
        return Ok(packed);
    }
    Err(EstateError::Import(vec![format!(
        "its driver.toml says {} {version}, not {wanted}",
        packed.driver.name()
    )]))
}

/// The folder of a name; a name that would leave the library is none.
fn place(library: &Path, name: &str) -> Result<PathBuf, EstateError> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    let folder = library.join(name);
    if plain && folder.is_dir() {
        return Ok(folder);
    }
    Err(EstateError::missing("folder", folder.display()))
}

fn text(path: &Path) -> Result<String, EstateError> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

fn read_trigger(workspace: WorkspaceId, name: &str, folder: &Path) -> Result<TriggerDefinition, EstateError> {
    let definition = text(&folder.join("trigger.toml"))?;
    let parsed = bo_rules::definition::Definition::parse(&definition)
        .map_err(|error| EstateError::Import(vec![error.to_string()]))?;
    let script = folder.join("rule.rhai");
    Ok(TriggerDefinition {
        workspace,
        name: name.to_owned(),
        title: parsed.title,
        about: parsed.about,
        definition,
        script: if script.is_file() { Some(text(&script)?) } else { None },
    })
}

fn read_map(workspace: WorkspaceId, name: &str, folder: &Path) -> Result<ZoneMap, EstateError> {
    let wrong = |why: String| EstateError::Import(vec![why]);
    let bindings = text(&folder.join("map.toml"))?;
    Drawn::parse(&bindings).map_err(|error| wrong(format!("map.toml: {error}")))?;
    let bindings: Json = toml::from_str(&bindings).map_err(|error| wrong(format!("map.toml: {error}")))?;
    let drawing = bindings.get("svg").and_then(Json::as_str).unwrap_or("map.svg");
    let svg = text(&place_file(folder, drawing)?)?;
    if svg.len() > MAX_SVG {
        return Err(wrong(format!("{drawing} has {} bytes; a drawing has at most {MAX_SVG}", svg.len())));
    }
    if let Some(what) = forbidden(&svg) {
        return Err(wrong(format!("{drawing} holds {what}, which a drawing may not")));
    }
    let title = bindings.get("title").and_then(Json::as_str).unwrap_or(name).to_owned();
    Ok(ZoneMap { workspace, name: name.to_owned(), title, svg, bindings })
}

fn place_file(folder: &Path, name: &str) -> Result<PathBuf, EstateError> {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(EstateError::missing("file", name));
    }
    Ok(folder.join(name))
}
