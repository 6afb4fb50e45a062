//! The team of a project, and what each may do where.

use super::{href, within, words};
use crate::routes::{Rights, Team};
use bo_identity::subject;
use bo_model::{Kind, Level, Object};
use bo_web::layout::{form, icon, parts};
use bo_web::{Ctx, Input};
use maud::{Markup, html};

pub fn index(ctx: &Ctx, team: &Team, input: &Input) -> Markup {
    let (at, own) = (href(&team.here.project), team.here.level >= Level::Own);
    let title = |word: &str| {
        team.roles.iter().find(|role| role.word == word).map_or(word.to_owned(), |role| role.title.clone())
    };
    let roles: Vec<(String, String)> =
        team.roles.iter().map(|role| (role.word.clone(), role.title.clone())).collect();
    let body = html! {
        section.card.card--flush {
            @if team.members.is_empty() { (parts::empty("users", "Nobody is on the team", "Staff, freelancers, clients and whole groups work on a project by their roles.", None)) }
            @else { div.table-wrap tabindex="0" role="region" aria-label="Team" { table.table.table--cards {
                thead { tr { th scope="col" { "Who" } th scope="col" { "Role" } th scope="col" { "Until" } @if own { th scope="col" { span.sr-only { "Remove" } } } } }
                tbody { @for member in &team.members { tr {
                    td { @if member.subject.is(Kind::GROUP) { (icon("group")) " " } (member.name) }
                    td data-label="Role" { (title(&member.role)) }
                    td data-label="Until" { @if let Some(until) = member.until { (parts::time(until, ctx.now())) } @else { span.muted { "always" } } }
                    @if own { td {
                        form action={ (at) "/team/remove" } method="post" {
                            (ctx.csrf()) input type="hidden" name="subject" value=(member.subject.as_str()); input type="hidden" name="role" value=(member.role);
                            button.btn.btn--small.btn--quiet type="submit" aria-label={ "Take " (member.name) " out of the role " (title(&member.role)) } { (icon("close")) }
                        }
                    } }
                } } }
            } } }
        }
        @if own { div.grid.grid--wide {
            form.card.form.stack action={ (at) "/team" } method="post" {
                h2 { "Put somebody on the team" }
                (ctx.csrf()) (form::problems(input)) (subject::field(&team.groups, &[], input))
                (form::select("role", "Role", "What the role may do is said under Rights.", &roles, input))
                (form::text("until", "Until", "The last day; empty for always.", "date", false, input))
                div.form__actions { button.btn.btn--primary type="submit" { "Put on the team" } }
            }
            form.card.form.stack action={ (at) "/roles" } method="post" {
                h2 { "A role of your own" }
                (ctx.csrf()) (form::text("title", "Role", "Those in it see that there is the project, until you give it more.", "text", true, input))
                div.form__actions { button.btn type="submit" { "Add the role" } }
            }
        } }
    };
    ctx.page(within(&team.here, "/team", body))
}

pub fn rights(ctx: &Ctx, rights: &Rights, input: &Input) -> Markup {
    let at = format!("{}/rights", href(&rights.here.project));
    let given = |subject: &Object, object: &Object| {
        let row = rights.given.iter().find(|(who, what, _)| who == subject && what == object);
        row.map_or(Level::None, |(_, _, level)| *level)
    };
    let body = html! {
        p.muted { "What was given here itself. Managers have everything; a folder in a folder passes on what one has above it, and the more of several rights counts." @if let Some(review) = &rights.access.review { " " a href=(review) { "Everybody who may, and why" } } }
        section.card.card--flush { div.table-wrap tabindex="0" role="region" aria-label="Rights" { table.table.rights {
            thead { tr { th scope="col" { "Where" } @for (_, name) in &rights.subjects { th scope="col" { (name) } } } }
            tbody { @for (object, name, depth) in &rights.objects { tr {
                th scope="row" class={ "indent-" (depth.min(&6)) } { (name) }
                @for (subject, who) in &rights.subjects { td { (cell(ctx, &at, (subject, who), (object, name), given(subject, object))) } }
            } } }
        } } }
        form.card.form.stack action=(at) method="post" {
            h2 { "Case by case" }
            p.muted { "More for one person or group, on this project alone." }
            (ctx.csrf()) (form::problems(input)) (subject::field(&rights.groups, &[], input))
            div.row.row--fields {
                div.field { label for="f-folder" { "Where" } select id="f-folder" name="folder" { @for (object, name, _) in &rights.objects { option value=(if object.is(crate::FOLDER) { object.id() } else { "" }) { (name) } } } }
                div.field { label for="f-level" { "What" } select id="f-level" name="level" { @for level in &Level::ALL[1..] { option value=(level.word()) selected[*level == Level::View] { (words(*level)) } } } }
            }
            div.form__actions { button.btn.btn--primary type="submit" { "Give it" } }
        }
    };
    ctx.page(within(&rights.here, "/rights", body))
}

fn cell(
    ctx: &Ctx,
    at: &str,
    (subject, who): (&Object, &str),
    (object, name): (&Object, &str),
    has: Level,
) -> Markup {
    html! {
        form action=(at) method="post" {
            (ctx.csrf())
            input type="hidden" name="subject" value=(subject.as_str());
            input type="hidden" name="folder" value=(if object.is(crate::FOLDER) { object.id() } else { "" });
            select name="level" data-submit="" aria-label={ "What " (who) " may do in " (name) } {
                @for level in Level::ALL { option value=(level.word()) selected[level == has] { (words(level)) } }
            }
            noscript { button.btn.btn--small type="submit" { "Set" } }
        }
    }
}
