//! A folder: what is in it, and what one may do there.

use super::{NAV, href, yours};
use crate::routes::Inside;
use bo_content::files::{self, Section};
use bo_model::Level;
use bo_web::layout::{form, icon, parts};
use bo_web::{Ctx, Input, Page};
use maud::{Markup, html};

pub fn show(ctx: &Ctx, inside: &Inside, input: &Input) -> Markup {
    let (project, level) = (href(&inside.here.project), inside.level);
    let at = format!("{project}/folders/{}", inside.folder.id);
    let body = html! {
        @if level < Level::View {
            section.card { (parts::empty("folder", "You see that this folder is there", "What is in it is for others. A manager of the project can give you more.", None)) }
        } @else {
            @if !inside.folders.is_empty() {
                section.card.stack { h2 { "Folders" } ul.plain-list { @for (folder, level) in &inside.folders { li {
                    (icon("folder")) " " a href={ (project) "/folders/" (folder.id) } { (folder.name) } " " span.muted { (yours(*level)) }
                } } } }
            }
            (files::section(ctx, Section { at: &at, title: "Files", edit: level >= Level::Edit, in_texts: false, refused: inside.refused.as_ref() }, &inside.files))
            @if inside.files.is_empty() && level < Level::Edit { section.card { p.muted { "No files yet." } } }
            @if level >= Level::Edit {
                form.card.form.stack action={ (at) "/folders" } method="post" {
                    (ctx.csrf()) (form::problems(input)) (form::text("name", "New folder in it", "Whoever may do something here may do it there too.", "text", true, input))
                    div.form__actions { button.btn type="submit" { "Add the folder" } }
                }
            }
        }
    };
    let mut frame = Page::new(inside.folder.name.clone(), NAV, body)
        .crumb("Projects", NAV)
        .crumb(inside.here.project.name.clone(), project.clone())
        .lead(format!("{} here.", yours(level)));
    for folder in &inside.path {
        frame = frame.crumb(folder.name.clone(), format!("{project}/folders/{}", folder.id));
    }
    if level >= Level::Own {
        frame = frame.actions(html! {
            details.menu {
                summary.btn.btn--quiet { "Rename" }
                div.menu__items.stack { form.form.stack action={ (at) "/rename" } method="post" {
                    (ctx.csrf()) label { "Name" input name="name" value=(inside.folder.name) required maxlength="120"; } button.btn.btn--small type="submit" { "Save" }
                } }
            }
            (parts::confirm("Remove", "Remove this folder?", html! { p { "It must be empty." } }, &format!("{at}/remove"), ctx.csrf()))
        });
    }
    ctx.page(frame)
}
