//! What profiles have on all projects, on fields and on history.

use super::team::level;
use crate::actions;
use crate::model::PROFILES;
use crate::views;
use bo_identity::delegate;
use bo_identity::relation::Validity;
use bo_model::{GroupId, Kind, Object};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Result, WebError};
use maud::Markup;

pub async fn index(ctx: Ctx) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let rows = ctx.read(|tx| actions::matrix(tx, workspace))?;
    Ok(views::profiles::index(&ctx, &actions::columns(workspace), &rows))
}

fn back(ctx: &Ctx) -> Redirect {
    ctx.redirect("/projects/profiles")
}

pub async fn set(ctx: Ctx) -> Result<Redirect> {
    let (input, viewer) = (ctx.form()?, ctx.who()?.clone());
    let group: GroupId =
        input.text("group").parse().map_err(|_| WebError::field("group", "must be a group"))?;
    let level = level(input.text("level"))?;
    let columns = actions::columns(viewer.workspace);
    let object =
        columns.into_iter().map(|(object, _)| object).find(|object| object.as_str() == input.text("object"));
    let object = object.ok_or_else(|| WebError::field("object", "must be one of the columns"))?;
    ctx.write(move |tx| -> std::result::Result<(), bo_content::ModuleError> {
        actions::scaffold(tx, viewer.workspace)?;
        let subject = Object::new(Kind::GROUP, group);
        Ok(delegate::set_grant(tx, &viewer, &subject, &object, level, Validity::ALWAYS, "profile")?)
    })
    .await?;
    Ok(back(&ctx).flash("Changed; it counts from the next page they open"))
}

pub async fn set_up(ctx: Ctx) -> Result<Redirect> {
    let (viewer, ids): (_, Vec<GroupId>) =
        (ctx.who()?.clone(), PROFILES.iter().map(|_| ctx.make_id()).collect());
    let made = ctx.write(move |tx| actions::set_up(tx, &viewer, &ids)).await?;
    Ok(back(&ctx).flash(match made {
        0 => "They are all there already".to_owned(),
        count => format!("{count} profiles are there; put people into them under Groups"),
    }))
}
