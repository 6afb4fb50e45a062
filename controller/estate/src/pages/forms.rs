//! What the estate's forms share: a refused form that is shown again, choices of places and gateways, a form as a card,
//! and the way back after a change.

use super::parts as own;
use crate::registry::Registry;
use crate::zones::Zone;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::estate::ZoneKind;
use bo_model::{Kind, Level, Object, WorkspaceId, ZoneId};
use bo_web::layout::{form, icon, parts};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};
use maud::{Markup, html};

/// (value, label) of a select.
pub type Options = Vec<(String, String)>;

/// Answers a form: onward when it is done; when it was refused, the same page again with what was typed and the sentences
/// beside their fields.
pub fn answer(
    outcome: Result<Redirect>,
    input: Input,
    again: impl FnOnce(&Input) -> Result<Markup>,
) -> Result<Response> {
    match outcome {
        Ok(onward) => Ok(onward.into_response()),
        Err(WebError::BadInput(errors)) => refused(&input.with_errors(errors), again),
        Err(error @ WebError::Conflict(_)) => {
            refused(&input.with_errors(vec![(String::new(), error.to_string())]), again)
        }
        Err(error) => Err(error),
    }
}

fn refused(input: &Input, again: impl FnOnce(&Input) -> Result<Markup>) -> Result<Response> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again(input)?).into_response())
}

/// What to show in a form: what was typed when it was refused, else what is stored. Another form of the same page that was
/// refused is not meant.
pub fn filled<K: Into<String>, V: Into<String>>(
    input: &Input,
    stored: impl IntoIterator<Item = (K, V)>,
) -> Input {
    let stored: Vec<(String, String)> =
        stored.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let refused = input.errors().next().is_some();
    if refused && stored.iter().any(|(name, _)| input.has(name)) {
        input.clone()
    } else {
        Input::filled(stored)
    }
}

/// A form on a page of its own: fields, one button that says what it does, and a way back.
pub fn whole(ctx: &Ctx, action: &str, input: &Input, fields: Markup, submit: &str, back: &str) -> Markup {
    html! {
        section.card {
            form.form action=(action) method="post" {
                (ctx.csrf()) (form::problems(input)) (fields)
                div.form__actions {
                    button.btn.btn--primary type="submit" { (submit) }
                    a.btn.btn--quiet href=(back) { "Cancel" }
                }
            }
        }
    }
}

/// A form in a card of a page.
pub fn card(ctx: &Ctx, title: &str, action: &str, input: &Input, fields: Markup, submit: &str) -> Markup {
    own::card(
        title,
        own::none(),
        html! {
            form.form action=(action) method="post" {
                (ctx.csrf()) (form::problems(input)) (fields)
                div.form__actions { button.btn type="submit" { (submit) } }
            }
        },
    )
}

/// The card that leads to maintenance of a place.
pub fn maintenance_card(object: &Object) -> Markup {
    own::card(
        "Maintenance",
        own::none(),
        html! {
            p.muted { "While work is going on, alarms are kept but nobody is called for them." }
            a.btn href={ "/maintenance?object=" (object) } { (icon("clock")) "Begin …" }
        },
    )
}

/// The card that leads to the page where something is removed.
pub fn remove_card(path: &str, what: &str) -> Markup {
    own::card(
        "Remove",
        own::none(),
        html! {
            p.muted { "You are shown what goes with it before anything is done." }
            a.btn.btn--danger href={ (path) "/remove" } { (icon("trash")) "Remove " (what) " …" }
        },
    )
}

/// The card that leads to who may do what with a thing; for those who may know.
pub fn access_card(ctx: &Ctx, object: &Object) -> Result<Markup> {
    let links = bo_identity::AccessLinks::of(ctx, object)?;
    if links.give.is_none() && links.review.is_none() {
        return Ok(own::none());
    }
    Ok(own::card(
        "Who may what",
        own::none(),
        html! {
            p.muted { "Everybody who may see, operate or own this, and why." }
            div.row {
                @if let Some(review) = links.review { a.btn href=(review) { (icon("users")) "Show" } }
                @if let Some(give) = links.give { a.btn href=(give) { (icon("key")) "Give access" } }
            }
        },
    ))
}

/// After a move: where it was, and the way back.
pub fn moved_back(ctx: &Ctx, action: &str, field: &str, was: &str, name: &str) -> Markup {
    bo_web::layout::parts::notice(
        bo_web::layout::parts::Tone::Good,
        html! {
            form.row action=(action) method="post" {
                (ctx.csrf()) input type="hidden" name=(field) value=(was);
                span { "Moved here from " strong { (name) } "." }
                button.btn.btn--small type="submit" { "Move it back" }
            }
        },
    )
}

/// Whether the viewer owns any zone: may they build anything at all?
pub fn builds(ctx: &Ctx, registry: &Registry) -> Result<bool> {
    let workspace = ctx.workspace()?;
    ctx.read(|tx| {
        if ctx.level(tx, &Object::area(workspace, "estate"))? >= Level::Own {
            return Ok::<_, WebError>(true);
        }
        for zone in registry.zones.values().filter(|zone| zone.workspace == workspace) {
            if ctx.level(tx, &Object::new(Kind::ZONE, zone.id))? >= Level::Own {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Zones as a select shows them: indented by how deep they lie, those on which the viewer has `level`.
pub fn zones(
    ctx: &Ctx,
    registry: &Registry,
    level: Level,
    fits: impl Fn(&Zone) -> bool + Sync,
) -> Result<Options> {
    let workspace = ctx.workspace()?;
    let ordered = in_order(registry, workspace);
    ctx.read(|tx| {
        let mut found = Options::new();
        for (depth, id) in ordered {
            let Some(zone) = registry.zones.get(&id).filter(|zone| fits(zone)) else { continue };
            if ctx.level(tx, &Object::new(Kind::ZONE, id))? >= level {
                found.push((id.to_string(), format!("{}{}", "\u{2003}".repeat(depth), zone.name)));
            }
        }
        Ok::<_, WebError>(found)
    })
}

/// Where nothing can be put anywhere yet: what comes first, and the way there. Nothing once the workspace has a place.
pub fn first_a_place(ctx: &Ctx, registry: &Registry) -> Result<Option<Markup>> {
    let workspace = ctx.workspace()?;
    if registry.zones.values().any(|zone| zone.workspace == workspace) {
        return Ok(None);
    }
    let text =
        "Rooms, gateways and devices lie in a building. Begin with the organisation and its first building.";
    Ok(Some(
        html! { section.card { (parts::empty("building", "First a place", text, Some(("Make the first place", "/zones/new")))) } },
    ))
}

/// All zones from the root down, each with its depth.
fn in_order(registry: &Registry, workspace: WorkspaceId) -> Vec<(usize, ZoneId)> {
    let mut roots: Vec<_> =
        registry.zones.values().filter(|zone| zone.workspace == workspace && zone.parent.is_none()).collect();
    roots.sort_by_key(|zone| (zone.rank, zone.name.clone()));
    let mut waiting: Vec<(usize, ZoneId)> = roots.iter().rev().map(|zone| (0, zone.id)).collect();
    let mut found = Vec::new();
    while let Some((depth, id)) = waiting.pop() {
        found.push((depth, id));
        waiting.extend(registry.children(id).iter().rev().map(|child| (depth + 1, *child)));
    }
    found
}

/// Gateways the viewer may see.
pub fn edges(ctx: &Ctx, registry: &Registry) -> Result<Options> {
    let workspace = ctx.workspace()?;
    let mut edges: Vec<_> = registry.edges.values().filter(|edge| edge.workspace == workspace).collect();
    edges.sort_by_key(|edge| edge.name.clone());
    ctx.read(|tx| {
        let mut found = Options::new();
        for edge in edges {
            if ctx.level(tx, &Object::new(Kind::EDGE, edge.id))? >= Level::View {
                found.push((edge.id.to_string(), edge.name.clone()));
            }
        }
        Ok::<_, WebError>(found)
    })
}

/// The gateway that serves a place: of the nearest zone on the way up that has one.
pub fn nearest_edge(registry: &Registry, zone: ZoneId) -> Option<String> {
    let path = registry.path(zone);
    let serves = |zone: &Zone| registry.edges.values().find(|edge| edge.zone == zone.id);
    path.iter().rev().find_map(|zone| serves(zone)).map(|edge| edge.id.to_string())
}

/// Systems in which the viewer may build, with their place.
pub fn systems(ctx: &Ctx, registry: &Registry, level: Level) -> Result<Options> {
    let workspace = ctx.workspace()?;
    let mut systems: Vec<_> = registry
        .systems
        .values()
        .filter(|system| system.workspace == workspace)
        .map(|system| (own::place(registry, system.zone), system.name.clone(), system.id))
        .collect();
    systems.sort();
    ctx.read(|tx| {
        let mut found = Options::new();
        for (place, name, id) in systems {
            if ctx.level(tx, &Object::new(Kind::SYSTEM, id))? >= level {
                found.push((id.to_string(), format!("{place} · {name}")));
            }
        }
        Ok::<_, WebError>(found)
    })
}

/// Kinds of zones, from the outside in.
pub fn zone_kinds() -> Options {
    [ZoneKind::Organisation, ZoneKind::Region, ZoneKind::Building, ZoneKind::Level, ZoneKind::Area]
        .iter()
        .map(|kind| (kind.word().to_owned(), own::humane(kind.word())))
        .collect()
}

/// A field's id, when it is one; a sentence beside the field otherwise.
pub fn chosen<T: std::str::FromStr>(input: &Input, field: &str) -> Result<T> {
    match input.text(field) {
        "" => Err(WebError::field(field, "is required")),
        text => text.parse().map_err(|_| WebError::field(field, "is not one of the choices")),
    }
}

/// A text that may be left empty.
pub fn given(input: &Input, field: &str) -> Option<String> {
    Some(input.text(field)).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Free words of a form's field.
pub fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
