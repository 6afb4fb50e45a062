//! Writes the demo's floor maps into the folder given: `cargo run -p bo-simulator --example zone_maps -- zone-maps`.

use bo_simulator::demo::{map, plan};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("name the folder")?.into();
    for level in plan::storeys() {
        let place = folder.join(level.map);
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join("map.svg"), map::svg(level))?;
        std::fs::write(place.join("map.toml"), map::text(level)?)?;
    }
    Ok(())
}
