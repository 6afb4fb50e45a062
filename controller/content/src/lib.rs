//! What people write, for every business module alike: revisions, comments with moderation, files, Markdown, merging
//! of concurrent edits, full-text search on both databases.
//!
//! A module keeps its own nouns in its own tables and hangs what is here on them by [`bo_model::Object`]. Nothing here
//! checks permission: the module's routes and actions do, on that object.

pub mod attachment;
pub mod comment;
pub mod diff;
mod error;
pub mod files;
pub mod markdown;
pub mod merge;
pub mod revision;
pub mod search;

pub use error::{ContentError, ModuleError};

use bo_db::{DbError, Migration, Part, Tx, migration, params};
use bo_model::Object;

/// The tables of this crate.
pub const MIGRATIONS: [Migration; 1] =
    [migration!("content", 1, "revisions, comments, files, search", "../migrations/0001_content.sql")];

/// What people write hangs on objects, and goes with them.
pub const PART: Part = Part {
    shared: &[
        "content_revision",
        "content_comment",
        "content_blob",
        "content_attachment",
        "content_search",
        "content_search_row",
    ],
    forget,
    ..Part::NONE
};

fn forget(tx: &mut Tx, object: &Object) -> Result<(), DbError> {
    let sql = "SELECT DISTINCT hash FROM content_attachment WHERE object = ?1";
    let hashes: Vec<String> = tx.query(sql, params![object], |row| row.get(0))?;
    for table in ["content_revision", "content_comment", "content_attachment"] {
        tx.execute(&format!("DELETE FROM {table} WHERE object = ?1"), params![object])?;
    }
    for hash in hashes {
        let sql = "DELETE FROM content_blob WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM content_attachment WHERE hash = ?1)";
        tx.execute(sql, params![hash])?;
    }
    search::forget(tx, object)
}

bo_model::ids! {
    /// Something said about an object.
    CommentId,
    /// A file that belongs to an object.
    AttachmentId,
}
bo_db::id_columns!(CommentId, AttachmentId);
