//! Pages: reading, writing, history, moving, removing.

use super::spaces::readable;
use crate::actions::{self, Edit, NewPage, Saved};
use crate::model::{self, Page, PageId, Space, SpaceId, Tree};
use crate::{queries, views};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_content::markdown::{self, Rendered, Target};
use bo_content::{attachment, comment, revision, search as index};
use bo_db::Tx;
use bo_identity::AccessLinks;
use bo_model::Level;
use bo_web::reply::{Redirect, download};
use bo_web::{Ctx, Input, Result, WebError};
use maud::Markup;
use std::collections::{HashMap, HashSet};

/// A page with its space and the viewer's level.
pub struct Here {
    pub page: Page,
    pub space: Space,
    pub level: Level,
    /// What of the space may be read, and the way to it.
    pub tree: Tree,
    /// What of it may be read.
    pub readable: HashSet<PageId>,
}

/// The page in the path; in the bin it is nowhere.
pub fn here(ctx: &Ctx, tx: &mut Tx) -> Result<Here> {
    let found = queries::page(tx, ctx.param("id")?)?.filter(|page| page.bin.is_none());
    let page = found.ok_or(WebError::NotFound)?;
    let space = queries::space(tx, page.space)?.ok_or(WebError::NotFound)?;
    let level = ctx.level(tx, &page.object())?;
    let (tree, readable) = readable(ctx, tx, space.id)?;
    Ok(Here { page, space, level, tree, readable })
}

fn resolve(links: &HashMap<String, Option<PageId>>, space: SpaceId, title: &str) -> Target {
    match links.get(&model::label(title)).copied().flatten() {
        Some(page) => Target::Page(format!("/wiki/pages/{page}")),
        None => {
            let query = serde_urlencoded::to_string([("title", title.trim())]).unwrap_or_default();
            Target::Missing(format!("/wiki/spaces/{space}/write?{query}"))
        }
    }
}

fn rendered(tx: &mut Tx, page: &Page, body: &str) -> Result<Rendered> {
    let links = queries::links(tx, page.id)?;
    Ok(markdown::render(body, |title| resolve(&links, page.space, title)))
}

/// The page in the path with everything around it.
pub fn shown(ctx: &Ctx) -> Result<views::page::Shown> {
    let viewer = ctx.viewer().map(|viewer| viewer.account);
    let access = AccessLinks::of(ctx, &model::object(ctx.param("id")?))?;
    ctx.read(|tx| -> Result<_> {
        let here = here(ctx, tx)?;
        let object = here.page.object();
        let text = revision::find(tx, &object, here.page.revision)?.ok_or(WebError::NotFound)?;
        let mut backlinks = queries::backlinks(tx, here.page.id)?;
        backlinks.retain(|page| ctx.level(tx, &page.object()).is_ok_and(|level| level >= Level::View));
        Ok(views::page::Shown {
            rendered: rendered(tx, &here.page, &text.body)?,
            comments: comment::list(tx, &object, viewer, here.level >= Level::Own)?,
            files: attachment::list(tx, &object)?,
            watching: viewer.map(|viewer| queries::seen(tx, viewer, here.page.id)).transpose()?.flatten(),
            writers: actions::writers(tx, here.page.id, viewer)?,
            backlinks,
            refused: None,
            access,
            here,
        })
    })
}

pub async fn show(ctx: Ctx) -> Result<Markup> {
    let (viewer, shown) = (ctx.viewer().map(|viewer| viewer.account), shown(&ctx)?);
    if let (Some(account), Some(seen)) = (viewer, shown.watching)
        && seen < shown.here.page.revision
    {
        let id = shown.here.page.id;
        ctx.write(move |tx| actions::watch(tx, id, account, true)).await?;
    }
    Ok(views::page::show(&ctx, &shown, &Input::default()))
}

pub async fn markdown(ctx: Ctx) -> Result<Response> {
    let (page, body) = ctx.read(|tx| -> Result<_> {
        let here = here(&ctx, tx)?;
        let text = revision::find(tx, &here.page.object(), here.page.revision)?.ok_or(WebError::NotFound)?;
        Ok((here.page, text.body))
    })?;
    let text = format!("# {}\n\n{body}", page.title);
    Ok(download(&format!("{}.md", page.title), "text/markdown; charset=utf-8", text.into_bytes()))
}

/// What the form of a new page shows beside what is typed.
struct Blank {
    space: Space,
    templates: Vec<Page>,
    /// The text of the chosen template.
    body: String,
    parent: Option<Page>,
}

fn blank(ctx: &Ctx, template: &str, parent: &str) -> Result<Blank> {
    ctx.read(|tx| {
        let space = super::spaces::of_path(ctx, tx)?;
        let (tree, seen) = readable(ctx, tx, space.id)?;
        let pages = tree.walk();
        let templates: Vec<Page> = pages
            .iter()
            .filter(|(_, page)| page.template && seen.contains(&page.id))
            .map(|(_, page)| (*page).clone())
            .collect();
        let chosen = templates.iter().find(|page| page.id.to_string() == template);
        let body =
            chosen.map(|page| revision::find(tx, &page.object(), page.revision)).transpose()?.flatten();
        let parent =
            pages.iter().find(|(_, page)| page.id.to_string() == parent).map(|(_, page)| (*page).clone());
        Ok(Blank { space, templates, body: body.map(|text| text.body).unwrap_or_default(), parent })
    })
}

pub async fn new(ctx: Ctx) -> Result<Markup> {
    let (template, parent) = (ctx.query_value("template"), ctx.query_value("parent"));
    let blank = blank(&ctx, &template, &parent)?;
    let fields = [("title", ctx.query_value("title")), ("parent", parent), ("body", blank.body)];
    let input = Input::filled(fields);
    Ok(views::edit::new(&ctx, &blank.space, blank.parent.as_ref(), &blank.templates, &input))
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let (input, id, space): (_, PageId, SpaceId) = (ctx.form()?, ctx.make_id(), ctx.param("id")?);
    let parent: Option<PageId> = input.text("parent").parse().ok();
    let new = NewPage { id, space, parent, title: input.raw("title").into(), body: input.raw("body").into() };
    match ctx.write(move |tx| actions::create_page(tx, &new)).await.map_err(WebError::from) {
        Ok(()) => Ok(ctx.redirect(format!("/wiki/pages/{id}")).flash("The page is written").into_response()),
        Err(error) => {
            let input = input.refused(error)?;
            let blank = blank(&ctx, "", input.text("parent"))?;
            // No template to choose: that would replace what was typed.
            Ok(input.on(views::edit::new(&ctx, &blank.space, blank.parent.as_ref(), &[], &input)))
        }
    }
}

pub async fn edit(ctx: Ctx) -> Result<Markup> {
    let (here, text) = ctx.read(|tx| -> Result<_> {
        let here = here(&ctx, tx)?;
        let text = revision::find(tx, &here.page.object(), here.page.revision)?.ok_or(WebError::NotFound)?;
        Ok((here, text))
    })?;
    let fields = [("title", text.title), ("body", text.body), ("base", text.number.to_string())];
    Ok(views::edit::edit(&ctx, &here, &Input::filled(fields), None))
}

pub async fn save(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, PageId) = (ctx.form()?, ctx.param("id")?);
    let change = Edit {
        base: input.text("base").parse().map_err(|_| WebError::field("base", "is missing"))?,
        title: input.raw("title").into(),
        body: input.raw("body").into(),
        note: input.text("note").into(),
    };
    let saved = ctx.write(move |tx| actions::save(tx, id, &change)).await.map_err(WebError::from);
    let said = match saved {
        Ok(Saved::Unchanged) => "Nothing had changed",
        Ok(Saved::New(_)) => "Saved",
        Ok(Saved::Merged(_)) => "Saved, together with what somebody else saved meanwhile",
        Ok(Saved::Conflict { text, newest }) => {
            return Ok((StatusCode::CONFLICT, conflict(&ctx, &input, text, newest)?).into_response());
        }
        Err(error) => {
            let (here, input) = (ctx.read(|tx| here(&ctx, tx))?, input.refused(error)?);
            return Ok(input.on(views::edit::edit(&ctx, &here, &input, None)));
        }
    };
    Ok(ctx.redirect(format!("/wiki/pages/{id}")).flash(said).into_response())
}

/// The form again, with both versions in it; what it was begun with is now the newest.
fn conflict(ctx: &Ctx, input: &Input, text: String, newest: i64) -> Result<Markup> {
    let (here, theirs, base) = ctx.read(|tx| -> Result<_> {
        let here = here(ctx, tx)?;
        let object = here.page.object();
        let base = revision::find(tx, &object, input.text("base").parse().unwrap_or(0))?
            .ok_or(WebError::NotFound)?;
        let theirs = revision::find(tx, &object, newest)?.ok_or(WebError::NotFound)?;
        Ok((here, theirs, base))
    })?;
    let fields = [
        ("title", input.raw("title").to_owned()),
        ("note", input.raw("note").to_owned()),
        ("body", text),
        ("base", newest.to_string()),
    ];
    Ok(views::edit::edit(ctx, &here, &Input::filled(fields), Some((&base, &theirs))))
}

pub async fn preview(ctx: Ctx) -> Result<Markup> {
    let body = model::body(ctx.form()?.raw("body"))?;
    ctx.read(|tx| {
        let here = here(&ctx, tx)?;
        let mut links = queries::links(tx, here.page.id)?;
        let titles = queries::by_label(tx, here.space.id)?;
        for title in markdown::links(&body) {
            let label = model::label(&title);
            let target = titles.get(&label).copied();
            links.entry(label).or_insert(target);
        }
        Ok(markdown::render(&body, |title| resolve(&links, here.space.id, title)).html)
    })
}

pub async fn history(ctx: Ctx) -> Result<Markup> {
    const PAGE: usize = 50;
    let before = ctx.query_value("before").parse().unwrap_or(i64::MAX);
    let (here, revisions) = ctx.read(|tx| -> Result<_> {
        let here = here(&ctx, tx)?;
        let revisions = revision::list(tx, &here.page.object(), before, PAGE)?;
        Ok((here, revisions))
    })?;
    Ok(views::history::list(&ctx, &here, &revisions))
}

pub async fn revision(ctx: Ctx) -> Result<Markup> {
    let number: i64 = ctx.param("number")?;
    let against = ctx.query_value("against").parse().unwrap_or(number - 1);
    let (here, shown, other) = ctx.read(|tx| -> Result<_> {
        let here = here(&ctx, tx)?;
        let object = here.page.object();
        let shown = revision::find(tx, &object, number)?.ok_or(WebError::NotFound)?;
        let other = revision::find(tx, &object, against)?;
        Ok((here, shown, other))
    })?;
    Ok(views::history::show(&ctx, &here, &shown, other.as_ref()))
}

pub async fn restore(ctx: Ctx) -> Result<Redirect> {
    let (id, input): (PageId, _) = (ctx.param("id")?, ctx.form()?);
    let number: i64 = input.text("number").parse().map_err(|_| WebError::field("number", "is missing"))?;
    ctx.write(move |tx| actions::restore(tx, id, number)).await?;
    Ok(to(&ctx, id).flash(format!("Revision {number} is the newest again")))
}

fn to(ctx: &Ctx, page: PageId) -> Redirect {
    ctx.redirect(format!("/wiki/pages/{page}"))
}

pub async fn place(ctx: Ctx) -> Result<Markup> {
    let (here, spaces) = ctx.read(|tx| -> Result<_> {
        let here = here(&ctx, tx)?;
        let mut spaces = Vec::new();
        for space in queries::spaces(tx, here.space.workspace)? {
            if ctx.level(tx, &space.object())? >= Level::Edit {
                let (tree, _) = readable(&ctx, tx, space.id)?;
                spaces.push((space, tree));
            }
        }
        Ok((here, spaces))
    })?;
    Ok(views::page::place(&ctx, &here, &spaces))
}

/// `into` is `space:ID` or `page:ID`. Into another space one must be able to write there, and to give the page away: its access
/// changes with its place.
pub async fn r#move(ctx: Ctx) -> Result<Redirect> {
    let (id, input): (PageId, _) = (ctx.param("id")?, ctx.form()?);
    let (into, before) = (input.text("into").to_owned(), input.text("before").parse().ok());
    let level = ctx.checker();
    ctx.write(move |tx| -> Result<()> {
        let page = queries::page(tx, id)?.ok_or(WebError::NotFound)?;
        let unknown = || WebError::field("into", "is no place in this wiki");
        let (space, parent) = match into.split_once(':') {
            Some(("space", id)) => (id.parse::<SpaceId>().map_err(|_| unknown())?, None),
            Some(("page", id)) => {
                let parent = queries::page(tx, id.parse().map_err(|_| unknown())?)?.ok_or_else(unknown)?;
                (parent.space, Some(parent))
            }
            _ => return Err(unknown()),
        };
        let target = queries::space(tx, space)?.ok_or_else(unknown)?;
        let there = parent.as_ref().map_or_else(|| target.object(), Page::object);
        if level(tx, &there)? < Level::Edit
            || (space != page.space && level(tx, &page.object())? < Level::Own)
        {
            return Err(WebError::Forbidden(
                "You may not put this page there: its readers would change with its place.".into(),
            ));
        }
        Ok(actions::move_page(tx, id, space, parent.map(|parent| parent.id), before)?)
    })
    .await?;
    Ok(to(&ctx, id).flash("Moved; links to it lead here as before"))
}

pub async fn template(ctx: Ctx) -> Result<Redirect> {
    let (id, on): (PageId, bool) = (ctx.param("id")?, ctx.form()?.checked("on"));
    ctx.write(move |tx| actions::set_template(tx, id, on)).await?;
    Ok(to(&ctx, id).flash(if on {
        "New pages can begin as a copy of this one"
    } else {
        "No template any more"
    }))
}

pub async fn watch(ctx: Ctx) -> Result<Redirect> {
    let (id, on, account): (PageId, bool, _) =
        (ctx.param("id")?, ctx.form()?.checked("on"), ctx.who()?.account);
    ctx.write(move |tx| actions::watch(tx, id, account, on)).await?;
    Ok(to(&ctx, id).flash(if on {
        "The wiki's front page and a mail tell you when it changes"
    } else {
        "Not watched any more"
    }))
}

pub async fn writing(ctx: Ctx) -> Result<Markup> {
    let (id, account): (PageId, _) = (ctx.param("id")?, ctx.who()?.account);
    ctx.write(move |tx| actions::note_writer(tx, id, account)).await?;
    let others = ctx.read(|tx| actions::writers(tx, id, Some(account)))?;
    Ok(views::edit::others(&others))
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let id: PageId = ctx.param("id")?;
    let space = ctx.read(|tx| here(&ctx, tx))?.space;
    let gone = ctx.write(move |tx| actions::remove_page(tx, id)).await?;
    let said =
        if gone == 1 { "The page is in the bin".into() } else { format!("{gone} pages are in the bin") };
    Ok(ctx.redirect(format!("/wiki/spaces/{}", space.id)).flash(said))
}

pub async fn recover(ctx: Ctx) -> Result<Redirect> {
    let id: PageId = ctx.param("id")?;
    ctx.write(move |tx| actions::recover_page(tx, id)).await?;
    Ok(to(&ctx, id).flash("The page is back"))
}

/// Pages that the viewer may read, with all words of a question: (page, an excerpt).
pub fn found(ctx: &Ctx, tx: &mut Tx, question: &str, limit: usize) -> Result<Vec<(Page, String)>> {
    const AT_A_TIME: usize = 50;
    let scope = actions::scope(ctx.workspace()?);
    let (mut found, mut offset) = (Vec::new(), 0);
    while found.len() < limit && offset < 1000 {
        let hits = index::find(tx, &scope, question, offset, AT_A_TIME)?;
        offset += AT_A_TIME;
        let last = hits.len() < AT_A_TIME;
        for object in hits {
            if found.len() == limit || ctx.level(tx, &object)? < Level::View {
                continue;
            }
            let Some(page) = actions::page_of(&object).map(|id| queries::page(tx, id)).transpose()?.flatten()
            else {
                continue;
            };
            let text = revision::find(tx, &object, page.revision)?.map(|text| text.body).unwrap_or_default();
            found.push((page, index::excerpt(&markdown::plain(&text), question, 220)));
        }
        if last {
            break;
        }
    }
    Ok(found)
}

pub async fn search(ctx: Ctx) -> Result<Markup> {
    let question = ctx.query_value("q");
    let hits = ctx.read(|tx| found(&ctx, tx, &question, 50))?;
    Ok(views::space::search(&ctx, &question, &hits))
}
