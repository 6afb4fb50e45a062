//! What people do in the wiki. Each function is a part of one transaction; the routes have checked permission on the object
//! in the path, and what is checked on others stands here.

mod places;
mod spaces;
mod watching;
mod writing;

pub use places::{empty_bin, move_page, recover_page, remove_page};
pub use spaces::{change_space, create_space, is_restricted, remove_space, restrict};
pub use watching::{HANDLER, note_writer, watch, writers};
pub use writing::{Edit, NewPage, Saved, create_page, restore, save, set_template};

use crate::error::WikiError;
use crate::model::{Comments, PAGE, Page, PageId, Space};
use crate::queries;
use bo_content::{markdown, search};
use bo_db::{Tx, params};
use bo_model::{Object, WorkspaceId};

type Result<T> = std::result::Result<T, WikiError>;

/// Where the module stands in the permission graph.
fn module(workspace: WorkspaceId) -> Object {
    Object::module(workspace, "wiki")
}

/// What a search of the wiki is narrowed to.
pub fn scope(workspace: WorkspaceId) -> String {
    format!("wiki/{workspace}")
}

fn actor(tx: &Tx) -> String {
    bo_db::audit::event::actor_key(&tx.author().actor)
}

fn present(tx: &mut Tx, id: PageId) -> Result<Page> {
    queries::page(tx, id)?.filter(|page| page.bin.is_none()).ok_or(WikiError::NotFound)
}

fn parent_object(tx: &mut Tx, space: &Space, parent: Option<PageId>) -> Result<Object> {
    let Some(parent) = parent else { return Ok(space.object()) };
    let page = queries::page(tx, parent)?.filter(|page| page.space == space.id && page.bin.is_none());
    page.map(|page| page.object())
        .ok_or_else(|| WikiError::Field("parent", "is no page of this space any more".into()))
}

/// Links and search words of a page's present text.
fn index(tx: &mut Tx, space: &Space, page: PageId, title: &str, body: &str) -> Result<()> {
    let before = queries::links(tx, page)?;
    tx.execute("DELETE FROM wiki_link WHERE page = ?1", params![page])?;
    let mut labels: Vec<String> =
        markdown::links(body).iter().map(|typed| crate::model::label(typed)).collect();
    labels.sort();
    labels.dedup();
    let titles = if labels.is_empty() { Default::default() } else { queries::by_label(tx, space.id)? };
    for label in labels {
        // What led somewhere goes on leading there, whatever that page is called now.
        let target = before.get(&label).copied().flatten().or_else(|| titles.get(&label).copied());
        tx.execute(
            "INSERT INTO wiki_link (page, label, target) VALUES (?1, ?2, ?3)",
            params![page, label, target],
        )?;
    }
    search::put(tx, &crate::model::object(page), &scope(space.workspace), title, &markdown::plain(body))?;
    Ok(())
}

/// The page that a comment or file belongs to, when it belongs to one.
pub fn page_of(object: &Object) -> Option<PageId> {
    object.is(PAGE).then(|| object.id().parse().ok()).flatten()
}

/// How a new comment begins its life: readers' comments wait where the space says so.
pub fn comment_state(space: &Space, may_edit: bool) -> Result<bo_content::comment::State> {
    match space.comments {
        Comments::Closed => Err(WikiError::Conflict("Comments are closed in this space.".into())),
        Comments::Moderated if !may_edit => Ok(bo_content::comment::State::Held),
        _ => Ok(bo_content::comment::State::Shown),
    }
}
