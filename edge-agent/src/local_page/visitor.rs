//! Who is at the other end of the page, and what they may see and do. The levels come with the release; without any, those of
//! the machine's own operator and of whoever just reaches the page.

use super::session::Who;
use crate::site::Desired;
use crate::status::Status;
use bo_model::command::Actor;
use bo_model::people::SitePerson;
use bo_model::release::{SiteDevice, SiteSystem};
use bo_model::{DeviceId, Level, SystemId, Time};
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
    /// When they are here: permissions begin and end.
    pub now: Time,
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
    /// As a session says; a person who is no longer in the release, has another PIN by now, or may nothing any more, is nobody.
    pub fn known(who: Who, desired: &Desired, now: Time) -> Option<Known> {
        match who {
            Who::Operator => Some(Known::Operator),
            Who::Person { id, pin_hash } => {
                let person = desired.site.people.iter().find(|person| person.id == id)?;
                (person.pin_hash == pin_hash && person.is_somebody(now))
                    .then(|| Known::Person(Box::new(person.clone())))
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
        self.level(|person| person.on_device(&self.desired.site, device, self.now))
    }

    /// What they may do with a system as a whole.
    pub fn on_system(&self, system: &SiteSystem) -> Level {
        self.level(|person| person.on_system(&self.desired.site, system, self.now))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Agent;
    use crate::config::EdgeConfig;
    use crate::uplink::UplinkHandle;
    use bo_model::{ManualClock, Time};
    use bo_runtime::Shutdown;
    use std::time::Duration;

    const SITE: &str = r#"
people_valid_for = "168h"
[[zone]]
id = "0198c0de-0000-7000-8000-000000000101"
name = "House"
[[system]]
id = "0198c0de-0000-7000-8000-000000000001"
name = "Room"
zone = "0198c0de-0000-7000-8000-000000000101"
[[person]]
id = "0198c0de-0000-7000-8000-000000000201"
login = "ann"
name = "Ann"
pin_hash = "x"
levels = { "zone:0198c0de-0000-7000-8000-000000000101" = "edit" }
"#;

    #[tokio::test]
    async fn people_operate_for_seven_days_without_the_controller_and_look_on_until_it_speaks_again() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Time::from_seconds(1_772_000_000));
        let mut config = EdgeConfig { data: folder.path().join("data"), ..EdgeConfig::default() };
        config.local_page.listen = None;
        config.broker.listen.set_port(0);
        std::fs::create_dir_all(&config.data).unwrap();
        let agent = Agent::start(config, clock.clone(), Shutdown::new()).await.unwrap();
        let file = folder.path().join("site.toml");
        std::fs::write(&file, SITE).unwrap();
        agent.apply(Desired::from_file(&file, folder.path(), None).unwrap()).await.unwrap();
        let may = || {
            let desired = agent.desired().borrow().clone();
            let who = Who::Person { id: desired.site.people[0].id, pin_hash: "x".into() };
            let (now, stale) = (agent.people_time(), agent.people_are_stale());
            let who = Visitor::known(who, &desired, now);
            let system = desired.site.systems[0].id;
            Visitor { who, form: None, can_sign_in: true, open: false, stale, now, desired }.system(system)
        };
        clock.advance(Duration::from_secs(30 * 86_400));
        assert_eq!(may(), Level::Edit, "a site without a controller never gets too old");

        agent.set_uplink(UplinkHandle::silent());
        assert_eq!(may(), Level::View, "a controller that was never heard");
        agent.set_contact(agent.clock.now());
        clock.advance(Duration::from_secs(7 * 86_400));
        assert_eq!(may(), Level::Edit, "seven days to the second");
        clock.advance(Duration::from_secs(1));
        assert_eq!(may(), Level::View);
        agent.set_contact(agent.clock.now());
        assert_eq!(may(), Level::Edit, "as soon as it speaks");
        let heard = agent.clock.now();
        clock.set(Time(0));
        assert_eq!(agent.people_time(), heard, "a clock that was set back makes nobody's time longer");
        assert!(agent.stop().await);
    }
}
