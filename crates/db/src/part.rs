//! A part of the product as data: what it keeps for workspaces and what its objects are called. So a workspace can be removed, and a
//! thing be named, without knowing any of them.

use crate::error::DbError;
use crate::params;
use crate::tx::Tx;
use bo_model::{Kind, Object, WorkspaceId};

/// The name of an object of a workspace, as the rest of a sentence; `None` for what is not of this part, not of that workspace, or
/// has no name.
pub type NameOf = fn(&mut Tx, WorkspaceId, &Object) -> Result<Option<String>, DbError>;
/// What else is to be done when an object is gone for ever.
pub type Forget = fn(&mut Tx, &Object) -> Result<(), DbError>;

/// A part of the product.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Tables with rows of workspaces, in an order in which they can be emptied.
    pub owned: &'static [Owned],
    /// Its tables that are the installation's.
    pub shared: &'static [&'static str],
    /// Names of its objects.
    pub name: NameOf,
    /// Called with every object that is removed together with its workspace, whichever part it belongs to.
    pub forget: Forget,
}

impl Part {
    /// Nothing; the rest of a part that has little to say.
    pub const NONE: Part = Part { owned: &[], shared: &[], name: |_, _, _| Ok(None), forget: |_, _| Ok(()) };
}

/// Rows of a workspace.
#[derive(Clone, Copy, Debug)]
pub struct Owned {
    /// The table.
    pub table: &'static str,
    /// Columns that name a row, with commas between them.
    pub key: &'static str,
    /// Which rows, as a condition in which `?1` is the workspace.
    pub of: &'static str,
    /// Which of them can go before others, as a further condition; empty: any.
    pub first: &'static str,
    /// The kind of object a row is, whose id is the first column of the key; empty: none.
    pub kind: &'static str,
    /// What people call them, in the plural; empty for what people never hear of.
    pub title: &'static str,
}

impl Owned {
    /// Rows with a column `workspace`.
    pub const fn rows(table: &'static str, key: &'static str) -> Owned {
        Owned { table, key, of: "workspace = ?1", first: "", kind: "", title: "" }
    }

    /// Rows that a condition finds.
    pub const fn found(table: &'static str, key: &'static str, of: &'static str) -> Owned {
        Owned { of, ..Owned::rows(table, key) }
    }

    /// The same, as objects that people know by that word.
    pub const fn objects(self, kind: &'static str, title: &'static str) -> Owned {
        Owned { kind, title, ..self }
    }

    /// How many a workspace has.
    ///
    /// # Errors
    /// When the database fails.
    pub fn count(&self, tx: &mut Tx, workspace: WorkspaceId) -> Result<i64, DbError> {
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {}", self.table, self.of);
        tx.query_one(&sql, params![workspace], |row| row.get(0))
    }

    /// Removes so many at most. How many it were, and the objects among them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove(
        &self,
        tx: &mut Tx,
        workspace: WorkspaceId,
        most: usize,
    ) -> Result<(usize, Vec<Object>), DbError> {
        let Owned { table, key, of, first, kind, .. } = self;
        let and = if first.is_empty() { String::new() } else { format!(" AND {first}") };
        let these = format!("SELECT {key} FROM {table} WHERE {of}{and} ORDER BY {key} LIMIT {most}");
        let mut objects = Vec::new();
        if !kind.is_empty() {
            objects = tx.query(&these, params![workspace], |row| Ok(Object::new(Kind(kind), row.str(0)?)))?;
        }
        let sql = format!("DELETE FROM {table} WHERE ({key}) IN ({these})");
        Ok((tx.execute(&sql, params![workspace])?, objects))
    }
}
