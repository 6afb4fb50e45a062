//! What the agent is asked to run, checked: a site with the drivers it names. A site comes from a release or
//! from a hand-written site file beside a folder of drivers; from here on both are the same.

use crate::bus::LinePlan;
use crate::error::EdgeError;
use bo_driver_host::{Package, Trust};
use bo_model::driver::{LinkKind, Manifest};
use bo_model::release::{LinkConfig, Site, SiteDevice};
use bo_model::settings::{Values, check_all};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// A driver that was read.
#[derive(Clone, Debug)]
pub struct Driver {
    /// Its `driver.toml`.
    pub manifest: Arc<Manifest>,
    /// All of it.
    pub package: Arc<Package>,
}

impl PartialEq for Driver {
    fn eq(&self, other: &Driver) -> bool {
        self.package.hash == other.package.hash
    }
}

impl From<Package> for Driver {
    fn from(package: Package) -> Driver {
        Driver { manifest: package.manifest.clone(), package: Arc::new(package) }
    }
}

/// A site and its drivers, checked against each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// Hash of the release; `file` for a site file.
    pub release: String,
    /// What to run.
    pub site: Site,
    /// Drivers by name.
    pub drivers: BTreeMap<String, Driver>,
    /// What its serial lines will carry; known once it was checked.
    pub lines: Vec<LinePlan>,
}

impl Desired {
    /// Reads a site file with its folders of drivers and triggers, and checks all of it.
    pub fn from_file(path: &Path, drivers: &Path, triggers: Option<&Path>) -> Result<Desired, EdgeError> {
        let mut site: Site = bo_runtime::config::load(path)?;
        let here = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = here.parent().unwrap_or(Path::new("/"));
        site.links.values_mut().for_each(|link| link.files_in(folder));
        let mut mistakes = Vec::new();
        let used: HashSet<&str> = site.devices.iter().map(|device| device.driver.as_str()).collect();
        let mut found = BTreeMap::new();
        for name in used {
            match read_driver(&drivers.join(name)) {
                Ok(driver) => drop(found.insert(name.to_owned(), driver)),
                Err(sentence) => mistakes.push(sentence),
            }
        }
        for trigger in site.triggers.iter_mut().filter(|trigger| trigger.definition.is_empty()) {
            let Some(folder) = triggers.map(|folder| folder.join(&trigger.name)) else {
                mistakes.push(format!(
                    "trigger {}: has no `definition`, and no --triggers folder was given",
                    trigger.name
                ));
                continue;
            };
            match std::fs::read_to_string(folder.join("trigger.toml")) {
                Ok(text) => trigger.definition = text,
                Err(error) => mistakes.push(format!(
                    "trigger {}: cannot read {}: {error}",
                    trigger.name,
                    folder.join("trigger.toml").display()
                )),
            }
            trigger.script = std::fs::read_to_string(folder.join("rule.rhai")).ok();
        }
        Desired { release: "file".into(), site, drivers: found, lines: Vec::new() }
            .checked(path.display().to_string(), mistakes)
    }

    /// Checks the parts against each other; every mistake is named at once.
    pub fn checked(mut self, place: String, mut mistakes: Vec<String>) -> Result<Desired, EdgeError> {
        mistakes.extend(self.settle());
        if mistakes.is_empty() {
            self.lines = crate::bus::plans(&self);
            for plan in self.lines.iter().filter(|plan| plan.impossible) {
                let why = plan.problem.as_deref().unwrap_or("carries more than it can");
                mistakes.push(format!("link {}: {why}", plan.link));
            }
            for trigger in self.site.triggers.iter().filter(|trigger| trigger.enabled) {
                if let Err(error) = crate::triggers::compile(&self, trigger) {
                    mistakes.push(format!("trigger {} ({}): {error}", trigger.name, trigger.id));
                }
            }
        }
        if mistakes.is_empty() {
            return Ok(self);
        }
        mistakes.sort();
        Err(EdgeError::Site { place, mistakes })
    }

    /// Fills in the drivers' defaults and returns what is wrong.
    fn settle(&mut self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let systems: HashSet<_> = self.site.systems.iter().map(|system| system.id).collect();
        let mut ids = HashSet::new();
        let mut addresses = HashMap::new();
        for device in self.site.devices.iter_mut().map(Arc::make_mut) {
            let place = format!("device {} ({})", device.address, device.id);
            if !ids.insert(device.id) {
                mistakes.push(format!("{place}: another device has the same id"));
            }
            if !systems.contains(&device.system) {
                mistakes.push(format!("{place}: there is no system {}", device.system));
            }
            if let Some(other) = addresses.insert((device.system, device.address.clone()), device.id) {
                mistakes.push(format!("{place}: device {other} has the same address in its system"));
            }
            let Some(driver) = self.drivers.get(&device.driver) else { continue };
            mistakes.extend(
                check_link(device, &driver.manifest, &self.site.links).map(|why| format!("{place}: {why}")),
            );
            match check_all(&driver.manifest.settings, &device.settings) {
                Ok(settled) => device.settings = settled,
                Err(errors) => mistakes
                    .extend(errors.into_iter().map(|(key, why)| format!("{place}: setting `{key}` {why}"))),
            }
        }
        let shares = bo_model::release::share_mistakes(&self.site.links, &self.site.shares);
        mistakes.extend(shares.into_iter().map(|(_, mistake)| mistake));
        let mut triggers = HashSet::new();
        for trigger in &self.site.triggers {
            let place = format!("trigger {} ({})", trigger.name, trigger.id);
            if !triggers.insert(trigger.id) {
                mistakes.push(format!("{place}: another trigger has the same id"));
            }
            if !systems.contains(&trigger.system) {
                mistakes.push(format!("{place}: there is no system {}", trigger.system));
            }
        }
        mistakes
    }

    /// Refuses drivers that nobody signed whom this gateway trusts. With no keys, any driver is fine.
    pub fn trusting(self, place: &Path, keys: &[String]) -> Result<Desired, EdgeError> {
        let mistakes = match Trust::new(keys) {
            Err(error) => vec![error.to_string()],
            Ok(trust) => {
                let refused = self.drivers.values().filter_map(|driver| trust.check(&driver.package).err());
                refused.map(|error| error.to_string()).collect()
            }
        };
        let place = place.display().to_string();
        if mistakes.is_empty() { Ok(self) } else { Err(EdgeError::Site { place, mistakes }) }
    }

    /// A device by its id.
    pub fn device(&self, id: bo_model::DeviceId) -> Option<&Arc<SiteDevice>> {
        self.site.devices.iter().find(|device| device.id == id)
    }
}

/// Reads one driver folder. The error is a sentence that names the file.
pub fn read_driver(folder: &Path) -> Result<Driver, String> {
    Package::load_folder(folder).map(Driver::from).map_err(|error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}

fn check_link(
    device: &SiteDevice,
    manifest: &Manifest,
    links: &BTreeMap<String, LinkConfig>,
) -> Option<String> {
    let wanted = manifest.link.kind;
    match (&device.link, wanted) {
        (None, LinkKind::None) => None,
        (Some(_), LinkKind::None) => Some(format!("driver {} wants no link; remove `link`", device.driver)),
        (None, _) => Some(format!("driver {} needs a link of kind {}", device.driver, word(wanted))),
        (Some(name), _) => match links.get(name) {
            None => Some(format!("there is no [link.{name}]")),
            Some(link) if kind_of(link) != wanted => Some(format!(
                "link {name} speaks {}, driver {} wants {}",
                word(kind_of(link)),
                device.driver,
                word(wanted)
            )),
            Some(_) => None,
        },
    }
}

/// What a link speaks.
pub fn kind_of(link: &LinkConfig) -> LinkKind {
    match link {
        LinkConfig::ModbusTcp { .. } | LinkConfig::ModbusRtu { .. } => LinkKind::Modbus,
        LinkConfig::Serial { .. } | LinkConfig::Tcp { .. } | LinkConfig::Udp { .. } => LinkKind::Bytes,
        LinkConfig::MqttEmbedded | LinkConfig::Mqtt { .. } => LinkKind::Mqtt,
        LinkConfig::Http { .. } => LinkKind::Http,
    }
}

fn word(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::None => "none",
        LinkKind::Modbus => "modbus",
        LinkKind::Bytes => "bytes",
        LinkKind::Mqtt => "mqtt",
        LinkKind::Http => "http",
    }
}

/// Replaces each `{key}` of `template` by the value of `key`; unknown names stay as they are.
pub fn fill(template: &str, values: &[&Values]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        filled.push_str(before);
        let end = after.find('}');
        let value = end.and_then(|end| values.iter().find_map(|values| values.get(&after[1..end])));
        match (end, value) {
            (Some(end), Some(value)) => {
                match value {
                    serde_json::Value::String(text) => filled.push_str(text),
                    serde_json::Value::Bool(truth) => filled.push_str(if *truth { "true" } else { "false" }),
                    other => filled.push_str(&other.to_string()),
                }
                rest = &after[end + 1..];
            }
            _ => {
                filled.push('{');
                rest = &after[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_testkit::sample::METER;
    use serde_json::json;

    const SITE: &str = r#"
[link.bus]
kind = "modbus-tcp"
host = "127.0.0.1"
[[system]]
id = "0198c0de-0000-7000-8000-000000000001"
name = "Room 1.01"
[[device]]
id = "0198c0de-0000-7000-8000-000000000002"
system = "0198c0de-0000-7000-8000-000000000001"
address = "Meter_1"
driver = "acme-meter"
link = "bus"
"#;

    fn load(site: &str) -> Result<Desired, EdgeError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("drivers/acme-meter")).unwrap();
        std::fs::write(folder.path().join("drivers/acme-meter/driver.toml"), METER).unwrap();
        std::fs::write(folder.path().join("site.toml"), site).unwrap();
        Desired::from_file(&folder.path().join("site.toml"), &folder.path().join("drivers"), None)
    }

    #[test]
    fn the_annotated_site_runs_with_the_shipped_drivers_and_shows_every_key() {
        let shipped = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        let example = shipped("docs/site.example.toml");
        let desired = Desired::from_file(&example, &shipped("drivers"), Some(&shipped("triggers"))).unwrap();
        assert_eq!((desired.site.devices.len(), desired.site.triggers.len()), (3, 1));

        let shown = bo_testkit::keys::uncommented(&std::fs::read_to_string(&example).unwrap(), "#: ");
        let read = |text: &str| toml::from_str::<Site>(text).map(drop).map_err(|e| e.message().to_owned());
        read(&shown).unwrap();
        let missing = bo_testkit::keys::missing(&shown, read);
        let of_releases = ["[]: edge", "[]: people_valid_for", "[]: repeats", "[]: drivers"];
        let missing: Vec<_> = missing.iter().filter(|key| !of_releases.contains(&key.as_str())).collect();
        // Links have a page of their own, and maps are drawn in the console.
        let elsewhere = |key: &str| key.starts_with("[link.") || key.starts_with("[map.");
        let missing: Vec<_> = missing.into_iter().filter(|key| !elsewhere(key)).collect();
        assert_eq!(missing, Vec::<&String>::new());
    }

    #[test]
    fn a_site_gets_the_drivers_defaults() {
        let desired = load(SITE).unwrap();
        assert_eq!(desired.site.devices[0].settings["unit"], json!(1));
    }

    #[test]
    fn files_of_links_lie_beside_the_site_file() {
        let tls = "host = \"127.0.0.1\"\ntls = { ca_file = \"plant-ca.pem\", client_key_file = \"/etc/key.pem\", client_cert_file = \"edge.pem\" }";
        let desired = load(&SITE.replace("host = \"127.0.0.1\"", tls)).unwrap();
        let LinkConfig::ModbusTcp { tls: Some(tls), .. } = &desired.site.links["bus"] else { panic!() };
        let authority = tls.ca_file.as_deref().unwrap();
        assert!(authority.is_absolute() && authority.ends_with("plant-ca.pem"), "{authority:?}");
        assert_eq!(tls.client_key_file.as_deref(), Some(Path::new("/etc/key.pem")));
    }

    #[test]
    fn with_trusted_keys_a_driver_that_nobody_signed_is_refused_by_name() {
        let place = Path::new("site.toml");
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let ours = hex::encode(key.as_bytes());
        load(SITE).unwrap().trusting(place, &[]).unwrap();
        let error = load(SITE).unwrap().trusting(place, &[ours]).unwrap_err();
        assert!(format!("{error:#}").contains("`acme-meter` is not signed"), "{error}");
        let error = load(SITE).unwrap().trusting(place, &["nonsense".into()]).unwrap_err();
        assert!(format!("{error:#}").contains("`nonsense` is no ed25519 public key"), "{error}");
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let site = SITE.replace("link = \"bus\"", "link = \"buss\"\nsettings = { unit = 300, bowd = 1 }")
            + "[[device]]\nid = \"0198c0de-0000-7000-8000-000000000003\"\nsystem = \"0198c0de-0000-7000-8000-000000000009\"\naddress = \"X_1\"\ndriver = \"nobody-knows\"\n";
        let error = load(&site).unwrap_err().to_string();
        for part in [
            "there is no [link.buss]",
            "setting `unit` must be at most 247",
            "`bowd` is not a known name",
            "drivers/nobody-knows",
            "there is no system",
        ] {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
    }

    #[test]
    fn a_link_of_the_wrong_kind_is_refused() {
        let error = load(
            &SITE
                .replace("modbus-tcp", "tcp")
                .replace("host = \"127.0.0.1\"", "host = \"127.0.0.1\"\nport = 1"),
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("link bus speaks bytes, driver acme-meter wants modbus"),
            "{error}"
        );
    }

    #[test]
    fn a_serial_line_that_cannot_carry_its_devices_is_refused_with_the_reason_and_a_calm_one_is_predicted() {
        let line = SITE.replace(
            "kind = \"modbus-tcp\"\nhost = \"127.0.0.1\"",
            "kind = \"modbus-rtu\"\nline = { path = \"/dev/ttyUSB0\", baud = 9600 }",
        );
        let desired = load(&line).unwrap();
        let plan = &desired.lines[0];
        assert!(plan.link == "bus" && (20..60).contains(&plan.cycle_ms) && plan.load < 0.1, "{plan:?}");
        let many: String = (10..50)
            .map(|n| format!("[[device]]\nid = \"0198c0de-0000-7000-8000-0000000000{n}\"\nsystem = \"0198c0de-0000-7000-8000-000000000001\"\naddress = \"Meter_{n}\"\ndriver = \"acme-meter\"\nlink = \"bus\"\nsettings = {{ unit = {n} }}\n"))
            .collect();
        let error = load(&format!("{line}{many}")).unwrap_err().to_string();
        assert!(
            error.contains("link bus: /dev/ttyUSB0 at 9600 baud would be busy 203 %")
                && error.contains("read less often"),
            "{error}"
        );
    }

    #[test]
    fn a_share_needs_a_modbus_link_and_a_port_of_its_own() {
        let share = |rest: &str| load(&format!("{SITE}{rest}"));
        assert!(share("[share.bus]\nlisten = \"127.0.0.1:1502\"\n").is_ok());
        let error = share("[share.buss]\nlisten = \"127.0.0.1:1502\"\n").unwrap_err().to_string();
        assert!(error.contains("there is no [link.buss] to share"), "{error}");
        let error = share(
            "[link.x]\nkind = \"mqtt-embedded\"\n[link.y]\nkind = \"modbus-tcp\"\nhost = \"h\"\n[share.x]\nlisten = \"127.0.0.1:1\"\n\
             [share.bus]\nlisten = \"127.0.0.1:2\"\n[share.y]\nlisten = \"127.0.0.1:2\"\n",
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("link x does not speak Modbus"), "{error}");
        assert!(error.contains("share.y: share.bus listens on 127.0.0.1:2 already"), "{error}");
    }

    #[test]
    fn templates_take_settings_and_parameters() {
        let settings = Values::from([("topic".into(), json!("plug-7"))]);
        let params = Values::from([("on".into(), json!(true))]);
        assert_eq!(fill("cmnd/{topic}/{on}/{other}", &[&params, &settings]), "cmnd/plug-7/true/{other}");
        assert_eq!(fill("{\"state\": {on}}", &[&params]), "{\"state\": true}");
    }
}
