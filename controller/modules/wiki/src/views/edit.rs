//! Writing: a new page, a change, and what happens when two change the same lines.

use super::{at_page, href, within};
use crate::model::{Page, Space};
use crate::routes::Here;
use bo_content::diff;
use bo_content::revision::Revision;
use bo_web::layout::form;
use bo_web::{Ctx, Input};
use maud::{Markup, html};

/// The fields of a text. The island makes the text area a rich editor and back, on the same Markdown.
fn fields(input: &Input, preview: Option<&str>) -> Markup {
    html! {
        (form::text("title", "Title", "", "text", true, input))
        div.field {
            label for="f-body" { "Text" }
            bo-editor data-preview=[preview] { textarea id="f-body" name="body" rows="24" spellcheck="true" aria-describedby="f-body-about" { (input.raw("body")) } }
            div id="f-body-about" {
                @if let Some(error) = input.error("body") { div.field__error { "Text " (error) "." } }
                div.field__help { "Markdown. " code { "[[Title]]" } " links to a page of this space, written or not." }
            }
        }
    }
}

pub fn new(ctx: &Ctx, space: &Space, parent: Option<&Page>, templates: &[Page], input: &Input) -> Markup {
    let at = format!("/wiki/spaces/{}", space.id);
    let body = html! {
        @if !templates.is_empty() {
            form.card.form--inline action={ (at) "/write" } method="get" {
                input type="hidden" name="parent" value=(input.text("parent")); input type="hidden" name="title" value=(input.text("title"));
                label for="f-template" { "Begin with" }
                select id="f-template" name="template" data-submit="" { option value="" { "an empty page" } @for page in templates { option value=(page.id) { (page.title) } } }
                button.btn.btn--small type="submit" { "Begin" }
            }
        }
        form.card.form.stack action={ (at) "/pages" } method="post" {
            (ctx.csrf()) (form::problems(input))
            input type="hidden" name="parent" value=(input.text("parent"));
            @if let Some(parent) = parent { p.muted { "Below " a href=(href(parent.id)) { (parent.title) } } }
            (fields(input, None))
            div.form__actions { button.btn.btn--primary type="submit" { "Save" } a.btn.btn--quiet href=(at) { "Cancel" } }
        }
    };
    ctx.page(within(space, "New page", body))
}

/// The form of a change; with a conflict it says what the others changed since the revision one began with.
pub fn edit(ctx: &Ctx, here: &Here, input: &Input, conflict: Option<(&Revision, &Revision)>) -> Markup {
    let at = href(here.page.id);
    let body = html! {
        @if let Some((base, theirs)) = conflict {
            div.notice.notice--warn role="alert" {
                p { strong { "Not saved yet. " } (theirs.author) " changed the same lines while you were writing. The text below has both, between "
                    code { "<<<<<<<" } " and " code { ">>>>>>>" } ". Keep what should stay, remove the marks, and save." }
                details open { summary { "What " (theirs.author) " changed" } (diff::show(&base.body, &theirs.body)) }
            }
        }
        form.card.form.stack action={ (at) "/save" } method="post" {
            bo-writers data-at={ (at) "/writing" } role="status" {}
            (ctx.csrf()) (form::problems(input))
            input type="hidden" name="base" value=(input.text("base"));
            (fields(input, Some(&format!("{at}/preview"))))
            (form::text("note", "What did you change?", "For the history; may stay empty.", "text", false, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Save" } a.btn.btn--quiet href=(at) { "Cancel" } }
        }
    };
    ctx.page(at_page(here, format!("Edit {}", here.page.title), body))
}

/// Who else is writing a page; nothing when nobody is.
pub fn others(names: &[String]) -> Markup {
    html! {
        @if let Some((last, rest)) = names.split_last() {
            p.notice.notice--info {
                @if !rest.is_empty() { strong { (rest.join(", ")) } " and " }
                strong { (last) } @if rest.is_empty() { " is" } @else { " are" } " writing this page at the moment. What each saves is kept."
            }
        }
    }
}
