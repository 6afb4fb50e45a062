//! What counts as on, pure.

use backoffice_driver::{Data, json};

/// Where the room is going.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    On,
    Off,
}

/// What a member shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    On,
    Off,
    /// On its way, or nobody knows.
    Unclear,
}

/// How a kind of device is switched.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Display,
    Light,
    Climate,
}

/// A device that belongs to the room's being on.
#[derive(Clone, Debug)]
pub struct Member {
    pub address: String,
    pub seen: Seen,
    role: Role,
}

impl Member {
    /// From a neighbour's kind; `None` for devices that are not switched with the room.
    pub fn of(address: &str, module: &str) -> Option<Member> {
        let role = match module {
            "Display" | "Projector" => Role::Display,
            "Light" | "Lights" | "Relay" => Role::Light,
            "Hvac" => Role::Climate,
            _ => return None,
        };
        Some(Member { address: address.to_owned(), seen: Seen::Unclear, role })
    }

    /// The status variable that shows whether it is on.
    pub fn status(&self) -> &'static str {
        match self.role {
            Role::Display | Role::Light => "power",
            Role::Climate => "mode",
        }
    }

    pub fn watches(&self, device: &str, name: &str) -> bool {
        self.address == device && self.status() == name
    }

    pub fn is_display(&self) -> bool {
        self.role == Role::Display
    }

    /// What its status variable means.
    pub fn read(&self, value: &Data, good: bool) -> Seen {
        match value {
            _ if !good => Seen::Unclear,
            Data::Boolean(true) => Seen::On,
            Data::Boolean(false) => Seen::Off,
            Data::Text(word) => match word.as_str() {
                "on" => Seen::On,
                "off" => Seen::Off,
                _ if self.role == Role::Climate => Seen::On,
                _ => Seen::Unclear,
            },
            _ => Seen::Unclear,
        }
    }

    /// The command that brings it there; `None` when it is to be left alone.
    pub fn order(&self, goal: Goal, climate: &str) -> Option<(&'static str, backoffice_driver::Json)> {
        let on = goal == Goal::On;
        match self.role {
            Role::Display => Some(("power", json!({ "on": on }))),
            Role::Light => Some(("set_power", json!({ "on": on }))),
            Role::Climate if climate == "leave" => None,
            Role::Climate => Some(("set_mode", json!({ "mode": climate }))),
        }
    }
}

/// The room's state, and who is not where the room is going. Climate follows the room, but does not decide: a room whose
/// heating runs at night is not on.
pub fn state(members: &[Member], goal: Option<Goal>) -> (&'static str, Vec<String>) {
    let deciding = |member: &&Member| member.role != Role::Climate;
    let others = |seen: Seen| -> Vec<String> {
        let waiting = members.iter().filter(deciding).filter(|member| member.seen != seen);
        waiting.map(|member| member.address.clone()).collect()
    };
    let (not_on, not_off) = (others(Seen::On), others(Seen::Off));
    let known = members.iter().any(|member| deciding(&member));
    match goal {
        _ if !known => ("off", Vec::new()),
        Some(Goal::On) if !not_on.is_empty() => ("starting", not_on),
        Some(Goal::Off) if !not_off.is_empty() => ("stopping", not_off),
        _ if not_on.is_empty() => ("on", Vec::new()),
        _ if not_off.is_empty() => ("off", Vec::new()),
        _ => ("partial", not_on),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(seen: &[(&str, Seen)]) -> Vec<Member> {
        let member = |(address, seen): &(&str, Seen)| {
            let member = Member::of(address, address.split('_').next().unwrap_or_default());
            member.map(|member| Member { seen: *seen, ..member })
        };
        seen.iter().filter_map(member).collect()
    }

    #[test]
    fn the_state_follows_the_devices_and_names_who_is_missing() {
        let half = room(&[("Display_1", Seen::On), ("Relay_1", Seen::Off)]);
        assert_eq!(state(&half, None), ("partial", vec!["Relay_1".into()]));
        assert_eq!(state(&half, Some(Goal::On)), ("starting", vec!["Relay_1".into()]));
        assert_eq!(state(&half, Some(Goal::Off)), ("stopping", vec!["Display_1".into()]));
    }

    #[test]
    fn heating_at_night_does_not_make_a_room_on() {
        let night = room(&[("Display_1", Seen::Off), ("Hvac_1", Seen::On)]);
        assert_eq!(state(&night, None).0, "off");
    }

    #[test]
    fn a_device_nobody_hears_of_is_neither_on_nor_off() {
        let lost = room(&[("Display_1", Seen::On), ("Display_2", Seen::Unclear)]);
        assert_eq!(state(&lost, None).0, "partial");
    }
}
