//! SQL of channels, maintenance, and who is where.

use super::{Channel, ChannelId, ChannelKind, Maintenance, MaintenanceId};
use bo_db::{DbError, Row, SealedColumn, Tx, Vault, params};
use bo_model::{AccountId, AlarmId, Kind, Object, Time, WorkspaceId};

const CHANNEL: &str = "id, workspace, name, kind, recipient, address, secret, zone, severity, after_minutes, quiet_minutes, enabled";

/// Keys of channels.
pub const SECRETS: SealedColumn =
    SealedColumn { table: "channel", key: "id", column: "secret", place: "channel:" };

fn channel_row(row: &Row<'_>, vault: &Vault) -> Result<Channel, DbError> {
    let id = row.get(0)?;
    Ok(Channel {
        id,
        workspace: row.get(1)?,
        name: row.get(2)?,
        kind: ChannelKind::parse(row.str(3)?),
        recipient: Object::parse(row.str(4)?),
        address: row.get(5)?,
        secret: SECRETS.open(vault, id, row.str(6)?)?,
        zone: row.get(7)?,
        severity: row.get(8)?,
        after_minutes: row.get(9)?,
        quiet_minutes: row.get(10)?,
        enabled: row.get(11)?,
    })
}

/// The channels of a workspace, by name.
pub fn channels(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Channel>, DbError> {
    let sql =
        format!("SELECT {CHANNEL} FROM channel WHERE workspace = ?1 ORDER BY lower(name), id LIMIT 500");
    let vault = tx.vault()?;
    tx.query(&sql, params![workspace], |row| channel_row(row, &vault))
}

/// One channel.
pub fn channel(tx: &mut Tx, id: ChannelId) -> Result<Option<Channel>, DbError> {
    let vault = tx.vault()?;
    let sql = format!("SELECT {CHANNEL} FROM channel WHERE id = ?1");
    tx.query_opt(&sql, params![id], |row| channel_row(row, &vault))
}

/// Writes a channel, new or changed.
pub fn save_channel(tx: &mut Tx, channel: &Channel) -> Result<(), DbError> {
    let secret = SECRETS.seal(tx, channel.id, &channel.secret)?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO channel (id, workspace, name, kind, recipient, address, secret, zone, severity, after_minutes,
           quiet_minutes, enabled, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, recipient = excluded.recipient,
           address = excluded.address, secret = excluded.secret, zone = excluded.zone, severity = excluded.severity,
           after_minutes = excluded.after_minutes, quiet_minutes = excluded.quiet_minutes, enabled = excluded.enabled,
           changed_at = excluded.changed_at",
        params![
            channel.id,
            channel.workspace,
            &channel.name,
            channel.kind.word(),
            channel.recipient.as_ref().map_or("", Object::as_str),
            &channel.address,
            secret,
            channel.zone,
            &channel.severity,
            channel.after_minutes,
            channel.quiet_minutes,
            channel.enabled,
            now
        ],
    )?;
    Ok(())
}

/// Removes a channel with what it remembers.
pub fn remove_channel(tx: &mut Tx, id: ChannelId) -> Result<(), DbError> {
    tx.execute("DELETE FROM channel_told WHERE channel = ?1", params![id.to_string()])?;
    tx.execute("DELETE FROM alarm_watch WHERE channel = ?1", params![id])?;
    tx.execute("DELETE FROM channel WHERE id = ?1", params![id])?;
    Ok(())
}

/// Notes that a condition is told of now; false when it was told within the quiet time.
pub fn tell_now(tx: &mut Tx, channel: &str, key: &str, quiet_minutes: i64) -> Result<bool, DbError> {
    let now = tx.now();
    let since = now.0.saturating_sub(quiet_minutes.saturating_mul(60_000_000));
    let told = tx.execute(
        "INSERT INTO channel_told (channel, key, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (channel, key) DO UPDATE SET at = excluded.at WHERE channel_told.at <= ?4",
        params![channel, key, now, since],
    )?;
    Ok(told == 1)
}

/// Looks at an alarm again later, for a channel with a delay.
pub fn watch(tx: &mut Tx, alarm: AlarmId, channel: ChannelId, due_at: Time) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO alarm_watch (alarm, channel, due_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![alarm, channel, due_at],
    )?;
    Ok(())
}

/// Whether any alarm has to be looked at again.
pub fn is_due(tx: &mut Tx) -> Result<bool, DbError> {
    let now = tx.now();
    Ok(tx
        .query_opt("SELECT 1 FROM alarm_watch WHERE due_at <= ?1 LIMIT 1", params![now], |_| Ok(()))?
        .is_some())
}

/// Takes the alarms that have to be looked at again.
pub fn take_due(tx: &mut Tx, limit: usize) -> Result<Vec<(AlarmId, ChannelId)>, DbError> {
    let now = tx.now();
    let due = tx.query(
        "SELECT alarm, channel FROM alarm_watch WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2",
        params![now, limit],
        |row| Ok((row.get::<AlarmId>(0)?, row.get::<ChannelId>(1)?)),
    )?;
    for (alarm, channel) in &due {
        tx.execute("DELETE FROM alarm_watch WHERE alarm = ?1 AND channel = ?2", params![*alarm, *channel])?;
    }
    Ok(due)
}

/// Where something is, from the inside out: itself, its system, its zones up to the root, and the gateway.
pub fn place(tx: &mut Tx, object: &Object) -> Result<Vec<Object>, DbError> {
    let mut found = vec![object.clone()];
    let mut system = object.is(Kind::SYSTEM).then(|| object.id().to_owned());
    let mut zone = object.is(Kind::ZONE).then(|| object.id().to_owned());
    let text = |row: &Row<'_>| row.get::<String>(0);
    if object.is(Kind::DEVICE) {
        system = tx.query_opt("SELECT system FROM device WHERE id = ?1", params![object.id()], text)?;
        found.extend(system.as_ref().map(|id| Object::new(Kind::SYSTEM, id)));
    }
    if object.is(Kind::EDGE) {
        zone = tx.query_opt("SELECT zone FROM edge WHERE id = ?1", params![object.id()], text)?;
    }
    if let Some(system) = &system {
        let both = tx.query_opt("SELECT zone, edge FROM system WHERE id = ?1", params![system], |row| {
            Ok((row.get::<String>(0)?, row.get::<String>(1)?))
        })?;
        if let Some((its, edge)) = both {
            zone = Some(its);
            found.push(Object::new(Kind::EDGE, edge));
        }
    }
    if let Some(zone) = zone {
        let path = tx.query(
            "WITH RECURSIVE up (id, parent, depth) AS (
               SELECT id, parent, 0 FROM zone WHERE id = ?1
               UNION ALL SELECT z.id, z.parent, u.depth + 1 FROM zone z JOIN up u ON z.id = u.parent WHERE u.depth < 100)
             SELECT id FROM up ORDER BY depth",
            params![zone],
            text,
        )?;
        found.extend(path.into_iter().map(|id| Object::new(Kind::ZONE, id)));
    }
    Ok(found)
}

/// The names of a place's zones and system, from the outside in: `Harbour House, Level 2, Room 2.04`.
pub fn words(tx: &mut Tx, place: &[Object]) -> Result<String, DbError> {
    let mut names = Vec::new();
    for object in place.iter().rev() {
        let table = match object.kind() {
            table @ ("zone" | "system" | "device") => table,
            _ => continue,
        };
        let sql = format!("SELECT name FROM {table} WHERE id = ?1");
        names.extend(tx.query_opt(&sql, params![object.id()], |row| row.get::<String>(0))?);
    }
    // Zones stand before systems and devices, outermost first.
    Ok(names.join(", "))
}

/// Active accounts that are this account or belong to this group, whatever groups are in between: id, mail address, name.
pub fn people(tx: &mut Tx, recipient: &Object) -> Result<Vec<(AccountId, String, String)>, DbError> {
    let now = tx.now();
    tx.query(
        "WITH RECURSIVE within (node) AS (
           SELECT CAST(?1 AS TEXT)
           UNION SELECT r.subject FROM relation r JOIN within w ON r.object = w.node
           WHERE r.kind = 'member' AND r.valid_from <= ?2 AND r.valid_to > ?2)
         SELECT a.id, a.address, a.name FROM within w JOIN account a ON w.node = 'account:' || a.id
         WHERE a.state = 'active' ORDER BY a.address LIMIT 500",
        params![recipient, now],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// The group or member of a workspace that has this name or mail address.
pub fn by_name(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<Option<Object>, DbError> {
    let name = name.to_lowercase();
    let group = tx.query_opt(
        "SELECT id FROM grp WHERE workspace = ?1 AND (lower(name) = ?2 OR builtin = ?2) ORDER BY builtin DESC LIMIT 1",
        params![workspace, &name],
        |row| row.get::<String>(0),
    )?;
    if let Some(id) = group {
        return Ok(Some(Object::new(Kind::GROUP, id)));
    }
    let account = tx.query_opt(
        "SELECT a.id FROM account a JOIN member m ON m.account = a.id
         WHERE m.workspace = ?1 AND (a.address = ?2 OR lower(a.name) = ?2) ORDER BY a.id LIMIT 1",
        params![workspace, &name],
        |row| row.get::<String>(0),
    )?;
    Ok(account.map(|id| Object::new(Kind::ACCOUNT, id)))
}

/// Whom mail can go to, as (`group:…` or `account:…`, words): groups first, then members by name.
pub fn recipients(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<(String, String)>, DbError> {
    let both = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut found: Vec<(String, String)> = tx.query(
        "SELECT 'group:' || id, name FROM grp WHERE workspace = ?1 ORDER BY lower(name), id LIMIT 500",
        params![workspace],
        |row| Ok((row.get(0)?, format!("Everybody in {}", row.str(1)?))),
    )?;
    found.extend(tx.query(
        "SELECT 'account:' || a.id, a.name || ' <' || a.address || '>' FROM account a JOIN member m ON m.account = a.id
         WHERE m.workspace = ?1 AND a.state = 'active' ORDER BY lower(a.name), a.id LIMIT 500",
        params![workspace],
        both,
    )?);
    Ok(found)
}

const MAINTENANCE: &str = "id, workspace, object, starts_at, ends_at, reason, made_by, made_at";

fn maintenance_row(row: &Row<'_>) -> Result<Maintenance, DbError> {
    Ok(Maintenance {
        id: row.get(0)?,
        workspace: row.get(1)?,
        object: row.get(2)?,
        starts_at: row.get(3)?,
        ends_at: row.get(4)?,
        reason: row.get(5)?,
        made_by: row.get(6)?,
        made_at: row.get(7)?,
    })
}

/// Maintenance of a workspace that is not over, soonest first.
pub fn planned(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Maintenance>, DbError> {
    let now = tx.now();
    let sql = format!(
        "SELECT {MAINTENANCE} FROM maintenance WHERE workspace = ?1 AND ends_at > ?2 ORDER BY starts_at, id LIMIT 500"
    );
    tx.query(&sql, params![workspace, now], maintenance_row)
}

/// One maintenance.
pub fn maintenance(tx: &mut Tx, id: MaintenanceId) -> Result<Option<Maintenance>, DbError> {
    tx.query_opt(
        &format!("SELECT {MAINTENANCE} FROM maintenance WHERE id = ?1"),
        params![id],
        maintenance_row,
    )
}

/// Writes a maintenance, new or changed.
pub fn save_maintenance(tx: &mut Tx, planned: &Maintenance) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO maintenance (id, workspace, object, starts_at, ends_at, reason, made_by, made_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at",
        params![
            planned.id,
            planned.workspace,
            &planned.object,
            planned.starts_at,
            planned.ends_at,
            &planned.reason,
            &planned.made_by,
            planned.made_at
        ],
    )?;
    Ok(())
}

/// Whether something, or a place it is in, is under maintenance now.
pub fn is_muted(tx: &mut Tx, object: &Object) -> Result<bool, DbError> {
    let now = tx.now();
    if tx
        .query_opt("SELECT 1 FROM maintenance WHERE ends_at > ?1 LIMIT 1", params![now], |_| Ok(()))?
        .is_none()
    {
        return Ok(false);
    }
    for object in place(tx, object)? {
        let sql = "SELECT 1 FROM maintenance WHERE object = ?1 AND starts_at <= ?2 AND ends_at > ?2 LIMIT 1";
        if tx.query_opt(sql, params![&object, now], |_| Ok(()))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
