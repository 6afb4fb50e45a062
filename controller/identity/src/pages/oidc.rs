//! Signing in at an OpenID provider, and managing providers and domains.

mod link;

use super::{fields, with};
use crate::domain::{self, Access, Domain, Methods};
use crate::error::IdentityError;
use crate::oidc::person::{self, Fresh, Person};
use crate::oidc::{Client, Provider, flow, store};
use crate::sign_in::{self, Proof};
use crate::{Identity, delegate, group, session};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, GroupId, Kind, Level, Object, ProviderId};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, plain_page};
use bo_web::reply::local_path;
use bo_web::{Ctx, FieldErrors, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Holds what ties a sign-in under way to the browser that began it.
const COOKIE: &str = "bo_oidc";

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let before = Need::anyone("one signs in before being anybody");
    let own = Need::workspace_area("users", Level::Own);
    Routes::new("identity")
        .get("/sign-in/oidc/{provider}", before, with(identity, begin))
        .about("Sign in at an OpenID provider")
        .get(flow::CALLBACK, before, with(identity, finish))
        .about("Where an OpenID provider sends people back to")
        .get("/access/sign-in", own, with(identity, show))
        .about("OpenID providers and domains of the workspace")
        .post("/access/sign-in/providers", own, with(identity, add_provider))
        .about("Add an OpenID provider")
        .post("/access/sign-in/providers/{provider}/remove", own, remove_provider)
        .about("Remove an OpenID provider")
        .post("/access/sign-in/domains", own, with(identity, add_domain))
        .about("Add a domain, or change how one signs in there")
        .post("/access/sign-in/domains/{host}/remove", own, remove_domain)
        .about("Remove a domain")
        .and(link::routes())
}

fn cookie(ctx: &Ctx, value: &str) -> String {
    let secure = if ctx.app().secure { "; Secure" } else { "" };
    let age = if value.is_empty() { 0 } else { 600 };
    format!("{COOKIE}={value}; Path=/sign-in; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

fn client(identity: &Identity) -> Result<&Client> {
    identity.settings.provider_client.as_ref().ok_or_else(|| {
        WebError::Unavailable(
            "Signing in at a provider is not set up: the installation has no public address.".into(),
        )
    })
}

/// What an address at the host that was asked begins with: the domain's, where there is one, for a sign-in ends where it began.
fn base(identity: &Identity, ctx: &Ctx) -> Result<String> {
    let base = identity.settings.public_url.clone().unwrap_or_default();
    let host = ctx.header("host").to_owned();
    Ok(match ctx.read(|tx| domain::find(tx, &host))? {
        Some(domain) => at_host(&base, &domain.host),
        None => base.trim_end_matches('/').to_owned(),
    })
}

/// The installation's address under another host name.
fn at_host(base: &str, host: &str) -> String {
    let changed = url::Url::parse(base).ok().and_then(|mut url| {
        url.set_host(Some(host)).ok()?;
        Some(String::from(url))
    });
    changed.unwrap_or_else(|| base.to_owned()).trim_end_matches('/').to_owned()
}

async fn begin(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let id: ProviderId = ctx.param("provider")?;
    let host = ctx.header("host").to_owned();
    let found = ctx.read(|tx| -> Result<_> {
        let (_, offered) = domain::offered(tx, &host)?;
        Ok(offered.into_iter().find(|provider| provider.id == id))
    })?;
    let provider = found.ok_or(WebError::NotFound)?;
    let about = match client(&identity)?.discover(&provider, ctx.now()).await {
        Ok(about) => about,
        Err(error) => return Ok(failed(&ctx, &error.to_string())),
    };
    let attempt = flow::Attempt {
        state: session::secret(),
        nonce: session::secret(),
        verifier: session::secret(),
        next: local_path(&ctx.query_value("next")),
    };
    let redirect = format!("{}{}", base(&identity, &ctx)?, flow::CALLBACK);
    let Some(to) = flow::authorization(&about, &provider.client_id, &redirect, &attempt) else {
        return Ok(failed(&ctx, "The provider's address is not https."));
    };
    let secret = session::secret();
    let set = cookie(&ctx, &secret);
    ctx.write(move |tx| store::begin(tx, id, &secret, &attempt)).await?;
    let location = HeaderValue::from_str(&to).map_err(WebError::internal)?;
    let set = HeaderValue::from_str(&set).map_err(WebError::internal)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::SET_COOKIE, set)]).into_response())
}

fn failed(ctx: &Ctx, why: &str) -> Response {
    let body = html! {
        h1 { "You are not signed in" }
        (parts::notice(Tone::Bad, html! { (why) }))
        a.btn href="/sign-in" { "To the sign-in" }
    };
    let page = plain_page(ctx, "Not signed in", body);
    (StatusCode::FORBIDDEN, [(header::SET_COOKIE, cookie(ctx, ""))], page).into_response()
}

/// How a sign-in at a provider ends well.
enum Finished {
    /// In: where they wanted to go, and the session's secret.
    In(String, String),
    /// A letter to that address asks first.
    Asked(String),
}

async fn finish(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    match try_finish(&identity, &ctx).await {
        Ok(Finished::Asked(email)) => Ok(link::asked(&ctx, &email)),
        Ok(Finished::In(next, secret)) => Ok(ctx
            .redirect(next)
            .cookie(ctx.app().session_cookie(&secret))
            .cookie(cookie(&ctx, ""))
            .into_response()),
        Err(IdentityError::Db(error)) => Err(error.into()),
        Err(error) => Ok(failed(&ctx, &error.to_string())),
    }
}

async fn try_finish(identity: &Arc<Identity>, ctx: &Ctx) -> std::result::Result<Finished, IdentityError> {
    let refused = |why: &str| IdentityError::ProviderRefused(why.to_owned());
    let secret = ctx.cookie(COOKIE).unwrap_or("").to_owned();
    let found = ctx.write(move |tx| store::take(tx, &secret)).await?;
    let (id, attempt) = found
        .ok_or_else(|| refused("this sign-in began in another browser, or too long ago. Begin again."))?;
    if ctx.query_value("state") != attempt.state {
        return Err(refused("this answer belongs to another sign-in. Begin again."));
    }
    let code = ctx.query_value("code");
    if code.is_empty() {
        let said: String =
            ctx.query_value("error").chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
        return Err(refused(&format!("it said `{said}`")));
    }
    let provider =
        ctx.read(|tx| store::find(tx, id))?.ok_or_else(|| refused("it is no longer one of ours"))?;
    let Some(client) = &identity.settings.provider_client else {
        return Err(IdentityError::ProviderAway("signing in at a provider is not set up".into()));
    };
    let base = base(identity, ctx).map_err(|error| IdentityError::ProviderAway(error.to_string()))?;
    let claims = client.exchange(&provider, &attempt, &code, &base, ctx.now()).await?;
    let (fresh, workspace, secret) = (ctx.make_id::<AccountId>(), provider.workspace, session::secret());
    let letter = identity.post(&format!("{}?code={secret}", link::PATH), person::words);
    let hash = session::digest(&secret);
    let resolve = move |tx: &mut bo_db::Tx| {
        let fresh = Fresh { account: fresh, secret_hash: &hash, letter: letter.as_ref() };
        person::resolve(tx, &provider, &claims, &fresh)
    };
    let account = match ctx.write(resolve).await? {
        Person::Known(account) => account,
        Person::Asked(account) => return Ok(Finished::Asked(account.email)),
    };
    let proof = Proof { only: Some(workspace), ..Proof::default() };
    let signed = sign_in::open(identity, ctx, account, proof).await?;
    Ok(Finished::In(attempt.next, signed.secret))
}

/// A provider can sign in as anybody of the workspace it vouches for: only the owner may name one.
fn owner(ctx: &Ctx) -> Result<()> {
    let workspace = Object::new(Kind::WORKSPACE, ctx.workspace()?);
    match ctx.read(|tx| ctx.level(tx, &workspace))? {
        Level::Own => Ok(()),
        _ => Err(WebError::Forbidden(
            "Only an owner of the workspace decides how people sign in: a provider can vouch for anybody."
                .into(),
        )),
    }
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    page(&identity, &ctx, &Input::default(), &Input::default())
}

fn page(identity: &Identity, ctx: &Ctx, provider: &Input, domain: &Input) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let (providers, domains, groups) = ctx.read(|tx| -> std::result::Result<_, bo_db::DbError> {
        Ok((store::all(tx, workspace)?, domain::all(tx, workspace)?, group::all(tx, workspace)?))
    })?;
    let callbacks: Vec<String> = match &identity.settings.public_url {
        None => Vec::new(),
        Some(base) => {
            let served =
                domains.iter().filter(|domain| domain.approved).map(|domain| at_host(base, &domain.host));
            let own = std::iter::once(base.trim_end_matches('/').to_owned());
            own.chain(served).map(|base| format!("{base}{}", flow::CALLBACK)).collect()
        }
    };
    let body = html! {
        (super::people_tabs("/access/sign-in"))
        section.card.stack {
            div.card__head { h2 { "OpenID providers" } }
            @if !callbacks.is_empty() {
                p { "At the provider, register these addresses to come back to:" }
                ul { @for callback in &callbacks { li { code { (callback) } } } }
            } @else { (parts::notice(Tone::Warn, html! { "The installation has no public address yet, so nobody can sign in at a provider: set " code { "public_url" } " in its configuration." })) }
            @if providers.is_empty() { p.muted { "None yet: people sign in with passwords." } }
            @else { (removable(ctx, ["Name", "Address"], "/access/sign-in/providers", providers.iter().map(|provider|
                (provider.id.to_string(), provider.name.clone(), provider.issuer.clone())))) }
            form.form action="/access/sign-in/providers" method="post" {
                h3 { "Add a provider" }
                (ctx.csrf()) (form::problems(provider))
                (form::text("name", "Name", "On the button: “Sign in with …”.", "text", true, provider))
                (form::text("issuer", "Address", "Its issuer, as it calls itself.", "url", true, provider))
                (form::text("client_id", "Client id", "", "text", true, provider))
                (form::text("client_secret", "Client secret", "Kept here; never shown again.", "password", true, provider))
                (form::text("group_claim", "Claim with groups", "Leave empty when groups are managed here.", "text", false, provider))
                (form::area("group_map", "Groups", &format!("One per line: the provider's word = a group here ({}).", names(&groups)), false, provider))
                (form::check("creates_accounts", "People it vouches for get an account when they first come", "", provider))
                div.form__actions { button.btn.btn--primary type="submit" { "Add provider" } }
            }
        }
        section.card.stack {
            div.card__head { h2 { "Domains" } }
            p.muted { "A host name this organisation is served under may have ways to sign in of its own. Who may sign in there, and what is served under which path: " a href="/workspace/domains" { "Domains" } "." }
            @if !domains.is_empty() { (removable(ctx, ["Host name", "One signs in with"], "/access/sign-in/domains", domains.iter().map(|domain|
                (domain.host.clone(), domain.host.clone(), methods(&domain.methods, &providers))))) }
            form.form action="/access/sign-in/domains" method="post" {
                (ctx.csrf()) (form::problems(domain))
                (form::text("host", "Host name", "", "text", true, domain))
                (form::check("password", "Password", "", domain))
                @for provider in &providers { label.check { input type="checkbox" name="provider" value=(provider.id); span { (provider.name) } } }
                div.form__actions { button.btn.btn--primary type="submit" { "Save domain" } }
            }
        }
    };
    Ok(ctx.page(
        Page::new("Signing in", "/users", html! { div.stack { (body) } })
            .crumb("Backoffice users", "/users")
            .lead("How people prove who they are, and under which names this is served."),
    ))
}

/// What can be taken away: (its place in the path, its name, what is known of it).
fn removable(
    ctx: &Ctx,
    titles: [&str; 2],
    path: &str,
    rows: impl Iterator<Item = (String, String, String)>,
) -> Markup {
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { @for title in titles { th scope="col" { (title) } } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for (id, name, about) in rows { tr {
                td data-label=(titles[0]) { (name) }
                td data-label=(titles[1]) { (about) }
                td.num { form action={ (path) "/" (id) "/remove" } method="post" data-confirm={ "Remove " (name) "? Nobody can sign in by it any more, and whoever did is signed out." } {
                    (ctx.csrf()) button.btn.btn--small.btn--danger type="submit" aria-label={ "Remove " (name) } { "Remove" }
                } }
            } } }
        } }
    }
}

fn names(groups: &[group::Group]) -> String {
    let names = groups.iter().filter(|group| group.builtin != "everyone").map(|group| group.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn methods(methods: &Methods, providers: &[Provider]) -> String {
    let password = methods.password.then(|| "password".to_owned());
    let named = providers
        .iter()
        .filter(|provider| methods.providers.contains(&provider.id))
        .map(|provider| provider.name.clone());
    password.into_iter().chain(named).collect::<Vec<_>>().join(", ")
}

async fn add_provider(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    owner(&ctx)?;
    let (input, viewer) = (ctx.form()?, ctx.who()?.clone());
    let groups = ctx.read(|tx| group::all(tx, viewer.workspace))?;
    let mut errors = FieldErrors::new();
    let provider = Provider {
        id: ctx.make_id(),
        workspace: viewer.workspace,
        name: input.text("name").into(),
        issuer: input.text("issuer").into(),
        client_id: input.text("client_id").into(),
        client_secret: input.raw("client_secret").into(),
        group_claim: input.text("group_claim").into(),
        group_map: group_map(input.text("group_map"), &groups, &mut errors),
        creates_accounts: input.checked("creates_accounts"),
        named_by: Some(viewer.account),
    };
    let outcome = if errors.is_empty() {
        let work = move |tx: &mut bo_db::Tx| {
            for group in provider.group_map.values() {
                delegate::assign(tx, &viewer, &Object::new(Kind::GROUP, group))?;
            }
            store::put(tx, &provider)
        };
        ctx.write(work).await.map_err(WebError::from)
    } else {
        Err(WebError::BadInput(errors))
    };
    match outcome {
        Ok(()) => Ok(ctx.redirect("/access/sign-in").flash("Provider added.").into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&identity, &ctx, &input, &Input::default())?)
                .into_response())
        }
    }
}

fn group_map(text: &str, groups: &[group::Group], errors: &mut FieldErrors) -> BTreeMap<String, GroupId> {
    let mut map = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let pair = line.rsplit_once('=').map(|(word, name)| (word.trim(), name.trim()));
        let known = pair.and_then(|(word, name)| {
            let group = groups.iter().find(|group| group.name.eq_ignore_ascii_case(name))?;
            Some((word.to_owned(), group.id))
        });
        match known {
            Some((word, id)) => drop(map.insert(word, id)),
            None => errors.push(("group_map".into(), format!("has a line that is not understood: {line}"))),
        }
    }
    map
}

async fn remove_provider(ctx: Ctx) -> Result<Response> {
    owner(&ctx)?;
    let (id, workspace): (ProviderId, _) = (ctx.param("provider")?, ctx.workspace()?);
    ctx.write(move |tx| store::remove(tx, workspace, id)).await?;
    Ok(ctx.redirect("/access/sign-in").flash("Provider removed.").into_response())
}

async fn add_domain(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    owner(&ctx)?;
    let input = ctx.form()?;
    let providers = input.all("provider").iter().filter_map(|id| id.parse().ok()).collect();
    let (host, workspace) = (domain::fold(input.text("host")), ctx.workspace()?);
    let known = ctx.read(|tx| domain::all(tx, workspace))?.into_iter().find(|known| known.host == host);
    let methods = Methods { password: input.checked("password"), providers };
    let domain = match known {
        Some(known) => Domain { methods, ..known },
        None => {
            Domain { host, workspace, methods, access: Access::default(), apps: Vec::new(), approved: false }
        }
    };
    match ctx.write(move |tx| domain::put(tx, &domain)).await.map_err(WebError::from) {
        Ok(()) => Ok(ctx.redirect("/access/sign-in").flash("Saved.").into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&identity, &ctx, &Input::default(), &input)?)
                .into_response())
        }
    }
}

async fn remove_domain(ctx: Ctx) -> Result<Response> {
    owner(&ctx)?;
    let (host, workspace): (String, _) = (ctx.param("host")?, ctx.workspace()?);
    ctx.write(move |tx| domain::remove(tx, workspace, &host)).await?;
    Ok(ctx.redirect("/access/sign-in").flash("Domain removed.").into_response())
}
