//! Tasks of an event.

use super::events::{Seen, seen};
use super::{forms, may_put, task_of, with_sight};
use crate::actions::{self, TaskFacts};
use crate::model::{Status, Task, TaskId, home, own_part};
use crate::{queries, views};
use axum::response::{IntoResponse, Response};
use bo_model::Level;
use bo_web::{Ctx, Input, Result, WebError};

fn board(ctx: &Ctx) -> Result<(Seen, Vec<Status>)> {
    ctx.read(|tx| {
        let seen = seen(ctx, tx)?;
        let statuses = queries::statuses(tx, seen.here.event.id)?;
        Ok((seen, statuses))
    })
}

fn shown(ctx: &Ctx, input: &Input) -> Result<Response> {
    let (seen, statuses) = board(ctx)?;
    Ok(input.on(views::tasks::board(ctx, &seen, &statuses, input)))
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    shown(&ctx, &Input::default())
}

/// Adds a task, for a page or a program.
pub async fn add(ctx: &Ctx, facts: TaskFacts) -> Result<TaskId> {
    let id: TaskId = ctx.make_id();
    with_sight(ctx, move |tx, sight, event| {
        may_put(tx, sight, home(event.id, facts.area), facts.assignee.map(own_part).into_iter())?;
        actions::add_task(tx, event.id, id, &facts)
    })
    .await?;
    Ok(id)
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let added = match forms::task(&input, None) {
        Ok(facts) => add(&ctx, facts).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(_) => Ok(to_board(&ctx)?.flash("The task is on the list").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

fn to_board(ctx: &Ctx) -> Result<bo_web::reply::Redirect> {
    Ok(ctx.redirect(format!("/events/{}/tasks", ctx.param::<crate::EventId>("id")?)))
}

fn one(ctx: &Ctx) -> Result<(Seen, Vec<Status>, Task, Level)> {
    let (seen, statuses) = board(ctx)?;
    let id: TaskId = ctx.param("task")?;
    let found = seen.tasks.iter().find(|(task, _)| task.id == id).cloned();
    let (task, level) = found.ok_or(WebError::NotFound)?;
    Ok((seen, statuses, task, level))
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    let (seen, statuses, task, level) = one(&ctx)?;
    let input = forms::of_task(&task);
    Ok(views::tasks::show(&ctx, &seen, &statuses, (&task, level), &input).into_response())
}

/// Changes a task by what was sent, for a page or a program.
pub async fn alter(ctx: &Ctx, input: Input) -> Result<()> {
    let id: TaskId = ctx.param("task")?;
    with_sight(ctx, move |tx, sight, event| {
        let task = task_of(tx, sight, event, id, Level::Edit)?;
        let facts = forms::task(&input, Some(&TaskFacts::of(&task))).map_err(fields)?;
        if (facts.area, facts.assignee) != (task.area, task.assignee) {
            may_put(tx, sight, home(event.id, facts.area), facts.assignee.map(own_part).into_iter())?;
        }
        actions::change_task(tx, &task, &facts)
    })
    .await
}

fn fields(error: WebError) -> bo_content::ModuleError {
    match error {
        WebError::BadInput(fields) => bo_content::ModuleError::Fields(fields),
        other => bo_content::ModuleError::Conflict(other.to_string()),
    }
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match alter(&ctx, input.clone()).await {
        Ok(()) => Ok(to_board(&ctx)?.flash("Saved").into_response()),
        Err(error) => {
            let input = input.refused(error)?;
            let (seen, statuses, task, level) = one(&ctx)?;
            Ok(input.on(views::tasks::show(&ctx, &seen, &statuses, (&task, level), &input)))
        }
    }
}

pub async fn status(ctx: Ctx) -> Result<Response> {
    let (id, input): (TaskId, _) = (ctx.param("task")?, ctx.form()?);
    let status =
        input.text("status").parse().map_err(|_| WebError::field("status", "must be one of the choices"))?;
    with_sight(&ctx, move |tx, sight, event| {
        let task = task_of(tx, sight, event, id, Level::Edit)?;
        actions::set_status(tx, &task, status)
    })
    .await?;
    Ok(to_board(&ctx)?.into_response())
}

pub async fn remove(ctx: Ctx) -> Result<Response> {
    let id: TaskId = ctx.param("task")?;
    with_sight(&ctx, move |tx, sight, event| {
        let task = task_of(tx, sight, event, id, Level::Edit)?;
        actions::remove_task(tx, &task)
    })
    .await?;
    Ok(to_board(&ctx)?.flash("The task was removed; the audit log keeps what it was").into_response())
}
