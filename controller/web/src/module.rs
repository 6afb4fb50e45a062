//! What a business module is to the controller: one struct of data. `controller/src/modules.rs` lists them.

use crate::layout::NavItem;
use crate::routes::Routes;
use bo_db::outbox::Handler;
use bo_db::{Migration, Part};

/// A business module. It knows nothing of the others; they meet through the events of the outbox.
#[derive(Clone, Copy)]
pub struct Module {
    /// Its word in paths, permissions, migrations and audit: `wiki`.
    pub id: &'static str,
    /// Its tables.
    pub migrations: &'static [Migration],
    /// Its pages and API calls, each with what it needs.
    pub routes: fn() -> Routes,
    /// Its entries in the side navigation.
    pub navigation: &'static [NavItem],
    /// What it does when something happened, its own events included.
    pub handlers: &'static [Handler],
    /// What it keeps for workspaces, and what its objects are called.
    pub part: Part,
}
