//! What the estate keeps for a workspace, as data: so that it can be removed with it. While there are gateways nothing is: they
//! would go on running a building that nobody looks after.

use crate::pages::names::name_of;
use crate::registry;
use bo_db::part::Owned;
use bo_db::{DbError, Part, Tx};
use bo_model::{Kind, Object};

/// All of it, devices first and zones last.
pub const PART: Part = Part {
    owned: &[
        Owned::found(
            "channel_told",
            "channel, key",
            "channel IN (SELECT id FROM channel WHERE workspace = ?1)",
        ),
        Owned::found("alarm_watch", "alarm, channel", "alarm IN (SELECT id FROM alarm WHERE workspace = ?1)"),
        Owned::rows("channel", "id"),
        Owned::rows("maintenance", "id"),
        Owned::rows("alarm_note", "id"),
        Owned::rows("alarm", "id").objects("alarm", "alarms"),
        Owned::rows("rollout", "id"),
        Owned::rows("metadata_field", "workspace, name"),
        Owned::rows("command_step", "command, number"),
        Owned::rows("command", "id"),
        Owned::rows("trigger_run", "trigger_id, at, outcome"),
        Owned::rows("history_journal", "seq"),
        Owned::rows("history_chunk", "point, start"),
        Owned::rows("history_rollup", "point, day"),
        Owned::rows("history_stale_day", "point, day"),
        Owned::rows("last_page", "workspace, page"),
        Owned::rows("point", "id").objects("", "points with their history"),
        Owned::rows("gap", "edge, class, epoch, first"),
        Owned::rows("watermark", "edge, class, epoch"),
        Owned::rows("trigger_instance", "id").objects("trigger", ""),
        Owned::rows("trigger_definition", "workspace, name").objects("", "triggers"),
        Owned::rows("device", "id").objects("device", "devices"),
        Owned::rows("system", "id").objects("system", "systems"),
        Owned::rows("edge_release", "edge, number"),
        Owned::rows("edge_code", "hash"),
        Owned::rows("edge_certificate", "serial"),
        Owned::rows("edge", "id").objects("edge", GATEWAYS),
        Owned::rows("driver_package", "workspace, hash"),
        Owned::rows("driver", "workspace, name"),
        Owned::rows("zone_map_revision", "workspace, name, number"),
        Owned::rows("zone_map", "workspace, name").objects("", "floor maps"),
        Owned {
            first: "NOT EXISTS (SELECT 1 FROM zone inner_zone WHERE inner_zone.parent = zone.id)",
            ..Owned::rows("zone", "id").objects("zone", "zones")
        },
    ],
    name: name_of,
    forget,
    ..Part::NONE
};

/// What people call the rows that keep an organisation from being removed.
const GATEWAYS: &str = bo_identity::closing::KEEPS;

fn forget(tx: &mut Tx, object: &Object) -> Result<(), DbError> {
    let known = [Kind::ZONE, Kind::SYSTEM, Kind::DEVICE, Kind::EDGE, Kind::TRIGGER];
    if known.into_iter().any(|kind| object.is(kind)) { registry::touch(tx) } else { Ok(()) }
}
