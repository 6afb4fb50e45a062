//! The system a trigger is compiled for: its devices, its time zone, its place on earth.

use bo_model::driver::Manifest;
use std::sync::Arc;

/// What compiling needs to know about a system.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The system's name, for texts: `{system}`.
    pub system: String,
    /// Its devices.
    pub devices: Vec<ContextDevice>,
    /// IANA time zone of its schedules; UTC when absent.
    pub time_zone: Option<String>,
    /// Latitude and longitude in degrees, north and east positive.
    pub position: Option<(f64, f64)>,
}

/// A device of the system.
#[derive(Clone, Debug, Default)]
pub struct ContextDevice {
    /// `Display_1`.
    pub address: String,
    /// For people; the address when empty.
    pub name: String,
    /// Its driver. Without it any status variable and any command of this device is taken as it is written.
    pub manifest: Option<Arc<Manifest>>,
}

impl Context {
    /// Devices whose address matches, in the system's order.
    pub(crate) fn matching<'a>(
        &'a self,
        pattern: &'a str,
    ) -> impl Iterator<Item = (usize, &'a ContextDevice)> + 'a {
        self.devices.iter().enumerate().filter(move |(_, device)| matches(pattern, &device.address))
    }

    /// `it has Display_1, Hvac_1`, for an error about an address that is not there.
    pub(crate) fn inventory(&self) -> String {
        if self.devices.is_empty() {
            return "the system has no devices".into();
        }
        let all: Vec<_> = self.devices.iter().take(20).map(|device| device.address.as_str()).collect();
        let more = if self.devices.len() > all.len() { ", …" } else { "" };
        format!("the system has {}{more}", all.join(", "))
    }
}

/// Whether `address` fits `pattern`, in which `*` stands for any characters.
pub(crate) fn matches(pattern: &str, address: &str) -> bool {
    let Some((first, parts)) = pattern.split_once('*') else { return pattern == address };
    let Some(mut rest) = address.strip_prefix(first) else { return false };
    let mut parts = parts.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("Display_*", "Display_12"));
        assert!(matches("*", "Display_1"));
        assert!(matches("D*_*", "Display_1"));
        assert!(matches("Display_1", "Display_1"));
        assert!(!matches("Display_1", "Display_12"));
        assert!(!matches("Display_*", "Hvac_1"));
        assert!(!matches("*_1", "Display_12"));
    }
}
