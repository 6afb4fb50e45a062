//! The frame around every console page, and the parts pages are made of. The styles are in `islands/styles/`.
//!
//! # Classes pages may use
//! - frame: `shell`, `topbar`, `nav`, `main`, `page-head`, `crumbs`, `plain` (pages without navigation)
//! - arrangement: `stack` (below each other), `row`, `grid`, `grid--wide`, `split` (main and side), `card`, `card--flush`
//!   (around a table or map), `card__head`
//! - text: `muted`, `num`, `mono`, `sr-only`
//! - parts: `stat` (`stat__label`, `stat__value`, `stat__unit`, `stat__note`), `btn` (`btn--primary`, `btn--danger`, `btn--quiet`,
//!   `btn--small`, `btn--icon`), `badge` (`badge--good`, `badge--warn`, `badge--bad`, `badge--info`, `badge--plain`), `notice`
//!   (`notice--good`, `notice--warn`, `notice--bad`), `empty`, `tabs`, `menu` (`menu__items`), `toolbar` (`toolbar__end`)
//! - data: `table-wrap`, `table`, `table--cards` (rows become cards on a phone; give each cell `data-label`), `pages`, `kv` (a `dl`),
//!   `value` (`value--uncertain`, `value--bad`), `age`, `bar`, `tree` (`tree__row`), `log` (`log__line`), `chart`, `chain`, `map`
//! - forms: `form`, `form--inline`, `form__actions`, `field` (`field__label`, `field__help`, `field__error`, `field__control`), `check`

pub mod form;
mod icons;
pub mod parts;

use crate::access::Theme;
use crate::assets;
use crate::ctx::{Ctx, Head};
use crate::error::{WebError, nothing_saved};
use crate::need::Need;
pub use icons::icon;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// An entry of the side navigation.
#[derive(Clone, Copy, Debug)]
pub struct NavItem {
    /// Heading it stands under; empty for none.
    pub section: &'static str,
    /// For people.
    pub title: &'static str,
    /// Where it leads; also what [`Page::nav`] names.
    pub href: &'static str,
    /// Name of an [`icon`].
    pub icon: &'static str,
    /// Shown only to whoever may open it.
    pub need: Need,
}

/// A console page.
#[derive(Default)]
pub struct Page {
    /// Heading and title of the window.
    pub title: String,
    /// One sentence below the heading.
    pub lead: Option<String>,
    /// The navigation entry it belongs to, by its `href`.
    pub nav: &'static str,
    /// The way here: (title, address), outermost first, without the page itself.
    pub crumbs: Vec<(String, String)>,
    /// Buttons beside the heading.
    pub actions: Option<Markup>,
    /// Beside the heading: a badge with the state.
    pub state: Option<Markup>,
    /// Everything else.
    pub body: Markup,
}

impl Page {
    /// A page with a heading, an entry in the navigation and a body.
    pub fn new(title: impl Into<String>, nav: &'static str, body: Markup) -> Page {
        Page { title: title.into(), nav, body, ..Page::default() }
    }

    /// One sentence below the heading.
    pub fn lead(mut self, lead: impl Into<String>) -> Page {
        self.lead = Some(lead.into());
        self
    }

    /// One step of the way here.
    pub fn crumb(mut self, title: impl Into<String>, href: impl Into<String>) -> Page {
        self.crumbs.push((title.into(), href.into()));
        self
    }

    /// Buttons beside the heading.
    pub fn actions(mut self, actions: Markup) -> Page {
        self.actions = Some(actions);
        self
    }

    /// A badge beside the heading.
    pub fn state(mut self, state: Markup) -> Page {
        self.state = Some(state);
        self
    }
}

fn document(head: &Head, title: &str, body: Markup) -> Markup {
    let theme = (head.theme != Theme::Auto).then(|| head.theme.word());
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(viewer) = head.viewer.as_ref().filter(|_| !head.csrf.is_empty()) {
                    meta name="csrf-token" content=(head.csrf);
                    meta name="workspace" content=(viewer.workspace) data-name=(viewer.workspace_name);
                }
                title { (title) " · " (head.app.name) }
                link rel="icon" href=(assets::href("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::href("style.css"));
                script type="module" src=(assets::href("app.js")) {}
            }
            (body)
        }
    }
}

/// A page inside the frame. For whoever is not signed in the frame has nothing but the way to do so.
pub fn page(head: &Head, page: Page) -> Markup {
    if head.viewer.is_none() {
        return public(head, &page);
    }
    let body = html! {
        body {
            a.skip href="#main" { "Skip to the content" }
            div.shell {
                (topbar(head))
                (navigation(head, page.nav))
                main.main #main tabindex="-1" {
                    (looking_as(head))
                    (unwritable(head))
                    (page_head(&page))
                    (page.body)
                }
            }
            (toasts(head))
        }
    };
    document(head, &page.title, body)
}

fn public(head: &Head, page: &Page) -> Markup {
    let next = serde_urlencoded::to_string([("next", &head.path)]).unwrap_or_default();
    let body = html! {
        body {
            a.skip href="#main" { "Skip to the content" }
            div.shell.shell--public {
                header.topbar {
                    a.brand href="/" { (icon("brand")) span.brand__name { (head.app.name) } }
                    div.topbar__end { a.btn.btn--primary href={ "/sign-in?" (next) } { "Sign in" } }
                }
                main.main #main tabindex="-1" { (page_head(page)) (page.body) }
            }
            (toasts(head))
        }
    };
    document(head, &page.title, body)
}

/// A page without navigation, on a card: sign-in, set-up.
pub fn plain_page(ctx: &Ctx, title: &str, body: Markup) -> Markup {
    plain(&ctx.head, title, html! { div.card.stack { (body) } })
}

fn plain(head: &Head, title: &str, body: Markup) -> Markup {
    document(head, title, html! { body.plain { main #main { (body) } (toasts(head)) } })
}

/// Where the form of [`looking_as`] posts to: the one change that is possible while it shows.
pub const END_VIEW_AS: &str = "/view-as/end";

/// Says whose eyes one looks through, on every page, with the way back.
fn looking_as(head: &Head) -> Markup {
    let Some(viewer) = head.viewer.as_ref().filter(|viewer| viewer.behind.is_some()) else { return html! {} };
    html! {
        div.notice.notice--warn role="status" {
            div.row {
                span { "You are looking at this as " strong { (viewer.name) } ". Nothing can be changed, and it is in the log." }
                form action=(END_VIEW_AS) method="post" {
                    input type="hidden" name="_csrf" value=(head.csrf);
                    button.btn.btn--small type="submit" { "Back to yourself" }
                }
            }
        }
    }
}

/// Says on every page that nothing can be saved, while it is so.
fn unwritable(head: &Head) -> Markup {
    let Some(why) = head.app.db.unwritable() else { return html! {} };
    html! { div.notice.notice--bad role="alert" { p { (nothing_saved(why)) } } }
}

fn toasts(head: &Head) -> Markup {
    html! {
        div.toasts #toasts role="status" aria-live="polite" {
            @if let Some(message) = &head.flash { div.toast { (message) } }
        }
    }
}

fn page_head(page: &Page) -> Markup {
    html! {
        header.page-head {
            div.page-head__text {
                @if !page.crumbs.is_empty() {
                    nav.crumbs aria-label="Breadcrumbs" {
                        ol { @for (title, href) in &page.crumbs { li { a href=(href) { (title) } } } }
                    }
                }
                div.row { h1 { (page.title) } @if let Some(state) = &page.state { (state) } }
                @if let Some(lead) = &page.lead { p.page-head__lead { (lead) } }
            }
            @if let Some(actions) = &page.actions { div.page-head__actions { (actions) } }
        }
    }
}

fn topbar(head: &Head) -> Markup {
    let Some(viewer) = &head.viewer else { return html! {} };
    html! {
        header.topbar {
            span.nav-toggle {
                button.btn.btn--quiet.btn--icon type="button" data-nav-toggle aria-label="Navigation" aria-controls="nav" aria-expanded="false" { (icon("menu")) }
                noscript { a.btn.btn--quiet href="#nav" { "Menu" } }
            }
            a.brand href="/" { (icon("brand")) span.brand__name { (head.app.name) } }
            (switcher(head))
            div.topbar__search {
                button.search-button type="button" data-palette { (icon("search")) span { "Search" } kbd { "Ctrl K" } }
            }
            div.topbar__end {
                (theme_button(head))
                details.menu {
                    summary.btn.btn--quiet aria-label="Your account" { (icon("user")) span.brand__name { (viewer.name) } }
                    div.menu__items {
                        a href="/account" { (icon("user")) "My account" }
                        form action="/sign-out" method="post" {
                            input type="hidden" name="_csrf" value=(head.csrf);
                            button type="submit" { (icon("leave")) "Sign out" }
                        }
                    }
                }
            }
        }
    }
}

/// Where the forms of the switcher post to.
pub const SWITCH_WORKSPACE: &str = "/account/workspace";

/// The workspace one is in, and the others.
fn switcher(head: &Head) -> Markup {
    let Some(viewer) = &head.viewer else { return html! {} };
    if viewer.behind.is_some() || head.spaces.is_empty() {
        return html! { span.topbar__workspace title=(viewer.workspace_name) { (viewer.workspace_name) } };
    }
    let kind = |personal: bool| if personal { "user" } else { "group" };
    let personal = head.spaces.iter().any(|space| space.personal && space.id == viewer.workspace);
    html! {
        details.menu.topbar__workspace {
            summary.btn.btn--quiet aria-label={ "Workspace: " (viewer.workspace_name) } title=(viewer.workspace_name) {
                (icon(kind(personal))) span.brand__name { (viewer.workspace_name) } (icon("down"))
            }
            div.menu__items {
                form action=(SWITCH_WORKSPACE) method="post" {
                    input type="hidden" name="_csrf" value=(head.csrf);
                    @for space in &head.spaces {
                        @let current = space.id == viewer.workspace;
                        button type="submit" name="workspace" value=(space.id) aria-current=[current.then_some("true")] {
                            (icon(kind(space.personal))) (space.name)
                        }
                    }
                }
                hr;
                a href="/workspace" { (icon("settings")) "About this workspace" }
                @if viewer.confined {
                    p.muted { "You signed in at this organisation's provider. For your other workspaces, sign out and sign in another way." }
                } @else {
                    a href="/workspaces/new" { (icon("plus")) "New organisation" }
                }
            }
        }
    }
}

/// One button that leads from automatic to light to dark and back.
fn theme_button(head: &Head) -> Markup {
    let (next, icon_name, label) = match head.theme {
        Theme::Auto => ("light", "theme", "Colours follow the system; switch to light"),
        Theme::Light => ("dark", "sun", "Light colours; switch to dark"),
        Theme::Dark => ("auto", "moon", "Dark colours; switch to what the system says"),
    };
    html! {
        form action="/theme" method="post" {
            input type="hidden" name="_csrf" value=(head.csrf);
            input type="hidden" name="theme" value=(next);
            input type="hidden" name="next" value=(head.path);
            button.btn.btn--quiet.btn--icon type="submit" title=(label) aria-label=(label) { (icon(icon_name)) }
        }
    }
}

fn navigation(head: &Head, current: &str) -> Markup {
    let items: Vec<&NavItem> = head.nav.iter().filter_map(|place| head.app.nav.get(*place)).collect();
    let sections = items.chunk_by(|a, b| a.section == b.section);
    html! {
        nav.nav #nav aria-label="Main" {
            @for section in sections {
                @if let Some(first) = section.first() && !first.section.is_empty() { div.nav__title { (first.section) } }
                ul {
                    @for item in section {
                        li {
                            a href=(item.href) aria-current=[(item.href == current).then_some("page")] {
                                (icon(item.icon)) span { (item.title) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What went wrong, why, and what to do.
pub fn error_page(head: &Head, error: &WebError) -> Markup {
    let (title, help) = match error {
        WebError::NotFound => (
            "Nothing here",
            "The address may be old or mistyped, or it is not shared with you. Whoever owns it can give you access.",
        ),
        WebError::Method(_) => {
            ("Not for that", "Nothing was changed. Go back and use the page's own buttons.")
        }
        WebError::SignIn => ("Sign in first", "Your session has ended."),
        WebError::Forbidden(_) => ("Not allowed", "Nothing was changed."),
        WebError::BadInput(_) => ("That was not understood", "Nothing was changed. Go back and correct it."),
        WebError::TooLarge(_) => ("Too large", "Nothing was changed."),
        WebError::Conflict(_) => (
            "That does not fit with what is there",
            "Nothing was changed. Go back, reload the page and look at the present state.",
        ),
        WebError::Elsewhere(_) => ("A page of another workspace", "Reload it, or switch back."),
        WebError::TooMany(_) => ("Too many attempts", "Wait a little."),
        WebError::Unavailable(_) => ("Not available now", "Try again in a moment."),
        WebError::Internal(_) => (
            "Something went wrong",
            "It is our fault and was noted. If it happens again, tell whoever runs this installation the number below.",
        ),
    };
    let text = match error {
        WebError::NotFound => String::new(),
        other => other.to_string(),
    };
    let body = html! {
        div.card.empty {
            @if head.viewer.is_none() { h1 { (title) } }
            @if !text.is_empty() { p { strong { (text) } } }
            p { (help) }
            p.muted { "Request " code { (head.request_id) } }
            a.btn href="/" { "To the overview" }
        }
    };
    match head.viewer {
        Some(_) => page(head, Page::new(title, "", body)),
        None => plain(head, title, body),
    }
}

/// Text that is already HTML. Only for what this program made itself.
pub fn trusted(html: &str) -> Markup {
    PreEscaped(html.to_owned())
}
