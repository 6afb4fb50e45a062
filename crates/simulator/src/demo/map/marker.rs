//! Devices as small round signs: a ring that takes the state's colour, and a picture that tells the kind.

use super::Room;
use std::fmt::Write;

/// A device on the map.
pub struct Marker {
    /// `Display_1`.
    pub address: String,
    /// Name of its style in `map.toml`.
    pub style: &'static str,
    /// What it is, for those who can't see the picture.
    word: &'static str,
    /// A path in a square of 16 around 0, 0.
    picture: &'static str,
}

const SENSOR: &str = "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0M-5 -4a6.4 6.4 0 0 0 0 8M5 -4a6.4 6.4 0 0 1 0 8";
const FAN: &str = "M0 0c-5 -1 -5 -6 -1 -6c3 0 2 4 1 6c1 -5 6 -5 6 -1c0 3 -4 2 -6 1c5 1 5 6 1 6c-3 0 -2 -4 -1 -6c-1 5 -6 5 -6 1c0 -3 4 -2 6 -1";
const SCREEN: &str = "M-6 -5h12v8h-12zM-3 6h6M0 3v3";
const BULB: &str = "M-2 3c0 -2 -2.4 -2.6 -2.4 -5a4.4 4.4 0 0 1 8.8 0c0 2.4 -2.4 3 -2.4 5zM-1.6 6h3.2";
const ARROWS: &str = "M-6 -3h4l4 6h4M-6 3h4l4 -6h4M4 -5l2 2l-2 2M4 1l2 2l-2 2";
const ROOM: &str = "M0 -6v5M-3.4 -4.6a5.6 5.6 0 1 0 6.8 0";
const GAUGE: &str = "M-6 3a6.4 6.4 0 1 1 12 0M0 2l3 -5";

impl Marker {
    fn new(
        module: &str,
        index: u8,
        style: &'static str,
        word: &'static str,
        picture: &'static str,
    ) -> Marker {
        Marker { address: format!("{module}_{index}"), style, word, picture }
    }

    /// The floor's meter.
    pub fn meter() -> Marker {
        Marker::new("Meter", 1, "meter", "Meter", GAUGE)
    }

    /// Draws it around a point.
    pub fn draw(&self, out: &mut String, id: &str, x: f64, y: f64) {
        let _ = writeln!(
            out,
            r#"<g id="{id}" class="device {}" transform="translate({x:.1} {y:.1})" tabindex="0" role="button" aria-label="{} {}"><circle class="ring" r="13" fill-opacity="0.08" stroke="currentColor" stroke-opacity="0.5"/><path d="{}" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round"/></g>"#,
            self.style, self.word, self.address, self.picture
        );
    }
}

/// The devices of a room, in the order they are drawn.
pub fn of(room: &Room) -> Vec<Marker> {
    let mut markers = Vec::new();
    markers.extend((1..=room.sensors).map(|n| Marker::new("Sensor", n, "sensor", "Sensor", SENSOR)));
    markers.extend((1..=room.units).map(|n| Marker::new("Hvac", n, "climate", "Fan-coil", FAN)));
    if room.lights {
        markers.push(Marker::new("Relay", 1, "light", "Lights", BULB));
    }
    markers.extend((1..=room.displays).map(|n| Marker::new("Display", n, "display", "Display", SCREEN)));
    if room.av {
        markers.push(Marker::new("Switcher", 1, "switcher", "Switcher", ARROWS));
        markers.push(Marker::new("Room", 1, "room-switch", "Room as one", ROOM));
    }
    markers
}
