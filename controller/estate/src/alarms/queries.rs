//! SQL of alarms.

use super::{Alarm, Note};
use bo_db::{DbError, Row, Tx, params};
use bo_model::{AccountId, AlarmId, Object, WorkspaceId};
use bo_web::ListQuery;

const COLUMNS: &str =
    "id, workspace, key, edge, system, device, severity, text, active, acknowledged, raised_at,
    cleared_at, acknowledged_at, acknowledged_by, comment, assignee, assignee_name, muted";

fn row(row: &Row<'_>) -> Result<Alarm, DbError> {
    Ok(Alarm {
        id: row.get(0)?,
        workspace: row.get(1)?,
        key: row.get(2)?,
        edge: row.get(3)?,
        system: row.get(4)?,
        device: row.get(5)?,
        severity: row.get(6)?,
        text: row.get(7)?,
        active: row.get(8)?,
        acknowledged: row.get(9)?,
        raised_at: row.get(10)?,
        cleared_at: row.get(11)?,
        acknowledged_at: row.get(12)?,
        acknowledged_by: row.get(13)?,
        comment: row.get(14)?,
        assignee: row.get(15)?,
        assignee_name: row.get(16)?,
        muted: row.get(17)?,
    })
}

/// One alarm.
pub fn find(tx: &mut Tx, id: AlarmId) -> Result<Option<Alarm>, DbError> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM alarm WHERE id = ?1"), params![id], row)
}

/// The active alarm of a condition.
pub fn active(tx: &mut Tx, workspace: WorkspaceId, key: &str) -> Result<Option<Alarm>, DbError> {
    tx.query_opt(
        &format!("SELECT {COLUMNS} FROM alarm WHERE workspace = ?1 AND key = ?2 AND active = 1"),
        params![workspace, key],
        row,
    )
}

/// All that need somebody, in all workspaces, oldest first: the board at start.
pub fn open(tx: &mut Tx, limit: usize) -> Result<Vec<Alarm>, DbError> {
    tx.query(
        &format!(
            "SELECT {COLUMNS} FROM alarm WHERE active = 1 OR acknowledged = 0 ORDER BY raised_at DESC LIMIT ?1"
        ),
        params![limit],
        row,
    )
    .map(|mut alarms| {
        alarms.reverse();
        alarms
    })
}

/// A page of alarms of a workspace: `state` is `open` (default), `active`, `closed` or `all`.
pub fn list(tx: &mut Tx, workspace: WorkspaceId, list: &ListQuery) -> Result<Vec<Alarm>, DbError> {
    let state = match list.filter("state").unwrap_or("open") {
        "active" => "active = 1",
        "closed" => "active = 0 AND acknowledged = 1",
        "all" => "1 = 1",
        _ => "(active = 1 OR acknowledged = 0)",
    };
    let by = match list.sort {
        "severity" => "CASE severity WHEN 'critical' THEN 3 WHEN 'warning' THEN 2 ELSE 1 END",
        _ => "raised_at",
    };
    let keyset = list.keyset(by, "id", 7);
    let text = |name: &str| list.filter(name).unwrap_or("").to_owned();
    let sql = format!(
        "WITH RECURSIVE below (id) AS (
           SELECT id FROM zone WHERE id = ?6 UNION ALL SELECT z.id FROM zone z JOIN below b ON z.parent = b.id)
         SELECT {COLUMNS} FROM alarm WHERE workspace = ?1 AND {state} AND lower(text) LIKE ?2 ESCAPE '!'
         AND (?3 = '' OR severity = ?3) AND (?4 = '' OR system = ?4) AND (?5 = '' OR device = ?5)
         AND (?6 = '' OR system IN (SELECT s.id FROM system s JOIN below b ON s.zone = b.id)
           OR (system IS NULL AND edge IN (SELECT e.id FROM edge e JOIN below b ON e.zone = b.id)))
         AND {} {}",
        keyset.condition, keyset.order
    );
    let mut values = vec![
        bo_db::Param::from(workspace),
        list.like().into(),
        text("severity").into(),
        text("system").into(),
        text("device").into(),
        text("zone").into(),
    ];
    values.extend(keyset.params);
    tx.query(&sql, &values, row)
}

/// All alarms about a device, system or edge.
pub fn about(tx: &mut Tx, object: &Object) -> Result<Vec<Alarm>, DbError> {
    let column = match object.kind() {
        column @ ("device" | "system" | "edge") => column,
        _ => return Ok(Vec::new()),
    };
    let sql = format!("SELECT {COLUMNS} FROM alarm WHERE {column} = ?1");
    tx.query(&sql, params![object.id()], row)
}

/// Writes an alarm, new or changed.
pub fn save(tx: &mut Tx, alarm: &Alarm) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO alarm (id, workspace, key, edge, system, device, severity, text, active, acknowledged, raised_at,
           cleared_at, acknowledged_at, acknowledged_by, comment, assignee, assignee_name, muted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT (id) DO UPDATE SET edge = excluded.edge, system = excluded.system,
           device = excluded.device, severity = excluded.severity, text = excluded.text, active = excluded.active,
           acknowledged = excluded.acknowledged, cleared_at = excluded.cleared_at,
           acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by,
           comment = excluded.comment, assignee = excluded.assignee, assignee_name = excluded.assignee_name",
        params![
            alarm.id,
            alarm.workspace,
            &alarm.key,
            alarm.edge,
            alarm.system,
            alarm.device,
            &alarm.severity,
            &alarm.text,
            alarm.active,
            alarm.acknowledged,
            alarm.raised_at,
            alarm.cleared_at,
            alarm.acknowledged_at,
            alarm.acknowledged_by.as_ref(),
            &alarm.comment,
            alarm.assignee,
            alarm.assignee_name.as_ref(),
            alarm.muted
        ],
    )?;
    Ok(())
}

/// Active members of a workspace by name.
pub fn members(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<(AccountId, String)>, DbError> {
    tx.query(
        "SELECT a.id, a.name FROM account a JOIN member m ON m.account = a.id
         WHERE m.workspace = ?1 AND a.state = 'active' ORDER BY lower(a.name), a.id LIMIT 200",
        params![workspace],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// What was written beside an alarm, oldest first.
pub fn notes(tx: &mut Tx, id: AlarmId) -> Result<Vec<Note>, DbError> {
    tx.query(
        "SELECT at, author, text FROM alarm_note WHERE alarm = ?1 ORDER BY id LIMIT 500",
        params![id],
        |row| Ok(Note { at: row.get(0)?, author: row.get(1)?, text: row.get(2)? }),
    )
}

/// Writes a note beside an alarm.
pub fn add_note(tx: &mut Tx, alarm: &Alarm, author: &str, text: &str) -> Result<Note, DbError> {
    let note = Note { at: tx.now(), author: author.to_owned(), text: text.to_owned() };
    tx.execute(
        "INSERT INTO alarm_note (alarm, workspace, at, author, text) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![alarm.id, alarm.workspace, note.at, author, text],
    )?;
    Ok(note)
}
