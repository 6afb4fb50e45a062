//! Events for programs: the same forms, the same checks.

use super::events::{listed, make, seen};
use super::{EVENTS, TASKS, forms, here, rollup, schedule, settings, tasks, with_sight};
use crate::actions;
use crate::model::{AreaId, CollaboratorId};
use crate::queries;
use axum::response::Response;
use bo_web::{Ctx, Input, Result, reply};
use serde_json::{Value as Json, json};

fn input(ctx: &Ctx, known: &[&str]) -> Result<Input> {
    Input::from_json(ctx.json::<Json>()?, known)
}

fn rows<T: serde::Serialize>(rows: &[(T, bo_model::Level)]) -> Vec<&T> {
    rows.iter().map(|(row, _)| row).collect()
}

pub async fn events(ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&EVENTS)?;
    let page = ctx.read(|tx| listed(&ctx, tx, &list))?;
    let items: Vec<Json> =
        page.items.iter().map(|(event, level)| json!({"event": event, "level": level})).collect();
    Ok(reply::json(&json!({"items": items, "next": page.next})))
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let id = make(&ctx, forms::event(&input(&ctx, &forms::EVENT)?)?).await?;
    Ok(reply::created(&format!("/api/v1/events/{id}"), &json!({"id": id})))
}

pub async fn event(ctx: Ctx) -> Result<Response> {
    let (seen, statuses) = ctx.read(|tx| -> Result<_> {
        let seen = seen(&ctx, tx)?;
        let statuses = queries::statuses(tx, seen.here.event.id)?;
        Ok((seen, statuses))
    })?;
    Ok(reply::json(&json!({
        "event": seen.here.event, "level": seen.here.level, "statuses": statuses,
        "tasks": rows(&seen.tasks),
        "schedule": rows(&seen.items),
        "areas": rows(&seen.areas),
        "people": rows(&seen.people),
    })))
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let facts = forms::event(&input(&ctx, &forms::EVENT)?)?;
    with_sight(&ctx, move |tx, _, event| actions::change_event(tx, event.id, &facts)).await?;
    Ok(reply::done())
}

pub async fn create_task(ctx: Ctx) -> Result<Response> {
    let id = tasks::add(&ctx, forms::task(&input(&ctx, &forms::TASK)?, None)?).await?;
    Ok(reply::created(
        &format!("/events/{}/tasks/{id}", ctx.param::<crate::EventId>("id")?),
        &json!({"id": id}),
    ))
}

pub async fn change_task(ctx: Ctx) -> Result<Response> {
    tasks::alter(&ctx, input(&ctx, &forms::TASK)?).await?;
    Ok(reply::done())
}

pub async fn create_item(ctx: Ctx) -> Result<Response> {
    let id = schedule::add(&ctx, schedule::facts(&ctx, &input(&ctx, &forms::ITEM)?)?).await?;
    Ok(reply::created(
        &format!("/events/{}/schedule/{id}", ctx.param::<crate::EventId>("id")?),
        &json!({"id": id}),
    ))
}

pub async fn r#move(ctx: Ctx) -> Result<Response> {
    ctx.read(|tx| here(&ctx, tx))?;
    settings::relocate(&ctx, input(&ctx, &["workspace"])?.text("workspace")).await?;
    Ok(reply::done())
}

pub async fn all_tasks(ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&TASKS)?;
    let all = ctx.read(|tx| rollup::asked(&ctx, tx, &list))?;
    let states: Vec<Json> = rollup::count(&all)
        .into_iter()
        .map(|(state, count, words)| json!({"state": state, "count": count, "statuses": words}))
        .collect();
    let page = rollup::page(&list, all);
    Ok(reply::json(&json!({"states": states, "items": rows(&page.items), "next": page.next})))
}

pub async fn all_items(ctx: Ctx) -> Result<Response> {
    let (items, clashes) = rollup::combined(&ctx, rollup::range(&ctx))?;
    let conflicts: Vec<Json> = clashes
        .iter()
        .map(|clash| json!({"what": clash.what, "first": clash.first.id, "second": clash.second.id}))
        .collect();
    Ok(reply::json(&json!({"items": rows(&items), "conflicts": conflicts})))
}

pub async fn overview(ctx: Ctx) -> Result<Response> {
    let (rows, conflicts) = rollup::rows(&ctx)?;
    Ok(reply::json(&json!({"items": rows, "conflicts": conflicts})))
}

pub async fn create_area(ctx: Ctx) -> Result<Response> {
    let (facts, id): (_, AreaId) = (forms::area(&input(&ctx, &["name", "place"])?)?, ctx.make_id());
    with_sight(&ctx, move |tx, _, event| actions::add_area(tx, event.id, id, &facts)).await?;
    Ok(reply::created(&format!("/events/{}/areas", ctx.param::<crate::EventId>("id")?), &json!({"id": id})))
}

pub async fn create_person(ctx: Ctx) -> Result<Response> {
    let sent = input(&ctx, &["name", "email", "phone", "job"])?;
    let (facts, id): (_, CollaboratorId) = (forms::person(&sent)?, ctx.make_id());
    with_sight(&ctx, move |tx, _, event| actions::add_person(tx, event.id, id, &facts)).await?;
    Ok(reply::created(
        &format!("/events/{}/people/{id}", ctx.param::<crate::EventId>("id")?),
        &json!({"id": id}),
    ))
}
