//! SQL of watermarks and gaps.

use bo_db::{DbError, Param, Tx, params};
use bo_model::{EdgeId, Time, WorkspaceId};
use bo_web::ListQuery;
use bo_wire::{Class, Cursor};
use serde::Serialize;

/// Where the controller stands with an edge's journal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Watermark {
    /// Class, epoch, last committed number.
    #[serde(flatten)]
    pub cursor: Cursor,
    /// When it last moved.
    pub at: Time,
}

/// A loss an edge owned up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GapLine {
    /// The edge.
    pub edge: EdgeId,
    /// Class.
    pub class: String,
    /// Epoch.
    pub epoch: u64,
    /// First lost number.
    pub first: u64,
    /// Last lost number.
    pub last: u64,
    /// How many of them were lost.
    pub lost: u64,
    /// How many of those came after all, when they were asked for again.
    pub recovered: u64,
    /// Why, in words.
    pub why: String,
    /// The lost records were made after this.
    pub since: Time,
    /// The lost records were made before this.
    pub at: Time,
}

/// The class of a word.
pub fn class(word: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class.word() == word)
}

/// The committed number of a class and epoch, the time of its last record, and the audit chain's head.
pub fn watermark(
    tx: &mut Tx,
    edge: EdgeId,
    class: Class,
    epoch: u64,
) -> Result<(u64, Time, String), DbError> {
    let found = tx.query_opt(
        "SELECT seq, at, head FROM watermark WHERE edge = ?1 AND class = ?2 AND epoch = ?3",
        params![edge, class.word(), epoch],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    Ok(found.unwrap_or((0, Time(0), String::new())))
}

/// Moves a watermark. `at` is the time of the last record.
pub fn set_watermark(
    tx: &mut Tx,
    workspace: WorkspaceId,
    edge: EdgeId,
    cursor: &Cursor,
    at: Time,
    head: &str,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO watermark (edge, class, epoch, workspace, seq, at, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (edge, class, epoch) DO UPDATE SET seq = excluded.seq, at = excluded.at, head = excluded.head",
        params![edge, cursor.class.word(), cursor.epoch, workspace, cursor.seq, at, head],
    )?;
    Ok(())
}

/// All watermarks of an edge.
pub fn watermarks(tx: &mut Tx, edge: EdgeId) -> Result<Vec<Watermark>, DbError> {
    let rows = tx.query(
        "SELECT class, epoch, seq, at FROM watermark WHERE edge = ?1 ORDER BY class, epoch",
        params![edge],
        |row| Ok((row.get::<String>(0)?, row.get::<u64>(1)?, row.get::<u64>(2)?, row.get::<Time>(3)?)),
    )?;
    let read = |(word, epoch, seq, at): (String, u64, u64, Time)| {
        Some(Watermark { cursor: Cursor { class: class(&word)?, epoch, seq }, at })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Enters a loss.
pub fn add_gap(tx: &mut Tx, workspace: WorkspaceId, gap: &GapLine) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO gap (edge, class, epoch, first, last, workspace, lost, why, since, at, received_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (edge, class, epoch, first) DO NOTHING",
        params![
            gap.edge, &gap.class, gap.epoch, gap.first, gap.last, workspace, gap.lost, &gap.why, gap.since, gap.at, now
        ],
    )?;
    Ok(())
}

/// Losses in a range are asked for anew: what came before is counted again.
pub fn asked_again(
    tx: &mut Tx,
    edge: EdgeId,
    class: Class,
    epoch: u64,
    from: u64,
    to: u64,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE gap SET recovered = 0 WHERE edge = ?1 AND class = ?2 AND epoch = ?3 AND first <= ?5 AND last >= ?4",
        params![edge, class.word(), epoch, from, to],
    )?;
    Ok(())
}

/// Records came after all; counts them to the losses they belong to.
pub fn recovered(tx: &mut Tx, edge: EdgeId, class: Class, epoch: u64, seqs: &[u64]) -> Result<(), DbError> {
    let (Some(from), Some(to)) = (seqs.first().copied(), seqs.last().copied()) else { return Ok(()) };
    let gaps = tx.query(
        "SELECT first, last FROM gap WHERE edge = ?1 AND class = ?2 AND epoch = ?3 AND first <= ?5 AND last >= ?4",
        params![edge, class.word(), epoch, from, to],
        |row| Ok((row.get::<u64>(0)?, row.get::<u64>(1)?)),
    )?;
    for (first, last) in gaps {
        let came = seqs.iter().filter(|seq| (first..=last).contains(*seq)).count();
        tx.execute(
            "UPDATE gap SET recovered = CASE WHEN recovered + ?5 > lost THEN lost ELSE recovered + ?5 END
             WHERE edge = ?1 AND class = ?2 AND epoch = ?3 AND first = ?4",
            params![edge, class.word(), epoch, first, came],
        )?;
    }
    Ok(())
}

/// Losses of an edge that overlap a time range.
pub fn gaps_between(tx: &mut Tx, edge: EdgeId, from: Time, to: Time) -> Result<Vec<GapLine>, DbError> {
    gaps(tx, "edge = ?1 AND since <= ?3 AND at >= ?2 ORDER BY at LIMIT 500", params![edge, from, to])
}

/// A page of the gap ledger of a workspace.
pub fn gap_list(tx: &mut Tx, workspace: WorkspaceId, list: &ListQuery) -> Result<Vec<GapLine>, DbError> {
    let keyset = list.keyset("at", "edge || class || first", 4);
    let edge = list.filter("edge").unwrap_or("").to_owned();
    let mut values = vec![Param::from(workspace), list.like().into(), edge.into()];
    values.extend(keyset.params);
    let condition = format!(
        "workspace = ?1 AND lower(why) LIKE ?2 ESCAPE '!' AND (?3 = '' OR edge = ?3) AND {} {}",
        keyset.condition, keyset.order
    );
    gaps(tx, &condition, &values)
}

fn gaps(tx: &mut Tx, condition: &str, values: &[Param<'_>]) -> Result<Vec<GapLine>, DbError> {
    let sql = format!(
        "SELECT edge, class, epoch, first, last, lost, why, since, at, recovered FROM gap WHERE {condition}"
    );
    tx.query(&sql, values, |row| {
        Ok(GapLine {
            edge: row.get(0)?,
            class: row.get(1)?,
            epoch: row.get(2)?,
            first: row.get(3)?,
            last: row.get(4)?,
            lost: row.get(5)?,
            why: row.get(6)?,
            since: row.get(7)?,
            at: row.get(8)?,
            recovered: row.get(9)?,
        })
    })
}
