//! Floor maps of the demo's storeys: `map.svg`, drawn from the plan, and `map.toml`, which binds its elements.
//!
//! The files in `zone-maps/` are what this writes (`cargo run -p bo-simulator --example zone_maps`); a test compares.
//! Strokes are `currentColor`, so that a map fits a light and a dark page; only states have colours, in `zone-maps/map.css`.

mod bindings;
mod furniture;
mod marker;
mod walls;

pub use bindings::{bindings, text};

use super::plan::{Level, Room};
use marker::Marker;
use std::fmt::Write;

/// The canvas.
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 760.0;
/// The building's outline.
const LEFT: f64 = 40.0;
const RIGHT: f64 = 1160.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 670.0;
/// The corridor between the rows.
const CORRIDOR: (f64, f64) = (305.0, 405.0);

/// A room's place on the canvas.
#[derive(Clone, Copy, Debug)]
struct Place {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    /// The outer wall is above.
    north: bool,
}

/// The drawing of a storey.
pub fn svg(level: &Level) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" class="zone-map" role="img" aria-labelledby="map-title" font-family="system-ui, sans-serif" fill="currentColor">
<title id="map-title">{}</title>
"#,
        title(level)
    );
    let rooms = places(level);
    out.push_str("<g class=\"corridor\">\n");
    let _ = writeln!(
        out,
        r#"<rect x="{LEFT}" y="{}" width="{}" height="{}" fill-opacity="0.03"/>"#,
        CORRIDOR.0,
        RIGHT - LEFT,
        CORRIDOR.1 - CORRIDOR.0
    );
    out.push_str("</g>\n");
    for (room, place) in &rooms {
        draw_room(&mut out, room, *place);
    }
    walls::draw(&mut out, &rooms);
    // Markers last: they are what is pressed.
    for (room, place) in rooms.iter().filter(|(room, _)| room.is_system()) {
        markers(&mut out, room, *place);
    }
    services(&mut out, &rooms);
    compass(&mut out);
    out.push_str("</svg>\n");
    out
}

/// What the map is called.
fn title(level: &Level) -> String {
    let building = if level.map.starts_with("court") { "Court plan" } else { "Quay plan" };
    format!("{building}, {}", level.name.to_lowercase())
}

/// Rooms from west to east, their widths in proportion.
fn places(level: &Level) -> Vec<(&'static Room, Place)> {
    let row = |rooms: &'static [Room], y: f64, h: f64, north: bool| {
        let all: f64 = rooms.iter().map(|room| room.width).sum();
        let mut x = LEFT;
        rooms
            .iter()
            .map(|room| {
                let w = (RIGHT - LEFT) * room.width / all;
                let place = Place { x, y, w, h, north };
                x += w;
                (room, place)
            })
            .collect::<Vec<_>>()
    };
    let mut places = row(level.north, TOP, CORRIDOR.0 - TOP, true);
    places.extend(row(level.south, CORRIDOR.1, BOTTOM - CORRIDOR.1, false));
    places
}

fn draw_room(out: &mut String, room: &Room, place: Place) {
    let Place { x, y, w, h, .. } = place;
    if !room.is_system() {
        let _ = writeln!(out, r#"<g class="core">"#);
        furniture::core(out, room, place);
        out.push_str("</g>\n");
        return;
    }
    let code = room.code;
    let _ = writeln!(
        out,
        r#"<g id="room-{code}" class="room" tabindex="0" role="button" aria-label="{}">"#,
        room.name
    );
    let _ = writeln!(
        out,
        r#"<rect class="floor" x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill-opacity="0.02"/>"#
    );
    let _ = writeln!(out, r#"<g class="furniture" fill="none" stroke="currentColor" stroke-opacity="0.3">"#);
    furniture::draw(out, room, place);
    out.push_str("</g>\n");
    let lines = wrap(room.name, w - 24.0);
    for (index, line) in lines.iter().enumerate() {
        let top = y + 30.0 + index as f64 * 18.0;
        let _ = writeln!(
            out,
            r#"<text class="name" x="{:.1}" y="{top:.1}" font-size="15" font-weight="600">{line}</text>"#,
            x + 14.0
        );
    }
    let below = y + 30.0 + lines.len() as f64 * 18.0 + 1.0;
    let _ = writeln!(
        out,
        r#"<text id="value-{code}" class="value" x="{:.1}" y="{below:.1}" font-size="14" fill-opacity="0.75"></text>"#,
        x + 14.0
    );
    out.push_str("</g>\n");
}

/// Words in lines that fit, at about eight units a letter.
fn wrap(name: &str, width: f64) -> Vec<String> {
    let fits = (width / 8.2).max(4.0) as usize;
    let mut lines: Vec<String> = Vec::new();
    for word in name.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= fits => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The devices of a room, in a row along its wall to the corridor or, in narrow rooms, in two.
fn markers(out: &mut String, room: &Room, place: Place) {
    let devices = marker::of(room);
    let step = 34.0;
    let per_row = ((place.w - 20.0) / step).floor().max(1.0) as usize;
    let rows = devices.len().div_ceil(per_row);
    for (index, device) in devices.iter().enumerate() {
        let row = index / per_row;
        let x = place.x + 26.0 + (index % per_row) as f64 * step;
        let y = place.y + place.h - 24.0 - (rows - 1 - row) as f64 * step;
        device.draw(out, &format!("dev-{}-{}", room.code, device.address), x, y);
    }
}

/// The floor's meter hangs in the core.
fn services(out: &mut String, rooms: &[(&Room, Place)]) {
    let core = rooms.iter().rev().find(|(room, _)| !room.is_system());
    if let Some((_, place)) = core {
        let meter = Marker::meter();
        meter.draw(out, "dev-services-Meter_1", place.x + place.w / 2.0, place.y + place.h - 24.0);
        let _ = writeln!(
            out,
            r#"<text id="value-services" class="value" x="{:.1}" y="{:.1}" font-size="13" text-anchor="middle" fill-opacity="0.75"></text>"#,
            place.x + place.w / 2.0,
            place.y + place.h - 48.0
        );
    }
}

/// North, and ten metres.
fn compass(out: &mut String) {
    let y = BOTTOM + 50.0;
    let _ = writeln!(
        out,
        r#"<g class="legend" font-size="12" fill-opacity="0.6" stroke="none">
<path d="M1140 {} l8 26 l-8 -6 l-8 6 z"/><text x="1140" y="{}" text-anchor="middle">N</text>
<path d="M40 {y} v6 h107 v-6" fill="none" stroke="currentColor" stroke-opacity="0.6"/><text x="93" y="{}" text-anchor="middle">10 m</text>
</g>"#,
        y - 16.0,
        y + 26.0,
        y + 22.0
    );
}
