//! What profiles have on all projects, on fields and on history.

use super::NAV;
use crate::actions::Row;
use bo_model::{Level, Object};
use bo_web::layout::parts;
use bo_web::{Ctx, Page};
use maud::{Markup, html};

pub fn index(ctx: &Ctx, columns: &[(Object, &'static str)], rows: &[Row]) -> Markup {
    let at = "/projects/profiles";
    let body = html! {
        p.muted { "A profile is a group. What it has here it has on every project; what somebody may do in one project is their role's. “History” is the right to read what is closed." }
        section.card.card--flush { div.table-wrap tabindex="0" role="region" aria-label="Profiles" { table.table.rights {
            thead { tr { th scope="col" { "Profile" } @for (_, title) in columns { th scope="col" { (title) } } } }
            tbody { @for row in rows { tr {
                th scope="row" { a href={ "/groups/" (row.group.id) } { (row.group.name) } }
                @for ((object, title), has) in columns.iter().zip(&row.levels) { td {
                    form action=(at) method="post" {
                        (ctx.csrf())
                        input type="hidden" name="group" value=(row.group.id);
                        input type="hidden" name="object" value=(object.as_str());
                        select name="level" data-submit="" aria-label={ (title) " for " (row.group.name) } {
                            @for level in Level::ALL { option value=(level.word()) selected[level == *has] { (level.word()) } }
                        }
                        noscript { button.btn.btn--small type="submit" { "Set" } }
                    }
                } }
            } } }
        } } }
    };
    let frame = Page::new("Profiles", NAV, body)
        .crumb("Projects", NAV)
        .lead("What managers, finance, staff, freelancers and clients see of all projects.");
    ctx.page(frame.actions(parts::post_button(
        "Make the predefined profiles",
        "",
        "/projects/profiles/set-up",
        ctx.csrf(),
    )))
}
