//! What a request needs: data, so that one test can walk all routes.

use bo_model::{Kind, Level};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody, signed in or not; says why.
    Anyone(&'static str),
    /// Whoever is signed in; the handler shows only their own things.
    SignedIn,
    /// Whoever is signed in as themselves: it concerns their account, or workspaces beside the one they are in. Not for whom a
    /// provider of one organisation signed in.
    Account,
    /// A level on the object whose id is in the path.
    Object {
        /// Its kind.
        kind: Kind,
        /// Name of the path parameter with its id.
        param: &'static str,
        /// At least this.
        level: Level,
    },
    /// A level on a management area of the viewer's current workspace.
    Area {
        /// `audit`, `users`, `edges`, `drivers`, `triggers`, `settings`, `estate`.
        area: &'static str,
        /// At least this.
        level: Level,
    },
    /// Level `view` on at least one object of these kinds in the viewer's current workspace, or the level to make one there: for
    /// entries of the navigation.
    Some {
        /// The kinds.
        kinds: &'static [Kind],
        /// The area in which they are made …
        area: &'static str,
        /// … with this level.
        level: Level,
    },
    /// A level on a business module of the viewer's current workspace.
    Module {
        /// `wiki`, `blog`, ….
        module: &'static str,
        /// At least this.
        level: Level,
    },
}

impl Need {
    /// Anybody, for a reason: the sign-in page, health.
    pub const fn anyone(reason: &'static str) -> Need {
        Need::Anyone(reason)
    }

    /// Whoever is signed in.
    pub const fn signed_in() -> Need {
        Need::SignedIn
    }

    /// Whoever is signed in, other than at the provider of one organisation.
    pub const fn account() -> Need {
        Need::Account
    }

    /// A level on the object named by a path parameter.
    pub const fn object(kind: Kind, param: &'static str, level: Level) -> Need {
        Need::Object { kind, param, level }
    }

    /// A level on an area of the workspace.
    pub const fn workspace_area(area: &'static str, level: Level) -> Need {
        Need::Area { area, level }
    }

    /// Something of these kinds to look at, or the right to make the first.
    pub const fn some(kinds: &'static [Kind], area: &'static str, level: Level) -> Need {
        Need::Some { kinds, area, level }
    }

    /// A level on a business module of the workspace.
    pub const fn module(module: &'static str, level: Level) -> Need {
        Need::Module { module, level }
    }

    /// In words, for the API description.
    pub fn words(&self) -> String {
        match self {
            Need::Anyone(reason) => format!("Anyone: {reason}."),
            Need::SignedIn => "Signed in.".into(),
            Need::Account => "Signed in, other than at the provider of one organisation.".into(),
            Need::Object { kind, level, .. } => format!("Level `{}` on the {kind}.", level.word()),
            Need::Some { kinds, area, level } => {
                let kinds: Vec<String> = kinds.iter().map(Kind::to_string).collect();
                format!(
                    "Level `view` on some {}, or `{}` on the area `{area}`.",
                    kinds.join(" or "),
                    level.word()
                )
            }
            Need::Module { module, level } => format!("Level `{}` on the module `{module}`.", level.word()),
            Need::Area { area, level } => format!("Level `{}` on the area `{area}`.", level.word()),
        }
    }
}
