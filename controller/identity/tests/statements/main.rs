//! Every sentence of the product's requirements about who may do what, as data: a file per source, in our own words, with
//! what is given and what must come out. Each is asked of the check, the list and the explanation alike.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod building;
mod commerce;
mod organisations;
mod platform;
mod projects;

use bo_identity::area::Verb;
use bo_identity::ceiling::{Ceiling, CeilingKind};
use bo_identity::relation::{self, Containment, Validity};
use bo_identity::testing::{World, worlds};
use bo_identity::workspace::Builtin;
use bo_identity::{IdentityError, ceiling, level};
use bo_model::{Kind, Level, Object};
use std::collections::BTreeMap;

/// What is arranged. Names: `tea` is a person, `everyone` the public, `team` … the built-in groups, `area:pricing` and
/// `module:wiki` those of the organisation, `org` the organisation; anything else with a colon is taken as it is.
pub enum Given {
    /// Somebody belongs to a group or role.
    Joins(&'static str, &'static str),
    /// Somebody was given a level.
    Has(&'static str, Level, &'static str),
    /// Something lies in something.
    In(&'static str, Containment, &'static str),
    /// Nobody has more on this than `cap` unless by what they have on that.
    Bound(&'static str, CeilingKind, Level, &'static str, bool),
}

/// A sentence.
pub struct Statement {
    /// Number of the source, and of the sentence in it.
    pub number: &'static str,
    /// What it says, in our words.
    pub says: String,
    /// Who.
    pub who: &'static str,
    /// What they need there.
    pub need: Level,
    /// Where.
    pub what: &'static str,
    /// Whether they have it.
    pub allowed: bool,
}

/// `may("1.4", "…", "tea", Edit, "module:wiki")`.
pub fn may(
    number: &'static str,
    says: impl Into<String>,
    who: &'static str,
    need: Level,
    what: &'static str,
) -> Statement {
    Statement { number, says: says.into(), who, need, what, allowed: true }
}

/// The same, for what must be refused.
pub fn may_not(
    number: &'static str,
    says: impl Into<String>,
    who: &'static str,
    need: Level,
    what: &'static str,
) -> Statement {
    Statement { allowed: false, ..may(number, says, who, need, what) }
}

/// What people do, and the words for it.
pub const VERBS: [(Verb, &str); 4] =
    [(Verb::Read, "reads"), (Verb::Change, "changes"), (Verb::Create, "creates"), (Verb::Remove, "removes")];

struct Names<'w> {
    world: &'w World,
    people: BTreeMap<&'static str, Object>,
}

impl Names<'_> {
    fn object(&self, name: &'static str) -> Object {
        let builtin = Builtin::ALL.into_iter().find(|builtin| builtin.word() == name);
        match (name.split_once(':'), builtin) {
            (_, Some(Builtin::Everyone)) => Object::everyone(),
            (_, Some(builtin)) => Object::new(Kind::GROUP, self.world.group(builtin)),
            (Some(("area", area)), _) => self.world.area(area),
            (Some(("module", module)), _) => Object::module(self.world.workspace, module),
            (Some(_), _) => Object::parse(name).unwrap(),
            (None, _) if name == "org" => Object::new(Kind::WORKSPACE, self.world.workspace),
            (None, _) => self.people.get(name).cloned().unwrap_or_else(|| Object::new(Kind::ACCOUNT, name)),
        }
    }
}

async fn arrange(names: &Names<'_>, given: Vec<Given>) {
    let rows: Vec<(Given, Object, Object)> = given
        .into_iter()
        .map(|given| {
            let (a, b) = match &given {
                Given::Joins(who, group) => (*who, *group),
                Given::Has(who, _, what) => (*who, *what),
                Given::In(child, _, parent) => (*parent, *child),
                Given::Bound(what, _, _, by, _) => (*what, if by.is_empty() { *what } else { *by }),
            };
            let (a, b) = (names.object(a), names.object(b));
            (given, a, b)
        })
        .collect();
    names
        .world
        .change(move |tx| {
            for (given, a, b) in &rows {
                match given {
                    Given::Joins(..) => relation::join(tx, a, b, Validity::ALWAYS, "")?,
                    Given::Has(_, level, _) => relation::grant(tx, a, b, *level, Validity::ALWAYS, "")?,
                    Given::In(_, how, _) => relation::contain(tx, a, b, *how)?,
                    Given::Bound(_, kind, cap, by, deep) => {
                        let lifted_by = (!by.is_empty()).then(|| b.clone());
                        let (object, reason) = (a.clone(), String::new());
                        ceiling::put(
                            tx,
                            &Ceiling { object, kind: *kind, cap: *cap, lifted_by, deep: *deep, reason },
                        )?;
                    }
                }
            }
            Ok(())
        })
        .await;
}

async fn hold(given: fn() -> Vec<Given>, statements: fn() -> Vec<Statement>, source: &str) {
    for world in worlds(&[], &[]).await {
        let names = Names {
            world: &world,
            people: BTreeMap::from([("noor", Object::new(Kind::ACCOUNT, world.owner))]),
        };
        arrange(&names, given()).await;
        let statements = statements();
        let mut wrong = Vec::new();
        for statement in &statements {
            let (who, what) = (names.object(statement.who), names.object(statement.what));
            let found = world.db().read(|tx| -> Result<_, IdentityError> {
                let now = tx.now();
                let checked = level::level(tx, &who, &what, now)?;
                let path = level::why(tx, &who, &what, now)?.last().map_or(Level::None, |step| step.level);
                let bounds = level::bounds(tx, &who, &what, now)?;
                let explained = bounds.into_iter().fold(path, |level, (_, leaves)| level.min(leaves));
                let kind = Kind(Box::leak(what.kind().to_owned().into_boxed_str()));
                let listed = level::list(tx, &who, kind, Level::See, now)?;
                let listed = listed
                    .into_iter()
                    .find(|(object, _)| *object == what)
                    .map_or(Level::None, |(_, level)| level);
                Ok((checked, explained, listed))
            });
            let (checked, explained, listed) = found.unwrap();
            if (checked >= statement.need) != statement.allowed || explained != checked || listed != checked {
                wrong.push(format!(
                    "{} “{}”: {} on {} is {checked:?}, explained as {explained:?}, listed as {listed:?}",
                    statement.number, statement.says, statement.who, statement.what
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {} on {}: {wrong:#?}",
            wrong.len(),
            statements.len(),
            world.engine()
        );
        println!("{source}: {} sentences hold on {}", statements.len(), world.engine());
    }
}

#[tokio::test]
async fn the_sentences_of_the_collaborative_platform_hold() {
    hold(platform::given, platform::statements, "collaborative platform").await;
}

#[tokio::test]
async fn the_sentences_of_project_permissions_hold() {
    hold(projects::given, projects::statements, "project permissions").await;
}

#[tokio::test]
async fn the_sentences_of_the_building_console_hold() {
    hold(building::given, building::statements, "building console").await;
}

#[tokio::test]
async fn the_sentences_of_the_commerce_back_office_hold() {
    hold(commerce::given, commerce::statements, "commerce back office").await;
}

#[tokio::test]
async fn the_sentences_of_organisations_hold() {
    hold(organisations::given, organisations::statements, "organisations").await;
}

#[test]
fn no_sentence_is_counted_twice() {
    let all = [
        platform::statements(),
        projects::statements(),
        building::statements(),
        commerce::statements(),
        organisations::statements(),
    ];
    let all: Vec<Statement> = all.into_iter().flatten().collect();
    let mut seen = std::collections::BTreeSet::new();
    for statement in &all {
        let key = (statement.who, statement.need, statement.what);
        assert!(
            seen.insert((statement.number.split('.').next(), key)),
            "{}: {}",
            statement.number,
            statement.says
        );
    }
    let sentences: std::collections::BTreeSet<&str> = all.iter().map(|statement| statement.number).collect();
    println!("{} statements about {} sentences", all.len(), sentences.len());
}
