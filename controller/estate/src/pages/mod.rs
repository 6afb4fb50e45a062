//! The console's pages of the estate: a file per noun, over the same queries and actions as the API. Pages are
//! complete without script; what must be live carries `data-…` attributes that `controller/web/islands` follows.

mod alarms;
mod audit;
mod availability;
mod channels;
mod commands;
mod controls;
mod deliveries;
mod devices;
mod drivers;
mod edges;
mod forms;
mod history;
mod maintenance;
mod map;
mod map_edit;
mod metadata;
pub mod names;
mod overview;
mod parts;
mod releases;
mod removal;
mod rollouts;
mod search;
mod settings;
mod systems;
mod tally;
mod trigger_story;
mod trigger_words;
mod triggers;
mod zones;

use crate::Estate;
use bo_web::Routes;
use std::sync::Arc;

/// All pages of the estate.
pub fn routes(estate: &Arc<Estate>) -> Vec<Routes> {
    vec![
        overview::routes(estate),
        zones::routes(estate),
        systems::routes(estate),
        devices::routes(estate),
        history::routes(estate),
        commands::routes(estate),
        alarms::routes(estate),
        maintenance::routes(estate),
        channels::routes(estate),
        deliveries::routes(estate),
        triggers::routes(estate),
        drivers::routes(estate),
        edges::routes(estate),
        releases::routes(estate),
        rollouts::routes(estate),
        removal::routes(estate),
        audit::routes(estate),
        search::routes(estate),
        metadata::routes(estate),
        map_edit::routes(estate),
    ]
}
