//! Who is at the other end of the page, and what they may see and do. The levels come with the release; without any, those of
//! the machine's own operator and of whoever just reaches the page.

use super::session::Who;
use crate::site::Desired;
use crate::status::Status;
use bo_model::command::Actor;
use bo_model::people::SitePerson;
use bo_model::release::{SiteDevice, SiteSystem};
use bo_model::{DeviceId, Level, SystemId};
use std::sync::Arc;

/// Why nobody may do anything but look.
pub const STALE: &str = "The controller has been away for so long that this gateway no longer knows who may operate. \
    It shows what is; the operator's password still operates.";

/// Somebody.
pub struct Visitor {
    /// Who, as far as it is known.
    pub who: Option<Known>,
    /// Token of their forms; absent for whoever has not signed in.
    pub form: Option<String>,
    /// There is something to sign in with.
    pub can_sign_in: bool,
    /// Values are for everybody who reaches the page.
    pub open: bool,
    /// Permissions are too old to operate with.
    pub stale: bool,
    /// What runs.
    pub desired: Arc<Desired>,
}

/// Somebody who has signed in.
pub enum Known {
    /// With the password of the machine.
    Operator,
    /// By name.
    Person(Box<SitePerson>),
}

impl Visitor {
    /// As a session says; a person who is no longer in the release, or has another PIN by now, is nobody.
    pub fn known(who: Who, desired: &Desired) -> Option<Known> {
        match who {
            Who::Operator => Some(Known::Operator),
            Who::Person { id, pin_hash } => {
                let person = desired.site.people.iter().find(|person| person.id == id)?;
                (person.pin_hash == pin_hash).then(|| Known::Person(Box::new(person.clone())))
            }
        }
    }

    /// For evidence and audit.
    pub fn actor(&self) -> Actor {
        match &self.who {
            Some(Known::Operator) => Actor::Operator,
            Some(Known::Person(person)) => Actor::Account { id: person.id, name: person.name.clone() },
            None => Actor::Anonymous,
        }
    }

    /// How they are called.
    pub fn name(&self) -> Option<&str> {
        match &self.who {
            Some(Known::Operator) => Some("Operator"),
            Some(Known::Person(person)) => Some(&person.name),
            None => None,
        }
    }

    fn level(&self, of: impl Fn(&SitePerson) -> Level) -> Level {
        let everybody = if self.open { Level::View } else { Level::None };
        match &self.who {
            Some(Known::Operator) => Level::Own,
            Some(Known::Person(person)) => {
                let most = if self.stale { Level::View } else { Level::Own };
                of(person).min(most).max(everybody)
            }
            None => everybody,
        }
    }

    /// What they may do with a device.
    pub fn on_device(&self, device: &SiteDevice) -> Level {
        self.level(|person| person.on_device(&self.desired.site, device))
    }

    /// What they may do with a system as a whole.
    pub fn on_system(&self, system: &SiteSystem) -> Level {
        self.level(|person| person.on_system(&self.desired.site, system))
    }

    /// They see how the gateway itself is.
    pub fn is_known(&self) -> bool {
        self.open || self.who.is_some()
    }

    fn device(&self, id: DeviceId) -> Level {
        self.desired.device(id).map_or(Level::None, |device| self.on_device(device))
    }

    /// What they may do with a system, by its id.
    pub fn system(&self, id: SystemId) -> Level {
        let system = self.desired.site.systems.iter().find(|system| system.id == id);
        system.map_or(Level::None, |system| self.on_system(system))
    }

    /// The part of a status that is for them: a device they may only know of shows its name.
    pub fn cut(&self, mut status: Status) -> Status {
        status.devices.retain(|device| self.device(device.id) >= Level::See);
        for device in &mut status.devices {
            if self.device(device.id) < Level::View {
                device.values.clear();
                (device.unwell, device.last_proved) = (None, None);
            }
        }
        status.holds.retain(|hold| self.device(hold.device) >= Level::View);
        status.alarms.retain(|alarm| match (alarm.device, alarm.system) {
            (Some(device), _) => self.device(device) >= Level::View,
            (None, Some(system)) => self.system(system) >= Level::View,
            (None, None) => self.is_known(),
        });
        if !self.is_known() {
            status.links.clear();
            status.lines.clear();
            status.shares.clear();
            status.site_file = None;
        }
        status
    }
}
