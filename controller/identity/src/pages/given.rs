//! What was given on one thing: who has it by name, since when and until when, and why. Whoever owns the thing gives and takes here.

use crate::group::{self, Group};
use crate::relation::{Relation, RelationKind, Validity, to_object};
use crate::{Identity, delegate, names, subject};
use axum::response::{IntoResponse, Response};
use bo_model::{Level, Object, Time};
use bo_web::civil;
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/access/thing";
/// Kinds that are given to people in ways of their own.
const NO_THINGS: [&str; 5] = ["account", "everyone", "group", "role", "workspace"];
const LEVELS: [(Level, &str); 4] = [
    (Level::See, "Sees that it is there"),
    (Level::View, "Reads it"),
    (Level::Edit, "Works with it: operates, writes, changes"),
    (Level::Own, "Owns it: configures, removes, decides who may"),
];

pub fn routes(identity: &Arc<Identity>) -> Routes {
    Routes::new("identity")
        .get(PATH, Need::signed_in(), super::with(identity, show))
        .about("What was given on a thing that one owns")
        .post(PATH, Need::signed_in(), super::with(identity, give))
        .about("Give somebody a level on a thing that one owns, for a while or for good; or take it back")
}

/// Addresses of the pages about who may what with a thing: those that the viewer may open.
#[derive(Clone, Debug, Default)]
pub struct AccessLinks {
    /// Where it is given and taken.
    pub give: Option<String>,
    /// Everybody who may something with it, and why.
    pub review: Option<String>,
}

impl AccessLinks {
    /// Of an object.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(ctx: &Ctx, object: &Object) -> Result<AccessLinks> {
        let Some(viewer) = ctx.viewer() else { return Ok(AccessLinks::default()) };
        let users = Object::area(viewer.workspace, "users");
        ctx.read(|tx| {
            let owns = ctx.level(tx, object)? >= Level::Own;
            let reviews = ctx.level(tx, &users)? >= Level::View;
            Ok(AccessLinks {
                give: owns.then(|| format!("{PATH}?object={object}")),
                review: reviews.then(|| format!("/access/review?object={object}")),
            })
        })
    }
}

struct Given {
    object: Object,
    name: String,
    rows: Vec<(Relation, String, String)>,
    groups: Vec<Group>,
    /// Members by mail address, for those who may know them all.
    members: Vec<(String, String)>,
}

fn read(identity: &Identity, ctx: &Ctx, object: &str) -> Result<Given> {
    let unknown = || WebError::field("object", "is not known, or not yours to give");
    let object =
        Object::parse(object).filter(|object| !NO_THINGS.contains(&object.kind())).ok_or_else(unknown)?;
    let (viewer, workspace) = (ctx.who()?, ctx.workspace()?);
    let others = names::Others { viewer, parts: identity.settings.parts };
    ctx.read(|tx| -> Result<_> {
        ctx.require(tx, &object, Level::Own)?;
        let name = names::of(tx, workspace, &object, others)?.ok_or_else(unknown)?;
        let mut rows = Vec::new();
        for row in to_object(tx, &object, RelationKind::Grant)? {
            let who = names::or_plain(tx, workspace, &row.subject, others)?;
            let by = Object::parse(&row.granted_by);
            let by = by.map(|by| names::of(tx, workspace, &by, others)).transpose()?.flatten();
            rows.push((row, who, by.unwrap_or_default()));
        }
        let groups = group::all(tx, workspace)?;
        let knows = ctx.level(tx, &Object::area(workspace, "users"))? >= Level::View;
        let members = if knows { members(tx, workspace)? } else { Vec::new() };
        Ok(Given { object, name, rows, groups, members })
    })
}

fn members(
    tx: &mut bo_db::Tx,
    workspace: bo_model::WorkspaceId,
) -> std::result::Result<Vec<(String, String)>, bo_db::DbError> {
    tx.query(
        "SELECT a.email, a.name FROM member m JOIN account a ON a.id = m.account WHERE m.workspace = ?1 ORDER BY lower(a.name), a.id LIMIT 500",
        bo_db::params![workspace],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    let given = read(&identity, &ctx, &ctx.query_value("object"))?;
    Ok(page(&ctx, &given, &Input::filled([("level", "view"), ("zone", "UTC")])))
}

fn page(ctx: &Ctx, given: &Given, input: &Input) -> Markup {
    let now = ctx.now();
    let body = html! {
        div.stack {
            section.card.card--flush {
                div.card__head { h2 { "Given here" } @if !given.members.is_empty() { a href={ "/access/review?object=" (given.object) } { "Everybody who may, and why" } } }
                @if given.rows.is_empty() { (parts::empty("key", "Nothing was given here", "Whoever may something with it has that by what it lies in.", None)) }
                @else { div.table-wrap { table.table.table--cards {
                    thead { tr { th scope="col" { "Who" } th scope="col" { "May" } th scope="col" { "When" } th scope="col" { "Why" } th scope="col" { "Given by" } th scope="col" { span.sr-only { "Take back" } } } }
                    tbody { @for (row, who, by) in &given.rows { tr {
                        td data-label="Who" { (who) }
                        td data-label="May" { (says(row.cap)) }
                        td data-label="When" { (when(row.validity, now)) }
                        td data-label="Why" { @if row.reason.is_empty() { span.muted { "no reason was given" } } @else { (row.reason) } }
                        td data-label="Given by" { (by) }
                        td { form action=(PATH) method="post" {
                            (ctx.csrf()) input type="hidden" name="object" value=(given.object.as_str()); input type="hidden" name="subject" value=(row.subject.as_str()); input type="hidden" name="level" value="none";
                            button.btn.btn--small.btn--quiet type="submit" aria-label={ "Take back what was given to " (who) } { "Take back" }
                        } }
                    } } }
                } } }
            }
            (give_form(ctx, given, input))
        }
    };
    let title = format!("Access to {}", given.name);
    ctx.page(
        Page::new(title, "/users", body)
            .lead("Who was given something on this alone. It counts from their next request on."),
    )
}

fn give_form(ctx: &Ctx, given: &Given, input: &Input) -> Markup {
    let levels: Vec<(String, String)> =
        LEVELS.iter().map(|(level, title)| (level.word().to_owned(), (*title).to_owned())).collect();
    let zones: Vec<(String, String)> = civil::zones().into_iter().map(|zone| (zone.clone(), zone)).collect();
    let timed = ["from", "until", "zone"].iter().any(|name| input.error(name).is_some())
        || !input.text("from").is_empty()
        || !input.text("until").is_empty();
    html! {
        form.card.form.stack action=(PATH) method="post" {
            h2 { "Give access" }
            (ctx.csrf()) (form::problems(input))
            input type="hidden" name="object" value=(given.object.as_str());
            (subject::field(&given.groups, &given.members, input))
            (form::select("level", "May", "", &levels, input))
            (form::text("reason", "Why", "Whoever reviews access reads it.", "text", false, input))
            details open[timed] {
                summary { "Only for some time" }
                div.stack {
                    div.row.row--fields {
                        (form::text("from", "From", "Empty: at once.", "datetime-local", false, input))
                        (form::text("until", "Until", "Empty: until it is taken back.", "datetime-local", false, input))
                    }
                    (form::select("zone", "Time zone of both", "", &zones, input))
                }
            }
            div.form__actions { button.btn.btn--primary type="submit" { "Give access" } }
        }
    }
}

fn says(level: Level) -> &'static str {
    LEVELS.iter().find(|(known, _)| *known == level).map_or("Nothing", |(_, title)| title)
}

/// When a row counts, for people.
pub fn when(validity: Validity, now: Time) -> Markup {
    let (from, to) = (validity.from > now, validity.to != Validity::ALWAYS.to);
    html! {
        span {
            @if validity.to <= now { (parts::badge(Tone::Idle, "over")) " " }
            @if !from && !to { span.muted { "always" } }
            @if from { "from " (parts::time(validity.from, now)) }
            @if from && to { ", " }
            @if to { "until " (parts::time(validity.to, now)) }
        }
    }
}

fn validity(input: &Input, now: Time) -> Result<Validity> {
    let mut found = Validity::ALWAYS;
    let zone = input.text("zone");
    let zone = jiff::tz::TimeZone::get(if zone.is_empty() { "UTC" } else { zone })
        .map_err(|_| WebError::field("zone", "is no time zone; choose one of the list"))?;
    for (name, end) in [("from", &mut found.from), ("until", &mut found.to)] {
        if !input.text(name).is_empty() {
            *end = civil::instant(input.text(name), &zone)
                .map_err(|sentence| WebError::field(name, sentence))?;
        }
    }
    if found.to <= found.from.max(now) {
        return Err(WebError::field("until", "must be to come, and after the beginning"));
    }
    Ok(found)
}

async fn set(ctx: &Ctx, input: &Input) -> Result<bool> {
    let level =
        super::level(input.text("level")).ok_or_else(|| WebError::field("level", "is none of the levels"))?;
    let validity = if level == Level::None { Validity::ALWAYS } else { validity(input, ctx.now())? };
    let mut errors = Vec::new();
    let reason = input.optional("reason", 500, &mut errors);
    if !errors.is_empty() {
        return Err(WebError::BadInput(errors));
    }
    let object = Object::parse(input.text("object")).ok_or(WebError::NotFound)?;
    let (viewer, who) = (ctx.who()?.clone(), input.text("subject").to_owned());
    ctx.write(move |tx| -> Result<()> {
        let unknown = || WebError::field("subject", "is no group, and no member's mail address");
        let subject = subject::typed(tx, viewer.workspace, &who)?.ok_or_else(unknown)?;
        Ok(delegate::set_grant(tx, &viewer, &subject, &object, level, validity, &reason)?)
    })
    .await?;
    Ok(level != Level::None)
}

async fn give(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    // Whether it is theirs comes before whatever else is wrong.
    let given = read(&identity, &ctx, input.text("object"))?;
    match set(&ctx, &input).await {
        Ok(more) => {
            let said = if more { "Given." } else { "Taken back." };
            Ok(ctx.redirect(format!("{PATH}?object={}", given.object)).flash(said).into_response())
        }
        Err(error) => {
            let status = error.status();
            Ok((status, page(&ctx, &given, &input.with_errors(super::fields(error)?))).into_response())
        }
    }
}
