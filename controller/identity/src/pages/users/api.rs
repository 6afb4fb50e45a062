//! The API of back-office users.

use super::SPEC;
use super::page::{change, make};
use crate::error::IdentityError;
use crate::profile::Profile;
use crate::user::{self, Wanted};
use crate::{Identity, account, delegate};
use axum::response::Response;
use bo_model::{AccountId, GroupId, Level};
use bo_web::{Ctx, Result, WebError, reply};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn schema(required: &[&str]) -> Json {
    let text = json!({"type": "string"});
    json!({"type": "object", "required": required, "properties": {
        "name": {"type": "string", "description": "Instead of first and last name"},
        "first_name": text, "middle_name": text, "last_name": text, "gender": {"enum": ["F", "M", "U"]}, "language": text,
        "email": {"type": "string", "format": "email", "description": "Only when the user is made"}, "job": text, "phone": text,
        "groups": {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "areas": {"type": "object", "additionalProperties": {"enum": ["none", "view", "edit", "own"]}}}})
}

pub async fn list(ctx: Ctx) -> Result<Response> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    Ok(reply::json(&ctx.read(|tx| account::members(tx, workspace, &list))?))
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    let (id, workspace): (AccountId, _) = (ctx.param("id")?, ctx.workspace()?);
    let (user, groups, areas) = ctx.read(|tx| -> Result<_> {
        let user = account::find_member(tx, workspace, id)?.ok_or(WebError::NotFound)?;
        Ok((user, delegate::groups_of(tx, workspace, id)?, user::areas_of(tx, workspace, id)?))
    })?;
    let groups: Vec<_> = groups.into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    Ok(reply::json(&json!({"user": user, "groups": groups, "areas": areas})))
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default)]
    email: String,
    name: Option<String>,
    gender: Option<String>,
    first_name: Option<String>,
    middle_name: Option<String>,
    last_name: Option<String>,
    language: Option<String>,
    job: Option<String>,
    phone: Option<String>,
    groups: Option<Vec<GroupId>>,
    #[serde(default)]
    areas: BTreeMap<String, Level>,
}

impl Patch {
    /// Puts what was sent over what there is.
    fn over(self, profile: Profile, job: &str, phone: &str) -> std::result::Result<Wanted, IdentityError> {
        let named = self.name.is_some();
        let base = self.name.map(|name| Profile::of_name(&name)).unwrap_or_else(|| profile.clone());
        let profile = Profile {
            gender: self.gender.unwrap_or(profile.gender),
            first_name: self.first_name.unwrap_or(base.first_name),
            middle_name: self.middle_name.unwrap_or(base.middle_name),
            last_name: self.last_name.unwrap_or(base.last_name),
            language: self.language.unwrap_or(profile.language),
        };
        let mut errors = profile.check();
        // People with one name have one name.
        errors.retain(|(field, _)| !(named && field == "last_name"));
        if !errors.is_empty() {
            return Err(IdentityError::BadInput(errors));
        }
        Ok(Wanted {
            email: self.email,
            profile,
            job: self.job.unwrap_or_else(|| job.to_owned()),
            phone: self.phone.unwrap_or_else(|| phone.to_owned()),
            groups: self.groups,
            areas: self.areas,
        })
    }
}

pub async fn create(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let mut patch: Patch = ctx.json()?;
    patch.groups.get_or_insert_default();
    let wanted = patch.over(Profile::of_name(""), "", "")?;
    let (id, link) = make(&identity, &ctx, wanted).await?;
    Ok(reply::created(&format!("/api/v1/users/{id}"), &json!({"id": id, "activation": link})))
}

pub async fn update(ctx: Ctx) -> Result<Response> {
    let patch: Patch = ctx.json()?;
    if !patch.email.is_empty() {
        return Err(WebError::field("email", "can't be changed: it is what they sign in with"));
    }
    let viewer = ctx.who()?.clone();
    let workspace = viewer.workspace;
    ctx.param::<AccountId>("id")?;
    change(&ctx, move |tx, id| {
        let before = account::find_member(tx, workspace, id)?.ok_or(IdentityError::NotFound)?;
        let profile = if before.profile.last_name.is_empty() || before.profile.first_name.is_empty() {
            Profile { language: before.profile.language.clone(), ..Profile::of_name(&before.name) }
        } else {
            before.profile.clone()
        };
        let mut patch = patch.clone();
        // Nothing about the name was sent: what is stored is kept, whatever it lacks.
        if [&patch.first_name, &patch.middle_name, &patch.last_name].iter().all(|part| part.is_none()) {
            patch.name = patch.name.or(Some(before.name.clone()));
        }
        let wanted = patch.over(profile, &before.job, &before.phone)?;
        user::save(tx, &viewer, id, &wanted)
    })
    .await?;
    show(ctx).await
}

pub async fn disable(ctx: Ctx) -> Result<Response> {
    change(&ctx, |tx, id| account::set_enabled(tx, id, false, "")).await?;
    Ok(reply::done())
}

pub async fn enable(ctx: Ctx) -> Result<Response> {
    change(&ctx, |tx, id| account::set_enabled(tx, id, true, "")).await?;
    Ok(reply::done())
}
