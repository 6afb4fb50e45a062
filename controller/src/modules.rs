//! Everything the controller is made of, in plain sight: tables, routes, navigation.

use bo_db::outbox::Handler;
use bo_db::{Migration, Part};
use bo_estate::Estate;
use bo_identity::Identity;
use bo_uplink::Enrolment;
use bo_web::{Level, Module, NavItem, Need, Routes};
use std::sync::Arc;

/// The business modules. `docs/adding-a-module.md` says how another comes to be.
const MODULES: [Module; 3] = [bo_wiki::MODULE, bo_events::MODULE, bo_projects::MODULE];

/// What each of them keeps for workspaces; modules first, for what they have lies on what the others have.
pub const PARTS: [Part; 6] = [
    bo_wiki::MODULE.part,
    bo_events::MODULE.part,
    bo_projects::MODULE.part,
    bo_content::PART,
    bo_estate::PART,
    bo_delivery::PART,
];

/// All tables, in the order they are made.
pub fn migrations() -> Vec<Migration> {
    let shared = bo_identity::MIGRATIONS.into_iter().chain(bo_delivery::MIGRATIONS);
    let shared = shared.chain(bo_estate::MIGRATIONS).chain(bo_content::MIGRATIONS);
    shared.chain(MODULES.iter().flat_map(|module| module.migrations).copied()).collect()
}

/// Everybody who acts on what happened.
pub fn handlers() -> Vec<Handler> {
    let own = [bo_estate::notify::HANDLER, crate::letters::HANDLER];
    own.into_iter().chain(MODULES.iter().flat_map(|module| module.handlers).copied()).collect()
}

/// All pages and API routes.
pub fn routes(identity: &Arc<Identity>, estate: &Arc<Estate>, enrolment: &Enrolment) -> Vec<Routes> {
    let mut routes = vec![identity.routes()];
    routes.extend(bo_estate::routes(estate));
    routes.push(bo_estate::edges::routes::enrolment_route(estate, enrolment.clone()));
    routes.extend(MODULES.iter().map(|module| (module.routes)()));
    routes
}

/// The side navigation, in order.
pub fn navigation() -> Vec<NavItem> {
    let item = |section, title, href, icon, need| NavItem { section, title, href, icon, need };
    let area = |area, level| Need::workspace_area(area, level);
    let mut all = vec![item("", "Overview", "/", "overview", Need::signed_in())];
    all.extend(bo_estate::menu::NAVIGATION);
    all.extend([
        item("Operation", "Drivers", "/drivers", "driver", area("drivers", Level::View)),
        item("Admin", "Workspace", "/workspace", "settings", Need::signed_in()),
        item("Admin", "Backoffice users", "/users", "users", area("users", Level::View)),
        item("Admin", "Groups", "/groups", "group", area("users", Level::View)),
        item("Admin", "Audit", "/audit", "audit", area("audit", Level::View)),
    ]);
    // Behind the buildings, before what few people need.
    let place = all.iter().position(|item| item.section == "Operation").unwrap_or(all.len());
    all.splice(place..place, MODULES.iter().flat_map(|module| module.navigation).copied());
    all
}
