//! The matrix of groups and business modules: who may what in each.

use super::{fields, level, people_tabs};
use crate::area::MODULES;
use crate::delegate;
use crate::error::IdentityError;
use crate::group::{self, Group};
use crate::level::granted;
use crate::relation::{RelationKind, Validity, from_subject};
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, Object};
use bo_web::layout::form;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde_json::json;

pub fn routes() -> Routes {
    let view = Need::workspace_area("users", Level::View);
    Routes::new("identity")
        .get("/access/modules", view, show)
        .about("What each group may do in each business module")
        .post("/access/modules", view, save)
        .about("Set the groups' levels on the business modules one owns")
        .get("/api/v1/modules/levels", view, api_show)
        .about("What each group may do in each business module")
}

/// The level a group was given, and the level it has by all paths.
struct Cell {
    given: Level,
    has: Level,
}

struct Matrix {
    rows: Vec<(Group, Vec<Cell>)>,
    /// Modules the viewer owns, and may give.
    owned: Vec<bool>,
}

fn read(ctx: &Ctx) -> Result<Matrix> {
    let workspace = ctx.workspace()?;
    ctx.read(|tx| {
        let (now, mut rows, mut owned) = (tx.now(), Vec::new(), Vec::new());
        let modules: Vec<Object> =
            MODULES.iter().map(|module| Object::module(workspace, module.name)).collect();
        for module in &modules {
            owned.push(ctx.level(tx, module)? == Level::Own);
        }
        for group in group::all(tx, workspace)? {
            let subject = subject(&group);
            let grants = from_subject(tx, &Object::new(Kind::GROUP, group.id), RelationKind::Grant)?;
            let mut cells = Vec::new();
            for module in &modules {
                let given =
                    grants.iter().find(|row| row.object == *module).map_or(Level::None, |row| row.cap);
                cells.push(Cell { given, has: granted(tx, &subject, module, now)? });
            }
            rows.push((group, cells));
        }
        Ok(Matrix { rows, owned })
    })
}

fn subject(group: &Group) -> Object {
    match group.builtin.as_str() {
        "everyone" => Object::everyone(),
        _ => Object::new(Kind::GROUP, group.id),
    }
}

async fn show(ctx: Ctx) -> Result<Markup> {
    page(&ctx, &Input::default())
}

/// The words of the business modules for the levels.
const WORDS: [(Level, &str); 4] =
    [(Level::None, "none"), (Level::View, "view"), (Level::Edit, "edit"), (Level::Own, "moderate")];

fn page(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let matrix = read(ctx)?;
    let may_save = matrix.owned.contains(&true);
    let body = html! {
        (people_tabs("/access/modules"))
        (form::problems(input))
        form.card.card--flush action="/access/modules" method="post" {
            (ctx.csrf())
            div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Group" } @for module in &MODULES { th scope="col" { (module.title) } } } }
                tbody { @for (group, cells) in &matrix.rows { tr {
                    th scope="row" data-label="Group" { a href={ "/groups/" (group.id) } { (group.name) } }
                    @for (place, (module, cell)) in MODULES.iter().zip(cells).enumerate() {
                        td data-label=(module.title) { (choice(group, module.name, module.title, cell, matrix.owned[place])) }
                    }
                } } }
            } }
            @if may_save { div.form__actions { button.btn.btn--primary type="submit" { "Save" } } }
        }
        section.card.stack {
            div.card__head { h2 { "What the levels mean" } }
            div.table-wrap tabindex="0" role="region" aria-label="What the levels mean" { table.table {
                thead { tr { th scope="col" { "Module" } th scope="col" { "view" } th scope="col" { "edit" } th scope="col" { "moderate" } } }
                tbody { @for module in &MODULES { tr { th scope="row" { (module.title) } @for opens in module.opens { td { (opens) } } } } }
            } }
            p.muted { "None is no access at all. General is the arrangement of all other modules: the website, the portfolio with its projects, the staff directory, awards, events, the shop, locations, testimonials, classified ads, photovoltaics and time entry. What a group gives adds up with what its members have otherwise; nothing is ever taken away by it." }
        }
    };
    Ok(ctx.page(
        Page::new("Access to modules", "/users", html! { div.stack { (body) } })
            .crumb("Backoffice users", "/users")
            .lead("The wiki, the blog, contracts and the CRM have arrangements of their own; all others share General."),
    ))
}

fn choice(group: &Group, module: &str, title: &str, cell: &Cell, owned: bool) -> Markup {
    html! {
        select name={ "m-" (group.id) "-" (module) } aria-label={ (group.name) ": " (title) } disabled[!owned] {
            @for (level, word) in WORDS { option value=(level.word()) selected[level == cell.given] { (word) } }
        }
        @if cell.has > cell.given { div.field__help { (word(cell.has)) " by another group it is in, or as everybody" } }
    }
}

fn word(level: Level) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == level).map_or("see", |(_, word)| word)
}

async fn save(ctx: Ctx) -> Result<Response> {
    let (input, viewer) = (ctx.form()?, ctx.who()?.clone());
    let matrix = read(&ctx)?;
    let mut changes = Vec::new();
    for (group, cells) in &matrix.rows {
        for (module, cell) in MODULES.iter().zip(cells) {
            let name = format!("m-{}-{}", group.id, module.name);
            if input.has(&name) {
                let wanted =
                    level(input.text(&name)).ok_or_else(|| WebError::field("", "a level is not known"))?;
                if wanted != cell.given {
                    let subject = Object::new(Kind::GROUP, group.id);
                    changes.push((subject, Object::module(viewer.workspace, module.name), wanted));
                }
            }
        }
    }
    let outcome = ctx
        .write(move |tx| -> std::result::Result<(), IdentityError> {
            for (subject, module, wanted) in &changes {
                delegate::set_grant(tx, &viewer, subject, module, *wanted, Validity::ALWAYS, "")?;
            }
            Ok(())
        })
        .await
        .map_err(WebError::from);
    match outcome {
        Ok(()) => Ok(ctx
            .redirect("/access/modules")
            .flash("Saved. It counts from everybody's next request on.")
            .into_response()),
        Err(error) => {
            let status = error.status();
            Ok((status, page(&ctx, &Input::default().with_errors(fields(error)?))?).into_response())
        }
    }
}

async fn api_show(ctx: Ctx) -> Result<Response> {
    let matrix = read(&ctx)?;
    let rows = matrix.rows.iter().map(|(group, cells)| {
        let levels: serde_json::Map<String, serde_json::Value> = MODULES
            .iter()
            .zip(cells)
            .map(|(module, cell)| (module.name.to_owned(), json!({"given": cell.given, "has": cell.has})))
            .collect();
        json!({"group": group.id, "name": group.name, "levels": levels})
    });
    Ok(reply::json(&json!({"items": rows.collect::<Vec<_>>()})))
}
