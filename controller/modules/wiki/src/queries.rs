//! The wiki's SQL. Nothing here checks permission.

use crate::model::{Comments, Page, PageId, Space, SpaceId, Tree};
use bo_db::{DbError, Param, Row, Tx, params, places};
use bo_model::{AccountId, WorkspaceId};
use std::collections::HashMap;

const SPACES: &str = "SELECT id, workspace, name, about, comments FROM wiki_space";
const COLUMNS: &str = "p.id, p.space, p.parent, p.rank, p.title, p.revision, p.template, p.updated_at, COALESCE(a.name, ''), p.bin";
const PAGE: &str = "wiki_page p LEFT JOIN account a ON p.updated_by = 'account:' || a.id";

fn read_space(row: &Row<'_>) -> Result<Space, DbError> {
    Ok(Space {
        id: row.get(0)?,
        workspace: row.get(1)?,
        name: row.get(2)?,
        about: row.get(3)?,
        comments: Comments::from_word(row.str(4)?).unwrap_or(Comments::Moderated),
    })
}

fn read_page(row: &Row<'_>) -> Result<Page, DbError> {
    Ok(Page {
        id: row.get(0)?,
        space: row.get(1)?,
        parent: row.get(2)?,
        rank: row.get(3)?,
        title: row.get(4)?,
        revision: row.get(5)?,
        template: row.get(6)?,
        updated_at: row.get(7)?,
        updated_by: row.get(8)?,
        bin: row.get(9)?,
    })
}

/// The spaces of a workspace, by name.
pub fn spaces(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Space>, DbError> {
    tx.query(
        &format!("{SPACES} WHERE workspace = ?1 ORDER BY lower(name), id"),
        params![workspace],
        read_space,
    )
}

/// One space.
pub fn space(tx: &mut Tx, id: SpaceId) -> Result<Option<Space>, DbError> {
    tx.query_opt(&format!("{SPACES} WHERE id = ?1"), params![id], read_space)
}

/// One page, in the bin or not.
pub fn page(tx: &mut Tx, id: PageId) -> Result<Option<Page>, DbError> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM {PAGE} WHERE p.id = ?1"), params![id], read_page)
}

/// The pages of a space that are not in the bin.
pub fn tree(tx: &mut Tx, space: SpaceId) -> Result<Tree, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM {PAGE} WHERE p.space = ?1 AND p.bin IS NULL");
    Ok(Tree::new(tx.query(&sql, params![space], read_page)?))
}

/// The pages of a space that were removed, newest first; of those removed together only the topmost.
pub fn bin(tx: &mut Tx, space: SpaceId) -> Result<Vec<Page>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {PAGE} WHERE p.space = ?1 AND p.bin = p.id ORDER BY p.binned_at DESC, p.id LIMIT 500"
    );
    tx.query(&sql, params![space], read_page)
}

/// Pages that went to the bin with one, itself first.
pub fn binned_with(tx: &mut Tx, page: PageId) -> Result<Vec<PageId>, DbError> {
    tx.query(
        "SELECT id FROM wiki_page WHERE bin = ?1 ORDER BY CASE WHEN id = ?1 THEN 0 ELSE 1 END, id",
        params![page],
        |row| row.get(0),
    )
}

/// The pages of a workspace that changed last.
pub fn changed(tx: &mut Tx, workspace: WorkspaceId, limit: usize) -> Result<Vec<Page>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {PAGE} JOIN wiki_space s ON s.id = p.space
         WHERE s.workspace = ?1 AND p.bin IS NULL ORDER BY p.updated_at DESC, p.id LIMIT ?2"
    );
    tx.query(&sql, params![workspace, limit], read_page)
}

/// The pages of a workspace in other spaces than these.
pub fn outside(tx: &mut Tx, workspace: WorkspaceId, spaces: &[SpaceId]) -> Result<Vec<PageId>, DbError> {
    let but = match spaces.len() {
        0 => String::new(),
        count => format!("AND id NOT IN ({})", places(2, count)),
    };
    let sql = format!(
        "SELECT id FROM wiki_page WHERE bin IS NULL
         AND space IN (SELECT id FROM wiki_space WHERE workspace = ?1 {but}) ORDER BY id"
    );
    let values: Vec<Param<'_>> =
        std::iter::once(workspace.into()).chain(spaces.iter().map(Param::from)).collect();
    tx.query(&sql, &values, |row| row.get(0))
}

/// The pages of a workspace with comments that wait to be shown, with how many.
pub fn held(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<(Page, i64)>, DbError> {
    let waiting = "FROM content_comment c WHERE c.object = 'wiki-page:' || p.id AND c.state = 'held'";
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT COUNT(*) {waiting}) FROM {PAGE} JOIN wiki_space s ON s.id = p.space
         WHERE s.workspace = ?1 AND p.bin IS NULL AND EXISTS (SELECT 1 {waiting}) ORDER BY lower(p.title), p.id LIMIT 200"
    );
    tx.query(&sql, params![workspace], |row| Ok((read_page(row)?, row.get(10)?)))
}

/// What somebody watches, with the revision they have seen; what changed since comes first.
pub fn watched(tx: &mut Tx, account: AccountId, workspace: WorkspaceId) -> Result<Vec<(Page, i64)>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS}, w.seen FROM {PAGE} JOIN wiki_watch w ON w.page = p.id JOIN wiki_space s ON s.id = p.space
         WHERE w.account = ?1 AND s.workspace = ?2 AND p.bin IS NULL
         ORDER BY CASE WHEN p.revision > w.seen THEN 0 ELSE 1 END, p.updated_at DESC, p.id LIMIT 100"
    );
    tx.query(&sql, params![account, workspace], |row| Ok((read_page(row)?, row.get(10)?)))
}

/// The revision of a page that somebody who watches it has seen.
pub fn seen(tx: &mut Tx, account: AccountId, page: PageId) -> Result<Option<i64>, DbError> {
    tx.query_opt(
        "SELECT seen FROM wiki_watch WHERE account = ?1 AND page = ?2",
        params![account, page],
        |row| row.get(0),
    )
}

/// The pages of a space by what their titles are linked as; of several with one title the oldest.
pub fn by_label(tx: &mut Tx, space: SpaceId) -> Result<HashMap<String, PageId>, DbError> {
    let newest_first = tx.query(
        "SELECT id, title FROM wiki_page WHERE space = ?1 AND bin IS NULL ORDER BY id DESC",
        params![space],
        |row| Ok((row.get::<PageId>(0)?, row.get::<String>(1)?)),
    )?;
    Ok(newest_first.into_iter().map(|(id, title)| (crate::model::label(&title), id)).collect())
}

/// Where the links of a page lead: by label.
pub fn links(tx: &mut Tx, page: PageId) -> Result<HashMap<String, Option<PageId>>, DbError> {
    let found = tx.query(
        "SELECT l.label, p.id FROM wiki_link l LEFT JOIN wiki_page p ON p.id = l.target AND p.bin IS NULL WHERE l.page = ?1",
        params![page],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found.into_iter().collect())
}

/// The pages that link to one, by title.
pub fn backlinks(tx: &mut Tx, page: PageId) -> Result<Vec<Page>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {PAGE} JOIN wiki_link l ON l.page = p.id WHERE l.target = ?1 AND p.bin IS NULL AND p.id <> ?1
         ORDER BY lower(p.title), p.id LIMIT 200"
    );
    tx.query(&sql, params![page], read_page)
}
