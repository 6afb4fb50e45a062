//! A room as one: finds the devices of its system by their kind, commands them together, and derives the room's
//! state from what they show, also when somebody uses a single one.

mod room;

use backoffice_driver::*;
use room::{Goal, Member, Seen, state};

const PATIENCE: u32 = 1;
const REDISCOVER: u32 = 2;
/// Devices come and go with releases.
const REDISCOVER_MS: u32 = 60_000;
const COMMAND_MS: u32 = 10_000;

struct Room {
    settings: Settings,
    members: Vec<Member>,
    switchers: Vec<String>,
    goal: Option<Goal>,
}

struct Settings {
    climate_on: String,
    climate_off: String,
    display_input: String,
    patience_ms: u32,
}

impl Device for Room {
    fn start(config: Config) -> Result<Room> {
        let settings = Settings {
            climate_on: config.settings.text("climate_on")?.to_owned(),
            climate_off: config.settings.text("climate_off")?.to_owned(),
            display_input: config.settings.text("display_input")?.to_owned(),
            patience_ms: config.settings.millis("patience")?,
        };
        let mut room = Room { settings, members: Vec::new(), switchers: Vec::new(), goal: None };
        room.discover();
        set_timer(REDISCOVER, REDISCOVER_MS, true);
        room.show();
        Ok(room)
    }

    fn event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Input(input) => {
                if let Some(member) =
                    self.members.iter_mut().find(|member| member.watches(&input.device, &input.name))
                {
                    member.seen = member.read(&input.value, input.good);
                }
                self.show_source();
            }
            Event::Timer(PATIENCE) => self.goal = None,
            Event::Timer(REDISCOVER) => self.discover(),
            _ => return Ok(()),
        }
        self.show();
        Ok(())
    }

    fn command(&mut self, name: &str, params: Values) -> Result<()> {
        match name {
            "on" => {
                let source = params.integer("source").ok();
                self.switch(Goal::On)?;
                source.map_or(Ok(()), |source| self.choose(source))
            }
            "off" => self.switch(Goal::Off),
            "source" => self.choose(params.integer("source")?),
            _ => Err(Error::Refused(format!("there is no command `{name}`"))),
        }
    }
}

impl Room {
    /// Looks who is there, and follows what they show.
    fn discover(&mut self) {
        let devices = system::devices();
        self.members.retain(|member| devices.iter().any(|device| device.address == member.address));
        for device in &devices {
            let known = self.members.iter().any(|member| member.address == device.address);
            if let Some(mut member) = Member::of(&device.address, &device.module).filter(|_| !known) {
                if let Some(reading) = system::status(&device.address, member.status()) {
                    member.seen = member.read(&reading.value, reading.good);
                }
                let _ = system::watch(&device.address, member.status());
                self.members.push(member);
            }
        }
        let is_switcher = |device: &&system::Neighbour| device.module == "Switcher";
        self.switchers = devices.iter().filter(is_switcher).map(|device| device.address.clone()).collect();
        for switcher in &self.switchers {
            let _ = system::watch(switcher, "output_1");
        }
    }

    /// Commands every member. One that fails does not keep the others from it; all failures are told together.
    fn switch(&mut self, goal: Goal) -> Result<()> {
        if self.members.is_empty() {
            return Err(Error::Refused("there is nothing to switch in this room".into()));
        }
        self.goal = Some(goal);
        set_timer(PATIENCE, self.settings.patience_ms.max(1_000), false);
        self.show();
        let climate = match goal {
            Goal::On => &self.settings.climate_on,
            Goal::Off => &self.settings.climate_off,
        };
        let mut failures = Vec::new();
        for member in &self.members {
            let Some((command, params)) = member.order(goal, climate) else { continue };
            if let Err(error) = system::command(&member.address, command, &params.to_string(), COMMAND_MS) {
                failures.push(format!("{}: {}", member.address, sentence(&error)));
            }
        }
        self.show();
        if failures.is_empty() { Ok(()) } else { Err(Error::Failed(failures.join("; "))) }
    }

    /// Shows a source on everything: the switcher's outputs, and the displays' input it is wired to.
    fn choose(&mut self, source: i64) -> Result<()> {
        let (targets, command, params) = if self.switchers.is_empty() {
            return Err(Error::Refused("this room has no switcher to choose a source with".into()));
        } else {
            (&self.switchers, "route_all", json!({ "input": source }))
        };
        for switcher in targets {
            system::command(switcher, command, &params.to_string(), COMMAND_MS)?;
        }
        // A display that is still warming up refuses this; it will come up with its last input.
        let input = json!({ "source": self.settings.display_input }).to_string();
        let displays = self.members.iter().filter(|member| member.is_display() && member.seen == Seen::On);
        for display in displays {
            if let Err(error) = system::command(&display.address, "input", &input, COMMAND_MS) {
                log(Level::Warning, format!("{}: {}", display.address, sentence(&error)));
            }
        }
        self.show_source();
        Ok(())
    }

    fn show_source(&self) {
        let Some(switcher) = self.switchers.first() else { return };
        match system::status(switcher, "output_1") {
            Some(reading) if reading.good => publish("source", reading.value),
            _ => publish_bad("source", "the switcher does not tell"),
        }
    }

    fn show(&mut self) {
        let (state, waiting) = state(&self.members, self.goal);
        if matches!((state, self.goal), ("on", Some(Goal::On)) | ("off", Some(Goal::Off))) {
            self.goal = None;
            cancel_timer(PATIENCE);
        }
        publish("state", state);
        publish("on", state == "on");
        publish("waiting_for", if waiting.is_empty() { "nothing".to_owned() } else { waiting.join(", ") });
    }
}

driver!(Room);
