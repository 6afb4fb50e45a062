//! What people see of projects.

pub mod folders;
pub mod profiles;
pub mod projects;
pub mod team;

use crate::model::Project;
use crate::routes::Here;
use bo_model::Level;
use bo_web::Page;
use bo_web::layout::parts::{self, Tone};
use maud::{Markup, html};

/// Their entry in the navigation.
const NAV: &str = "/projects";

fn href(project: &Project) -> String {
    format!("/projects/{}", project.id)
}

/// A page of a project; `tab` is the end of its address.
fn within(here: &Here, tab: &str, body: Markup) -> Page {
    let at = href(&here.project);
    let mut tabs = vec![("Project", at.clone())];
    if here.level >= Level::View {
        tabs.push(("Team", format!("{at}/team")));
    }
    if here.level >= Level::Own {
        tabs.push(("Rights", format!("{at}/rights")));
    }
    let title = format!("{} {}", here.project.code, here.project.name);
    Page::new(title, NAV, html! { (parts::tabs(&tabs, &format!("{at}{tab}"))) div.stack { (body) } })
        .crumb("Projects", NAV)
        .lead(if here.project.client.is_empty() {
            String::new()
        } else {
            format!("For {}", here.project.client)
        })
        .state(state(&here.project))
}

fn state(project: &Project) -> Markup {
    if project.closed { parts::badge(Tone::Idle, "closed") } else { parts::badge(Tone::Good, "open") }
}

/// What a level on a folder or project lets one do, in words.
fn words(level: Level) -> &'static str {
    match level {
        Level::None => "nothing",
        Level::See => "sees the name",
        Level::View => "reads",
        Level::Edit => "writes",
        Level::Own => "administers",
    }
}

/// What the viewer may do there, as the beginning of a sentence.
fn yours(level: Level) -> &'static str {
    match level {
        Level::None => "Nothing for you",
        Level::See => "You see the name",
        Level::View => "You read",
        Level::Edit => "You write",
        Level::Own => "You administer",
    }
}
