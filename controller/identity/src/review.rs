//! The access review: everything one person has, and everybody who has something on one thing, each with why.

use crate::area;
use crate::error::IdentityError;
use crate::level;
use crate::names::{self, Others};
use crate::relation::{Relation, RelationKind, from_subject};
use bo_db::{DbError, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, WorkspaceId};
use serde::Serialize;
use std::collections::HashSet;

/// People looked at for one thing.
const PEOPLE: i64 = 2_000;

/// One line: who has which level on what, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Who.
    pub subject: Object,
    /// Their name.
    pub who: String,
    /// On what.
    pub object: Object,
    /// Its name.
    pub what: String,
    /// How much.
    pub level: Level,
    /// The widest path and the ceilings, as sentences.
    pub why: Vec<String>,
}

/// How much somebody may do with all things of a kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Count {
    /// The kind's word.
    pub kind: &'static str,
    /// What people call such things, in the plural.
    pub title: &'static str,
    /// How many they have at least this level on: see, view, edit, own.
    pub levels: [(Level, usize); 4],
}

/// What one person has.
#[derive(Clone, Debug, Serialize)]
pub struct OfPerson {
    /// Areas and modules.
    pub lines: Vec<Line>,
    /// Zones, devices, wiki pages, events …: what there is in the workspace, by kind.
    pub counts: Vec<Count>,
    /// What was given to them by name, with who gave it, until when and why.
    pub given: Vec<Given>,
}

/// A row that names somebody, with names.
#[derive(Clone, Debug, Serialize)]
pub struct Given {
    /// The row.
    pub relation: Relation,
    /// A sentence.
    pub says: String,
}

/// The words for a step of a path.
pub fn sentence(from: &str, to: &str, relation: &Relation) -> String {
    match relation.kind {
        RelationKind::Member => format!("{from} belongs to {to}"),
        RelationKind::Grant => format!("{from} was given “{}” on {to}", relation.cap.word()),
        RelationKind::Contain => format!("{to} lies in {from}"),
    }
}

/// Why a subject has its level: a sentence per step of the widest path, then one per ceiling that lowers it.
///
/// # Errors
/// When the database fails.
pub fn why(
    tx: &mut Tx,
    workspace: WorkspaceId,
    subject: &Object,
    object: &Object,
    others: Others<'_>,
) -> Result<Vec<String>, DbError> {
    let (now, mut says) = (tx.now(), Vec::new());
    for step in level::why(tx, subject, object, now)? {
        let from = names::or_plain(tx, workspace, &step.relation.subject, others)?;
        let to = names::or_plain(tx, workspace, &step.relation.object, others)?;
        says.push(sentence(&from, &to, &step.relation));
    }
    for (ceiling, leaves) in level::bounds(tx, subject, object, now)? {
        if leaves < Level::Own {
            says.push(format!("At most “{}”: {}", leaves.word(), ceiling.reason));
        }
    }
    Ok(says)
}

/// What one person has.
///
/// # Errors
/// [`IdentityError::NotFound`] for somebody who is no member.
pub fn of_person(
    tx: &mut Tx,
    workspace: WorkspaceId,
    account: AccountId,
    others: Others<'_>,
) -> Result<OfPerson, IdentityError> {
    let (subject, now) = (Object::new(Kind::ACCOUNT, account), tx.now());
    let who = names::of(tx, workspace, &subject, others)?.ok_or(IdentityError::NotFound)?;
    let mut lines = Vec::new();
    for (object, area) in area::objects(workspace) {
        let level = level::level(tx, &subject, &object, now)?;
        if level > Level::None {
            let why = why(tx, workspace, &subject, &object, others)?;
            let what = format!("{}: {}", area.section, area.title);
            lines.push(Line { subject: subject.clone(), who: who.clone(), object, what, level, why });
        }
    }
    let counts = counts(tx, workspace, &subject, others)?;
    let given = given(tx, workspace, (&subject, &who), others)?;
    Ok(OfPerson { lines, counts, given })
}

/// What was given to somebody by name, in one workspace.
///
/// # Errors
/// When the database fails.
pub fn given(
    tx: &mut Tx,
    workspace: WorkspaceId,
    (subject, who): (&Object, &str),
    others: Others<'_>,
) -> Result<Vec<Given>, DbError> {
    let mut given = Vec::new();
    for kind in [RelationKind::Member, RelationKind::Grant] {
        for relation in from_subject(tx, subject, kind)? {
            let Some(to) = own_name(tx, workspace, &relation.object, others)? else { continue };
            given.push(Given { says: sentence(who, &to, &relation), relation });
        }
    }
    Ok(given)
}

/// How much somebody may do with the things of one workspace: what they have in another is none of its business.
fn counts(
    tx: &mut Tx,
    workspace: WorkspaceId,
    subject: &Object,
    others: Others<'_>,
) -> Result<Vec<Count>, DbError> {
    let (home, now, mut counts) = (Object::new(Kind::WORKSPACE, workspace), tx.now(), Vec::new());
    let named = others.parts.iter().flat_map(|part| part.owned);
    for owned in named.filter(|owned| !owned.kind.is_empty() && !owned.title.is_empty()) {
        let kind = Kind(owned.kind);
        let here: HashSet<Object> =
            level::list(tx, &home, kind, Level::See, now)?.into_iter().map(|(object, _)| object).collect();
        if here.is_empty() {
            continue;
        }
        let mut found = level::list(tx, subject, kind, Level::See, now)?;
        found.retain(|(object, _)| here.contains(object));
        let at_least = |least: Level| (least, found.iter().filter(|(_, level)| *level >= least).count());
        let levels = [Level::See, Level::View, Level::Edit, Level::Own].map(at_least);
        let title = owned.title.split(',').next().unwrap_or(owned.title);
        counts.push(Count { kind: kind.0, title, levels });
    }
    Ok(counts)
}

/// The name of something of this workspace; other workspaces' rows of the same person are none of its business.
fn own_name(
    tx: &mut Tx,
    workspace: WorkspaceId,
    object: &Object,
    others: Others<'_>,
) -> Result<Option<String>, DbError> {
    let own = Object::new(Kind::WORKSPACE, workspace);
    if object.is(Kind::WORKSPACE) && *object != own {
        return Ok(None);
    }
    names::of(tx, workspace, object, others)
}

/// Everybody of a workspace who has something on an object, most first. The public is the first line when it has.
///
/// # Errors
/// When the database fails.
pub fn of_object(
    tx: &mut Tx,
    workspace: WorkspaceId,
    object: &Object,
    others: Others<'_>,
) -> Result<Vec<Line>, DbError> {
    let now = tx.now();
    let what = names::or_plain(tx, workspace, object, others)?;
    let people: Vec<(AccountId, String)> = tx.query(
        "SELECT a.id, a.name FROM member m JOIN account a ON a.id = m.account
         WHERE m.workspace = ?1 ORDER BY lower(a.name), a.id LIMIT ?2",
        params![workspace, PEOPLE],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let accounts: Vec<Object> = people.iter().map(|(id, _)| Object::new(Kind::ACCOUNT, id)).collect();
    let public = level::level(tx, &Object::everyone(), object, now)?;
    let mut subjects = vec![(Object::everyone(), "Everyone".to_owned(), public)];
    let levels = level::level_of_each(tx, &accounts, object, now)?;
    let lines = accounts.into_iter().zip(people).zip(levels);
    subjects.extend(lines.map(|((subject, (_, who)), level)| (subject, who, level)));
    let mut lines = Vec::new();
    for (subject, who, level) in subjects {
        if level > Level::None {
            let why = why(tx, workspace, &subject, object, others)?;
            lines.push(Line { subject, who, object: object.clone(), what: what.clone(), level, why });
        }
    }
    lines.sort_by_key(|line| (std::cmp::Reverse(line.level), line.subject != Object::everyone()));
    Ok(lines)
}
