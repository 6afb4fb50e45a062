//! The form of a user: General, Roles & Permissions, Information. One form, so that one save keeps all of it or nothing.

use crate::account::Account;
use crate::area::{AREAS, Area, PRESETS, SALES_PORTAL};
use crate::group::Group;
use crate::profile::{GENDERS, LANGUAGES, Profile};
use crate::user::Wanted;
use bo_model::{GroupId, Level, Object};
use bo_web::layout::{form, parts};
use bo_web::{Ctx, FieldErrors, Input, Result, WebError};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// What the form needs to know of the workspace and of whoever fills it in.
pub struct Choices {
    pub groups: Vec<Group>,
    /// Areas the viewer owns: only these can be given.
    pub owned: Vec<&'static str>,
}

impl Choices {
    pub fn read(ctx: &Ctx) -> Result<Choices> {
        let workspace = ctx.workspace()?;
        ctx.read(|tx| {
            let mut owned = Vec::new();
            for area in AREAS {
                if ctx.level(tx, &Object::area(workspace, area.name))? == Level::Own {
                    owned.push(area.name);
                }
            }
            Ok(Choices { groups: crate::group::all(tx, workspace)?, owned })
        })
    }
}

/// What a form sent.
///
/// # Errors
/// [`WebError::BadInput`] with every wrong field.
pub fn parse(input: &Input, new: bool) -> Result<Wanted> {
    let mut errors = FieldErrors::new();
    let profile = Profile::from_form(input, &mut errors);
    if new {
        errors.extend(crate::profile::check_email(input.text("email")));
    }
    let wanted = Wanted {
        email: input.text("email").into(),
        profile,
        job: input.optional("job", 120, &mut errors),
        phone: input.optional("phone", 40, &mut errors),
        groups: groups(input, &mut errors),
        areas: areas(input, &mut errors),
    };
    if errors.is_empty() { Ok(wanted) } else { Err(WebError::BadInput(errors)) }
}

fn groups(input: &Input, errors: &mut FieldErrors) -> Option<Vec<GroupId>> {
    let mut wanted = Vec::new();
    for text in input.all("group").iter().filter(|text| !text.is_empty()) {
        match text.parse() {
            Ok(id) => wanted.push(id),
            Err(_) => errors.push(("group".into(), "is not a group".into())),
        }
    }
    // An empty value is always sent with the boxes: without it nothing was asked about groups.
    input.has("group").then_some(wanted)
}

fn areas(input: &Input, errors: &mut FieldErrors) -> BTreeMap<String, Level> {
    let preset = PRESETS.iter().find(|(word, _, _)| *word == input.text("preset"));
    let mut levels = BTreeMap::new();
    for area in AREAS {
        let name = format!("area-{}", area.name);
        let chosen = match preset {
            Some((_, _, given)) => {
                given.iter().find(|(given, _)| *given == area.name).map(|(_, level)| *level)
            }
            None if input.has(&name) => match input.text(&name) {
                "" => Some(Level::None),
                word => super::super::level(word).or_else(|| {
                    errors.push((name, "must be Owner, Editor, Viewer or nothing".into()));
                    None
                }),
            },
            None => None,
        };
        if let Some(level) = chosen {
            levels.insert(area.name.to_owned(), level);
        }
    }
    levels
}

/// A stored user, as the form shows them.
pub fn stored(user: &Account, groups: &[GroupId], areas: &BTreeMap<&'static str, Level>) -> Input {
    let mut pairs: Vec<(String, String)> =
        user.profile.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    pairs.push(("email".into(), user.email.clone()));
    pairs.push(("job".into(), user.job.clone()));
    pairs.push(("phone".into(), user.phone.clone()));
    pairs.extend(groups.iter().map(|id| ("group".to_owned(), id.to_string())));
    pairs.extend(areas.iter().map(|(name, level)| (format!("area-{name}"), level.word().to_owned())));
    Input::from_pairs(pairs)
}

/// The three parts of the form, each reached by its tab.
pub fn tabs() -> Markup {
    html! {
        nav.tabs aria-label="Parts of the form" {
            a href="#general" { "General" } a href="#roles" { "Roles & permissions" } a href="#information" { "Information" }
        }
    }
}

/// Who they are; the mail address is chosen once.
pub fn general(input: &Input, email: Option<&str>) -> Markup {
    let genders: Vec<(String, String)> =
        GENDERS.iter().map(|(word, title)| ((*word).into(), format!("{word} ({title})"))).collect();
    let languages: Vec<(String, String)> =
        LANGUAGES.iter().map(|(code, title)| ((*code).into(), (*title).into())).collect();
    let text = |name, title, help, required| form::text(name, title, help, "text", required, input);
    html! {
        section.card.stack #general {
            div.card__head { h2 { "General" } }
            h3 { "Personal" }
            (form::select("gender", "Gender", "", &genders, &with_default(input, "gender", "U")))
            (text("first_name", "First name", "", true))
            (text("middle_name", "Middle name", "", false))
            (text("last_name", "Last name", "", true))
            h3 { "Contact" }
            @if email.is_none() { (form::text("email", "Mail address", "To sign in with; it can't be changed later.", "email", true, input)) }
            @else { div.field { span.field__label { "Mail address" } div { (email.unwrap_or("")) } div.field__help { "To sign in with. It can't be changed." } } }
            (form::text("phone", "Telephone", "", "tel", false, input))
            h3 { "Work" }
            (text("job", "Job", "", false))
            (form::select("language", "Language", "The preferred one.", &languages, &with_default(input, "language", crate::profile::SYSTEM_LANGUAGE)))
        }
    }
}

fn with_default(input: &Input, name: &str, value: &str) -> Input {
    if input.text(name).is_empty() { Input::filled([(name, value)]) } else { input.clone() }
}

/// What they may.
pub fn roles(input: &Input, choices: &Choices) -> Markup {
    let mut presets = vec![(String::new(), "Custom: as chosen below".to_owned())];
    presets.extend(PRESETS.iter().map(|(word, title, _)| ((*word).to_owned(), (*title).to_owned())));
    let sections: Vec<&[Area]> = AREAS.chunk_by(|a, b| a.section == b.section).collect();
    html! {
        section.card.stack #roles {
            div.card__head { h2 { "Roles & permissions" } }
            p.muted { "Changes count from their next request on. Somebody without any role can't do anything: take all of them away to disable a user for a while." }
            (form::select("preset", "Start from", "A preset replaces the levels below when you save.", &presets, &Input::default()))
            @for section in sections {
                h3 { (section.first().map_or("", |area| area.section)) }
                @for area in section { (level_choice(area, input, choices.owned.contains(&area.name))) }
            }
            (sales_hint(input))
            (group_choice(&choices.groups, input))
        }
    }
}

fn level_choice(area: &Area, input: &Input, owned: bool) -> Markup {
    let name = format!("area-{}", area.name);
    let words = [
        ("", "No access", ""),
        ("view", "Viewer", area.opens[0]),
        ("edit", "Editor", area.opens[1]),
        ("own", "Owner", area.opens[2]),
    ];
    let chosen = input.text(&name);
    let known = words.iter().any(|(word, _, _)| *word == chosen);
    html! {
        div.field {
            label for={ "f-" (name) } { (area.title) }
            select id={ "f-" (name) } name=(name) disabled[!owned] aria-describedby={ "f-" (name) "-about" } {
                @for (word, title, opens) in words {
                    @if word.is_empty() || !opens.is_empty() || chosen == word {
                        option value=(word) selected[chosen == word] { (title) @if !opens.is_empty() { ": " (opens) } }
                    }
                }
                @if !known { option value=(chosen) selected { "Sees the name" } }
            }
            div id={ "f-" (name) "-about" } {
                @if let Some(error) = input.error(&name) { div.field__error { (error) } }
                @if !owned { div.field__help { "Only an owner of " (area.title) " can change this." } }
            }
        }
    }
}

fn sales_hint(input: &Input) -> Markup {
    let level = |name: &str| super::super::level(input.text(&format!("area-{name}"))).unwrap_or_default();
    let missing: Vec<&str> = crate::area::missing_for_sales(level).iter().map(|area| area.title).collect();
    html! {
        @if !missing.is_empty() {
            (parts::notice(parts::Tone::Warn, html! { "For the whole sales portal they also need: " (missing.join(", ")) "." }))
        } @else {
            p.muted { "The whole sales portal takes " (SALES_PORTAL.len()) " roles: Sales, Order Data, Product Data and User management." }
        }
    }
}

fn group_choice(groups: &[Group], input: &Input) -> Markup {
    let chosen = input.all("group");
    html! {
        h3 #groups-label { "Groups" }
        div.field role="group" aria-labelledby="groups-label" {
            @if let Some(error) = input.error("group") { div.field__error { (error) } }
            input type="hidden" name="group" value="";
            @for group in groups.iter().filter(|group| group.builtin != "everyone") {
                label.check {
                    input type="checkbox" name="group" value=(group.id) checked[chosen.contains(&group.id.to_string())];
                    span { (group.name) @if !group.about.is_empty() { span.field__help { " " (group.about) } } }
                }
            }
        }
    }
}
