//! What a SunSpec device is, by the models in its list, and which shipped driver speaks with it.

use super::scan::call;
use bo_link::{Handle, LinkError, ModbusOp, ModbusReply};
use bo_link_modbus::sunspec::{Next, Walk};
use bo_model::points::Sunspec;

/// Drivers with what they call their devices, and the models any of which makes a device theirs. One device may be several
/// things: a hybrid inverter with a battery and a meter behind it.
const KINDS: [(&str, &str, &[u16]); 3] = [
    ("sunspec-inverter", "Inverter", &[101, 102, 103, 111, 112, 113]),
    ("sunspec-meter", "Meter", &[201, 202, 203, 204, 211, 212, 213, 214]),
    ("sunspec-storage", "Battery", &[124, 802]),
];

/// What asking a unit for its models came to.
pub(super) enum Models {
    /// It does not speak SunSpec.
    None,
    /// It does, and its list could not be read.
    Unread(LinkError),
    /// Their numbers, in the order of the list.
    Are(Vec<u16>),
}

/// Walks the model list of a unit.
pub(super) async fn models(handle: &Handle<ModbusOp, ModbusReply>, unit: u8) -> Models {
    let mut walk = Walk::new(unit, &Sunspec::default());
    let (mut next, mut begun) = (walk.start(), false);
    loop {
        next = match next {
            Next::Ask(op) => match call(handle, op).await {
                Ok(ModbusReply::Registers(words)) => {
                    let following = walk.reply(Ok(&words));
                    // Only behind the marker single registers are asked for.
                    begun |= matches!(following, Next::Ask(ModbusOp::Read { count: 1, .. }));
                    following
                }
                Ok(_) => walk.reply(Err(LinkError::Protocol("a reply of another kind".into()))),
                Err(error) => walk.reply(Err(error)),
            },
            Next::Done(found) => return Models::Are(found.list.iter().map(|model| model.id).collect()),
            Next::Failed(error) if begun => return Models::Unread(error),
            Next::Failed(_) | Next::NotSunspec => return Models::None,
        };
    }
}

/// The shipped drivers for a device with these models.
pub(super) fn drivers(models: &[u16]) -> impl Iterator<Item = &'static str> {
    let has = |ids: &[u16]| ids.iter().any(|id| models.contains(id));
    KINDS.into_iter().filter(move |(.., ids)| has(ids)).map(|(driver, ..)| driver)
}

/// What a driver calls its devices.
pub(super) fn module(driver: &str) -> &'static str {
    KINDS.iter().find(|(name, ..)| *name == driver).map_or("Device", |(_, module, _)| module)
}

/// The sentence about a device that no shipped driver fits.
pub(super) fn no_driver(unit: u8, name: &str, models: &[u16]) -> String {
    let models: Vec<String> = models.iter().map(u16::to_string).collect();
    let models =
        if models.is_empty() { "no models".to_owned() } else { format!("models {}", models.join(", ")) };
    format!(
        "unit {unit} ({name}) is a SunSpec device with {models}: no shipped driver fits; `backoffice-edge driver new` begins one"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::driver::Manifest;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn a_device_is_what_its_models_say() {
        let what = |models: &[u16]| drivers(models).collect::<Vec<_>>();
        assert_eq!(what(&[1, 113, 120, 160]), ["sunspec-inverter"]);
        assert_eq!(what(&[1, 204]), ["sunspec-meter"]);
        assert_eq!(what(&[1, 802]), ["sunspec-storage"]);
        assert_eq!(what(&[1, 103, 124, 203]), ["sunspec-inverter", "sunspec-meter", "sunspec-storage"]);
        assert!(what(&[1, 307, 64_001]).is_empty());
        let sentence = no_driver(7, "Acme W1", &[1, 307]);
        assert!(
            sentence.contains("unit 7 (Acme W1)")
                && sentence.contains("models 1, 307: no shipped driver fits")
        );
    }

    /// A model that a driver learns is one that a scan knows, and the other way round.
    #[test]
    fn the_shipped_drivers_know_the_models_they_are_proposed_for() {
        for (driver, module, ids) in KINDS {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../drivers").join(driver).join("driver.toml");
            let manifest = Manifest::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(manifest.driver.module, module);
            let known: BTreeSet<u16> =
                manifest.modbus.unwrap().sunspec.unwrap().models.into_values().flatten().collect();
            assert!(ids.iter().all(|id| known.contains(id)), "{driver}: {known:?}");
        }
    }
}
