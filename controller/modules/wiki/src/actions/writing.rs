//! Pages: written and changed.

use super::{Result, actor, index, parent_object, present};
use crate::error::WikiError;
use crate::model::{self, Page, PageId, SpaceId};
use crate::queries;
use bo_content::merge::{Merged, merge};
use bo_content::{diff, revision};
use bo_db::{Event, Tx, params};
use bo_identity::relation::{self, Containment};
use serde_json::json;

/// A page to be written.
#[derive(Clone, Debug)]
pub struct NewPage {
    /// Its id.
    pub id: PageId,
    /// In which space.
    pub space: SpaceId,
    /// Below which page.
    pub parent: Option<PageId>,
    /// As typed.
    pub title: String,
    /// As typed.
    pub body: String,
}

/// Writes a page, behind its siblings. Links by its title that led nowhere lead to it from now on.
pub fn create_page(tx: &mut Tx, new: &NewPage) -> Result<()> {
    let (title, body) = (model::title(&new.title)?, model::body(&new.body)?);
    let space = queries::space(tx, new.space)?.ok_or(WikiError::NotFound)?;
    let parent = parent_object(tx, &space, new.parent)?;
    let object = model::object(new.id);
    let (now, author) = (tx.now(), actor(tx));
    let rank = next_rank(tx, new.space, new.parent)?;
    tx.execute(
        "INSERT INTO wiki_page (id, space, parent, rank, title, revision, template, updated_at, updated_by)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, 0, ?6, ?7)",
        params![new.id, new.space, new.parent, rank, &title, now, author],
    )?;
    relation::contain(tx, &parent, &object, Containment::Open)?;
    revision::add(tx, &object, &title, &body, "")?;
    tx.execute(
        "UPDATE wiki_link SET target = ?2 WHERE target IS NULL AND label = ?1
         AND page IN (SELECT id FROM wiki_page WHERE space = ?3)",
        params![model::label(&title), new.id, new.space],
    )?;
    index(tx, &space, new.id, &title, &body)?;
    tx.audit(
        Event::new("wiki-page.create", object.clone())
            .name(&title)
            .after(json!({"title": title, "space": space.name})),
    );
    tx.emit("wiki.page-created", &object, json!({"space": space.id, "title": title}));
    Ok(())
}

fn next_rank(tx: &mut Tx, space: SpaceId, parent: Option<PageId>) -> Result<i64> {
    let parent = parent.map(|parent| parent.to_string()).unwrap_or_default();
    let highest = tx.query_one(
        "SELECT MAX(rank) FROM wiki_page WHERE space = ?1 AND COALESCE(parent, '') = ?2",
        params![space, parent],
        |row| row.get::<Option<i64>>(0),
    )?;
    Ok(highest.map_or(0, |rank| rank + 1))
}

/// A change of a page as somebody typed it.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The revision they began with.
    pub base: i64,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// What they say about the change.
    pub note: String,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It differs in nothing from what is there.
    Unchanged,
    /// It is the newest revision now.
    New(i64),
    /// Somebody else saved meanwhile; both changes are in the newest revision.
    Merged(i64),
    /// Somebody else changed the same lines meanwhile. Nothing was saved: this is the text with both versions, and the
    /// revision it can be saved on.
    Conflict {
        /// Both versions, between marks.
        text: String,
        /// The newest revision.
        newest: i64,
    },
}

/// Saves a change. What somebody else saved meanwhile is never overwritten.
pub fn save(tx: &mut Tx, id: PageId, edit: &Edit) -> Result<Saved> {
    let (title, body) = (model::title(&edit.title)?, model::body(&edit.body)?);
    if edit.note.chars().count() > 300 {
        return Err(WikiError::Field("note", "must be at most 300 characters".into()));
    }
    let page = present(tx, id)?;
    let object = page.object();
    let base = revision::find(tx, &object, edit.base)?
        .ok_or_else(|| WikiError::Field("base", "is no revision of this page".into()))?;
    let newest = revision::find(tx, &object, page.revision)?.ok_or(WikiError::NotFound)?;
    let merged = edit.base != page.revision && newest.body != base.body;
    let body = match merge(&base.body, &body, &newest.body) {
        Merged::Clean(body) => body,
        Merged::Conflict(text) => return Ok(Saved::Conflict { text, newest: page.revision }),
    };
    let title = if title == base.title { newest.title.clone() } else { title };
    if title == newest.title && body == newest.body {
        return Ok(Saved::Unchanged);
    }
    let number = put_revision(tx, &page, &newest.body, (&title, &body, &edit.note))?;
    Ok(if merged { Saved::Merged(number) } else { Saved::New(number) })
}

/// Makes an old revision the newest again, as a revision of its own.
pub fn restore(tx: &mut Tx, id: PageId, number: i64) -> Result<i64> {
    let page = present(tx, id)?;
    let newest = revision::find(tx, &page.object(), page.revision)?.ok_or(WikiError::NotFound)?;
    let wanted = revision::find(tx, &page.object(), number)?.ok_or(WikiError::NotFound)?;
    let note = format!("Revision {number} again");
    put_revision(tx, &page, &newest.body, (&wanted.title, &wanted.body, &note))
}

fn put_revision(
    tx: &mut Tx,
    page: &Page,
    before: &str,
    (title, body, note): (&str, &str, &str),
) -> Result<i64> {
    let object = page.object();
    let space = queries::space(tx, page.space)?.ok_or(WikiError::NotFound)?;
    let number = revision::add(tx, &object, title, body, note)?;
    let (now, author) = (tx.now(), actor(tx));
    tx.execute(
        "UPDATE wiki_page SET title = ?2, revision = ?3, updated_at = ?4, updated_by = ?5 WHERE id = ?1",
        params![page.id, title, number, now, &author],
    )?;
    // One's own change is no news.
    tx.execute(
        "UPDATE wiki_watch SET seen = ?3 WHERE page = ?1 AND 'account:' || account = ?2",
        params![page.id, &author, number],
    )?;
    tx.execute(
        "DELETE FROM wiki_writer WHERE page = ?1 AND 'account:' || account = ?2",
        params![page.id, author],
    )?;
    index(tx, &space, page.id, title, body)?;
    let (added, removed) = diff::count(before, body);
    let event = Event::new("wiki-page.save", object.clone()).name(title).reason(note);
    tx.audit(
        event.before(json!({"title": page.title, "revision": page.revision})).after(
            json!({"title": title, "revision": number, "lines_added": added, "lines_removed": removed}),
        ),
    );
    tx.emit("wiki.page-saved", &object, json!({"space": page.space, "title": title, "revision": number}));
    Ok(number)
}

/// Offers a page as a beginning for new ones, or not.
pub fn set_template(tx: &mut Tx, id: PageId, template: bool) -> Result<()> {
    let page = present(tx, id)?;
    tx.execute("UPDATE wiki_page SET template = ?2 WHERE id = ?1", params![id, template])?;
    let event = Event::new("wiki-page.template", page.object()).name(&page.title);
    tx.audit(event.change(json!({"template": page.template}), json!({"template": template})));
    Ok(())
}
