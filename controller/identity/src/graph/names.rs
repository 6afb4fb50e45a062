//! Numbers of objects. They are only ever added, so all versions of a graph share them.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The public's number.
pub(super) const EVERYONE: u32 = 0;

#[derive(Default)]
pub(super) struct Names(RwLock<Known>);

#[derive(Default)]
pub(super) struct Known {
    numbers: HashMap<Box<str>, u32>,
    workspaces: HashSet<u32>,
}

impl Names {
    /// With the public.
    pub fn new() -> Names {
        let names = Names::default();
        names.write().number("everyone:");
        names
    }

    /// To look up several at once.
    pub fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To add some.
    pub fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The number of an object, a new one when it had none.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(name.into(), number);
        if name.starts_with("workspace:") {
            self.workspaces.insert(number);
        }
        number
    }

    /// The number of an object that has one.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// All workspaces.
    pub fn workspaces(&self) -> impl Iterator<Item = u32> {
        self.workspaces.iter().copied()
    }

    /// Whether it is a workspace.
    pub fn is_workspace(&self, number: u32) -> bool {
        self.workspaces.contains(&number)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }
}
