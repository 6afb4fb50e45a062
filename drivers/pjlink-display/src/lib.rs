//! PJLink class 1 (JBMIA, "PJLink Specifications", version 1.04): a display or projector over TCP.
//!
//! The display speaks first (`PJLINK 0`, or `PJLINK 1` and a random number when it wants a password), answers one
//! command at a time, and hangs up after 30 seconds of silence.

mod protocol;

use backoffice_driver::*;
use protocol::{Greeting, Power};

const POLL: u32 = 1;
const GREETING: u32 = 2;
/// How long a display may take to greet.
const GREETING_MS: u32 = 5_000;
/// How long it may take to answer (§5: within 5 s after the link is made).
const REPLY_MS: u32 = 5_000;
/// Polls while it warms up or cools down.
const RESTLESS_MS: u32 = 2_000;
/// Displays hang up after 30 s of silence.
const LONGEST_POLL_MS: u32 = 25_000;
/// Lamp and errors are asked for at each sixth poll.
const SLOWLY: u32 = 6;

struct Display {
    password: String,
    poll_ms: u32,
    session: Session,
    polls: u32,
}

/// How far the conversation is.
enum Session {
    Closed,
    Greeting,
    /// The digest goes before the first command only.
    Open {
        digest: Option<String>,
    },
}

impl Device for Display {
    fn start(config: Config) -> Result<Display> {
        Ok(Display {
            password: config.settings.text("password")?.to_owned(),
            poll_ms: config.settings.millis("poll")?.clamp(1_000, LONGEST_POLL_MS),
            session: Session::Closed,
            polls: 0,
        })
    }

    fn event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Connected => {
                self.session = Session::Greeting;
                set_timer(GREETING, GREETING_MS, false);
            }
            Event::Disconnected => {
                self.session = Session::Closed;
                cancel_timer(GREETING);
                cancel_timer(POLL);
            }
            Event::Frame(line) => return self.line(&line),
            Event::Timer(GREETING) => {
                log(Level::Warning, "the display did not greet; connecting again");
                return bytes::reconnect();
            }
            Event::Timer(POLL) => return self.poll(),
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, name: &str, params: Values) -> Result<()> {
        match name {
            "power" => self.set("POWR", if params.boolean("on")? { "1" } else { "0" })?,
            "input" => self.set("INPT", params.text("source")?)?,
            "mute" => self.set("AVMT", if params.boolean("on")? { "31" } else { "30" })?,
            _ => return Err(Error::Refused(format!("there is no command `{name}`"))),
        }
        // The device accepted it; what came of it is seen by asking.
        if let Err(error) = self.poll() {
            log(Level::Warning, sentence(&error));
        }
        Ok(())
    }
}

impl Display {
    /// A line that came unasked: the greeting.
    fn line(&mut self, line: &[u8]) -> Result<()> {
        let digest = match protocol::greeting(line)? {
            Greeting::Open => None,
            Greeting::Password(_) if self.password.is_empty() => {
                return self.locked("the display wants a password, and none is set");
            }
            Greeting::Password(random) => Some(protocol::digest(&random, &self.password)),
            Greeting::Refused => return self.locked("the display refuses the password"),
        };
        cancel_timer(GREETING);
        self.session = Session::Open { digest };
        self.polls = 0;
        self.introduce()?;
        self.poll()
    }

    /// The password is wrong: say so where people look, and try again slowly.
    fn locked(&mut self, why: &str) -> Result<()> {
        self.session = Session::Closed;
        cancel_timer(POLL);
        for status in ["power", "on"] {
            publish_bad(status, why);
        }
        set_timer(GREETING, 60_000, false);
        Err(Error::Failed(why.into()))
    }

    /// What it is: asked once per connection.
    fn introduce(&mut self) -> Result<()> {
        for (command, status) in [("NAME", "name"), ("INF1", "maker"), ("INF2", "model")] {
            match self.ask(command) {
                Ok(text) => publish(status, text),
                Err(Error::Refused(why)) => publish_bad(status, &why),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// How it is.
    fn poll(&mut self) -> Result<()> {
        let outcome = self.read_all();
        let restless = matches!(outcome, Ok(Power::Warming | Power::Cooling));
        if matches!(self.session, Session::Open { .. }) {
            set_timer(POLL, if restless { RESTLESS_MS.min(self.poll_ms) } else { self.poll_ms }, false);
        }
        outcome.map(|_| ())
    }

    fn read_all(&mut self) -> Result<Power> {
        let power = Power::parse(&self.ask("POWR")?)?;
        publish("power", power.word());
        publish("on", power == Power::On);
        if power == Power::On {
            self.read("INPT", "input", |text| Ok(text.into()))?;
            self.read("AVMT", "mute", |text| protocol::picture_muted(text).map(Data::from))?;
        } else {
            // Most displays refuse these questions while they are not on.
            publish_bad("input", "the display is not on");
            publish_bad("mute", "the display is not on");
        }
        if self.polls.is_multiple_of(SLOWLY) {
            self.read("LAMP", "lamp_hours", |text| protocol::lamp_hours(text).map(Data::from))?;
            self.read("ERST", "errors", |text| protocol::errors(text).map(Data::from))?;
        }
        self.polls += 1;
        Ok(power)
    }

    /// Reads one status. What the display does not have, or can't say now, is bad with its reason.
    fn read(&mut self, command: &str, status: &str, parse: impl Fn(&str) -> Result<Data>) -> Result<()> {
        match self.ask(command).and_then(|text| parse(&text)) {
            Ok(value) => publish(status, value),
            Err(Error::Refused(why) | Error::Protocol(why)) => publish_bad(status, &why),
            Err(other) => return Err(other),
        }
        Ok(())
    }

    fn ask(&mut self, command: &str) -> Result<String> {
        self.exchange(command, "?")
    }

    fn set(&mut self, command: &str, value: &str) -> Result<()> {
        match self.exchange(command, value)?.as_str() {
            "OK" => Ok(()),
            other => Err(Error::Protocol(format!("answered `{other}` to {command} {value}"))),
        }
    }

    fn exchange(&mut self, command: &str, value: &str) -> Result<String> {
        let Session::Open { digest } = &self.session else {
            return Err(Error::Offline("the display has not greeted yet".into()));
        };
        let request = format!("{}%1{command} {value}", digest.as_deref().unwrap_or_default());
        let line = bytes::exchange(request.as_bytes(), REPLY_MS)?;
        if line.eq_ignore_ascii_case(b"PJLINK ERRA") {
            self.locked("the display refuses the password")?;
        }
        self.session = Session::Open { digest: None };
        protocol::answer(&line, command)
    }
}

driver!(Display);
