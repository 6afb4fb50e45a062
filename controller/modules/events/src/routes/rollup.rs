//! Across events: all tasks by the five states, all schedules with what collides, how everything is.

use super::TASKS;
use crate::actions;
use crate::conflict::{self, Booking};
use crate::model::{Event, Item, Stage, State, Task, TaskId};
use crate::queries::{self, EVER, Of};
use crate::sight::Sight;
use crate::{views, when};
use axum::response::{IntoResponse, Response};
use bo_content::ModuleError;
use bo_db::Tx;
use bo_model::{Level, Time};
use bo_web::{Ctx, ListQuery, Paged, Result, WebError, reply};
use maud::Markup;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Days a combined schedule shows when nothing else was asked, and at most.
const DAYS: u64 = 30;
const MOST_DAYS: u64 = 400;
/// Tasks changed at once at most.
const MOST_AT_ONCE: usize = 500;

/// Two items that want the same at the same time; the viewer sees both.
#[derive(Clone, Debug, Serialize)]
pub struct Clash {
    /// Who or what is wanted twice, for people.
    pub what: String,
    /// The one that begins first.
    pub first: Item,
    /// The other.
    pub second: Item,
}

/// What collides among items. Whoever does not see an item, or somebody in it, learns of no conflict with it.
pub fn clashes(items: &[(Item, Level)]) -> Vec<Clash> {
    let (mut bookings, mut names) = (Vec::new(), BTreeMap::new());
    for (place, (item, _)) in items.iter().enumerate() {
        let mut book = |who: String, name: &str| {
            names.entry(who.clone()).or_insert_with(|| name.to_owned());
            bookings.push(Booking { who, item: place, from: item.starts_at, to: item.ends_at });
        };
        match (item.area, item.area_place.as_str()) {
            (Some(area), "") => book(format!("area:{area}"), &item.area_name),
            // The same hall under two names is the same hall.
            (Some(_), hall) => book(format!("place:{}", hall.to_lowercase()), hall),
            (None, _) => {}
        }
        for person in &item.people {
            book(person.person(), &person.name);
        }
    }
    let found = conflict::find(&bookings).into_iter();
    found
        .map(|clash| Clash {
            what: names.get(&clash.who).cloned().unwrap_or_default(),
            first: items[clash.first].0.clone(),
            second: items[clash.second].0.clone(),
        })
        .collect()
}

fn items(ctx: &Ctx, tx: &mut Tx, range: (Time, Time)) -> Result<Vec<(Item, Level)>> {
    let level_of = ctx.checker();
    let all = queries::items(tx, Of::Workspace(ctx.workspace()?), range)?;
    Ok(Sight::new(&level_of).items(tx, all)?)
}

/// What collides with something in an event, other events included.
pub fn clashes_of(ctx: &Ctx, event: &Event) -> Result<Vec<Clash>> {
    let mut found = clashes(&ctx.read(|tx| items(ctx, tx, EVER))?);
    found.retain(|clash| clash.first.event == event.id || clash.second.event == event.id);
    Ok(found)
}

/// The tasks of all events that the viewer may read and that a list asks for, but for its filter of state.
pub fn asked(ctx: &Ctx, tx: &mut Tx, list: &ListQuery) -> Result<Vec<(Task, Level)>> {
    let level_of = ctx.checker();
    let all = queries::tasks(tx, Of::Workspace(ctx.workspace()?))?;
    let mut seen = Sight::new(&level_of).tasks(tx, all)?;
    let soon = ctx.now().after(Duration::from_secs(7 * 86_400));
    let soon = when::today(soon, &jiff::tz::TimeZone::UTC);
    seen.retain(|(task, _)| {
        let need = match list.filter("need") {
            Some("overdue") => task.overdue,
            Some("blocked") => task.blocked(),
            Some("nobody") => task.assignee.is_none() && !task.state.is_over(),
            Some("week") => task.due_on.is_some_and(|due| due <= soon) && !task.state.is_over(),
            _ => true,
        };
        let event = list.filter("event").is_none_or(|id| task.event.to_string() == id);
        let person = list.filter("person").is_none_or(|name| task.assignee_name == name);
        let texts = [&task.title, &task.about, &task.event_name, &task.assignee_name, &task.status_name];
        need && event && person && list.finds(texts.map(String::as_str))
    });
    Ok(seen)
}

/// A page of tasks. Without a filter of state those that are not over.
pub fn page(list: &ListQuery, tasks: Vec<(Task, Level)>) -> Paged<(Task, Level)> {
    let state = list.filter("state").and_then(State::from_word);
    let wanted = |task: &Task| state.map_or(!task.state.is_over(), |state| task.state == state);
    let rows = tasks.into_iter().filter(|(task, _)| wanted(task)).collect();
    list.page_of(rows, |(task, _): &(Task, Level)| {
        let due = task.due_on.map_or("9999".to_owned(), |due| due.to_string());
        let by = match list.sort {
            "title" => task.title.to_lowercase(),
            "event" => format!("{} {due}", task.event_name.to_lowercase()),
            "state" => format!("{} {} {due}", task.state as u8, task.status_name.to_lowercase()),
            "person" => format!("{} {due}", task.assignee_name.to_lowercase()),
            _ => format!("{due} {}", task.title.to_lowercase()),
        };
        (by, task.id.to_string())
    })
}

/// How many tasks are in each state, and by which word: (state, all of it, (word, how many)).
pub type Counts = Vec<(State, usize, Vec<(String, usize)>)>;

/// Counts of what the viewer may see.
pub fn count(tasks: &[(Task, Level)]) -> Counts {
    let counted = State::ALL.map(|(state, ..)| {
        let mut words: BTreeMap<String, usize> = BTreeMap::new();
        for (task, _) in tasks.iter().filter(|(task, _)| task.state == state) {
            *words.entry(task.status_name.clone()).or_default() += 1;
        }
        (state, words.values().sum(), words.into_iter().collect())
    });
    counted.into_iter().collect()
}

pub async fn tasks(ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&TASKS)?;
    let all = ctx.read(|tx| asked(&ctx, tx, &list))?;
    let counts = count(&all);
    let events: BTreeMap<String, String> =
        all.iter().map(|(task, _)| (task.event.to_string(), task.event_name.clone())).collect();
    let page = page(&list, all);
    if list.format == "csv" {
        let rows = page.items.into_iter().map(|(task, _)| {
            let due = task.due_on.map(|due| due.to_string()).unwrap_or_default();
            vec![
                task.event_name,
                task.title,
                task.state.word().into(),
                task.status_name,
                due,
                task.assignee_name,
                task.area_name,
                task.waiting_for,
            ]
        });
        let header = ["event", "task", "state", "status", "due_on", "person", "area", "waiting_for"];
        return reply::csv("tasks", &header, rows);
    }
    Ok(views::rollup::tasks(&ctx, &list, &page, &counts, &events).into_response())
}

/// Says how far several tasks are. Each is checked by itself; those the viewer may not change stay.
pub async fn set_state(ctx: Ctx) -> Result<Response> {
    let (input, workspace, level_of) = (ctx.form()?, ctx.workspace()?, ctx.checker());
    let state = State::from_word(input.text("to"));
    let state = state.ok_or_else(|| WebError::field("to", "must be one of the five"))?;
    let ids: Vec<TaskId> =
        input.all("task").iter().filter_map(|id| id.parse().ok()).take(MOST_AT_ONCE).collect();
    let back = ctx.redirect("/events/tasks");
    if ids.is_empty() {
        return Ok(back.flash("Choose tasks first").into_response());
    }
    let chosen = ids.len();
    let changed = ctx
        .write(move |tx| -> std::result::Result<usize, ModuleError> {
            let (mut sight, mut changed) = (Sight::new(&level_of), 0);
            for id in &ids {
                let Some(task) = queries::task(tx, *id)? else { continue };
                let here = actions::present(tx, task.event).is_ok_and(|event| event.workspace == workspace);
                if here && sight.widest(tx, &task.parts())? >= Level::Edit {
                    actions::set_state(tx, &task, state)?;
                    changed += 1;
                }
            }
            tx.unaudited("of what was chosen nothing had to change");
            Ok(changed)
        })
        .await?;
    let said = match chosen - changed {
        0 => format!("{changed} of {chosen} are “{}” now", state.title()),
        left => format!("{changed} are “{}” now; {left} are not yours to change", state.title()),
    };
    Ok(back.flash(said).into_response())
}

/// The days asked for, as instants; today and a month when nothing was asked.
pub fn range(ctx: &Ctx) -> (Time, Time) {
    let day = |name: &str| {
        let date = when::date(&ctx.query_value(name))?;
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Time(zoned.timestamp().as_microsecond()))
    };
    let days = |count: u64| Duration::from_secs(count * 86_400);
    let today = Time::from_seconds(ctx.now().seconds().div_euclid(86_400) * 86_400);
    let from = day("from").unwrap_or(today);
    let to = day("to").map_or(from.after(days(DAYS)), |to| to.after(days(1)));
    (from, to.min(from.after(days(MOST_DAYS))).max(from))
}

/// The combined schedule of those days.
pub fn combined(ctx: &Ctx, range: (Time, Time)) -> Result<(Vec<(Item, Level)>, Vec<Clash>)> {
    let items = ctx.read(|tx| items(ctx, tx, range))?;
    let clashes = clashes(&items);
    Ok((items, clashes))
}

pub async fn schedule(ctx: Ctx) -> Result<Markup> {
    let range = range(&ctx);
    let (items, clashes) = combined(&ctx, range)?;
    Ok(views::rollup::schedule(&ctx, range, &items, &clashes))
}

/// How an event is, as far as the viewer may see it.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which.
    pub event: Event,
    /// Tasks in each of the five states.
    pub states: [usize; 5],
    /// Tasks behind their date.
    pub overdue: usize,
    /// Tasks that wait for something.
    pub blocked: usize,
    /// What happens next.
    pub next: Option<Item>,
    /// What collides in it.
    pub conflicts: usize,
}

/// How all events are that are not over and not cancelled, and how many conflicts there are: one between two events is in
/// both, and counts once.
pub fn rows(ctx: &Ctx) -> Result<(Vec<Row>, usize)> {
    let (now, workspace, level_of) = (ctx.now(), ctx.workspace()?, ctx.checker());
    let (events, tasks, items) = ctx.read(|tx| -> Result<_> {
        let mut sight = Sight::new(&level_of);
        let all = queries::events(tx, workspace, false)?;
        let tasks = queries::tasks(tx, Of::Workspace(workspace))?;
        let items = queries::items(tx, Of::Workspace(workspace), (now, EVER.1))?;
        Ok((sight.events(tx, all)?, sight.tasks(tx, tasks)?, sight.items(tx, items)?))
    })?;
    let clashes = clashes(&items);
    let going =
        |event: &Event| event.stage != Stage::Cancelled && event.ends_on >= when::today(now, &event.tz());
    let rows = events.into_iter().map(|(event, _)| event).filter(going).map(|event| {
        let own: Vec<&Task> =
            tasks.iter().map(|(task, _)| task).filter(|task| task.event == event.id).collect();
        let mut states = [0; 5];
        own.iter().for_each(|task| states[task.state as usize] += 1);
        Row {
            states,
            overdue: own.iter().filter(|task| task.overdue).count(),
            blocked: own.iter().filter(|task| task.blocked()).count(),
            next: items.iter().map(|(item, _)| item).find(|item| item.event == event.id).cloned(),
            conflicts: clashes
                .iter()
                .filter(|clash| clash.first.event == event.id || clash.second.event == event.id)
                .count(),
            event,
        }
    });
    Ok((rows.collect(), clashes.len()))
}

pub async fn overview(ctx: Ctx) -> Result<Markup> {
    let (rows, conflicts) = rows(&ctx)?;
    Ok(views::rollup::overview(&ctx, &rows, conflicts))
}
