//! The list of projects, their form, and one of them.

use super::{NAV, href, state, within, yours};
use crate::model::{Project, TRADES};
use crate::routes::{Shown, Visible};
use bo_model::Level;
use bo_web::layout::{form, icon, parts};
use bo_web::{Ctx, Input, ListQuery, Page, Paged};
use maud::{Markup, html};

pub fn index(ctx: &Ctx, list: &ListQuery, page: &Paged<(Project, Level)>, module: Level) -> Markup {
    let states = ["open", "closed"].map(|word| (word.to_owned(), word.to_owned())).into();
    let body = html! {
        (parts::filters(list, NAV, "Code, name or client", &[("state", "State", states)]))
        section.card.card--flush {
            @if page.items.is_empty() { (nothing(list, module)) } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (parts::heading(list, NAV, "Project", Some("name")))
                        (parts::heading(list, NAV, "Code", Some("code")))
                        (parts::heading(list, NAV, "Client", Some("client")))
                        (parts::heading(list, NAV, "From", Some("starts")))
                        th scope="col" { "State" }
                        (parts::heading(list, NAV, "Changed", Some("changed")))
                    } }
                    tbody { @for (project, level) in &page.items { tr {
                        td { a href=(href(project)) { (project.name) } }
                        td.mono data-label="Code" { (project.code) }
                        td data-label="Client" { (project.client) }
                        td data-label="From" { (project.starts_on) }
                        td data-label="State" { (state(project)) @if *level < Level::View { " " span.muted { "by name" } } }
                        td data-label="Changed" { (parts::time(project.updated_at, ctx.now())) }
                    } } }
                } }
                (parts::pages(list, NAV, page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let frame =
        Page::new("Projects", NAV, body).lead("What is worked on, for whom, with everybody who works on it.");
    ctx.page(frame.actions(html! {
        @if module >= Level::Edit { a.btn.btn--primary href="/projects/new" { (icon("plus")) "New project" } }
        @if module >= Level::Own { a.btn.btn--quiet href="/projects/profiles" { (icon("group")) "Profiles" } }
    }))
}

fn nothing(list: &ListQuery, module: Level) -> Markup {
    if !list.q.is_empty() || !list.filters.is_empty() {
        return parts::empty(
            "folder",
            "Nothing found",
            "No project of yours is like that.",
            Some(("Show all", NAV)),
        );
    }
    let action = (module >= Level::Edit).then_some(("Make the first project", "/projects/new"));
    let text = "A project has phases with files, and a team in which staff, freelancers and clients work by their roles.";
    parts::empty("folder", "No projects yet", text, action)
}

fn fields(input: &Input) -> Markup {
    html! {
        div.row.row--fields {
            (form::text("code", "Code", "Short; it names the project everywhere.", "text", true, input))
            (form::text("name", "Name", "", "text", true, input))
        }
        (form::text("client", "Client", "", "text", false, input))
        div.row.row--fields {
            (form::text("starts_on", "First day", "", "date", false, input))
            (form::text("ends_on", "Last day", "", "date", false, input))
        }
        (form::area("about", "What it is", "", false, input))
    }
}

pub fn new(ctx: &Ctx, input: &Input) -> Markup {
    let trades: Vec<(String, String)> = TRADES
        .iter()
        .map(|trade| {
            let roles: Vec<&str> = trade.roles.iter().map(|(_, title, _)| *title).collect();
            (trade.word.to_owned(), format!("{} ({})", trade.title, roles.join(", ")))
        })
        .collect();
    let body = html! {
        form.card.form.stack action=(NAV) method="post" {
            (ctx.csrf()) (form::problems(input)) (fields(input))
            (form::select("trade", "Roles and phases", "A beginning; both can be changed and added to.", &trades, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Make the project" } a.btn.btn--quiet href=(NAV) { "Cancel" } }
        }
    };
    ctx.page(Page::new("New project", NAV, body).crumb("Projects", NAV))
}

pub fn edit(ctx: &Ctx, shown: &Shown, input: &Input) -> Markup {
    let at = href(&shown.here.project);
    let body = html! {
        form.card.form.stack action={ (at) "/change" } method="post" {
            (ctx.csrf()) (form::problems(input)) (fields(input))
            @for (field, _, _) in shown.fields.iter().filter(|(_, _, level)| *level >= Level::Edit) {
                @if field.money { (form::text(field.name, field.title, "An amount and a currency: 12500.00 EUR.", "text", false, input)) }
                @else { (form::area(field.name, field.title, "Not everybody who reads the project sees it.", false, input)) }
            }
            div.form__actions { button.btn.btn--primary type="submit" { "Save" } a.btn.btn--quiet href=(at) { "Cancel" } }
        }
    };
    ctx.page(Page::new("Edit", NAV, body).crumb("Projects", NAV).crumb(shown.here.project.name.clone(), at))
}

pub fn show(ctx: &Ctx, shown: &Shown) -> Markup {
    show_with(ctx, shown, &Input::default())
}

pub fn show_with(ctx: &Ctx, shown: &Shown, input: &Input) -> Markup {
    let (project, level, at) = (&shown.here.project, shown.here.level, href(&shown.here.project));
    let body = html! {
        div.grid.grid--wide {
            section.card.stack {
                h2 { "Phases" }
                @if shown.folders.is_empty() {
                    p.muted { @if level >= Level::Own { "No phases yet." } @else { "None that your roles open." } }
                } @else {
                    ul.plain-list { @for (folder, level, depth) in &shown.folders { li class={ "indent-" (depth.min(&6)) } {
                        (icon("folder")) " " a href={ (at) "/folders/" (folder.id) } { (folder.name) } " " span.muted { (yours(*level)) }
                    } } }
                }
                @if level >= Level::Own {
                    form.form.stack action={ (at) "/folders" } method="post" {
                        (ctx.csrf()) (form::text("name", "New phase", "Its managers have it at once; others as you say under Rights.", "text", true, input))
                        div.form__actions { button.btn type="submit" { "Add the phase" } }
                    }
                }
            }
            @if level >= Level::View { (about(project, &shown.fields)) }
        }
    };
    let frame = within(&shown.here, "", body).actions(html! {
        @if level >= Level::Edit { a.btn.btn--primary href={ (at) "/edit" } { (icon("edit")) "Edit" } }
        @if level >= Level::Own {
            @if project.closed { (parts::post_button("Open it again", "", &format!("{at}/reopen"), ctx.csrf())) }
            @else { (parts::confirm("Close", "Close this project?", html! { p { "It is gone for all but those with the right to history, who can read it. It can be opened again." } }, &format!("{at}/close"), ctx.csrf())) }
        }
    });
    ctx.page(frame)
}

fn about(project: &Project, fields: &[Visible]) -> Markup {
    html! {
        section.card.stack {
            h2 { "About it" }
            dl.kv {
                dt { "Client" } dd { (project.client) }
                dt { "From" } dd { (project.starts_on) }
                dt { "To" } dd { (project.ends_on) }
                @for (field, value, _) in fields { dt { (field.title) } dd { @if value.is_empty() { span.muted { "not said" } } @else { (value) } } }
            }
            @for line in project.about.lines() { p { (line) } }
        }
    }
}
