//! Reads the graph from the database: all of it, or what changed since.

use super::names::{Known, Names};
use super::rows::{Row, Rows};
use super::{Bound, Graph};
use bo_db::{DbError, Param, Row as Cells, Tx, params, places};
use bo_model::{Level, Time};
use std::collections::HashMap;
use std::sync::Arc;

/// Changes that may be read one by one, whatever the size of the graph, and for how many rows there may be one more.
const CHANGES: usize = 1_000;
const ROWS_PER_CHANGE: usize = 20;

/// Pairs or ceilings that are looked up by one statement.
const AT_ONCE: usize = 32;

/// Which pairs to read again; `UNION` takes what is named more than once together. Their rows are read by
/// statements of their own ([`rows_sql`]): in a join PostgreSQL expects more of them, and passes over the whole table.
const CHANGED: &str = "
SELECT subject, object FROM relation_change WHERE id > ?1 AND id <= ?2
UNION
SELECT subject, object FROM relation WHERE valid_from > 0 AND valid_from > ?3 AND valid_from <= ?4
UNION
SELECT subject, object FROM relation WHERE valid_to < 9223372036854775807 AND valid_to > ?3 AND valid_to <= ?4";

/// The moments at which rows begin or end to count: the last one, and the next one.
const WINDOW: &str = "
SELECT (SELECT MAX(valid_from) FROM relation WHERE valid_from > 0 AND valid_from <= ?1),
       (SELECT MAX(valid_to) FROM relation WHERE valid_to < 9223372036854775807 AND valid_to <= ?1),
       (SELECT MIN(valid_from) FROM relation WHERE valid_from > 0 AND valid_from > ?1),
       (SELECT MIN(valid_to) FROM relation WHERE valid_to < 9223372036854775807 AND valid_to > ?1)";

/// Rows of some pairs that count at the time `?1`.
fn rows_sql(pairs: usize) -> String {
    let pair = |number: usize| format!("(subject = ?{} AND object = ?{})", 2 * number + 2, 2 * number + 3);
    let either = (0..pairs).map(pair).collect::<Vec<_>>().join(" OR ");
    format!(
        "SELECT subject, object, cap, floor, leaf, kind FROM relation
         WHERE ({either}) AND (cap > 0 OR kind = 'contain') AND valid_from <= ?1 AND valid_to > ?1"
    )
}

fn ceilings_sql(objects: usize) -> String {
    format!("SELECT object, cap, lifted_by, deep FROM ceiling WHERE object IN ({})", places(1, objects))
}

/// The statements that read changes, so that a test can look at how a database runs them.
#[cfg(test)]
pub(super) fn statements() -> [String; 4] {
    [CHANGED.into(), WINDOW.into(), rows_sql(AT_ONCE), ceilings_sql(AT_ONCE)]
}

/// Pieces of a list, each with how many to ask for: one, or as many as are asked for at once, the first ones again where there
/// are fewer, so that few statements are prepared.
fn pieces<T>(all: &[T]) -> impl Iterator<Item = (usize, impl Iterator<Item = &T>)> {
    all.chunks(AT_ONCE).map(|some| {
        let count = if some.len() == 1 { 1 } else { AT_ONCE };
        (count, some.iter().cycle().take(count))
    })
}

pub(super) fn all(tx: &mut Tx, version: i64, now: Time) -> Result<Graph, DbError> {
    let names = Names::new();
    let (mut down, mut up) = (Vec::new(), Vec::new());
    let mut ceilings: HashMap<u32, Vec<Bound>> = HashMap::new();
    {
        let mut known = names.write();
        tx.for_each(
            "SELECT subject, object, cap, floor, leaf, kind FROM relation
             WHERE (cap > 0 OR kind = 'contain') AND valid_from <= ?1 AND valid_to > ?1",
            params![now],
            |cells| {
                let (subject, object) = (known.number(cells.str(0)?), known.number(cells.str(1)?));
                let row = row(cells, object)?;
                down.push((subject, row));
                if !row.leaf {
                    up.push((object, Row { node: subject, ..row }));
                }
                Ok(())
            },
        )?;
        tx.for_each("SELECT object, cap, lifted_by, deep FROM ceiling", &[], |cells| {
            let node = known.number(cells.str(0)?);
            ceilings.entry(node).or_default().push(Lid::read(cells)?.bound(&mut known));
            Ok(())
        })?;
    }
    let (names, ceilings) = (Arc::new(names), Arc::new(ceilings));
    let (down, up, reached) = (Rows::new(down), Rows::new(up), Default::default());
    Ok(Graph { version, at: now, window: window(tx, now)?, names, down, up, ceilings, reached })
}

/// What changed, with what is there now in its place.
struct Changes {
    pairs: Vec<(String, String)>,
    rows: Vec<(String, String, Row)>,
    bounded: Vec<String>,
    ceilings: Vec<(String, Lid)>,
}

pub(super) fn changes(held: &Graph, tx: &mut Tx, version: i64, now: Time) -> Result<Option<Graph>, DbError> {
    let most = CHANGES.max(held.len() / ROWS_PER_CHANGE);
    let first = tx.query_one("SELECT MIN(id) FROM relation_change", &[], |row| row.get::<Option<i64>>(0))?;
    // Changes are forgotten oldest first: while one is there that is known already, none is missing.
    let complete = version == held.version || first.is_some_and(|first| first <= held.version);
    if !complete || version - held.version > most as i64 {
        return Ok(None);
    }
    let (from, to) = (held.at.min(now), held.at.max(now));
    let changed: Vec<(String, String)> =
        tx.query(CHANGED, params![held.version, version, from, to], |cells| {
            Ok((cells.get(0)?, cells.get(1)?))
        })?;
    if changed.len() > most {
        return Ok(None);
    }
    let changes = look_up(tx, changed, now)?;
    let window = window(tx, now)?;
    Ok(Some(merged(held, &changes, version, now, window)))
}

fn look_up(tx: &mut Tx, changed: Vec<(String, String)>, now: Time) -> Result<Changes, DbError> {
    let (bounded, pairs): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(who, _)| who.is_empty());
    let bounded: Vec<String> = bounded.into_iter().map(|(_, object)| object).collect();
    let (mut rows, mut ceilings) = (Vec::new(), Vec::new());
    for (count, some) in pieces(&pairs) {
        let both = some.flat_map(|(subject, object)| [Param::from(subject), Param::from(object)]);
        let values: Vec<Param<'_>> = std::iter::once(now.into()).chain(both).collect();
        rows.extend(
            tx.query(&rows_sql(count), &values, |cells| Ok((cells.get(0)?, cells.get(1)?, row(cells, 0)?)))?,
        );
    }
    for (count, some) in pieces(&bounded) {
        let values: Vec<Param<'_>> = some.map(Param::from).collect();
        ceilings
            .extend(tx.query(&ceilings_sql(count), &values, |cells| Ok((cells.get(0)?, Lid::read(cells)?)))?);
    }
    Ok(Changes { pairs, rows, bounded, ceilings })
}

fn merged(held: &Graph, changes: &Changes, version: i64, now: Time, window: (Time, Time)) -> Graph {
    let mut pairs: HashMap<(u32, u32), Vec<Row>> = HashMap::new();
    let mut ceilings = held.ceilings.clone();
    let mut known = held.names.write();
    for (subject, object) in &changes.pairs {
        pairs.insert((known.number(subject), known.number(object)), Vec::new());
    }
    for (subject, object, row) in &changes.rows {
        let (subject, object) = (known.number(subject), known.number(object));
        pairs.entry((subject, object)).or_default().push(Row { node: object, ..*row });
    }
    if !changes.bounded.is_empty() {
        let all = Arc::make_mut(&mut ceilings);
        changes.bounded.iter().for_each(|object| drop(all.remove(&known.number(object))));
        for (object, lid) in &changes.ceilings {
            let (node, bound) = (known.number(object), lid.bound(&mut known));
            all.entry(node).or_default().push(bound);
        }
    }
    drop(known);
    let (mut down, mut up) = (held.down.clone(), held.up.clone());
    for ((subject, object), rows) in pairs {
        let above = rows.iter().filter(|row| !row.leaf).map(|row| Row { node: subject, ..*row });
        up.replace(object, subject, above);
        down.replace(subject, object, rows.into_iter());
    }
    let (names, reached) = (held.names.clone(), Default::default());
    Graph { version, at: now, window, names, down, up, ceilings, reached }
}

/// Columns 2 to 5 of a relation, as seen from the end that is not `node`.
fn row(cells: &Cells<'_>, node: u32) -> Result<Row, DbError> {
    let (cap, floor) = (cells.get::<Level>(2)? as u8, cells.get::<Level>(3)? as u8);
    Ok(Row { node, cap, floor, leaf: cells.get(4)?, contain: cells.str(5)? == "contain" })
}

/// A ceiling as it is stored.
struct Lid {
    cap: u8,
    lifted_by: String,
    deep: bool,
}

impl Lid {
    /// Columns 1 to 3.
    fn read(cells: &Cells<'_>) -> Result<Lid, DbError> {
        Ok(Lid { cap: cells.get::<Level>(1)? as u8, lifted_by: cells.get(2)?, deep: cells.get(3)? })
    }

    fn bound(&self, known: &mut Known) -> Bound {
        let lifted_by = Some(&self.lifted_by).filter(|object| !object.is_empty());
        Bound { cap: self.cap, lifted_by: lifted_by.map(|object| known.number(object)), deep: self.deep }
    }
}

fn window(tx: &mut Tx, now: Time) -> Result<(Time, Time), DbError> {
    tx.query_one(WINDOW, params![now], |row| {
        let time = |column| row.get::<Option<Time>>(column);
        let last = time(0)?.max(time(1)?).unwrap_or(Time(i64::MIN));
        let next = [time(2)?, time(3)?].into_iter().flatten().min().unwrap_or(Time(i64::MAX));
        Ok((last, next))
    })
}
