//! Whether the files a site is made of changed: size and time of each. Editors and package managers replace files, so they
//! are looked at by name, not watched by handle.

use super::Source;
use crate::site::Desired;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The files by path; `None` for one that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Option<(u64, SystemTime)>>);

impl Files {
    /// As they are now: the site file, and the drivers and triggers that `running` and the file as it is now name.
    pub fn look(source: &Source, running: &Desired) -> Files {
        let mut paths = BTreeSet::from([source.site.clone()]);
        let mut add = |site: &bo_model::release::Site| {
            for device in &site.devices {
                paths.extend(of_driver(&source.drivers, &device.driver));
            }
            for (folder, trigger) in
                source.triggers.iter().flat_map(|folder| site.triggers.iter().map(move |t| (folder, t)))
            {
                let folder = folder.join(&trigger.name);
                paths.extend([folder.join("trigger.toml"), folder.join("rule.rhai")]);
            }
        };
        add(&running.site);
        if let Ok(site) = bo_runtime::config::load::<bo_model::release::Site>(&source.site) {
            add(&site);
        }
        Files(paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect())
    }

    /// These as they were, and the others `running` names as they are now.
    pub fn with(&self, source: &Source, running: &Desired) -> Files {
        let mut all = Files::look(source, running);
        all.0.extend(
            self.0
                .iter()
                .filter(|(path, _)| all.0.contains_key(*path))
                .map(|(path, at)| (path.clone(), *at))
                .collect::<Vec<_>>(),
        );
        all
    }
}

fn of_driver(drivers: &Path, name: &str) -> [PathBuf; 3] {
    let folder = drivers.join(name);
    [
        folder.join("driver.toml"),
        folder.join("component.wasm"),
        drivers.join("target/components").join(format!("{name}.wasm")),
    ]
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.len(), file.modified().ok()?))
}
