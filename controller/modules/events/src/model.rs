//! The nouns of events, and what can be said of them without a database.

use crate::when;
use bo_identity::account::fold_email;
use bo_model::{AccountId, Kind, Object, Time, WorkspaceId};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

bo_model::ids! {
    /// An event.
    EventId,
    /// A part of an event's place.
    AreaId,
    /// A word for how far tasks are.
    StatusId,
    /// Something to do.
    TaskId,
    /// Something that happens from then to then.
    ItemId,
    /// Somebody who works on an event.
    CollaboratorId,
    /// A secret address at which programs read.
    CalendarId,
}
bo_db::id_columns!(EventId, AreaId, StatusId, TaskId, ItemId, CollaboratorId, CalendarId);

/// An event, in the permission graph.
pub const EVENT: Kind = Kind("event");
/// An area of an event, in the permission graph.
pub const AREA: Kind = Kind("event-area");
/// Somebody's own part of an event, in the permission graph.
pub const COLLABORATOR: Kind = Kind("event-collaborator");
/// A task, in the audit log.
pub const TASK: Kind = Kind("event-task");
/// A schedule item, in the audit log.
pub const ITEM: Kind = Kind("event-item");
/// A calendar, in the audit log.
pub const CALENDAR: Kind = Kind("event-calendar");

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nobody was promised anything.
    Planned,
    /// It will happen.
    Confirmed,
    /// It will not.
    Cancelled,
}

impl Stage {
    /// Each with its stored word.
    pub const ALL: [(Stage, &'static str); 3] =
        [(Stage::Planned, "planned"), (Stage::Confirmed, "confirmed"), (Stage::Cancelled, "cancelled")];

    /// The stored word.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// From the stored word.
    pub fn from_word(word: &str) -> Option<Stage> {
        Self::ALL.into_iter().find(|(_, known)| *known == word).map(|(stage, _)| stage)
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// For people.
    pub name: String,
    /// Where.
    pub place: String,
    /// What it is.
    pub about: String,
    /// IANA name of the time zone its times are shown in.
    pub zone: String,
    /// First day.
    pub starts_on: Date,
    /// Last day.
    pub ends_on: Date,
    /// How sure it is.
    pub stage: Stage,
    /// Grows with each change.
    pub revision: i64,
    /// When it last changed.
    pub updated_at: Time,
    /// In the bin since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Time>,
}

impl Event {
    /// As permission knows it.
    pub fn object(&self) -> Object {
        Object::new(EVENT, self.id)
    }

    /// Its time zone; UTC when it is not known any more.
    pub fn tz(&self) -> TimeZone {
        when::zone(&self.zone).unwrap_or(TimeZone::UTC)
    }
}

/// Where a task, item or file of an event belongs: the area, or the event as a whole.
pub fn home(event: EventId, area: Option<AreaId>) -> Object {
    area.map_or_else(|| Object::new(EVENT, event), |area| Object::new(AREA, area))
}

/// Somebody's own part, as permission knows it.
pub fn own_part(collaborator: CollaboratorId) -> Object {
    Object::new(COLLABORATOR, collaborator)
}

/// How far a task is; every event has these, and words of its own within each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody began.
    ToDo,
    /// Somebody is at it.
    Active,
    /// Somebody looks whether it is right.
    InReview,
    /// Done.
    Done,
    /// Put away.
    Archived,
}

impl State {
    /// Each with its stored word and its title.
    pub const ALL: [(State, &'static str, &'static str); 5] = [
        (State::ToDo, "to-do", "To do"),
        (State::Active, "active", "Active"),
        (State::InReview, "in-review", "In review"),
        (State::Done, "done", "Done"),
        (State::Archived, "archived", "Archived"),
    ];

    /// The stored word.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// For people.
    pub fn title(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    /// From the stored word.
    pub fn from_word(word: &str) -> Option<State> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == word).map(|(state, ..)| state)
    }

    /// Whether nothing is left to do.
    pub fn is_over(self) -> bool {
        self >= State::Done
    }
}

/// A word for how far tasks of an event are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Its id.
    pub id: StatusId,
    /// What it means.
    pub state: State,
    /// For people.
    pub name: String,
}

/// A part of an event's place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Area {
    /// Its id.
    pub id: AreaId,
    /// Of which event.
    pub event: EventId,
    /// For people.
    pub name: String,
    /// The hall or room it is in; may be empty.
    pub place: String,
}

impl Area {
    /// As permission knows it.
    pub fn object(&self) -> Object {
        Object::new(AREA, self.id)
    }
}

/// Somebody who works on an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Collaborator {
    /// Its id.
    pub id: CollaboratorId,
    /// On which event.
    pub event: EventId,
    /// Name.
    pub name: String,
    /// Mail address; may be empty.
    pub email: String,
    /// Telephone; may be empty.
    pub phone: String,
    /// What they do there.
    pub job: String,
    /// Their account, when they were given access.
    pub account: Option<AccountId>,
}

impl Collaborator {
    /// As permission knows it.
    pub fn object(&self) -> Object {
        own_part(self.id)
    }

    /// Who it is, across events: the account, else the mail address, else nobody but this one.
    pub fn person(&self) -> String {
        match (&self.account, self.email.as_str()) {
            (_, email) if !email.is_empty() => format!("mail:{}", fold_email(email)),
            (Some(account), _) => format!("account:{account}"),
            _ => format!("collaborator:{}", self.id),
        }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// For which event.
    pub event: EventId,
    /// The event's name.
    pub event_name: String,
    /// In which area.
    pub area: Option<AreaId>,
    /// The area's name.
    pub area_name: String,
    /// What.
    pub title: String,
    /// More about it.
    pub about: String,
    /// The word for how far it is.
    pub status: StatusId,
    /// The word itself.
    pub status_name: String,
    /// What the word means.
    pub state: State,
    /// By when.
    pub due_on: Option<Date>,
    /// Who.
    pub assignee: Option<CollaboratorId>,
    /// Their name.
    pub assignee_name: String,
    /// What holds it up; empty for nothing.
    pub waiting_for: String,
    /// The present day in the event's time zone is behind its date, and it is not done.
    pub overdue: bool,
    /// When it last changed.
    pub updated_at: Time,
}

impl Task {
    /// What it belongs to: the widest level on these is the level on it.
    pub fn parts(&self) -> Vec<Object> {
        std::iter::once(home(self.event, self.area)).chain(self.assignee.map(own_part)).collect()
    }

    /// Whether it waits for something and is not over.
    pub fn blocked(&self) -> bool {
        !self.waiting_for.is_empty() && !self.state.is_over()
    }
}

/// Something that happens from then to then.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// In which event.
    pub event: EventId,
    /// The event's name.
    pub event_name: String,
    /// The event's time zone.
    pub zone: String,
    /// How sure the event is.
    pub stage: Stage,
    /// In which area.
    pub area: Option<AreaId>,
    /// The area's name.
    pub area_name: String,
    /// The area's place; may be empty.
    pub area_place: String,
    /// The event's place.
    pub place: String,
    /// What.
    pub title: String,
    /// More about it.
    pub about: String,
    /// From.
    pub starts_at: Time,
    /// To.
    pub ends_at: Time,
    /// Who is needed.
    pub people: Vec<Collaborator>,
    /// Grows with each change.
    pub revision: i64,
    /// When it last changed.
    pub updated_at: Time,
}

impl Item {
    /// What it belongs to: the widest level on these is the level on it.
    pub fn parts(&self) -> Vec<Object> {
        let people = self.people.iter().map(Collaborator::object);
        std::iter::once(home(self.event, self.area)).chain(people).collect()
    }

    /// Its time zone.
    pub fn tz(&self) -> TimeZone {
        when::zone(&self.zone).unwrap_or(TimeZone::UTC)
    }
}

/// A secret address at which programs read what its owner may see.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calendar {
    /// Its id.
    pub id: CalendarId,
    /// Whose events.
    pub workspace: WorkspaceId,
    /// Whose eyes.
    pub account: AccountId,
    /// One event; all for none.
    pub event: Option<EventId>,
    /// For its owner.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
    /// When a program last read it, to the hour.
    pub read_at: Option<Time>,
}
