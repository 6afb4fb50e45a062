//! The last value of every point on disk, so that a controller that starts knows them at once. What came after the
//! checkpoint is in the journal.
//!
//! A row holds a page: the last values of up to 256 points with numbers side by side. A million values are four
//! thousand rows, written in a second, and only pages in which something changed are written at all.

use super::journal::{self, Entry};
use super::points::Points;
use crate::live::table::Table;
use bo_db::{DbError, Param, Tx, params};
use bo_model::WorkspaceId;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers in a page.
const PAGE: i64 = 256;

/// A page as it is stored: workspace, number, values.
pub(crate) type Page = (WorkspaceId, i64, Vec<u8>);

/// Pages in which a value changed after `seq`.
pub(crate) fn changed_pages(table: &Table, seq: u64) -> Vec<i64> {
    let mut pages = BTreeSet::new();
    table.changed_after(seq, |point| {
        pages.insert(point.div_euclid(PAGE));
    });
    pages.into_iter().collect()
}

/// The pages with those numbers as they are now.
pub(crate) fn pages(table: &Table, points: &Points, numbers: &[i64]) -> Vec<Page> {
    let mut found = Vec::new();
    for page in numbers {
        let mut entries: BTreeMap<WorkspaceId, Vec<Entry>> = BTreeMap::new();
        for point in points.numbered(page * PAGE, (page + 1) * PAGE) {
            let Some(cell) = table.get(point.device, &point.name) else { continue };
            let entry = Entry { point: point.id, keep: false, value: cell.value };
            entries.entry(point.workspace).or_default().push(entry);
        }
        found.extend(
            entries.into_iter().map(|(workspace, entries)| (workspace, *page, journal::encode(&entries))),
        );
    }
    found
}

/// Stores pages.
pub(crate) fn save(tx: &mut Tx, pages: &[Page]) -> Result<(), DbError> {
    tx.unaudited("last values");
    let rows: Vec<Vec<Param<'_>>> = pages
        .iter()
        .map(|(workspace, page, data)| vec![workspace.into(), (*page).into(), data.into()])
        .collect();
    tx.insert_many_with(
        "last_page",
        &["workspace", "page", "data"],
        &rows,
        "ON CONFLICT (workspace, page) DO UPDATE SET data = excluded.data",
    )
}

/// Calls `each` with every stored value.
pub(crate) fn load(tx: &mut Tx, mut each: impl FnMut(Entry)) -> Result<(), DbError> {
    tx.for_each("SELECT page, data FROM last_page", params![], |row| {
        match journal::decode(row.bytes(1)?) {
            Some(entries) => entries.into_iter().for_each(&mut each),
            None => tracing::error!(
                page = row.get::<i64>(0)?,
                "a page of last values does not read and is left out"
            ),
        }
        Ok(())
    })
}
