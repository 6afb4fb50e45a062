//! Pages: moved, removed, brought back.

use super::{Result, index, parent_object, present};
use crate::error::WikiError;
use crate::model::{self, PageId, SpaceId, Tree};
use crate::queries;
use bo_content::{revision, search};
use bo_db::{Event, Tx, params};
use bo_identity::relation::{self, Containment};
use serde_json::json;

/// Puts a page, and what stands below it, somewhere else: below a page or at the top of a space, before a sibling or at the
/// end. Whether the mover may write there is the route's to check.
pub fn move_page(
    tx: &mut Tx,
    id: PageId,
    space: SpaceId,
    parent: Option<PageId>,
    before: Option<PageId>,
) -> Result<()> {
    let page = present(tx, id)?;
    let target = queries::space(tx, space)?.ok_or(WikiError::NotFound)?;
    let subtree = queries::tree(tx, page.space)?.with_descendants(id);
    if parent.is_some_and(|parent| subtree.contains(&parent)) {
        return Err(WikiError::Field("parent", "is the page itself or stands below it".into()));
    }
    let into = parent_object(tx, &target, parent)?;
    relation::move_into(tx, &into, &page.object(), Containment::Open)?;
    tx.execute("UPDATE wiki_page SET parent = ?2 WHERE id = ?1", params![id, parent])?;
    for moved in subtree.iter().filter(|_| page.space != space) {
        tx.execute("UPDATE wiki_page SET space = ?2 WHERE id = ?1", params![moved, space])?;
    }
    let tree = queries::tree(tx, space)?;
    arrange(tx, &tree, parent, id, before)?;
    let place = |space: SpaceId, parent: Option<PageId>| json!({"space": space, "parent": parent});
    let event = Event::new("wiki-page.move", page.object()).name(&page.title);
    tx.audit(event.change(place(page.space, page.parent), place(space, parent)));
    tx.emit("wiki.page-moved", &page.object(), place(space, parent));
    Ok(())
}

fn arrange(
    tx: &mut Tx,
    tree: &Tree,
    parent: Option<PageId>,
    page: PageId,
    before: Option<PageId>,
) -> Result<()> {
    let mut order: Vec<PageId> =
        tree.below(parent).iter().map(|page| page.id).filter(|id| *id != page).collect();
    let place = before.and_then(|before| order.iter().position(|id| *id == before)).unwrap_or(order.len());
    order.insert(place, page);
    for (rank, id) in order.iter().enumerate() {
        tx.execute("UPDATE wiki_page SET rank = ?2 WHERE id = ?1", params![id, rank])?;
    }
    Ok(())
}

/// Puts a page, and what stands below it, into the space's bin. Returns how many pages that were.
pub fn remove_page(tx: &mut Tx, id: PageId) -> Result<usize> {
    let page = present(tx, id)?;
    let subtree = queries::tree(tx, page.space)?.with_descendants(id);
    let now = tx.now();
    for gone in &subtree {
        tx.execute("UPDATE wiki_page SET bin = ?2, binned_at = ?3 WHERE id = ?1", params![gone, id, now])?;
        search::forget(tx, &model::object(*gone))?;
    }
    tx.audit(
        Event::new("wiki-page.remove", page.object())
            .name(&page.title)
            .after(json!({"pages": subtree.len()})),
    );
    tx.emit("wiki.page-removed", &page.object(), json!({"space": page.space, "pages": subtree.len()}));
    Ok(subtree.len())
}

/// Takes a page, and what was removed with it, out of the bin: to where it was, or to the top when that is gone.
pub fn recover_page(tx: &mut Tx, id: PageId) -> Result<()> {
    let page = queries::page(tx, id)?.filter(|page| page.bin == Some(id)).ok_or(WikiError::NotFound)?;
    let space = queries::space(tx, page.space)?.ok_or(WikiError::NotFound)?;
    let back = queries::binned_with(tx, id)?;
    for page in &back {
        tx.execute("UPDATE wiki_page SET bin = NULL, binned_at = NULL WHERE id = ?1", params![page])?;
        let object = model::object(*page);
        let number = revision::newest(tx, &object)?;
        if let Some(text) = revision::find(tx, &object, number)? {
            index(tx, &space, *page, &text.title, &text.body)?;
        }
    }
    let tree = queries::tree(tx, page.space)?;
    let parent = page.parent.filter(|parent| tree.has(*parent));
    if parent != page.parent {
        relation::move_into(tx, &space.object(), &page.object(), Containment::Open)?;
        tx.execute("UPDATE wiki_page SET parent = NULL WHERE id = ?1", params![id])?;
    }
    tx.audit(
        Event::new("wiki-page.recover", page.object()).name(&page.title).after(json!({"pages": back.len()})),
    );
    tx.emit("wiki.page-recovered", &page.object(), json!({"space": page.space}));
    Ok(())
}

/// Removes for ever what is in a space's bin. Returns how many pages that were.
pub fn empty_bin(tx: &mut Tx, space: SpaceId) -> Result<usize> {
    let space = queries::space(tx, space)?.ok_or(WikiError::NotFound)?;
    let gone = tx.query(
        "SELECT id FROM wiki_page WHERE space = ?1 AND bin IS NOT NULL",
        params![space.id],
        |row| row.get::<PageId>(0),
    )?;
    for page in &gone {
        let object = model::object(*page);
        for file in bo_content::attachment::list(tx, &object)? {
            bo_content::attachment::remove(tx, file.id)?;
        }
        tx.execute("DELETE FROM content_revision WHERE object = ?1", params![&object])?;
        tx.execute("DELETE FROM content_comment WHERE object = ?1", params![&object])?;
        tx.execute("DELETE FROM wiki_link WHERE page = ?1", params![page])?;
        tx.execute("UPDATE wiki_link SET target = NULL WHERE target = ?1", params![page])?;
        tx.execute("DELETE FROM wiki_watch WHERE page = ?1", params![page])?;
        tx.execute("DELETE FROM wiki_writer WHERE page = ?1", params![page])?;
        tx.execute("DELETE FROM wiki_page WHERE id = ?1", params![page])?;
        relation::forget(tx, &object)?;
    }
    tx.audit(
        Event::new("wiki-space.empty-bin", space.object())
            .name(space.name)
            .after(json!({"pages": gone.len()})),
    );
    Ok(gone.len())
}
