//! What of events somebody sees: every question is the permission graph's; this only remembers the answers within a request.

use crate::model::{Area, Collaborator, Event, Item, Task};
use bo_content::ModuleError;
use bo_db::{DbError, Tx};
use bo_model::{Level, Object};
use std::collections::HashMap;

/// Asks for somebody's level on an object.
pub type LevelOf<'f> = dyn Fn(&mut Tx, &Object) -> Result<Level, DbError> + Send + Sync + 'f;

/// Somebody's eyes.
pub struct Sight<'f> {
    level_of: &'f LevelOf<'f>,
    known: HashMap<Object, Level>,
}

impl<'f> Sight<'f> {
    /// With that question.
    pub fn new(level_of: &'f LevelOf<'f>) -> Sight<'f> {
        Sight { level_of, known: HashMap::new() }
    }

    /// The level on one object.
    pub fn level(&mut self, tx: &mut Tx, object: &Object) -> Result<Level, DbError> {
        if let Some(known) = self.known.get(object) {
            return Ok(*known);
        }
        let level = (self.level_of)(tx, object)?;
        self.known.insert(object.clone(), level);
        Ok(level)
    }

    /// The widest level on any of them.
    pub fn widest(&mut self, tx: &mut Tx, objects: &[Object]) -> Result<Level, DbError> {
        let mut widest = Level::None;
        for object in objects {
            widest = widest.max(self.level(tx, object)?);
        }
        Ok(widest)
    }

    /// Passes when the widest level is enough.
    ///
    /// # Errors
    /// [`ModuleError::NotFound`] for what they may not see, [`ModuleError::NotAllowed`] for what they may not do.
    pub fn need(&mut self, tx: &mut Tx, objects: &[Object], level: Level) -> Result<(), ModuleError> {
        match self.widest(tx, objects)? {
            has if has >= level => Ok(()),
            // To see that there is something is not to see what.
            has if has < Level::View => Err(ModuleError::NotFound),
            _ => Err(ModuleError::NotAllowed("You may look at this, and not change it.".into())),
        }
    }

    /// Of events those one sees that they are there, with the level.
    pub fn events(&mut self, tx: &mut Tx, all: Vec<Event>) -> Result<Vec<(Event, Level)>, DbError> {
        self.keep(tx, all, Level::See, |event| vec![event.object()])
    }

    /// Of areas those one sees that they are there, with the level.
    pub fn areas(&mut self, tx: &mut Tx, all: Vec<Area>) -> Result<Vec<(Area, Level)>, DbError> {
        self.keep(tx, all, Level::See, |area| vec![area.object()])
    }

    /// Of collaborators those one may read.
    pub fn people(
        &mut self,
        tx: &mut Tx,
        all: Vec<Collaborator>,
    ) -> Result<Vec<(Collaborator, Level)>, DbError> {
        self.keep(tx, all, Level::View, |person| vec![person.object()])
    }

    /// Of tasks those one may read, with the level.
    pub fn tasks(&mut self, tx: &mut Tx, all: Vec<Task>) -> Result<Vec<(Task, Level)>, DbError> {
        self.keep(tx, all, Level::View, Task::parts)
    }

    /// Of schedule items those one may read, with the level; people in them that one may not read are left out.
    pub fn items(&mut self, tx: &mut Tx, all: Vec<Item>) -> Result<Vec<(Item, Level)>, DbError> {
        let mut kept = self.keep(tx, all, Level::View, Item::parts)?;
        for (item, _) in &mut kept {
            let people = std::mem::take(&mut item.people);
            item.people = self.people(tx, people)?.into_iter().map(|(person, _)| person).collect();
        }
        Ok(kept)
    }

    fn keep<T>(
        &mut self,
        tx: &mut Tx,
        all: Vec<T>,
        at_least: Level,
        parts: impl Fn(&T) -> Vec<Object>,
    ) -> Result<Vec<(T, Level)>, DbError> {
        let mut kept = Vec::new();
        for row in all {
            let level = self.widest(tx, &parts(&row))?;
            if level >= at_least {
                kept.push((row, level));
            }
        }
        Ok(kept)
    }
}
