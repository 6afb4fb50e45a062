//! What a workspace is divided into for permission: management areas and business modules, and what their levels open.
//!
//! All of it is data: the form of a user, the matrix of modules, the navigation and the tests read the same tables.

use bo_model::{Level, Object, WorkspaceId};

/// What somebody wants to do with the things of an area or module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Look at them.
    Read,
    /// Change, operate, acknowledge.
    Change,
    /// Make new ones.
    Create,
    /// Remove, publish, moderate, decide who else may.
    Remove,
}

/// A part of a workspace that a level can be given on. It hangs gated below the workspace: what somebody has elsewhere
/// never reaches it by itself.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// In paths and in the graph.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Heading it stands under.
    pub section: &'static str,
    /// What view, edit and own open, each as the rest of a sentence.
    pub opens: [&'static str; 3],
    /// Level that making new things takes: it differs, because an editor of orders must not invent one.
    pub create: Level,
}

impl Area {
    /// The level a verb takes.
    pub fn need(&self, verb: Verb) -> Level {
        match verb {
            Verb::Read => Level::View,
            Verb::Change => Level::Edit,
            Verb::Create => self.create,
            Verb::Remove => Level::Own,
        }
    }

    /// One sentence: what its levels open.
    pub fn about(&self) -> String {
        let words = ["View ", "Edit ", "Own "];
        let parts: Vec<String> = words
            .iter()
            .zip(self.opens)
            .filter(|(_, opens)| !opens.is_empty())
            .map(|(word, opens)| format!("{word}{opens}."))
            .collect();
        parts.join(" ")
    }
}

const fn area(
    section: &'static str,
    name: &'static str,
    title: &'static str,
    opens: [&'static str; 3],
    create: Level,
) -> Area {
    Area { name, title, section, opens, create }
}

use Level::{Edit, Own};

/// The management areas of a workspace. Zones hang in `estate`.
pub const AREAS: [Area; 17] = [
    area(
        "Buildings",
        "estate",
        "Buildings",
        ["sees buildings, rooms and devices", "operates them", "configures them"],
        Own,
    ),
    area(
        "Buildings",
        "alarms",
        "Alarms",
        ["sees alarms", "acknowledges them", "configures who is told"],
        Own,
    ),
    area(
        "Buildings",
        "triggers",
        "Triggers",
        ["sees triggers and their traces", "changes and enables them", ""],
        Edit,
    ),
    area(
        "Buildings",
        "edges",
        "Gateways",
        ["sees gateways and their state", "releases configurations", "enrols and revokes them"],
        Own,
    ),
    area("Buildings", "drivers", "Drivers", ["sees drivers", "adds and rolls out versions", ""], Edit),
    area(
        "Business",
        "sales",
        "Sales management",
        [
            "opens the sales portal to read",
            "works on quotes and orders in it",
            "hands them over and withdraws them",
        ],
        Own,
    ),
    area(
        "Business",
        "customers",
        "User management",
        ["sees contacts, customers and companies", "changes them", "adds and removes them"],
        Own,
    ),
    area(
        "Business",
        "shop",
        "Shop & channel management",
        ["sees shops, channels and ways to pay", "changes them", "adds and removes them"],
        Own,
    ),
    area(
        "Business",
        "pricing",
        "Pricing management",
        ["sees price sheets, taxes and discounts", "changes them", "adds and removes them"],
        Own,
    ),
    area(
        "Business",
        "logistics",
        "Logistics management",
        ["sees warehouses, carriers and stock", "changes them", "adds and removes them"],
        Own,
    ),
    area(
        "Business",
        "products",
        "Product Data management",
        ["sees products, categories and attributes", "changes them", "adds and removes them"],
        Own,
    ),
    area(
        "Business",
        "orders",
        "Order Data management",
        ["sees requests, quotes, orders and reports", "changes them", "adds and removes them"],
        Own,
    ),
    area(
        "Administration",
        "backoffice",
        "Backoffice management",
        ["sees background work and what it reports", "repeats and stops it", "changes when it runs"],
        Own,
    ),
    area(
        "Administration",
        "users",
        "Role & permission management",
        ["sees users, groups and who may what", "changes users", "creates and disables users and groups"],
        Own,
    ),
    area(
        "Administration",
        "settings",
        "Configuration management",
        [
            "sees the installation's settings and numbers",
            "changes templates and imports",
            "changes everything else",
        ],
        Own,
    ),
    area(
        "Administration",
        "licences",
        "Licences",
        ["sees licences and who holds them", "gives and releases seats", "buys, reduces and transfers them"],
        Own,
    ),
    area("Administration", "audit", "Audit", ["reads the audit log and exports it", "", ""], Own),
];

/// What the areas of business and administration are for commerce: an access level for each on a user's form.
pub const BACKOFFICE_AREAS: [&str; 10] = [
    "sales",
    "backoffice",
    "customers",
    "shop",
    "users",
    "pricing",
    "logistics",
    "settings",
    "products",
    "orders",
];

/// The arrangements of the business modules: four of their own, one for all the others. Their highest level is called moderate.
pub const MODULES: [Area; 5] = [
    area(
        "Modules",
        "general",
        "General",
        ["reads what is published", "writes and edits", "publishes, removes and moderates"],
        Edit,
    ),
    area(
        "Modules",
        "wiki",
        "Wiki",
        ["reads the pages", "writes and edits pages", "removes pages and moderates"],
        Edit,
    ),
    area(
        "Modules",
        "blog",
        "Blog",
        ["reads the posts", "writes and edits posts", "publishes, removes and moderates"],
        Edit,
    ),
    area(
        "Modules",
        "contracts",
        "Contracts",
        ["reads contracts and invoices", "prepares them", "issues and cancels them"],
        Edit,
    ),
    area(
        "Modules",
        "crm",
        "CRM",
        ["reads contacts and activities", "adds and changes them", "merges, removes and sends to lists"],
        Edit,
    ),
];

/// The modules under the general arrangement.
pub const GENERAL: [&str; 11] = [
    "cms",
    "portfolio",
    "directory",
    "awards",
    "events",
    "shop",
    "locations",
    "testimonials",
    "classifieds",
    "pv",
    "time",
];

/// What the sales portal takes besides its own role: orders to manage, products to quote, people to sell to.
pub const SALES_PORTAL: [&str; 4] = ["sales", "orders", "products", "customers"];

/// Areas that are still missing for the whole sales portal, of somebody who has the sales role.
pub fn missing_for_sales(level: impl Fn(&str) -> Level) -> Vec<&'static Area> {
    if level("sales") < Level::View {
        return Vec::new();
    }
    let missing = |area: &&Area| SALES_PORTAL.contains(&area.name) && level(area.name) < Level::View;
    AREAS.iter().filter(missing).collect()
}

/// Levels to start from: (word, for people, level per area).
pub type Preset = (&'static str, &'static str, &'static [(&'static str, Level)]);

/// What people are most often made.
pub const PRESETS: [Preset; 2] = [
    (
        "full-admin",
        "Full admin",
        &[
            ("sales", Own),
            ("backoffice", Own),
            ("customers", Own),
            ("shop", Own),
            ("users", Own),
            ("pricing", Own),
            ("logistics", Own),
            ("settings", Own),
            ("products", Own),
            ("orders", Own),
        ],
    ),
    (
        "sales-representative",
        "Sales representative",
        &[("sales", Edit), ("orders", Edit), ("customers", Edit), ("products", Level::View)],
    ),
];

/// An entry of the commerce menu: (heading, title, area whose view opens it).
pub type MenuEntry = (&'static str, &'static str, &'static str);

/// The commerce menu. Headings show when anything below them does.
pub const MENU: [MenuEntry; 27] = [
    ("Sales", "Companies", "customers"),
    ("Sales", "Requests", "orders"),
    ("Sales", "Quotes", "orders"),
    ("Sales", "Orders", "orders"),
    ("Sales", "Product Catalogue", "products"),
    ("PIM", "Products & Clusters", "products"),
    ("PIM", "Categories", "products"),
    ("Users", "Users", "customers"),
    ("Users", "Favorites", "shop"),
    ("Users", "Orderlists", "products"),
    ("Orders", "Orders", "orders"),
    ("Orders", "Carriers", "logistics"),
    ("Orders", "Warehouses", "logistics"),
    ("Orders", "Paymethods", "shop"),
    ("Orders", "Order Statuses", "orders"),
    ("Pricing", "Pricesheets", "pricing"),
    ("Pricing", "Taxes", "pricing"),
    ("Pricing", "Surcharges", "pricing"),
    ("Pricing", "Incentives", "pricing"),
    ("Admin", "Backoffice Users", "users"),
    ("Admin", "Attributes", "settings"),
    ("Admin", "Valuesets", "settings"),
    ("Admin", "Data Import", "settings"),
    ("Admin", "Cluster Definitions", "products"),
    ("Admin", "Event Actions", "settings"),
    ("Admin", "Templates", "settings"),
    ("Admin", "Login tokens", "settings"),
];

/// The heading that takes the sales role besides what each entry takes.
pub const SALES_HEADING: &str = "Sales";

/// What somebody with these levels finds in the commerce menu. The whole Sales heading takes the sales role besides.
pub fn menu(level: impl Fn(&str) -> Level) -> Vec<MenuEntry> {
    let open = |(heading, _, area): &MenuEntry| {
        level(area) >= Level::View && (*heading != SALES_HEADING || level("sales") >= Level::View)
    };
    MENU.into_iter().filter(open).collect()
}

/// An area by name.
pub fn find(name: &str) -> Option<&'static Area> {
    AREAS.iter().find(|area| area.name == name)
}

/// Every area and module of a workspace as objects, with what they are.
pub fn objects(workspace: WorkspaceId) -> Vec<(Object, &'static Area)> {
    let areas = AREAS.iter().map(|area| (Object::area(workspace, area.name), area));
    areas.chain(MODULES.iter().map(|module| (Object::module(workspace, module.name), module))).collect()
}
