//! The front page, a space, its settings, search.

use super::{NAV, href, tree, within};
use crate::model::{Comments, Page, PageId, Space, Tree};
use bo_identity::group::Group;
use bo_identity::{AccessLinks, subject};
use bo_model::{Level, Object};
use bo_web::layout::{form, icon, parts};
use bo_web::{Ctx, Input, Page as Frame};
use maud::{Markup, html};
use std::collections::HashSet;

/// What stands on the front page.
#[derive(Default)]
pub struct Front {
    pub spaces: Vec<Space>,
    pub changed: Vec<Page>,
    /// With the revision the viewer has seen.
    pub watched: Vec<(Page, i64)>,
    /// Pages whose comments wait for the viewer, with how many.
    pub held: Vec<(Page, i64)>,
    /// Pages of spaces that are otherwise closed to the viewer.
    pub shared: Vec<Page>,
    pub may_create: bool,
}

pub fn index(ctx: &Ctx, front: &Front) -> Markup {
    let make = front.may_create.then_some(("New space", "/wiki/new"));
    let news = front.watched.iter().filter(|(page, seen)| page.revision > *seen).count();
    let body = html! {
        (search_form(""))
        div.grid.grid--wide {
            section.card {
                div.card__head { h2 { "Spaces" } }
                @if front.spaces.is_empty() {
                    @let text = if make.is_some() { "A space holds the pages of a team, a building or a subject. Make the first one and write down what everybody asks." } else { "No space is open to you. Whoever owns one, or owns the wiki, can let you in." };
                    (parts::empty("book", "No spaces yet", text, make))
                } @else {
                    ul.wiki-spaces { @for space in &front.spaces {
                        li { a href={ "/wiki/spaces/" (space.id) } { (space.name) } @if !space.about.is_empty() { p.muted { (space.about) } } }
                    } }
                }
            }
            section.card {
                div.card__head { h2 { "Changed last" } }
                @if front.changed.is_empty() { p.muted { "Nothing was written yet." } }
                (changes(ctx, &front.changed))
            }
            @if !front.held.is_empty() {
                section.card {
                    div.card__head { h2 { "Comments that wait for you" } }
                    ul.wiki-changes { @for (page, waiting) in &front.held { li {
                        a href={ (href(page.id)) "#comments" } { (page.title) }
                        div.muted { @if *waiting == 1 { "1 comment waits" } @else { (waiting) " comments wait" } " to be shown" }
                    } } }
                }
            }
            @if !front.watched.is_empty() {
                section.card {
                    div.card__head { h2 { "Pages you watch" } @if news > 0 { span.badge.badge--info { (news) " changed" } } }
                    ul.wiki-changes { @for (page, seen) in &front.watched { li {
                        a href=(href(page.id)) { (page.title) }
                        @if page.revision > *seen { " " a.badge.badge--info href={ (href(page.id)) "/history/" (page.revision) "?against=" (seen) } { "what changed" } }
                        div.muted { (page.updated_by) " · " (parts::time(page.updated_at, ctx.now())) }
                    } } }
                }
            }
            @if !front.shared.is_empty() {
                section.card { div.card__head { h2 { "Shared with you" } } (changes(ctx, &front.shared)) }
            }
        }
    };
    let mut frame =
        Frame::new("Wiki", NAV, body).lead("What the organisation knows, written down by whoever knows it.");
    if front.may_create {
        frame = frame.actions(html! { a.btn.btn--primary href="/wiki/new" { (icon("plus")) "New space" } });
    }
    ctx.page(frame)
}

fn changes(ctx: &Ctx, pages: &[Page]) -> Markup {
    html! { ul.wiki-changes { @for page in pages { li {
        a href=(href(page.id)) { (page.title) }
        div.muted { (page.updated_by) " · " (parts::time(page.updated_at, ctx.now())) }
    } } } }
}

fn search_form(question: &str) -> Markup {
    html! { form.toolbar action="/wiki/search" method="get" role="search" { (parts::search("wiki-q", question, "Words in any page")) } }
}

pub fn search(ctx: &Ctx, question: &str, hits: &[(Page, String)]) -> Markup {
    let body = html! {
        (search_form(question))
        section.card {
            @if hits.is_empty() {
                (parts::empty("search", if question.is_empty() { "What do you look for?" } else { "Nothing found" }, "Pages with all of the words are found; accents and capitals don't matter, and the beginning of a word is enough.", None))
            }
            ul.wiki-hits { @for (page, excerpt) in hits { li {
                a href=(href(page.id)) { (page.title) }
                p { (excerpt) }
                div.muted { (page.updated_by) " · " (parts::time(page.updated_at, ctx.now())) }
            } } }
        }
    };
    ctx.page(Frame::new("Search the wiki", NAV, body).crumb("Wiki", NAV))
}

fn space_fields(input: &Input) -> Markup {
    let choices = [
        (Comments::Open, "Whoever reads a page may comment"),
        (Comments::Moderated, "What readers say waits until an owner shows it"),
        (Comments::Closed, "No comments"),
    ];
    let options: Vec<(String, String)> =
        choices.iter().map(|(word, title)| (word.word().into(), (*title).into())).collect();
    html! {
        (form::text("name", "Name", "A team, a building, a subject.", "text", true, input))
        (form::area("about", "What belongs in it", "One or two sentences for whoever looks for a place to write.", false, input))
        (form::select("comments", "Comments", "", &options, input))
    }
}

pub fn new(ctx: &Ctx, input: &Input) -> Markup {
    let body = html! {
        form.card.form.stack action="/wiki/spaces" method="post" {
            (ctx.csrf()) (form::problems(input)) (space_fields(input))
            div.form__actions { button.btn.btn--primary type="submit" { "Make the space" } a.btn.btn--quiet href="/wiki" { "Cancel" } }
        }
    };
    ctx.page(Frame::new("New space", NAV, body).crumb("Wiki", NAV))
}

/// `input` is what was refused of the files to take in.
pub fn show(
    ctx: &Ctx,
    space: &Space,
    (pages, seen): (&Tree, &HashSet<PageId>),
    level: Level,
    input: &Input,
) -> Markup {
    let error = input.errors().next().map(|(_, sentence)| sentence);
    let write = format!("/wiki/spaces/{}/write", space.id);
    let body = html! {
        section.card {
            @if seen.is_empty() {
                @let action = (level >= Level::Edit).then_some(("Write the first page", write.as_str()));
                (parts::empty("book", "No pages yet", "Begin with what people ask most.", action))
            } @else { (tree(pages, seen, None)) }
        }
        @if level >= Level::Edit {
            details.card open[error.is_some()] {
                summary { "Take in pages from files" }
                form.form.stack action={ "/wiki/spaces/" (space.id) "/import" } method="post" enctype="multipart/form-data" {
                    (ctx.csrf())
                    div.field {
                        label for="f-file" { "ZIP archive of Markdown files, or one Markdown file" }
                        input id="f-file" type="file" name="file" accept=".zip,.md,.markdown,.txt" required aria-invalid=[error.map(|_| "true")] aria-describedby="f-file-about";
                        div id="f-file-about" { @if let Some(error) = error { div.field__error role="alert" { "Nothing was taken in: " (error) "." } } }
                        div.field__help { "Folders become pages above what is in them; what lies in “Page.files” beside a page becomes its files. Nothing is overwritten." }
                    }
                    div.form__actions { button.btn type="submit" { (icon("upload")) "Take them in" } }
                }
            }
        }
    };
    let actions = html! {
        @if level >= Level::Edit { a.btn.btn--primary href=(write) { (icon("plus")) "New page" } }
        a.btn.btn--quiet href={ "/wiki/spaces/" (space.id) "/export" } { (icon("download")) "Export" }
        @if level >= Level::Own { a.btn.btn--quiet href={ "/wiki/spaces/" (space.id) "/settings" } { (icon("settings")) "Settings" } }
    };
    ctx.page(
        Frame::new(space.name.clone(), NAV, body)
            .lead(space.about.clone())
            .crumb("Wiki", NAV)
            .actions(actions),
    )
}

/// What an owner of a space decides on.
pub struct Facts {
    pub space: Space,
    pub restricted: bool,
    pub bin: Vec<Page>,
    pub groups: Vec<Group>,
    pub guests: Vec<(Object, String, Level)>,
    pub access: AccessLinks,
}

const LEVELS: [(Level, &str); 3] = [
    (Level::View, "reads and comments"),
    (Level::Edit, "reads and writes"),
    (Level::Own, "owns: removes pages, decides on access"),
];

/// `input` is what the space is, `grant` what somebody wanted to give whom.
pub fn settings(ctx: &Ctx, facts: &Facts, input: &Input, grant: &Input) -> Markup {
    let at = format!("/wiki/spaces/{}", facts.space.id);
    let body = html! {
        div.grid.grid--wide {
            form.card.form.stack action={ (at) "/change" } method="post" {
                h2 { "What it is" }
                (ctx.csrf()) (form::problems(input)) (space_fields(input))
                div.form__actions { button.btn.btn--primary type="submit" { "Save" } }
            }
            (access(ctx, facts, &at, grant))
            (bin(ctx, facts, &at))
        }
    };
    ctx.page(within(&facts.space, "Settings", body))
}

fn access(ctx: &Ctx, facts: &Facts, at: &str, grant: &Input) -> Markup {
    html! {
        section.card.stack #access {
            h2 { "Who has access" }
            @if facts.restricted {
                p { "Only the people and groups below, and the wiki's owners." }
                form action={ (at) "/restrict" } method="post" { (ctx.csrf()) input type="hidden" name="restricted" value="false"; button.btn type="submit" { "Open it to whoever may use the wiki" } }
            } @else {
                p { "Whoever may use the wiki, as their groups say; the people and groups below at least as said there." }
                form action={ (at) "/restrict" } method="post" { (ctx.csrf()) input type="hidden" name="restricted" value="true"; button.btn type="submit" { "Close it to all but the people below" } }
            }
            @if !facts.guests.is_empty() {
                ul.wiki-guests { @for (subject, name, level) in &facts.guests { li {
                    span { (name) " " span.muted { (words(*level)) } }
                    form action={ (at) "/grant" } method="post" {
                        (ctx.csrf()) input type="hidden" name="subject" value=(subject.as_str()); input type="hidden" name="level" value="none";
                        button.btn.btn--small.btn--quiet type="submit" aria-label={ "Take the access of " (name) } { (icon("close")) }
                    }
                } } }
            }
            form.form.stack action={ (at) "/grant" } method="post" {
                (ctx.csrf())
                (subject::field(&facts.groups, &[], grant))
                div.field {
                    label for="f-level" { "Level" }
                    select id="f-level" name="level" { @for (level, about) in LEVELS { option value=(level.word()) { (about) } } }
                }
                div.form__actions { button.btn type="submit" { "Give access" } }
                p.muted {
                    @if let Some(give) = &facts.access.give { a href=(give) { "For some time only, or with a reason" } }
                    @if let Some(review) = &facts.access.review { " · " a href=(review) { "Everybody who may, and why" } }
                }
            }
        }
    }
}

fn words(level: Level) -> &'static str {
    LEVELS.iter().find(|(known, _)| *known == level).map_or("sees that it is there", |(_, about)| about)
}

fn bin(ctx: &Ctx, facts: &Facts, at: &str) -> Markup {
    html! {
        section.card.stack #bin {
            h2 { "Bin" }
            @if facts.bin.is_empty() { p.muted { "Removed pages wait here until an owner empties the bin." } }
            @else {
                ul.wiki-guests { @for page in &facts.bin { li {
                    span { (page.title) }
                    form action={ (href(page.id)) "/recover" } method="post" { (ctx.csrf()) button.btn.btn--small type="submit" { "Take it out" } }
                } } }
                (parts::confirm("Empty the bin", "Remove these pages for ever?", html! { p { "Their revisions, comments and files go with them. The audit log keeps that they were there." } }, &format!("{at}/empty-bin"), ctx.csrf()))
            }
            (parts::confirm("Remove the space", "Remove this space?", html! { p { "It must have no pages, those in the bin included." } }, &format!("{at}/remove"), ctx.csrf()))
        }
    }
}
