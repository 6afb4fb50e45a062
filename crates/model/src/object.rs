//! What permission and audit speak about: an object is a kind and an id, written `system:0190…`.
//!
//! Kinds are an open set: a business module adds its own constant beside its types.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of object or subject. The word is stable: it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub &'static str);

impl Kind {
    /// Owner of data.
    pub const WORKSPACE: Kind = Kind("workspace");
    /// A management area of a workspace: see [`Object::area`].
    pub const AREA: Kind = Kind("area");
    /// A person who can sign in.
    pub const ACCOUNT: Kind = Kind("account");
    /// A named set of members.
    pub const GROUP: Kind = Kind("group");
    /// A function inside one scope: a translator of a project, the crew of an event.
    pub const ROLE: Kind = Kind("role");
    /// A business module of a workspace: see [`Object::module`].
    pub const MODULE: Kind = Kind("module");
    /// A gateway.
    pub const EDGE: Kind = Kind("edge");
    /// A place.
    pub const ZONE: Kind = Kind("zone");
    /// Devices that work as one space.
    pub const SYSTEM: Kind = Kind("system");
    /// A driver instance.
    pub const DEVICE: Kind = Kind("device");
    /// A trigger instance.
    pub const TRIGGER: Kind = Kind("trigger");
    /// A condition with a life.
    pub const ALARM: Kind = Kind("alarm");
    /// A command and its evidence.
    pub const COMMAND: Kind = Kind("command");
    /// A versioned driver package.
    pub const DRIVER: Kind = Kind("driver");
    /// A release of an edge's configuration.
    pub const RELEASE: Kind = Kind("release");
    /// A signed-in browser.
    pub const SESSION: Kind = Kind("session");
    /// An API token.
    pub const TOKEN: Kind = Kind("token");
    /// A row of the permission graph.
    pub const RELATION: Kind = Kind("relation");
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One object (or subject): `kind:id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(String);

impl Object {
    /// An object of a kind: `Object::new(Kind::SYSTEM, system_id)`.
    pub fn new(kind: Kind, id: impl fmt::Display) -> Object {
        Object(format!("{}:{id}", kind.0))
    }

    /// A management area of a workspace: `audit`, `users`, `edges`, `drivers`, `triggers`, ….
    pub fn area(workspace: crate::WorkspaceId, area: &str) -> Object {
        Object(format!("area:{workspace}/{area}"))
    }

    /// A business module of a workspace: `general`, `wiki`, `blog`, `contracts`, `crm`.
    pub fn module(workspace: crate::WorkspaceId, module: &str) -> Object {
        Object(format!("module:{workspace}/{module}"))
    }

    /// The general public, signed in or not.
    pub fn everyone() -> Object {
        Object("everyone:".into())
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<Object> {
        text.contains(':').then(|| Object(text.to_owned()))
    }

    /// The word before the colon.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// What follows the colon.
    pub fn id(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, id)| id)
    }

    /// Whether it is of that kind.
    pub fn is(&self, kind: Kind) -> bool {
        self.kind() == kind.0
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_reads_back_from_its_stored_form() {
        let object = Object::new(Kind::ZONE, "hall:1");
        assert_eq!(object.as_str(), "zone:hall:1");
        let read = Object::parse(object.as_str()).unwrap();
        assert_eq!((read.kind(), read.id()), ("zone", "hall:1"));
        assert!(read.is(Kind::ZONE) && !read.is(Kind::SYSTEM));
        assert_eq!(Object::parse("nothing"), None);
    }
}
