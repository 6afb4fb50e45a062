//! A user's page: the form, what is known of them, and what can be done with their account.

use super::super::fields;
use super::form::{self, Choices};
use super::{opens, state_badge};
use crate::account::{self, Account, State};
use crate::area::AREAS;
use crate::delegate::Rank;
use crate::error::IdentityError;
use crate::group::Group;
use crate::names::Others;
use crate::review::{self, Given};
use crate::{Identity, delegate, letter, level, member, session, user, workspace};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, GroupId, Kind, Level, Object};
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Page, Result, WebError};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

pub async fn new(ctx: Ctx) -> Result<Markup> {
    new_page(&ctx, &Input::default())
}

fn new_page(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let choices = Choices::read(ctx)?;
    let body = html! {
        (bo_web::layout::form::problems(input))
        (form::tabs())
        form.form.stack #user action="/users" method="post" {
            (ctx.csrf())
            (form::general(input, None))
            (form::roles(input, &choices))
        }
        section.card #information {
            div.card__head { h2 { "Information" } }
            p.muted { "Number and dates appear once the user is saved. They then get a link by mail with which they choose their own password." }
        }
    };
    Ok(ctx.page(
        Page::new("New backoffice user", "/users", html! { div.stack { (body) } })
            .crumb("Backoffice users", "/users")
            .actions(save_button()),
    ))
}

fn save_button() -> Markup {
    html! { a.btn.btn--quiet href="/users" { "Cancel" } button.btn.btn--primary type="submit" form="user" { "Save" } }
}

/// Makes the account, its groups and levels and its activation link, all or nothing. Answers the id, and the link when
/// no mail can be sent.
pub async fn make(
    identity: &Identity,
    ctx: &Ctx,
    wanted: user::Wanted,
) -> Result<(AccountId, Option<String>)> {
    let (id, secret, viewer) = (ctx.make_id::<AccountId>(), session::secret(), ctx.who()?.clone());
    let mail = identity.post(&letter::path(&secret), letter::activation);
    let (hash, sent) = (session::digest(&secret), mail.is_some());
    if !sent {
        letters_or_operator(ctx)?;
    }
    ctx.write(move |tx| -> std::result::Result<(), IdentityError> {
        user::create(tx, &viewer, id, &wanted, &hash)?;
        match &mail {
            Some(mail) => mail.post_link(tx, id, &viewer.workspace_name),
            None => Ok(()),
        }
    })
    .await?;
    Ok((id, (!sent).then(|| letter::path(&secret))))
}

/// Whoever makes an account is shown its link while no mail can be sent, and a link tells whether its address has an account. That is
/// for those who run the installation; nobody else is shown one.
fn letters_or_operator(ctx: &Ctx) -> Result<()> {
    match ctx.read(workspace::operator)? == Some(ctx.workspace()?) {
        true => Ok(()),
        false => Err(WebError::Unavailable(
            "This installation sends no mail: it has no public address. Only the organisation that runs it can add people.".into(),
        )),
    }
}

pub async fn create(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let made = match form::parse(&input, true) {
        Ok(wanted) => make(&identity, &ctx, wanted).await,
        Err(error) => Err(error),
    };
    match made {
        Ok((id, Some(link))) => Ok(user_page(&identity, &ctx, id, None, Some(&link))?.into_response()),
        Ok((id, None)) => {
            let message = "Saved. A mail with the link to activate the account is on its way.";
            Ok(ctx.redirect(format!("/users/{id}")).flash(message).into_response())
        }
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, new_page(&ctx, &input)?).into_response())
        }
    }
}

pub async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    user_page(&identity, &ctx, ctx.param("id")?, None, None)
}

struct Shown {
    user: Account,
    groups: Vec<(GroupId, String)>,
    areas: BTreeMap<&'static str, Level>,
    /// What they have on each area in all, by groups and by what they were given.
    levels: BTreeMap<&'static str, Level>,
    has_roles: bool,
    is_owner: bool,
    has_app: bool,
    /// What they were given on single things, by name.
    elsewhere: Vec<Given>,
    /// Why the viewer may not change them.
    refused: Option<String>,
    may_save: bool,
    /// Why the viewer may not look after their account, though they may change what it may do here.
    not_ours: Option<String>,
}

fn read(identity: &Identity, ctx: &Ctx, id: AccountId) -> Result<Shown> {
    let viewer = ctx.who()?;
    let workspace = viewer.workspace;
    let subject = Object::new(Kind::ACCOUNT, id);
    ctx.read(|tx| {
        let user = account::find_member(tx, workspace, id)?.ok_or(bo_web::WebError::NotFound)?;
        let now = tx.now();
        let levels = AREAS.iter().map(|area| {
            Ok((area.name, level::level(tx, &subject, &Object::area(workspace, area.name), now)?))
        });
        let levels = levels.collect::<std::result::Result<_, bo_db::DbError>>()?;
        let refused = delegate::administer(tx, viewer, id).err().map(|error| error.to_string());
        let edits = ctx.level(tx, &Object::area(workspace, "users"))? >= Level::Edit;
        let others = Others { viewer, parts: identity.settings.parts };
        let mut elsewhere = review::given(tx, workspace, (&subject, &user.name), others)?;
        elsewhere.retain(|given| {
            let of_the_form = [Kind::GROUP, Kind::AREA, Kind::WORKSPACE];
            !of_the_form.iter().any(|kind| given.relation.object.is(*kind))
                && given.relation.validity.to > now
        });
        Ok(Shown {
            has_roles: user::has_roles(tx, workspace, id)? || !elsewhere.is_empty(),
            elsewhere,
            groups: delegate::groups_of(tx, workspace, id)?,
            areas: user::areas_of(tx, workspace, id)?,
            levels,
            is_owner: delegate::rank(tx, id, workspace)? == Rank::Owner,
            has_app: crate::second_factor::is_on(tx, id)?
                || !crate::passkey::store::of_account(tx, id)?.is_empty(),
            may_save: edits && refused.is_none(),
            not_ours: member::look_after(tx, viewer, id).err().map(|error| error.to_string()),
            refused,
            user,
        })
    })
}

fn user_page(
    identity: &Identity,
    ctx: &Ctx,
    id: AccountId,
    typed: Option<&Input>,
    link: Option<&str>,
) -> Result<Markup> {
    let (shown, choices) = (read(identity, ctx, id)?, Choices::read(ctx)?);
    let ids: Vec<GroupId> = shown.groups.iter().map(|(id, _)| *id).collect();
    let stored = form::stored(&shown.user, &ids, &shown.areas);
    let input = typed.unwrap_or(&stored);
    let user = &shown.user;
    let body = html! {
        @if let Some(link) = link { (link_notice(ctx, link)) }
        (bo_web::layout::form::problems(input))
        @if let Some(why) = &shown.refused { (parts::notice(Tone::Info, html! { (why) })) }
        @if !shown.has_roles && user.state != State::Disabled {
            (parts::notice(Tone::Warn, html! { (user.name) " has no role here, so they can't do anything. Give them one below to let them in again." }))
        }
        @if let (true, Some(why)) = (shown.may_save, &shown.not_ours) { (parts::notice(Tone::Info, html! { (why) })) }
        (form::tabs())
        @if shown.may_save {
            form.form.stack #user action={ "/users/" (user.id) } method="post" {
                (ctx.csrf())
                (form::general(input, Some(&user.email)))
                (form::roles(input, &choices))
            }
        } @else {
            (read_only(&shown, &choices.groups))
        }
        (opens::card(|area| shown.levels.get(area).copied().unwrap_or_default()))
        (elsewhere(ctx, &shown))
        (information(ctx, user))
    };
    let mut page = Page::new(&user.name, "/users", html! { div.stack { (body) } })
        .crumb("Backoffice users", "/users")
        .lead(&user.email)
        .state(html! { (state_badge(user.state)) @if !shown.has_roles { " " (parts::badge(Tone::Warn, "no access")) } });
    if shown.may_save {
        page = page.actions(
            html! { @if shown.not_ours.is_none() { (actions(ctx, user, shown.has_app)) } (save_button()) },
        );
    }
    Ok(ctx.page(page))
}

fn read_only(shown: &Shown, groups: &[Group]) -> Markup {
    let user = &shown.user;
    let text = |text: &str| html! { (text) };
    html! {
        section.card #general {
            div.card__head { h2 { "General" } }
            (parts::facts(&[("Name", text(&user.name)), ("Mail address", text(&user.email)), ("Telephone", text(&user.phone)), ("Job", text(&user.job))]))
        }
        section.card #roles {
            div.card__head { h2 { "Roles & permissions" } }
            @if shown.is_owner { p { "Owner: everything here is theirs to see, to change and to give to others." } }
            @else if shown.groups.is_empty() && shown.areas.is_empty() { p.muted { "None of their own." } }
            @if !(shown.groups.is_empty() && shown.areas.is_empty()) { ul {
                @for group in groups.iter().filter(|group| shown.groups.iter().any(|(id, _)| *id == group.id)) { li { "Group " (group.name) } }
                @for (name, level) in &shown.areas { li { (crate::area::find(name).map_or(*name, |area| area.title)) ": " (level.word()) } }
            } }
        }
    }
}

/// What no choice of the form shows: things of buildings and modules that were given to them by name.
fn elsewhere(ctx: &Ctx, shown: &Shown) -> Markup {
    html! {
        @if !shown.elsewhere.is_empty() {
            section.card.stack #elsewhere {
                div.card__head { h2 { "Given to them on single things" } }
                ul { @for given in &shown.elsewhere { li {
                    (given.says) " " (super::super::given::when(given.relation.validity, ctx.now()))
                    @if !given.relation.reason.is_empty() { div.field__help { (given.relation.reason) } }
                } } }
                p.muted { "They keep these when their roles are taken away. Take them back where they were given, or disable the account." }
            }
        }
    }
}

fn link_notice(ctx: &Ctx, link: &str) -> Markup {
    let scheme = if ctx.app().secure { "https" } else { "http" };
    let whole = format!("{scheme}://{}{link}", ctx.header("host"));
    parts::notice(
        Tone::Good,
        html! {
            p { strong { "Hand this link over. It works once, for three days, and is not shown again." } }
            p { "No mail server is configured, so it could not be sent." }
            pre { (whole) }
        },
    )
}

fn information(ctx: &Ctx, user: &Account) -> Markup {
    let now = ctx.now();
    html! {
        section.card #information {
            div.card__head { h2 { "Information" } a href={ "/access/review?subject=account:" (user.id) } { "Everything they may" } }
            (parts::facts(&[
                ("User id", html! { code { (user.id) } }),
                ("Created", parts::time(user.created_at, now)),
                ("Changed", parts::time(user.updated_at, now)),
                ("Last sign-in", parts::time_or(user.signed_in_at, now, "never")),
            ]))
            a href={ "/audit?actor=account:" (user.id) } { "What they did" }
        }
    }
}

fn actions(ctx: &Ctx, user: &Account, has_app: bool) -> Markup {
    let path = |verb: &str| format!("/users/{}/{verb}", user.id);
    html! {
        @if user.state == State::Disabled {
            (parts::post_button("Enable", "", &path("enable"), ctx.csrf()))
        } @else {
            @if has_app { (parts::confirm("Remove second proof", "Remove their authenticator app and passkeys?",
                html! { p { "For somebody who lost them. Their password alone signs in then, until they set up others." } }, &path("second-factor/remove"), ctx.csrf())) }
            @if user.state == State::Active { (parts::post_button("View as", "", &path("view-as"), ctx.csrf())) }
            (parts::post_button(if user.state == State::Invited { "Send activation again" } else { "Send password link" }, "", &path("invite"), ctx.csrf()))
            (parts::confirm("Disable", &format!("Disable {}?", user.name),
                html! { p { "Their sessions and API tokens end at once. What they did stays. You can enable them again." } }, &path("disable"), ctx.csrf()))
        }
    }
}

/// Runs a change of somebody else's account, by the rules of delegation.
pub async fn change<F>(ctx: &Ctx, work: F) -> Result<()>
where
    F: Fn(&mut bo_db::Tx, AccountId) -> std::result::Result<(), IdentityError> + Send + 'static,
{
    let (id, viewer): (AccountId, _) = (ctx.param("id")?, ctx.who()?.clone());
    ctx.write(move |tx| -> std::result::Result<(), IdentityError> {
        member::look_after(tx, &viewer, id)?;
        let name = account::find(tx, id)?.map(|account| account.name).unwrap_or_default();
        work(tx, id)?;
        delegate::keep_an_owner(tx, viewer.workspace, &name)
    })
    .await?;
    Ok(())
}

/// Back to the user's page: with the message, or with what is wrong.
fn answer(
    identity: &Identity,
    ctx: &Ctx,
    outcome: Result<()>,
    typed: Option<Input>,
    message: &str,
) -> Result<Response> {
    let id: AccountId = ctx.param("id")?;
    match outcome {
        Ok(()) => Ok(ctx.redirect(format!("/users/{id}")).flash(message).into_response()),
        Err(error) => {
            let status = error.status();
            let errors = fields(error)?;
            let shown = read(identity, ctx, id)?;
            let ids: Vec<GroupId> = shown.groups.iter().map(|(id, _)| *id).collect();
            let input = typed.unwrap_or_else(|| form::stored(&shown.user, &ids, &shown.areas));
            Ok((status, user_page(identity, ctx, id, Some(&input.with_errors(errors)), None)?)
                .into_response())
        }
    }
}

pub async fn save(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (input, id): (Input, AccountId) = (ctx.form()?, ctx.param("id")?);
    let viewer = ctx.who()?.clone();
    let outcome = match form::parse(&input, false) {
        Ok(wanted) => {
            ctx.write(move |tx| user::save(tx, &viewer, id, &wanted)).await.map_err(bo_web::WebError::from)
        }
        Err(error) => Err(error),
    };
    answer(&identity, &ctx, outcome, Some(input), "Saved. It counts from their next request on.")
}

pub async fn disable(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let outcome = change(&ctx, |tx, id| account::set_enabled(tx, id, false, "")).await;
    answer(&identity, &ctx, outcome, None, "Disabled. All their sessions have ended.")
}

pub async fn enable(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let outcome = change(&ctx, |tx, id| account::set_enabled(tx, id, true, "")).await;
    answer(&identity, &ctx, outcome, None, "Enabled.")
}

pub async fn invite(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let secret = session::secret();
    let viewer = ctx.who()?.clone();
    let mail = identity.post(&letter::path(&secret), letter::activation);
    let (hash, sent) = (session::digest(&secret), mail.is_some());
    let outcome = change(&ctx, move |tx, id| {
        if mail.is_none() {
            // Whoever sees the link can use it: only for people who have nothing the viewer lacks.
            delegate::covers(tx, &viewer, id)?;
            if workspace::operator(tx)? != Some(viewer.workspace) {
                return Err(IdentityError::NotAllowed(
                    "No mail can be sent, and links are shown to those who run the installation only.".into(),
                ));
            }
        }
        session::add_activation(tx, id, &hash)?;
        match &mail {
            Some(mail) => mail.post_link(tx, id, &viewer.workspace_name),
            None => Ok(()),
        }
    })
    .await;
    match outcome {
        Ok(()) if !sent => {
            Ok(user_page(&identity, &ctx, ctx.param("id")?, None, Some(&letter::path(&secret)))?
                .into_response())
        }
        other => answer(&identity, &ctx, other, None, "A mail with a new link is on its way."),
    }
}
