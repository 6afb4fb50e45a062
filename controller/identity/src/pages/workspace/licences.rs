//! Licences of the workspace one is in: how many there are, who has them, getting more, making do with fewer, moving them.

use super::{fields, page};
use crate::licence::{self, Holder, Holding, Licence, Plan};
use crate::workspace::{self, Space};
use crate::{delegate, member};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, Level, Object, WorkspaceId};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, FieldErrors, Input, Need, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

const PATH: &str = "/workspace/licences";

pub fn routes() -> Routes {
    let need = |level| Need::workspace_area("licences", level);
    let (view, edit, own) = (need(Level::View), need(Level::Edit), need(Level::Own));
    let seat = json!({"type": "object", "required": ["account"], "properties": {"account": {"type": "string", "format": "uuid"}}});
    Routes::new("identity")
        .get(PATH, view, show)
        .about("Licences of the workspace one is in, and who has them")
        .post("/workspace/licences/{kind}/seats", edit, give)
        .about("Give a member a seat")
        .post("/workspace/licences/{kind}/seats/{account}/release", edit, release)
        .about("Release a seat")
        .post("/workspace/licences/{kind}/quantity", own, set)
        .about("Get more licences, or make do with fewer")
        .post("/workspace/licences/{kind}/transfer", own, transfer)
        .about("Move licences to another workspace one owns")
        .get("/api/v1/workspace/licences", view, api_show)
        .about("Licences of the workspace one is in, and who has them")
        .put("/api/v1/workspace/licences/{kind}", own, api_set)
        .about("Set how many there are; with fewer than in use, `agreed` is the mark of the plan that was answered before")
        .accepts(json!({"type": "object", "required": ["quantity"], "properties": {
            "quantity": {"type": "integer", "minimum": 0}, "agreed": {"type": "string"}}}))
        .get("/api/v1/workspace/licences/{kind}/plan", own, api_plan)
        .about("What another number of licences would mean, and its mark")
        .query(json!({"type": "object", "required": ["quantity"], "properties": {"quantity": {"type": "integer", "minimum": 0}}}))
        .post("/api/v1/workspace/licences/{kind}/seats", edit, api_give)
        .about("Give a member a seat")
        .accepts(seat)
        .delete("/api/v1/workspace/licences/{kind}/seats/{account}", edit, api_release)
        .about("Release a seat")
        .post("/api/v1/workspace/licences/{kind}/transfer", own, api_transfer)
        .about("Move licences to another workspace one owns")
        .accepts(json!({"type": "object", "required": ["to", "count"], "properties": {
            "to": {"type": "string", "format": "uuid"}, "count": {"type": "integer", "minimum": 1}}}))
}

/// The form that was refused, and of which kind of licence.
type Refused<'a> = Option<(Licence, &'a Input)>;

fn kind(ctx: &Ctx) -> Result<Licence> {
    Licence::from_word(&ctx.param::<String>("kind")?).ok_or(WebError::NotFound)
}

async fn show(ctx: Ctx) -> Result<Markup> {
    licences(&ctx, None)
}

fn licences(ctx: &Ctx, refused: Refused<'_>) -> Result<Markup> {
    let viewer = ctx.who()?;
    let (level, personal, holdings, holders, members, others) = ctx.read(|tx| -> Result<_> {
        let level = ctx.level(tx, &Object::area(viewer.workspace, "licences"))?;
        let mut others = Vec::new();
        for space in workspace::reached(tx, viewer)? {
            let mine = delegate::rank(tx, viewer.account, space.id)? == delegate::Rank::Owner;
            if mine && space.id != viewer.workspace {
                others.push(space);
            }
        }
        Ok((
            level,
            workspace::is_personal(tx, viewer.workspace)?,
            licence::holdings(tx, viewer.workspace)?,
            licence::holders(tx, viewer.workspace)?,
            member::active(tx, viewer.workspace)?,
            others,
        ))
    })?;
    let holdings: Vec<Holding> =
        holdings.into_iter().filter(|held| !personal || held.licence.is_personal()).collect();
    let body = html! {
        div.grid { @for held in &holdings { (stat(held)) } }
        @for held in &holdings {
            @let mine: Vec<&Holder> = holders.iter().filter(|holder| holder.licence == held.licence).collect();
            @let input = refused.filter(|(licence, _)| *licence == held.licence).map(|(_, input)| input);
            (section(ctx, held, &mine, &members, &others, level, input))
        }
        p.muted { "What is changed here takes effect at once, and is told to invoicing." }
    };
    let lead = if personal {
        "What you have for yourself. You can move it into an organisation you own."
    } else {
        "What the organisation has for its members, in one place, and who uses it."
    };
    Ok(ctx.page(page(ctx, PATH, "Licences", body)?.lead(lead)))
}

fn stat(held: &Holding) -> Markup {
    let note = html! {
        @if held.paused > 0 { (parts::badge(Tone::Warn, &format!("{} only read", held.paused))) }
        @else if held.quantity == 0 { "none yet" }
        @else if held.used >= held.quantity { (parts::badge(Tone::Info, "all in use")) }
        @else if held.licence.is_seat() { (held.quantity - held.used) " free" }
        @else { "slots on every event; " (held.used) " taken on the fullest" }
    };
    let value = if held.licence.is_seat() {
        format!("{} of {}", held.used, held.quantity)
    } else {
        held.quantity.to_string()
    };
    parts::stat(held.licence.title(), &value, "", note)
}

fn section(
    ctx: &Ctx,
    held: &Holding,
    holders: &[&Holder],
    members: &[(AccountId, String, String)],
    others: &[Space],
    level: Level,
    refused: Option<&Input>,
) -> Markup {
    let (word, empty) = (held.licence.word(), Input::default());
    let input = refused.unwrap_or(&empty);
    let path = |verb: &str| format!("{PATH}/{word}/{verb}");
    html! {
        section.card.stack id=(word) {
            div.card__head { h2 { (held.licence.title()) } }
            p.muted { (held.licence.about()) }
            (form::problems(input))
            (table(ctx, held.licence, holders, level))
            @if held.licence.is_seat() && level >= Level::Edit && held.quantity > 0 {
                @let free: Vec<(String, String)> = members.iter()
                    .filter(|(id, ..)| !holders.iter().any(|holder| holder.account == *id))
                    .map(|(id, name, email)| (id.to_string(), format!("{name} ({email})"))).collect();
                @if held.used >= held.quantity {
                    (parts::notice(Tone::Info, html! { @if held.quantity == 1 { "The one seat is in use. Release it" } @else { "All " (held.quantity) " seats are in use. Release one" } ", or get more below." }))
                } @else if !free.is_empty() {
                    form.form.form--inline action=(path("seats")) method="post" {
                        (ctx.csrf()) (choice("account", "Give a seat to", &free, input))
                        button.btn type="submit" { "Give seat" }
                    }
                }
            }
            @if level == Level::Own { (quantity(ctx, held, input, &path("quantity"))) }
            @if level == Level::Own && held.quantity > 0 { (mover(ctx, held, others, input, &path("transfer"))) }
        }
    }
}

fn table(ctx: &Ctx, licence: Licence, holders: &[&Holder], level: Level) -> Markup {
    let now = ctx.now();
    if holders.is_empty() {
        let text = if licence.is_seat() {
            "Nobody has a seat yet."
        } else {
            "Nobody has a slot yet: they are given on the event."
        };
        return html! { p { (text) } };
    }
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Who" } @if !licence.is_seat() { th scope="col" { "Event" } } th scope="col" { "Since" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for holder in holders { tr {
                td data-label="Who" { (holder.name) " " span.muted { (holder.email) } @if holder.paused { " " (parts::badge(Tone::Warn, "reads only")) } }
                @if let Some(event) = &holder.event { td data-label="Event" { a href={ "/events/" (event.id()) } { "Open" } } }
                td data-label="Since" { (parts::time(holder.given_at, now)) }
                td.num { @if licence.is_seat() && level >= Level::Edit {
                    (parts::post_button("Release", "btn--small", &format!("{PATH}/{}/seats/{}/release", licence.word(), holder.account), ctx.csrf()))
                } }
            } } }
        } }
    }
}

/// A field inside its label: there are several of the same name on this page, so none can have an id made from it.
fn field(title: &str, error: Option<&str>, control: Markup) -> Markup {
    html! {
        label.field {
            span.field__label { (title) }
            (control)
            @if let Some(error) = error { span.field__error { (title) " " (error) "." } }
        }
    }
}

fn number(name: &str, title: &str, input: &Input) -> Markup {
    let invalid = input.error(name).map(|_| "true");
    let control = html! { input name=(name) inputmode="numeric" required value=(input.raw(name)) autocomplete="off" aria-invalid=[invalid]; };
    field(title, input.error(name), control)
}

fn choice(name: &str, title: &str, options: &[(String, String)], input: &Input) -> Markup {
    let control = html! {
        select name=(name) required aria-invalid=[input.error(name).map(|_| "true")] {
            option value="" { "Choose…" }
            @for (key, label) in options { option value=(key) selected[key == input.text(name)] { (label) } }
        }
    };
    field(title, input.error(name), control)
}

fn quantity(ctx: &Ctx, held: &Holding, input: &Input, path: &str) -> Markup {
    let stored = Input::filled([("quantity", held.quantity.to_string())]);
    let input = if input.has("quantity") { input } else { &stored };
    html! {
        form.form.form--inline action=(path) method="post" {
            (ctx.csrf()) (number("quantity", "How many", input))
            button.btn type="submit" { "Change" }
        }
    }
}

fn mover(ctx: &Ctx, held: &Holding, others: &[Space], input: &Input, path: &str) -> Markup {
    let fitting = others.iter().filter(|space| !space.personal || held.licence.is_personal());
    let options: Vec<(String, String)> =
        fitting.map(|space| (space.id.to_string(), space.name.clone())).collect();
    html! {
        @if !options.is_empty() {
            form.form.form--inline action=(path) method="post" {
                (ctx.csrf())
                (number("count", "Move", input))
                (choice("to", "to", &options, input))
                button.btn type="submit" { "Move" }
            }
        }
    }
}

fn refuse(ctx: &Ctx, licence: Licence, input: Input, error: WebError) -> Result<Response> {
    let status = error.status();
    let input = input.with_errors(fields(error)?);
    Ok((status, licences(ctx, Some((licence, &input)))?).into_response())
}

fn back(ctx: &Ctx, outcome: Result<()>, licence: Licence, input: Input, message: &str) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(ctx.redirect(PATH).flash(message).into_response()),
        Err(error) => refuse(ctx, licence, input, error),
    }
}

async fn try_give(ctx: &Ctx, account: &str) -> Result<()> {
    let account: AccountId = account.parse().map_err(|_| WebError::field("account", "is required"))?;
    let (licence, workspace) = (kind(ctx)?, ctx.workspace()?);
    Ok(ctx.write(move |tx| licence::give_seat(tx, workspace, licence, account)).await?)
}

async fn give(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = try_give(&ctx, input.text("account")).await;
    back(&ctx, outcome, kind(&ctx)?, input, "The seat is given.")
}

async fn try_release(ctx: &Ctx) -> Result<()> {
    let (licence, workspace, account) = (kind(ctx)?, ctx.workspace()?, ctx.param("account")?);
    Ok(ctx.write(move |tx| licence::take_seat(tx, workspace, licence, account)).await?)
}

async fn release(ctx: Ctx) -> Result<Response> {
    try_release(&ctx).await?;
    Ok(ctx
        .redirect(PATH)
        .flash("Released. What they were given stays; without a licence it rests.")
        .into_response())
}

async fn try_set(ctx: &Ctx, quantity: i64, agreed: String) -> Result<()> {
    let (licence, workspace) = (kind(ctx)?, ctx.workspace()?);
    Ok(ctx.write(move |tx| licence::change(tx, workspace, licence, quantity, &agreed)).await?)
}

/// With fewer than are in use, first says who would only read.
async fn set(ctx: Ctx) -> Result<Response> {
    let (input, licence) = (ctx.form()?, kind(&ctx)?);
    let mut errors = FieldErrors::new();
    let Some(quantity) = input.parse::<i64>("quantity", &mut errors) else {
        return refuse(&ctx, licence, input, WebError::BadInput(errors));
    };
    match try_set(&ctx, quantity, input.text("agreed").to_owned()).await {
        Err(WebError::Conflict(_)) => {
            Ok((StatusCode::CONFLICT, agree_page(&ctx, licence, &plan(&ctx, quantity)?)?).into_response())
        }
        outcome => back(&ctx, outcome, licence, input, "Changed. It counts from now on."),
    }
}

fn plan(ctx: &Ctx, quantity: i64) -> Result<Plan> {
    let (licence, workspace) = (kind(ctx)?, ctx.workspace()?);
    Ok(ctx.read(|tx| licence::plan(tx, workspace, licence, quantity))?)
}

fn agree_page(ctx: &Ctx, licence: Licence, plan: &Plan) -> Result<Markup> {
    let body = html! {
        section.card.stack {
            p { "There would be " strong { (plan.quantity) } " of " (licence.title()) " instead of " (plan.before) ". That is fewer than are in use, so these people could only read:" }
            ul { @for pausing in &plan.pausing {
                li { (pausing.name) @if let Some(event) = &pausing.event { " on " a href={ "/events/" (event.id()) } { "this event" } } @else { ", on every event" } }
            } }
            p { "Nothing is deleted, and nobody loses what they were given: as soon as there is room again, they work as before. To choose others, release their seats or slots first." }
            form.form action={ (PATH) "/" (licence.word()) "/quantity" } method="post" {
                (ctx.csrf())
                input type="hidden" name="quantity" value=(plan.quantity);
                input type="hidden" name="agreed" value=(plan.mark());
                div.form__actions { a.btn.btn--quiet href=(PATH) { "Keep " (plan.before) } button.btn.btn--danger type="submit" { "Make do with " (plan.quantity) } }
            }
        }
    };
    Ok(ctx.page(page(ctx, PATH, "Fewer licences", body)?))
}

async fn try_transfer(ctx: &Ctx, to: WorkspaceId, count: i64) -> Result<()> {
    let (licence, viewer) = (kind(ctx)?, ctx.who()?.clone());
    if !viewer.reaches(to) {
        viewer.whole()?;
    }
    let both = (viewer.workspace, to);
    Ok(ctx.write(move |tx| licence::transfer(tx, viewer.account, licence, both, count)).await?)
}

async fn transfer(ctx: Ctx) -> Result<Response> {
    let (input, mut errors) = (ctx.form()?, FieldErrors::new());
    let (to, count) = (input.parse("to", &mut errors), input.parse("count", &mut errors));
    let outcome = match (to, count) {
        (Some(to), Some(count)) => try_transfer(&ctx, to, count).await,
        _ => Err(WebError::BadInput(errors)),
    };
    back(&ctx, outcome, kind(&ctx)?, input, "Moved. They count there from now on.")
}

async fn api_show(ctx: Ctx) -> Result<Response> {
    let workspace = ctx.workspace()?;
    let (holdings, holders) = ctx.read(|tx| -> Result<_> {
        Ok((licence::holdings(tx, workspace)?, licence::holders(tx, workspace)?))
    })?;
    Ok(reply::json(&json!({"licences": holdings, "holders": holders})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quantity {
    quantity: i64,
    #[serde(default)]
    agreed: String,
}

async fn api_set(ctx: Ctx) -> Result<Response> {
    let Quantity { quantity, agreed } = ctx.json()?;
    try_set(&ctx, quantity, agreed).await?;
    Ok(reply::done())
}

async fn api_plan(ctx: Ctx) -> Result<Response> {
    let Quantity { quantity, .. } = ctx.query()?;
    let plan = plan(&ctx, quantity)?;
    Ok(reply::json(&json!({"plan": plan, "mark": plan.mark()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seat {
    account: String,
}

async fn api_give(ctx: Ctx) -> Result<Response> {
    let seat: Seat = ctx.json()?;
    try_give(&ctx, &seat.account).await?;
    Ok(reply::done())
}

async fn api_release(ctx: Ctx) -> Result<Response> {
    try_release(&ctx).await?;
    Ok(reply::done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    to: WorkspaceId,
    count: i64,
}

async fn api_transfer(ctx: Ctx) -> Result<Response> {
    let Transfer { to, count } = ctx.json()?;
    try_transfer(&ctx, to, count).await?;
    Ok(reply::done())
}
