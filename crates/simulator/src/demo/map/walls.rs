//! Walls with their doors and windows.

use super::{BOTTOM, CORRIDOR, LEFT, Place, RIGHT, Room, TOP};
use std::fmt::Write;

const DOOR: f64 = 30.0;

/// Draws all walls over the rooms.
pub fn draw(out: &mut String, rooms: &[(&Room, Place)]) {
    out.push_str("<g class=\"walls\" fill=\"none\" stroke=\"currentColor\" stroke-linecap=\"square\">\n");
    outer(out, rooms);
    for (room, place) in rooms {
        partition(out, *place);
        to_corridor(out, room, *place);
    }
    out.push_str("</g>\n");
}

fn line(out: &mut String, x1: f64, y1: f64, x2: f64, y2: f64, thick: f64) {
    let _ = writeln!(out, r#"<path d="M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}" stroke-width="{thick}"/>"#);
}

/// The outer walls; each room has windows in its own, the entrance a door.
fn outer(out: &mut String, rooms: &[(&Room, Place)]) {
    line(out, LEFT, TOP, LEFT, BOTTOM, 6.0);
    line(out, RIGHT, TOP, RIGHT, BOTTOM, 6.0);
    for (room, place) in rooms {
        let y = if place.north { TOP } else { BOTTOM };
        let (from, to) = (place.x, place.x + place.w);
        if room.name == "Entrance" {
            let middle = (from + to) / 2.0;
            line(out, from, y, middle - 26.0, y, 6.0);
            line(out, middle + 26.0, y, to, y, 6.0);
            let _ = writeln!(
                out,
                r#"<path d="M{:.1} {y:.1}a26 26 0 0 0 26 26v-26M{:.1} {y:.1}a26 26 0 0 1 -26 26" stroke-opacity="0.45"/>"#,
                middle - 26.0,
                middle + 26.0
            );
            continue;
        }
        let count = if room.is_system() { (place.w / 75.0).floor().max(1.0) as usize } else { 0 };
        let pane = 42.0f64.min(place.w - 24.0);
        let mut at = from;
        for index in 0..count {
            let middle = from + place.w * (index as f64 + 0.5) / count as f64;
            line(out, at, y, middle - pane / 2.0, y, 6.0);
            for off in [-2.5, 2.5] {
                line(out, middle - pane / 2.0, y + off, middle + pane / 2.0, y + off, 1.2);
            }
            at = middle + pane / 2.0;
        }
        line(out, at, y, to, y, 6.0);
    }
}

/// The wall to the neighbour in the west.
fn partition(out: &mut String, place: Place) {
    if place.x > LEFT + 1.0 {
        line(out, place.x, place.y, place.x, place.y + place.h, 3.0);
    }
}

/// The wall to the corridor, with a door near its eastern end, or open where there is no room.
fn to_corridor(out: &mut String, room: &Room, place: Place) {
    let y = if place.north { CORRIDOR.0 } else { CORRIDOR.1 };
    let (from, to) = (place.x, place.x + place.w);
    if room.name == "Entrance" {
        return;
    }
    let hinge = to - 8.0;
    let opening = hinge - DOOR;
    line(out, from, y, opening, y, 3.0);
    line(out, hinge, y, to, y, 3.0);
    // The leaf opens into the room.
    let inward = if place.north { -DOOR } else { DOOR };
    let sweep = i32::from(!place.north);
    let _ = writeln!(
        out,
        r#"<path d="M{hinge:.1} {y:.1}v{inward:.1}A{DOOR} {DOOR} 0 0 {} {opening:.1} {y:.1}" stroke-opacity="0.45" stroke-width="1.2"/>"#,
        sweep
    );
}
