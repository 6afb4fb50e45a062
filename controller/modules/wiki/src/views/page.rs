//! A page: its text, what belongs to it, and where it could go.

use super::{at_page, href, tree};
use crate::model::{Page, Space, Tree};
use crate::routes::Here;
use bo_content::CommentId;
use bo_content::attachment::Attachment;
use bo_content::comment::{Comment, State};
use bo_content::files::{self, Section};
use bo_content::markdown::{self, Rendered, Target};
use bo_identity::AccessLinks;
use bo_model::Level;
use bo_web::layout::{form, icon, parts};
use bo_web::{Ctx, Input};
use maud::{Markup, html};
use std::collections::HashSet;

/// Everything on a page's page.
pub struct Shown {
    pub here: Here,
    pub rendered: Rendered,
    pub comments: Vec<Comment>,
    pub files: Vec<Attachment>,
    pub backlinks: Vec<Page>,
    /// The revision the viewer had seen, when they watch it.
    pub watching: Option<i64>,
    /// Where access to it is given and looked through.
    pub access: AccessLinks,
    /// The names of others who are writing it at this moment.
    pub writers: Vec<String>,
    /// Files that were not taken just now.
    pub refused: Option<files::Refused>,
}

/// `input` is what was typed in one of the forms, and refused.
pub fn show(ctx: &Ctx, shown: &Shown, input: &Input) -> Markup {
    let (here, page) = (&shown.here, &shown.here.page);
    let body = html! {
        div.wiki {
            nav.wiki__tree.card aria-label="Pages of this space" { (tree(&here.tree, &here.readable, Some(page.id))) }
            div.wiki__main.stack {
                (super::edit::others(&shown.writers))
                article.card.prose { (shown.rendered.html) @if shown.rendered.html.0.trim().is_empty() { p.muted { "This page has no text yet." } } }
                (files::section(ctx, Section { at: &href(page.id), title: "Files", edit: here.level >= Level::Edit, in_texts: true, refused: shown.refused.as_ref() }, &shown.files))
                (comments(ctx, shown, input))
            }
            aside.wiki__side.stack {
                @if shown.rendered.headings.len() > 2 {
                    nav.card aria-label="On this page" { h2 { "On this page" } ul.wiki-toc {
                        @for heading in &shown.rendered.headings { li class={ "wiki-toc__" (heading.level) } { a href={ "#" (heading.id) } { (heading.text) } } }
                    } }
                }
                section.card.stack {
                    h2 { "About this page" }
                    p { "Revision " (page.revision) " by " (page.updated_by) ", " (parts::time(page.updated_at, ctx.now())) "." }
                    @if shown.backlinks.is_empty() { p.muted { "No page links here by title." } }
                    @else { h3 { "Pages that link here" } ul { @for page in &shown.backlinks { li { a href=(href(page.id)) { (page.title) } } } } }
                }
            }
        }
    };
    ctx.page(at_page(here, page.title.clone(), body).actions(actions(ctx, shown)))
}

fn actions(ctx: &Ctx, shown: &Shown) -> Markup {
    let (page, level, at) = (&shown.here.page, shown.here.level, href(shown.here.page.id));
    html! {
        @if level >= Level::Edit { a.btn.btn--primary href={ (at) "/edit" } { (icon("edit")) "Edit" } }
        a.btn.btn--quiet href={ (at) "/history" } { (icon("history")) "History" }
        @if ctx.viewer().is_some() { (switch(ctx, &at, "watch", shown.watching.is_none(), if shown.watching.is_none() { "Watch" } else { "Don't watch" })) }
        details.menu {
            summary.btn.btn--quiet aria-label="More" { (icon("more")) }
            div.menu__items.stack {
                a href={ (at) "/markdown" } { "Download as Markdown" }
                button type="button" data-print="" { "Print or save as PDF" }
                @if level >= Level::Edit {
                    a href={ "/wiki/spaces/" (page.space) "/write?parent=" (page.id) } { "New page below this one" }
                    a href={ (at) "/place" } { "Move" }
                    (switch(ctx, &at, "template", !page.template, if page.template { "No template any more" } else { "Use as a template" }))
                }
                @if let Some(give) = &shown.access.give { a href=(give) { "Share this page" } }
                @if let Some(review) = &shown.access.review { a href=(review) { "Who may read it, and why" } }
                @if level >= Level::Own {
                    (parts::confirm("Remove", "Put this page into the bin?", html! { p { "Pages below it go with it. An owner of the space can take them out again." } }, &format!("{at}/remove"), ctx.csrf()))
                }
            }
        }
    }
}

fn switch(ctx: &Ctx, at: &str, what: &str, on: bool, label: &str) -> Markup {
    html! {
        form action={ (at) "/" (what) } method="post" {
            (ctx.csrf()) input type="hidden" name="on" value=(on); button.btn.btn--quiet type="submit" { (label) }
        }
    }
}

/// Where the page shows what was typed to change a comment: each has a form.
pub fn comment_field(id: CommentId) -> String {
    format!("body-{id}")
}

fn comments(ctx: &Ctx, shown: &Shown, input: &Input) -> Markup {
    let closed = shown.here.space.comments == crate::model::Comments::Closed;
    let at = href(shown.here.page.id);
    html! {
        @if !closed || !shown.comments.is_empty() {
            section.card.stack #comments {
                h2 { "Comments" }
                (form::problems(input))
                @for comment in &shown.comments { (said(ctx, shown, comment, input)) }
                @if !closed && ctx.viewer().is_some() {
                    form.form.stack action={ (at) "/comments" } method="post" {
                        (ctx.csrf())
                        div.field { label for="f-body" { "Click here to comment" } (typed("f-body", None, input.raw("body"), input.error("body"))) }
                        div.form__actions { button.btn type="submit" { "Comment" } }
                    }
                } @else if !closed {
                    p { a href={ "/sign-in?next=" (at) } { "Sign in to comment" } }
                }
            }
        }
    }
}

/// What somebody says, as they typed it, with why it is not taken.
fn typed(id: &str, label: Option<&str>, text: &str, error: Option<&str>) -> Markup {
    let about = format!("{id}-about");
    html! {
        textarea id=(id) name="body" rows="3" maxlength="10000" required aria-label=[label] aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| &about)] { (text) }
        @if let Some(error) = error { div.field__error id=(about) { "The comment " (error) "." } }
    }
}

fn said(ctx: &Ctx, shown: &Shown, comment: &Comment, input: &Input) -> Markup {
    let at = format!("{}/comments/{}", href(shown.here.page.id), comment.id);
    let own = ctx.viewer().is_some_and(|viewer| viewer.account == comment.author);
    let moderator = shown.here.level >= Level::Own;
    let field = comment_field(comment.id);
    let text = if input.has(&field) { input.raw(&field) } else { &comment.body };
    html! {
        div.comment id={ "comment-" (comment.id) } {
            div.muted {
                strong { (comment.author_name) } " · " (parts::time(comment.at, ctx.now()))
                @if comment.edited_at.is_some() { " · changed" }
                @if comment.state != State::Shown { " " span.badge.badge--warn { @if comment.state == State::Held { "waits to be shown" } @else { "hidden" } } }
            }
            div.prose { (markdown::render(&comment.body, |_| Target::Missing("/wiki".into())).html) }
            div.row {
                @if moderator {
                    form action={ (at) "/moderate" } method="post" {
                        (ctx.csrf()) input type="hidden" name="show" value=(comment.state != State::Shown);
                        button.btn.btn--small.btn--quiet type="submit" { @if comment.state == State::Shown { "Hide" } @else { "Show" } }
                    }
                }
                @if own {
                    details open[input.has(&field)] { summary.btn.btn--small.btn--quiet { "Change" }
                        form.form.stack action={ (at) "/edit" } method="post" {
                            (ctx.csrf())
                            (typed(&format!("f-{field}"), Some("Your comment"), text, input.error(&field)))
                            div.form__actions { button.btn.btn--small type="submit" { "Save" } }
                        }
                    }
                    (parts::confirm("Remove", "Remove your comment?", html! { p { "It can't be brought back." } }, &format!("{at}/remove"), ctx.csrf()))
                }
            }
        }
    }
}

/// Where a page could go: any place in any space one may write in, but not below itself.
pub fn place(ctx: &Ctx, here: &Here, spaces: &[(Space, Tree)]) -> Markup {
    let own: HashSet<_> = here.tree.with_descendants(here.page.id).into_iter().collect();
    let below = own.len() - 1;
    let body = html! {
        form.card.form.stack action={ (href(here.page.id)) "/move" } method="post" {
            (ctx.csrf())
            p { "Links to the page stay right." @if below > 0 { " The " (below) " pages below it go with it." } " Who may read it follows its new place." }
            div.field {
                label for="f-into" { "Put it below" }
                select id="f-into" name="into" {
                    @for (space, tree) in spaces { optgroup label=(space.name) {
                        option value={ "space:" (space.id) } selected[here.page.parent.is_none() && space.id == here.space.id] { "At the top of " (space.name) }
                        @for (depth, page) in tree.walk().into_iter().filter(|(_, page)| !own.contains(&page.id)) {
                            option value={ "page:" (page.id) } selected[here.page.parent == Some(page.id)] { ("\u{2003}".repeat(depth + 1)) (page.title) }
                        }
                    } }
                }
            }
            @let siblings: Vec<_> = here.tree.below(here.page.parent).iter().filter(|page| page.id != here.page.id).collect();
            @if !siblings.is_empty() {
                div.field {
                    label for="f-before" { "Before" }
                    select id="f-before" name="before" { option value="" { "(at the end)" } @for page in siblings { option value=(page.id) { (page.title) } } }
                    div.field__help { "Counts when it stays below the same page." }
                }
            }
            div.form__actions { button.btn.btn--primary type="submit" { "Move" } a.btn.btn--quiet href=(href(here.page.id)) { "Cancel" } }
        }
    };
    ctx.page(at_page(here, format!("Move {}", here.page.title), body))
}
