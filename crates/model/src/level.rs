//! The five levels of the one permission model (see `controller/identity`).

use serde::{Deserialize, Serialize};

/// What somebody may do with an object; the order is the meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing: the object does not exist for them.
    #[default]
    None = 0,
    /// Knows that it exists, by name.
    See = 1,
    /// Reads it.
    View = 2,
    /// Changes or operates it.
    Edit = 3,
    /// Configures it, removes it, and decides who else may.
    Own = 4,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Level; 5] = [Level::None, Level::See, Level::View, Level::Edit, Level::Own];

    /// From its number in the database; anything unknown is `None`.
    pub fn from_number(number: i64) -> Level {
        *Level::ALL.get(usize::try_from(number).unwrap_or(0)).unwrap_or(&Level::None)
    }

    /// The word shown to people and used in the API.
    pub fn word(self) -> &'static str {
        ["none", "see", "view", "edit", "own"][self as usize]
    }
}
