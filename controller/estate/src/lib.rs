//! The estate: places, devices and what happens in them. Configuration in the database and, as one snapshot, in
//! memory ([`registry`]); what edges report comes in through [`ingest`], is true now in [`live`], was true in
//! [`history`]. One folder per noun: types in `mod`, SQL in `queries`, use cases in `actions`, API in `routes`.

pub mod alarms;
mod audit;
pub mod commands;
pub mod configure;
pub mod devices;
pub mod drivers;
pub mod edges;
mod error;
pub mod fleet;
pub mod history;
pub mod http;
pub mod import;
pub mod ingest;
pub mod live;
pub mod maps;
pub mod menu;
pub mod metadata;
pub mod notify;
pub mod pages;
mod part;
pub mod registry;
pub mod releases;
pub mod rollouts;
pub mod sealed;
pub mod settings;
mod state;
pub mod systems;
pub mod triggers;
pub mod zones;

pub use error::EstateError;
pub use state::{Estate, Setup};

pub use part::PART;

use bo_db::{Migration, migration};
use bo_web::Routes;
use std::sync::Arc;

/// The estate's tables.
pub const MIGRATIONS: [Migration; 12] = [
    migration!("estate", 1, "places", "../migrations/0001_places.sql"),
    migration!("estate", 2, "happenings", "../migrations/0002_happenings.sql"),
    migration!("estate", 3, "secret settings", "../migrations/0003_secrets.sql"),
    migration!("estate", 4, "last values in pages", "../migrations/0004_last_pages.sql"),
    migration!("estate", 5, "notification", "../migrations/0005_notification.sql"),
    migration!("estate", 6, "rollouts", "../migrations/0006_rollouts.sql"),
    migration!("estate", 7, "metadata", "../migrations/0007_metadata.sql"),
    migration!("estate", 8, "when a condition held", "../migrations/0008_alarm_key.sql"),
    migration!("estate", 9, "revisions of floor maps", "../migrations/0009_map_revisions.sql"),
    migration!("estate", 10, "releases of people alone", "../migrations/0010_access.sql"),
    migration!("estate", 11, "shared Modbus links", "../migrations/0011_shares.sql"),
    migration!("estate", 12, "manifests of kept drivers", "../migrations/0012_held_drivers.sql"),
];

/// Pages and API of the estate.
pub fn routes(estate: &Arc<Estate>) -> Vec<Routes> {
    let mut routes = pages::routes(estate);
    routes.extend([
        configure::routes::routes(estate),
        zones::routes::routes(estate),
        systems::routes::routes(estate),
        devices::routes::routes(estate),
        history::routes::routes(estate),
        commands::routes::routes(estate),
        alarms::routes::routes(estate),
        notify::routes::routes(estate),
        triggers::routes::routes(estate),
        drivers::routes::routes(estate),
        edges::routes::routes(estate),
        releases::routes::routes(estate),
        rollouts::routes::routes(estate),
        metadata::routes::routes(estate),
        maps::routes::routes(estate),
        fleet::routes::routes(estate),
        live::routes(estate),
        audit::routes(estate),
    ]);
    routes
}

/// JSON for a column or a message. Our own types always serialise.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
