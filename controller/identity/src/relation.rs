//! Rows of the permission graph, and the functions that write them.
//!
//! A row leads from a subject to an object. Walking along it, a level x becomes `min(x, cap)` when `x ≥ floor`, and
//! nothing otherwise. That covers membership (account → group, group → group), grants (group → zone, `cap` = the level)
//! and containment (zone → zone).

use bo_db::{DbError, Param, Tx, params};
use bo_model::{Kind, Level, Object, Time};
use serde::Serialize;

/// What a row is for. The walk does not look at it; people and clean-up do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationKind {
    /// Somebody belongs to a group or role.
    Member,
    /// Somebody was given a level on something.
    Grant,
    /// Something lies in something.
    Contain,
}

impl RelationKind {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            RelationKind::Member => "member",
            RelationKind::Grant => "grant",
            RelationKind::Contain => "contain",
        }
    }

    fn from_word(word: &str) -> RelationKind {
        match word {
            "member" => RelationKind::Member,
            "grant" => RelationKind::Grant,
            _ => RelationKind::Contain,
        }
    }
}

/// How a child lies in its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Containment {
    /// Whoever has a level on the parent has it on the child.
    Open,
    /// Only owners of the parent reach the child through it: management areas, device classes that matter for safety.
    Gated,
    /// Nobody reaches the child through the parent.
    Sealed,
    /// At most this level.
    Capped(Level),
    /// Whoever has less than this on the parent does not reach the child through it.
    AtLeast(Level),
}

impl Containment {
    fn cap_and_floor(self) -> (Level, Level) {
        match self {
            Containment::Open => (Level::Own, Level::None),
            Containment::Gated => (Level::Own, Level::Own),
            Containment::Sealed => (Level::None, Level::None),
            Containment::Capped(cap) => (cap, Level::None),
            Containment::AtLeast(floor) => (Level::Own, floor),
        }
    }
}

/// When a row counts: from (inclusive) to (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Validity {
    /// Not before.
    pub from: Time,
    /// Not from then on.
    pub to: Time,
}

impl Validity {
    /// Always.
    pub const ALWAYS: Validity = Validity { from: Time(0), to: Time(i64::MAX) };

    /// Whether it counts at that time.
    pub fn covers(self, now: Time) -> bool {
        self.from <= now && now < self.to
    }
}

/// A stored row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relation {
    /// Its number.
    pub id: i64,
    /// From.
    pub subject: Object,
    /// To.
    pub object: Object,
    /// What for.
    pub kind: RelationKind,
    /// At most this level.
    pub cap: Level,
    /// Passes only from this level up.
    pub floor: Level,
    /// When it counts.
    pub validity: Validity,
    /// Who made it, as an actor's key.
    pub granted_by: String,
    /// Why.
    pub reason: String,
}

struct New<'a> {
    subject: &'a Object,
    object: &'a Object,
    kind: RelationKind,
    cap: Level,
    floor: Level,
    validity: Validity,
    reason: &'a str,
}

fn put(tx: &mut Tx, row: New<'_>) -> Result<(), DbError> {
    let by = bo_db::audit::event::actor_key(&tx.author().actor);
    let now = tx.now();
    let leaf = row.subject.is(Kind::ACCOUNT);
    tx.execute(
        "INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (subject, object, kind, valid_from, valid_to) DO UPDATE
         SET cap = excluded.cap, floor = excluded.floor, granted_by = excluded.granted_by, reason = excluded.reason, at = excluded.at",
        params![
            row.subject, row.object, row.kind.word(), leaf, row.cap, row.floor, row.validity.from, row.validity.to, by,
            row.reason, now
        ],
    )?;
    Ok(())
}

/// The version of the graph: grows with every change of a row or a ceiling, whoever writes it (triggers of the
/// database count). Answers may be remembered while it stays the same.
///
/// # Errors
/// When the database fails.
pub fn version(tx: &mut Tx) -> Result<i64, DbError> {
    tx.query_one("SELECT COALESCE(MAX(id), 0) FROM relation_change", &[], |row| row.get(0))
}

/// Puts a child into a parent: call it when creating a zone, system, device, …. Writes no audit record of its own: the
/// creation's record says where.
///
/// # Errors
/// When the database fails.
pub fn contain(tx: &mut Tx, parent: &Object, child: &Object, how: Containment) -> Result<(), DbError> {
    let (cap, floor) = how.cap_and_floor();
    let kind = RelationKind::Contain;
    put(tx, New { subject: parent, object: child, kind, cap, floor, validity: Validity::ALWAYS, reason: "" })
}

/// Moves a child to another parent: all other containment of it ends.
///
/// # Errors
/// When the database fails.
pub fn move_into(tx: &mut Tx, parent: &Object, child: &Object, how: Containment) -> Result<(), DbError> {
    tx.execute("DELETE FROM relation WHERE object = ?1 AND kind = 'contain'", params![child])?;
    contain(tx, parent, child, how)
}

/// Forgets an object that was removed: every row to and from it.
///
/// # Errors
/// When the database fails.
pub fn forget(tx: &mut Tx, object: &Object) -> Result<(), DbError> {
    tx.execute("DELETE FROM relation WHERE object = ?1 OR subject = ?1", params![object])?;
    tx.execute("DELETE FROM ceiling WHERE object = ?1", params![object])?;
    Ok(())
}

/// Makes a subject (account or group) a member of a group. The rules of delegation are in [`crate::delegate`].
///
/// # Errors
/// When the database fails.
pub fn join(
    tx: &mut Tx,
    subject: &Object,
    group: &Object,
    validity: Validity,
    reason: &str,
) -> Result<(), DbError> {
    join_at_most(tx, subject, group, Level::Own, validity, reason)
}

/// The same, with no more than that level of what the group gives.
pub(crate) fn join_at_most(
    tx: &mut Tx,
    subject: &Object,
    group: &Object,
    cap: Level,
    validity: Validity,
    reason: &str,
) -> Result<(), DbError> {
    let (kind, floor) = (RelationKind::Member, Level::None);
    put(tx, New { subject, object: group, kind, cap, floor, validity, reason })
}

/// An object and all it contains, however deep.
///
/// # Errors
/// When the database fails.
pub fn contents(tx: &mut Tx, object: &Object) -> Result<Vec<Object>, DbError> {
    let sql = "WITH RECURSIVE inside (node) AS (
        SELECT CAST(?1 AS TEXT) UNION
        SELECT r.object FROM inside i CROSS JOIN relation r WHERE r.subject = i.node AND r.kind = 'contain')
        SELECT node FROM inside ORDER BY node";
    tx.query(sql, params![object], |row| row.get(0))
}

/// A function inside one scope, as a subject of the graph: `translator` in a project, `crew` of an event.
pub fn role(word: &str, scope: &Object) -> Object {
    Object::new(Kind::ROLE, format!("{word}@{scope}"))
}

/// The word and the scope of a role.
pub fn role_parts(role: &Object) -> Option<(&str, Object)> {
    let (word, scope) = role.id().split_once('@').filter(|_| role.is(Kind::ROLE))?;
    Some((word, Object::parse(scope)?))
}

/// Ends a membership, whenever it counts.
///
/// # Errors
/// When the database fails.
pub fn leave(tx: &mut Tx, subject: &Object, group: &Object) -> Result<bool, DbError> {
    let sql = "DELETE FROM relation WHERE subject = ?1 AND object = ?2 AND kind = 'member'";
    Ok(tx.execute(sql, params![subject, group])? > 0)
}

/// Gives a level on an object, instead of what the same subject was given there for the same time.
///
/// # Errors
/// When the database fails.
pub fn grant(
    tx: &mut Tx,
    subject: &Object,
    object: &Object,
    level: Level,
    validity: Validity,
    reason: &str,
) -> Result<(), DbError> {
    let (kind, floor) = (RelationKind::Grant, Level::None);
    put(tx, New { subject, object, kind, cap: level, floor, validity, reason })
}

/// Takes back what a subject was given on an object.
///
/// # Errors
/// When the database fails.
pub fn revoke(tx: &mut Tx, subject: &Object, object: &Object) -> Result<bool, DbError> {
    let gone = tx.execute(
        "DELETE FROM relation WHERE subject = ?1 AND object = ?2 AND kind = 'grant'",
        params![subject, object],
    )?;
    Ok(gone > 0)
}

const COLUMNS: &str = "id, subject, object, kind, cap, floor, valid_from, valid_to, granted_by, reason";

fn read(row: &bo_db::Row<'_>) -> Result<Relation, DbError> {
    Ok(Relation {
        id: row.get(0)?,
        subject: row.get(1)?,
        object: row.get(2)?,
        kind: RelationKind::from_word(row.str(3)?),
        cap: row.get(4)?,
        floor: row.get(5)?,
        validity: Validity { from: row.get(6)?, to: row.get(7)? },
        granted_by: row.get(8)?,
        reason: row.get(9)?,
    })
}

/// Rows of a kind that lead to an object.
///
/// # Errors
/// When the database fails.
pub fn to_object(tx: &mut Tx, object: &Object, kind: RelationKind) -> Result<Vec<Relation>, DbError> {
    let sql =
        format!("SELECT {COLUMNS} FROM relation WHERE object = ?1 AND kind = ?2 ORDER BY id LIMIT 1000");
    tx.query(&sql, params![object, kind.word()], read)
}

/// Rows of a kind that start at a subject.
///
/// # Errors
/// When the database fails.
pub fn from_subject(tx: &mut Tx, subject: &Object, kind: RelationKind) -> Result<Vec<Relation>, DbError> {
    let sql =
        format!("SELECT {COLUMNS} FROM relation WHERE subject = ?1 AND kind = ?2 ORDER BY id LIMIT 1000");
    tx.query(&sql, params![subject, kind.word()], read)
}

/// All rows that lead to any of these objects and count now, whatever their kind.
pub(crate) fn leading_to(
    tx: &mut Tx,
    object: &Object,
    subject: &Object,
    now: Time,
) -> Result<Vec<Relation>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM relation WHERE object = ?1 AND (leaf = 0 OR subject = ?2) AND valid_from <= ?3 AND valid_to > ?3"
    );
    let params: &[Param<'_>] = params![object, subject, now];
    tx.query(&sql, params, read)
}
