//! What stands in a room, faintly: it tells a room's use at a glance.

use super::{Place, Room};
use crate::world::people::Use;
use std::fmt::Write;

/// Space for furniture: between the name above and the markers below.
struct Floor {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// Draws a room's furniture.
pub fn draw(out: &mut String, room: &Room, place: Place) {
    let floor = Floor { x: place.x + 16.0, y: place.y + 78.0, w: place.w - 32.0, h: place.h - 78.0 - 58.0 };
    if floor.w < 40.0 || floor.h < 40.0 {
        return;
    }
    match room.kind {
        Use::Meeting if room.places >= 20 => classroom(out, &floor, room.places),
        Use::Meeting => table(out, &floor, room.places),
        Use::Office => desks(out, &floor, room.places),
        Use::Cafe => round_tables(out, &floor, room.places),
        Use::Hall => rows(out, &floor),
        Use::Lobby => sofas(out, &floor),
        Use::Technical => racks(out, &floor),
    }
}

fn rect(out: &mut String, x: f64, y: f64, w: f64, h: f64, round: f64) {
    let _ = writeln!(out, r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" rx="{round}"/>"#);
}

fn circle(out: &mut String, x: f64, y: f64, r: f64) {
    let _ = writeln!(out, r#"<circle cx="{x:.1}" cy="{y:.1}" r="{r}"/>"#);
}

/// One table, chairs along its sides.
fn table(out: &mut String, floor: &Floor, places: u32) {
    let sides = f64::from(places.div_ceil(2));
    let w = (sides * 19.0 + 12.0).min(floor.w - 30.0);
    let h = 34.0f64.min(floor.h - 30.0);
    let (x, y) = (floor.x + (floor.w - w) / 2.0, floor.y + (floor.h - h) / 2.0);
    rect(out, x, y, w, h, 12.0);
    let fitting = (w / 17.0).floor().min(sides) as usize;
    for index in 0..fitting {
        let at = x + w * (index as f64 + 0.5) / fitting as f64;
        circle(out, at, y - 9.0, 5.0);
        circle(out, at, y + h + 9.0, 5.0);
    }
}

/// Desks back to back, a chair each.
fn desks(out: &mut String, floor: &Floor, places: u32) {
    let columns = ((floor.w / 52.0).floor() as usize).max(1);
    let pairs = (places as usize).div_ceil(2);
    let blocks = pairs.div_ceil(columns).clamp(1, 2);
    let used = columns.min(pairs.div_ceil(blocks));
    for block in 0..blocks {
        let y = floor.y + floor.h * (block as f64 + 0.5) / blocks as f64;
        for column in 0..used {
            let x = floor.x + floor.w * (column as f64 + 0.5) / used as f64;
            rect(out, x - 18.0, y - 15.0, 36.0, 15.0, 2.0);
            rect(out, x - 18.0, y, 36.0, 15.0, 2.0);
            circle(out, x, y - 22.0, 5.0);
            circle(out, x, y + 22.0, 5.0);
        }
    }
}

fn round_tables(out: &mut String, floor: &Floor, places: u32) {
    let columns = ((floor.w / 62.0).floor() as usize).max(1);
    let rows = (places as usize).div_ceil(4).div_ceil(columns).clamp(1, 2);
    for row in 0..rows {
        for column in 0..columns {
            let x = floor.x + floor.w * (column as f64 + 0.5) / columns as f64;
            let y = floor.y + floor.h * (row as f64 + 0.5) / rows as f64;
            circle(out, x, y, 12.0);
            for (dx, dy) in [(0.0, -20.0), (20.0, 0.0), (0.0, 20.0), (-20.0, 0.0)] {
                circle(out, x + dx, y + dy, 4.5);
            }
        }
    }
}

/// A stage in the west, rows of seats before it.
fn rows(out: &mut String, floor: &Floor) {
    rect(out, floor.x, floor.y + 6.0, 34.0, floor.h - 12.0, 4.0);
    let columns = ((floor.w - 70.0) / 20.0).floor() as usize;
    let seats = ((floor.h - 8.0) / 15.0).floor() as usize;
    for column in 0..columns {
        for seat in (0..seats).filter(|seat| *seat != seats / 2) {
            circle(out, floor.x + 62.0 + column as f64 * 20.0, floor.y + 10.0 + seat as f64 * 15.0, 4.0);
        }
    }
}

/// Rows of tables that face the west.
fn classroom(out: &mut String, floor: &Floor, places: u32) {
    rect(out, floor.x, floor.y + floor.h / 2.0 - 22.0, 12.0, 44.0, 3.0);
    let rows = (places as usize).div_ceil(4);
    for row in 0..rows {
        let x = floor.x + 44.0 + (floor.w - 60.0) * row as f64 / rows as f64;
        rect(out, x, floor.y + 4.0, 13.0, floor.h - 8.0, 2.0);
        for seat in 0..4 {
            circle(out, x + 22.0, floor.y + floor.h * (f64::from(seat) + 0.5) / 4.0, 4.5);
        }
    }
}

/// A counter and a group of sofas.
fn sofas(out: &mut String, floor: &Floor) {
    let y = floor.y + floor.h / 2.0;
    let _ = writeln!(
        out,
        r#"<path d="M{:.1} {:.1}a34 34 0 0 1 0 60"/><path d="M{:.1} {:.1}a22 22 0 0 1 0 40"/>"#,
        floor.x + 6.0,
        y - 30.0,
        floor.x + 6.0,
        y - 20.0
    );
    let x = floor.x + floor.w * 0.62;
    rect(out, x - 30.0, y - 34.0, 60.0, 16.0, 5.0);
    rect(out, x - 30.0, y + 18.0, 60.0, 16.0, 5.0);
    rect(out, x - 16.0, y - 10.0, 32.0, 20.0, 3.0);
}

fn racks(out: &mut String, floor: &Floor) {
    let count = ((floor.w / 30.0).floor() as usize).clamp(1, 6);
    for index in 0..count {
        let x = floor.x + floor.w * (index as f64 + 0.5) / count as f64 - 10.0;
        rect(out, x, floor.y + 8.0, 20.0, floor.h - 20.0, 1.0);
        let middle = floor.y + floor.h / 2.0;
        let _ = writeln!(out, r#"<path d="M{x:.1} {middle:.1}h20"/>"#);
    }
}

/// Stairs and two lifts; nothing in an entrance.
pub fn core(out: &mut String, room: &Room, place: Place) {
    let Place { x, y, w, h, .. } = place;
    let _ =
        writeln!(out, r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill-opacity="0.05"/>"#);
    let middle = x + w / 2.0;
    if room.name == "Entrance" {
        let _ = writeln!(
            out,
            r#"<text x="{middle:.1}" y="{:.1}" font-size="13" text-anchor="middle" fill-opacity="0.6">{}</text>"#,
            y + 62.0,
            room.name
        );
        return;
    }
    let (left, width) = (x + 16.0, w - 32.0);
    out.push_str("<g fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.35\">\n");
    for step in 0..9 {
        let at = y + 52.0 + f64::from(step) * 9.0;
        let _ = writeln!(out, r#"<path d="M{left:.1} {at:.1}h{width:.1}"/>"#);
    }
    let _ = writeln!(out, r#"<path d="M{middle:.1} {:.1}v72"/>"#, y + 52.0);
    for side in 0..2 {
        let lift = left + f64::from(side) * (width / 2.0 + 2.0);
        let size = width / 2.0 - 2.0;
        let at = y + 140.0;
        rect(out, lift, at, size, 40.0, 0.0);
        let _ = writeln!(
            out,
            r#"<path d="M{lift:.1} {at:.1}l{size:.1} 40M{:.1} {at:.1}l-{size:.1} 40"/>"#,
            lift + size
        );
    }
    out.push_str("</g>\n");
}
