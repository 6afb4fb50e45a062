//! API of alarms.

use super::{Alarm, Note, actions, queries};
use crate::Estate;
use crate::http::{visible, with};
use crate::notify::rank;
use axum::response::Response;
use bo_db::Tx;
use bo_model::{AccountId, AlarmId, Kind, Object};
use bo_web::list::{Key, ListSpec};
use bo_web::{Ctx, Level, Need, Result, Routes, WebError, reply};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// What the list of alarms offers.
pub const SPEC: ListSpec = ListSpec {
    sorts: &["raised", "severity"],
    sort: "raised",
    desc: true,
    filters: &["state", "severity", "zone", "system", "device"],
};

/// Routes of alarms.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/api/v1/alarms", Need::signed_in(), with(estate, list))
        .about("Alarms; state is open (needs somebody), active, closed or all; `zone` means all that lies in it")
        .lists(&SPEC)
        .get("/api/v1/alarms/{id}", Need::signed_in(), with(estate, show))
        .about("An alarm with its notes")
        .post("/api/v1/alarms/{id}/acknowledge", Need::signed_in(), with(estate, acknowledge))
        .about("Say that somebody sees to it, with a comment")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {"comment": {"type": "string"}}}))
        .post("/api/v1/alarms/{id}/assign", Need::signed_in(), with(estate, assign))
        .about("Give an alarm to a member who may see it, or with null to nobody")
        .accepts(json!({"type": "object", "required": ["account"], "additionalProperties": false, "properties": {
            "account": {"type": ["string", "null"], "format": "uuid"}}}))
        .post("/api/v1/alarms/{id}/notes", Need::signed_in(), with(estate, note))
        .about("Write something beside an alarm")
        .accepts(json!({"type": "object", "required": ["text"], "additionalProperties": false, "properties": {
            "text": {"type": "string", "examples": ["The fan belt is ordered."]}}}))
}

/// A page of alarms the viewer may see.
pub fn page(ctx: &Ctx) -> Result<bo_web::Paged<Alarm>> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    let by_severity = list.sort == "severity";
    let key = |alarm: &Alarm| {
        let key = if by_severity {
            Key::from(i64::from(rank(&alarm.severity)))
        } else {
            Key::from(alarm.raised_at)
        };
        (key, alarm.id.to_string())
    };
    visible(ctx, &list, |tx, list| queries::list(tx, workspace, list), Alarm::subject, key)
}

async fn list(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&page(&ctx)?))
}

/// The alarm of the path, if the viewer has that level on what it is about.
pub fn find(ctx: &Ctx, level: Level) -> Result<Alarm> {
    let (id, workspace): (AlarmId, _) = (ctx.param("id")?, ctx.workspace()?);
    ctx.read(|tx| {
        let alarm = queries::find(tx, id)?.filter(|alarm| alarm.workspace == workspace);
        let alarm = alarm.ok_or(WebError::NotFound)?;
        ctx.require(tx, &alarm.subject(), level)?;
        Ok(alarm)
    })
}

async fn show(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let alarm = find(&ctx, Level::View)?;
    let notes = ctx.read(|tx| queries::notes(tx, alarm.id))?;
    Ok(reply::json(&AlarmView { alarm, notes }))
}

#[derive(Serialize)]
struct AlarmView {
    #[serde(flatten)]
    alarm: Alarm,
    notes: Vec<Note>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    account: Option<AccountId>,
}

/// Members who could see to an alarm: active ones who may see it, by name; the first two hundred.
pub fn candidates(ctx: &Ctx, alarm: &Alarm) -> Result<Vec<(AccountId, String)>> {
    ctx.read(|tx| {
        let (subject, now) = (alarm.subject(), tx.now());
        let members = queries::members(tx, alarm.workspace)?;
        let people: Vec<Object> = members.iter().map(|(id, _)| Object::new(Kind::ACCOUNT, id)).collect();
        let levels = bo_identity::level::level_of_each(tx, &people, &subject, now)?;
        let may = members.into_iter().zip(levels).filter(|(_, level)| *level >= Level::View);
        Ok(may.map(|(member, _)| member).collect())
    })
}

/// Gives the alarm of the path to somebody who may see it, or to nobody.
pub async fn assign_alarm(estate: &Estate, ctx: &Ctx, account: Option<AccountId>) -> Result<Alarm> {
    let alarm = find(ctx, Level::Edit)?;
    let workspace = ctx.workspace()?;
    let done = ctx.write(move |tx| {
        let to = account.map(|id| member(tx, &alarm, id)).transpose()?;
        Ok::<_, WebError>(actions::assign(tx, workspace, alarm.id, to)?)
    });
    let done = done.await?;
    estate.show_alarm(&done);
    Ok(done)
}

fn member(tx: &mut Tx, alarm: &Alarm, id: AccountId) -> Result<(AccountId, String)> {
    let wrong = || WebError::field("account", "must be a member who may see this alarm");
    let found = bo_identity::account::find_member(tx, alarm.workspace, id)?.ok_or_else(wrong)?;
    let (subject, now) = (Object::new(Kind::ACCOUNT, id), tx.now());
    if bo_identity::level::level(tx, &subject, &alarm.subject(), now)? < Level::View {
        return Err(wrong());
    }
    Ok((id, found.name))
}

async fn assign(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let body: Assign = ctx.json()?;
    Ok(reply::json(&assign_alarm(&estate, &ctx, body.account).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    text: String,
}

/// Writes something beside the alarm of the path.
pub async fn note_alarm(ctx: &Ctx, text: String) -> Result<Note> {
    let text = text.trim().to_owned();
    if text.is_empty() || text.chars().count() > 2000 {
        return Err(WebError::field("text", "must be 1 to 2000 characters"));
    }
    let alarm = find(ctx, Level::Edit)?;
    let viewer = ctx.who()?;
    let (workspace, by) = (viewer.workspace, viewer.name.clone());
    Ok(ctx.write(move |tx| actions::note(tx, workspace, alarm.id, &by, &text)).await?)
}

async fn note(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let body: NewNote = ctx.json()?;
    Ok(reply::json(&note_alarm(&ctx, body.text).await?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    comment: String,
}

/// Acknowledges the alarm of the path.
pub async fn acknowledge_alarm(estate: &Estate, ctx: &Ctx, comment: String) -> Result<Alarm> {
    if comment.chars().count() > 1000 {
        return Err(WebError::field("comment", "must be at most 1000 characters"));
    }
    let alarm = find(ctx, Level::Edit)?;
    let viewer = ctx.who()?;
    let (workspace, by) = (viewer.workspace, viewer.name.clone());
    let done = ctx.write(move |tx| actions::acknowledge(tx, workspace, alarm.id, &by, &comment)).await?;
    estate.show_alarm(&done);
    Ok(done)
}

async fn acknowledge(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let body: Body = if ctx.body().is_empty() { Body::default() } else { ctx.json()? };
    Ok(reply::json(&acknowledge_alarm(&estate, &ctx, body.comment).await?))
}
