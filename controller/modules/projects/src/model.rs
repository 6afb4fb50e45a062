//! The nouns of projects, and what can be said of them without a database.

use bo_model::{Kind, Level, Object, Time, WorkspaceId};
use serde::Serialize;

bo_model::ids! {
    /// A project.
    ProjectId,
    /// A phase, or a folder in one.
    FolderId,
}
bo_db::id_columns!(ProjectId, FolderId);

/// A project, in the permission graph.
pub const PROJECT: Kind = Kind("project");
/// A folder of a project, in the permission graph.
pub const FOLDER: Kind = Kind("project-folder");
/// A field of one project or of all, in the permission graph.
pub const FIELD: Kind = Kind("project-field");

/// Where all projects of a workspace lie: a level here is one on each of them.
pub fn all_projects(workspace: WorkspaceId) -> Object {
    Object::new(Kind("projects"), workspace)
}

/// The right to read what is closed.
pub fn history(workspace: WorkspaceId) -> Object {
    Object::new(Kind("project-history"), workspace)
}

/// A field of all projects: profiles are given it here.
pub fn field_of_all(workspace: WorkspaceId, field: &Field) -> Object {
    Object::new(FIELD, format!("{workspace}/{}", field.name))
}

/// A field of one project.
pub fn field_of(project: ProjectId, field: &Field) -> Object {
    Object::new(FIELD, format!("{project}/{}", field.name))
}

/// A project.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Short, for people; no two of a workspace are alike.
    pub code: String,
    /// For people.
    pub name: String,
    /// For whom.
    pub client: String,
    /// What it is.
    pub about: String,
    /// First day; may be empty.
    pub starts_on: String,
    /// Last day; may be empty.
    pub ends_on: String,
    /// Done: gone for those without the right to history.
    pub closed: bool,
    /// When it last changed.
    pub updated_at: Time,
}

impl Project {
    /// As permission knows it.
    pub fn object(&self) -> Object {
        object(self.id)
    }
}

/// A project, as permission knows it.
pub fn object(project: ProjectId) -> Object {
    Object::new(PROJECT, project)
}

/// A phase, or a folder in one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// Of which project.
    pub project: ProjectId,
    /// In which; none for a phase.
    pub parent: Option<FolderId>,
    /// For people.
    pub name: String,
}

impl Folder {
    /// As permission knows it.
    pub fn object(&self) -> Object {
        Object::new(FOLDER, self.id)
    }
}

/// A function in a project.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Role {
    /// Its word in the graph.
    pub word: String,
    /// For people.
    pub title: String,
}

/// Something said of a project that not everybody who reads it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// In paths and in the graph.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Whether it is an amount with a currency.
    pub money: bool,
}

/// All of them.
pub const FIELDS: [Field; 4] = [
    Field { name: "budget", title: "Budget", money: true },
    Field { name: "rate", title: "Hourly rate", money: true },
    Field { name: "contact", title: "Contact at the client", money: false },
    Field { name: "remarks", title: "Internal remarks", money: false },
];

/// A predefined profile: a group with levels on all projects, on fields, and on history.
pub struct Profile {
    /// The group's name.
    pub name: &'static str,
    /// What the group is for.
    pub about: &'static str,
    /// Its members are in none of the others of this kind.
    pub exclusive: bool,
    /// On all projects.
    pub projects: Level,
    /// On the right to read what is closed.
    pub history: Level,
    /// On fields of all projects, in the order of [`FIELDS`].
    pub fields: [Level; 4],
}

use Level::{Edit, None as No, Own, See, View};

const fn profile(
    name: &'static str,
    about: &'static str,
    exclusive: bool,
    (projects, history): (Level, Level),
    fields: [Level; 4],
) -> Profile {
    Profile { name, about, exclusive, projects, history, fields }
}

/// What organisations most often have. All of it can be changed, and others added.
pub const PROFILES: [Profile; 6] = [
    profile(
        "Managers",
        "Run the company: every project with all that is said of it.",
        false,
        (Own, Own),
        [Own; 4],
    ),
    profile(
        "Project managers",
        "Run projects; the closed ones they can look up.",
        false,
        (See, View),
        [View, View, Edit, Edit],
    ),
    profile(
        "Finance",
        "Read all projects, and keep what is said of money.",
        false,
        (View, View),
        [Edit, Edit, View, View],
    ),
    profile("Employees", "See which projects there are.", true, (See, No), [No, No, View, View]),
    profile("Freelancers", "Have what their roles give them.", true, (No, No), [No; 4]),
    profile("Clients", "Have what their roles give them.", true, (No, No), [No; 4]),
];

/// A set of roles and phases that fits a kind of work.
pub struct Trade {
    /// The stored word.
    pub word: &'static str,
    /// For people.
    pub title: &'static str,
    /// (word, title, level on the project).
    pub roles: &'static [(&'static str, &'static str, Level)],
    /// Phases, with what each role has there: (title, [(role, level)]). The manager owns all of them.
    pub phases: &'static [(&'static str, &'static [(&'static str, Level)])],
}

const SALES: (&str, &str, Level) = ("sales", "Sales", View);
const MANAGER: (&str, &str, Level) = ("manager", "Project manager", Own);
const CLIENT: (&str, &str, Level) = ("client", "Client", View);

/// The trades on offer.
pub const TRADES: [Trade; 4] = [
    Trade {
        word: "translation",
        title: "Translation",
        roles: &[
            SALES,
            MANAGER,
            ("translator", "Translator", See),
            ("editor", "Editor", See),
            ("proof", "Proof reader", See),
            CLIENT,
        ],
        phases: &[
            ("Sales", &[("sales", Edit)]),
            ("Translation", &[("translator", Edit), ("editor", View)]),
            ("Editing", &[("editor", Edit), ("proof", View)]),
            ("Proof reading", &[("proof", Edit)]),
            ("Delivery", &[("client", View)]),
        ],
    },
    Trade {
        word: "it",
        title: "IT consulting",
        roles: &[
            SALES,
            MANAGER,
            ("analyst", "Analyst", View),
            ("developer", "Developer", View),
            ("tester", "Tester", View),
            CLIENT,
        ],
        phases: &[
            ("Presales", &[("sales", Edit)]),
            ("Analysis", &[("analyst", Edit), ("developer", View), ("tester", View), ("client", View)]),
            ("Development", &[("developer", Edit), ("analyst", View), ("tester", View)]),
            ("Test", &[("tester", Edit), ("developer", View)]),
            ("Acceptance", &[("client", Edit), ("tester", View)]),
        ],
    },
    Trade {
        word: "advertising",
        title: "Advertising",
        roles: &[SALES, MANAGER, ("texter", "Texter", See), ("designer", "Designer", See), CLIENT],
        phases: &[
            ("Briefing", &[("sales", Edit), ("texter", View), ("designer", View), ("client", Edit)]),
            ("Text", &[("texter", Edit), ("designer", View)]),
            ("Design", &[("designer", Edit), ("texter", View)]),
            ("Presentation", &[("client", View)]),
        ],
    },
    Trade { word: "own", title: "Roles and phases of one's own", roles: &[MANAGER], phases: &[] },
];

/// A trade by its word.
pub fn trade(word: &str) -> Option<&'static Trade> {
    TRADES.iter().find(|trade| trade.word == word)
}

/// A word for the graph from a title that was typed: letters and digits of any script, with dashes.
pub fn word_of(title: &str) -> String {
    let plain: String =
        title.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join("-")
}

/// An amount as it was typed, `12 500,00 EUR`, as it is stored: `12500.00 EUR` (ISO 4217). Empty stays empty.
///
/// # Errors
/// A sentence for the form.
pub fn money(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(String::new());
    }
    let wrong = || "must be an amount and a currency, like 12500.00 EUR".to_owned();
    let (amount, currency) = typed.rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
    let currency = currency.to_ascii_uppercase();
    if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_uppercase()) {
        return Err(wrong());
    }
    let amount: String = amount.chars().filter(|c| !c.is_whitespace() && *c != '\'').collect();
    let (whole, cents) = amount.rsplit_once(['.', ',']).unwrap_or((&amount, "00"));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(cents) || cents.len() > 2 || whole.len() > 12 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    Ok(format!("{whole}.{cents:0<2} {currency}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_people_write_it() {
        for (typed, stored) in [
            ("12500 EUR", "12500.00 EUR"),
            ("12 500,5 eur", "12500.50 EUR"),
            ("1'000.25 CHF", "1000.25 CHF"),
            ("", ""),
        ] {
            assert_eq!(money(typed).unwrap(), stored);
        }
        for bad in ["EUR", "12", "12.345 EUR", "-5 EUR", "1,000,000.00 EUR", "12 euro", "x EUR"] {
            assert!(money(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_trade_gives_its_roles_rights_that_are_there() {
        for trade in &TRADES {
            let known = |role: &str| trade.roles.iter().any(|(word, ..)| *word == role);
            assert!(known("manager"), "{}: somebody decides", trade.title);
            for (phase, rights) in trade.phases {
                assert!(rights.iter().all(|(role, _)| known(role)), "{}: {phase}", trade.title);
            }
        }
        assert_eq!(word_of("Art director & Übersetzer"), "art-director-übersetzer");
    }
}
