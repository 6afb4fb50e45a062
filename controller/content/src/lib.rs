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

use bo_db::{Migration, migration};

/// The tables of this crate.
pub const MIGRATIONS: [Migration; 1] =
    [migration!("content", 1, "revisions, comments, files, search", "../migrations/0001_content.sql")];

bo_model::ids! {
    /// Something said about an object.
    CommentId,
    /// A file that belongs to an object.
    AttachmentId,
}
bo_db::id_columns!(CommentId, AttachmentId);
