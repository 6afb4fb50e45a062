//! Maintenance: places where work is going on, so that their alarms are kept but nobody is called. Planned for a while,
//! ended early.

use super::{forms, parts as own};
use crate::Estate;
use crate::http::with;
use crate::notify::maintenance::{NewMaintenance, end, plan};
use crate::notify::queries;
use crate::registry::Registry;
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, Object};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/maintenance";
/// How long it may be planned for: (seconds, words).
const SPANS: [(&str, &str); 6] = [
    ("3600", "1 hour"),
    ("14400", "4 hours"),
    ("28800", "8 hours"),
    ("86400", "1 day"),
    ("604800", "1 week"),
    ("2592000", "30 days"),
];

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, show))
        .about("Places under maintenance, and the form that plans it")
        .post(PATH, Need::signed_in(), with(estate, begin))
        .about("Begin maintenance of a place")
        .post("/maintenance/{id}/end", Need::signed_in(), with(estate, finish))
        .about("End maintenance early")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let input = Input::filled([("object", ctx.query_value("object")), ("span", "14400".to_owned())]);
    render(&estate, &ctx, &input)
}

fn name(registry: &Registry, object: &Object) -> String {
    own::name_of(registry, object.kind(), object.id()).unwrap_or_else(|| "a removed thing".into())
}

/// What may be put under maintenance: zones and systems the viewer operates, and what was asked for.
fn places(ctx: &Ctx, registry: &Registry, asked: &str) -> Result<forms::Options> {
    let named = |kind: &str, options: forms::Options| {
        options.into_iter().map(|(id, label)| (format!("{kind}:{id}"), label)).collect::<forms::Options>()
    };
    let mut found = named("zone", forms::zones(ctx, registry, Level::Edit, |_| true)?);
    found.extend(named("system", forms::systems(ctx, registry, Level::Edit)?));
    if let Some(object) =
        Object::parse(asked).filter(|object| object.is(Kind::DEVICE) || object.is(Kind::EDGE))
    {
        found.insert(0, (asked.to_owned(), name(registry, &object)));
    }
    Ok(found)
}

fn render(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let (registry, now, workspace) = (estate.registry(), ctx.now(), ctx.workspace()?);
    let held = ctx.read(|tx| {
        let mut seen = Vec::new();
        for each in queries::planned(tx, workspace)? {
            let level = ctx.level(tx, &each.object)?;
            if level >= Level::View {
                seen.push((each, level));
            }
        }
        Ok::<_, WebError>(seen)
    })?;
    let places = places(ctx, &registry, input.text("object"))?;
    let spans: forms::Options = SPANS.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let fields = html! {
        (form::choose("object", "Place", "Everything below it is meant too.", &places, input))
        (form::select("span", "From now on for", "", &spans, input))
        (form::text("reason", "What is done", "Shown beside the alarms of that time.", "text", true, input))
    };
    let body = html! {
        div.split {
            (own::flush("Now and planned", own::none(), html! {
                @if held.is_empty() { (parts::empty("alarm", "No maintenance", "Where work is going on, alarms are kept but nobody is called for them.", None)) }
                @else { div.table-wrap { table.table.table--cards {
                    thead { tr { th scope="col" { "Place" } th scope="col" { "What is done" } th scope="col" { "Until" } th scope="col" { "By" } th scope="col" { span.sr-only { "End" } } } }
                    tbody { @for (each, level) in &held { tr {
                        td data-label="Place" { span { (name(&registry, &each.object)) @if each.starts_at > now { " " (badge(Tone::Idle, "Planned")) } @else { " " (badge(Tone::Info, "Now")) } } }
                        td data-label="What is done" { (each.reason) }
                        td data-label="Until" { (own::exact(each.ends_at)) }
                        td data-label="By" { (each.made_by) }
                        td { @if *level >= Level::Edit { (parts::post_button("End it", "btn--small", &format!("{PATH}/{}/end", each.id), ctx.csrf())) } }
                    } } }
                } } }
            }))
            @if !places.is_empty() { (forms::card(ctx, "Begin maintenance", PATH, input, fields, "Begin")) }
        }
    };
    let lead = "Alarms of a place under maintenance are kept and marked, but nobody is called for them.";
    Ok(ctx.page(Page::new("Maintenance", "/alarms", body).crumb("Alarms", "/alarms").lead(lead)))
}

fn read(ctx: &Ctx, input: &Input) -> Result<NewMaintenance> {
    let object = Object::parse(input.text("object"));
    let seconds: u64 = forms::chosen(input, "span")?;
    Ok(NewMaintenance {
        object: object.ok_or_else(|| WebError::field("object", "is required"))?,
        starts_at: None,
        ends_at: ctx.now().after(std::time::Duration::from_secs(seconds)),
        reason: input.text("reason").to_owned(),
    })
}

async fn begin(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = match read(&ctx, &input) {
        Ok(new) => plan(&ctx, new).await,
        Err(error) => Err(error),
    };
    let outcome = outcome
        .map(|_| Redirect::to(PATH).flash("Maintenance has begun: nobody is called for alarms there."));
    forms::answer(outcome, input, |input| render(&estate, &ctx, input))
}

async fn finish(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    end(&ctx, ctx.param("id")?).await?;
    Ok(ctx.redirect(PATH).flash("Ended. Alarms call people again.").into_response())
}
