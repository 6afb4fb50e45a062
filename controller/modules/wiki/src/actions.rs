//! What people do in the wiki. Each function is a part of one transaction; the routes have checked permission on the object
//! in the path, and what is checked on others stands here.

use crate::error::WikiError;
use crate::model::{self, Comments, PAGE, Page, PageId, Space, SpaceId, Tree};
use crate::queries;
use bo_content::merge::{Merged, merge};
use bo_content::{diff, markdown, revision, search};
use bo_db::{DbError, Event, Tx, params};
use bo_identity::relation::{self, Containment};
use bo_model::{AccountId, Object, WorkspaceId};
use serde_json::json;

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

/// Makes a space. Whoever may use the wiki may use it; see [`restrict`].
pub fn create_space(tx: &mut Tx, space: &Space) -> Result<()> {
    check_name(tx, space)?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO wiki_space (id, workspace, name, about, comments, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![space.id, space.workspace, &space.name, &space.about, space.comments.word(), now],
    )?;
    relation::contain(tx, &module(space.workspace), &space.object(), Containment::Open)?;
    tx.audit(Event::new("wiki-space.create", space.object()).name(&space.name).after(facts(space)));
    Ok(())
}

/// Changes name, description and who may comment.
pub fn change_space(tx: &mut Tx, space: &Space) -> Result<()> {
    let before = queries::space(tx, space.id)?.ok_or(WikiError::NotFound)?;
    check_name(tx, space)?;
    tx.execute(
        "UPDATE wiki_space SET name = ?2, about = ?3, comments = ?4 WHERE id = ?1",
        params![space.id, &space.name, &space.about, space.comments.word()],
    )?;
    let event = Event::new("wiki-space.change", space.object()).name(&space.name);
    tx.audit(event.change(facts(&before), facts(space)));
    Ok(())
}

fn facts(space: &Space) -> serde_json::Value {
    json!({"name": space.name, "about": space.about, "comments": space.comments})
}

fn check_name(tx: &mut Tx, space: &Space) -> Result<()> {
    if space.name.is_empty() || space.name.chars().count() > 100 {
        return Err(WikiError::Field("name", "must have 1 to 100 characters".into()));
    }
    if space.about.chars().count() > 500 {
        return Err(WikiError::Field("about", "must be at most 500 characters".into()));
    }
    let wanted = model::label(&space.name);
    let taken = queries::spaces(tx, space.workspace)?;
    if taken.iter().any(|other| other.id != space.id && model::label(&other.name) == wanted) {
        return Err(WikiError::Field("name", "is the name of another space".into()));
    }
    Ok(())
}

/// Closes a space to all but its own guests and the wiki's owners, or opens it again to whoever may use the wiki.
pub fn restrict(tx: &mut Tx, space: SpaceId, restricted: bool) -> Result<()> {
    let space = queries::space(tx, space)?.ok_or(WikiError::NotFound)?;
    let how = if restricted { Containment::Gated } else { Containment::Open };
    relation::move_into(tx, &module(space.workspace), &space.object(), how)?;
    let event = Event::new("wiki-space.restrict", space.object()).name(space.name);
    tx.audit(event.after(json!({"restricted": restricted})));
    Ok(())
}

/// Whether a space is closed to those who have no access of their own.
pub fn is_restricted(tx: &mut Tx, space: &Space) -> std::result::Result<bool, DbError> {
    let rows = relation::to_object(tx, &space.object(), relation::RelationKind::Contain)?;
    Ok(rows.iter().any(|row| row.floor > bo_model::Level::None))
}

/// Removes an empty space.
pub fn remove_space(tx: &mut Tx, space: SpaceId) -> Result<()> {
    let space = queries::space(tx, space)?.ok_or(WikiError::NotFound)?;
    let left = tx.query_one("SELECT COUNT(*) FROM wiki_page WHERE space = ?1", params![space.id], |row| {
        row.get::<i64>(0)
    })?;
    if left > 0 {
        let text = format!(
            "The space still has {left} pages, those in the bin included. Remove them and empty the bin first."
        );
        return Err(WikiError::Conflict(text));
    }
    tx.execute("DELETE FROM wiki_space WHERE id = ?1", params![space.id])?;
    relation::forget(tx, &space.object())?;
    tx.audit(Event::new("wiki-space.remove", space.object()).name(&space.name).before(facts(&space)));
    Ok(())
}

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

fn parent_object(tx: &mut Tx, space: &Space, parent: Option<PageId>) -> Result<Object> {
    let Some(parent) = parent else { return Ok(space.object()) };
    let page = queries::page(tx, parent)?.filter(|page| page.space == space.id && page.bin.is_none());
    page.map(|page| page.object())
        .ok_or_else(|| WikiError::Field("parent", "is no page of this space any more".into()))
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

/// Links and search words of a page's present text.
fn index(tx: &mut Tx, space: &Space, page: PageId, title: &str, body: &str) -> Result<()> {
    let before = queries::links(tx, page)?;
    tx.execute("DELETE FROM wiki_link WHERE page = ?1", params![page])?;
    let mut labels: Vec<String> = markdown::links(body).iter().map(|typed| model::label(typed)).collect();
    labels.sort();
    labels.dedup();
    for label in labels {
        // What led somewhere goes on leading there, whatever that page is called now.
        let target = match before.get(&label).copied().flatten() {
            Some(target) => Some(target),
            None => queries::by_label(tx, space.id, &label)?,
        };
        tx.execute(
            "INSERT INTO wiki_link (page, label, target) VALUES (?1, ?2, ?3)",
            params![page, label, target],
        )?;
    }
    search::put(tx, &model::object(page), &scope(space.workspace), title, &markdown::plain(body))?;
    Ok(())
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
        params![page.id, author, number],
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

fn present(tx: &mut Tx, id: PageId) -> Result<Page> {
    queries::page(tx, id)?.filter(|page| page.bin.is_none()).ok_or(WikiError::NotFound)
}

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

/// Offers a page as a beginning for new ones, or not.
pub fn set_template(tx: &mut Tx, id: PageId, template: bool) -> Result<()> {
    let page = present(tx, id)?;
    tx.execute("UPDATE wiki_page SET template = ?2 WHERE id = ?1", params![id, template])?;
    let event = Event::new("wiki-page.template", page.object()).name(&page.title);
    tx.audit(event.change(json!({"template": page.template}), json!({"template": template})));
    Ok(())
}

/// Begins or ends to watch a page.
pub fn watch(tx: &mut Tx, id: PageId, account: AccountId, on: bool) -> Result<()> {
    tx.unaudited("what somebody watches is their own list");
    let page = present(tx, id)?;
    if on {
        tx.execute(
            "INSERT INTO wiki_watch (account, page, seen) VALUES (?1, ?2, ?3) ON CONFLICT (account, page) DO UPDATE SET seen = excluded.seen",
            params![account, id, page.revision],
        )?;
    } else {
        tx.execute("DELETE FROM wiki_watch WHERE account = ?1 AND page = ?2", params![account, id])?;
    }
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
