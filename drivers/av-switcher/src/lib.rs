//! A matrix switcher that speaks lines of text. It echoes what it did, and it tells the same line unasked when
//! somebody presses its front panel, so an answer is recognised by what it speaks about.

mod line;

use backoffice_driver::*;
use line::{Line, Subject};

const POLL: u32 = 1;
const REPLY_MS: u32 = 1_000;
/// Unasked lines that may come before the answer.
const TRIES: usize = 3;
/// Outputs the manifest has status variables for.
const OUTPUTS: u8 = 4;

struct Switcher {
    poll_ms: u32,
    outputs: u8,
}

impl Device for Switcher {
    fn start(config: Config) -> Result<Switcher> {
        Ok(Switcher { poll_ms: config.settings.millis("poll")?.max(1_000), outputs: 0 })
    }

    fn event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Connected => {
                set_timer(POLL, self.poll_ms, true);
                self.read_all()
            }
            Event::Disconnected => {
                cancel_timer(POLL);
                Ok(())
            }
            Event::Timer(POLL) => self.read_all(),
            Event::Frame(frame) => {
                show(&Line::parse(&frame)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn command(&mut self, name: &str, params: Values) -> Result<()> {
        match name {
            "route" => self.route(small(&params, "output")?, small(&params, "input")?),
            "route_all" => {
                let input = small(&params, "input")?;
                (1..=self.outputs).try_for_each(|output| self.route(output, input))
            }
            "mute" => {
                let (output, on) = (small(&params, "output")?, params.boolean("on")?);
                let done = ask(&format!("MUTE {output} {}", u8::from(on)), Subject::Mute(output))?;
                match done {
                    Line::Mute { on: now, .. } if now == on => Ok(()),
                    _ => Err(Error::Failed(format!("output {output} did not take the mute"))),
                }
            }
            _ => Err(Error::Refused(format!("there is no command `{name}`"))),
        }
    }
}

impl Switcher {
    fn route(&mut self, output: u8, input: u8) -> Result<()> {
        let done = ask(&format!("ROUTE {output} {input}"), Subject::Route(output))?;
        match done {
            Line::Route { input: now, .. } if now == input => Ok(()),
            Line::Route { input: now, .. } => {
                Err(Error::Failed(format!("output {output} shows input {now}, somebody was faster")))
            }
            _ => Ok(()),
        }
    }

    fn read_all(&mut self) -> Result<()> {
        if let Line::Info { outputs, .. } = ask("INFO?", Subject::Info)? {
            self.outputs = outputs.min(OUTPUTS);
        }
        for output in 1..=self.outputs {
            ask(&format!("ROUTE? {output}"), Subject::Route(output))?;
            ask(&format!("MUTE? {output}"), Subject::Mute(output))?;
        }
        Ok(())
    }
}

fn small(params: &Values, key: &str) -> Result<u8> {
    let number = params.integer(key)?;
    u8::try_from(number).map_err(|_| Error::Invalid(format!("`{key}` is too large")))
}

/// Sends a line and waits for the one that speaks about the same thing. A line about something else was told unasked:
/// it is shown too, and the state is asked for, which is safe to repeat.
fn ask(request: &str, subject: Subject) -> Result<Line> {
    let mut request = request.to_owned();
    for _ in 0..TRIES {
        let line = Line::parse(&bytes::exchange(request.as_bytes(), REPLY_MS)?)?;
        if let Line::Refusal(why) = line {
            return Err(Error::Refused(why));
        }
        show(&line);
        if line.subject() == subject {
            return Ok(line);
        }
        request = subject.question();
    }
    Err(Error::Protocol("it speaks of something else all the time".into()))
}

fn show(line: &Line) {
    match line {
        Line::Info { inputs, outputs, firmware } => {
            publish("inputs", i64::from(*inputs));
            publish("outputs", i64::from(*outputs));
            publish("firmware", firmware.as_str());
        }
        Line::Route { output, input } if *output <= OUTPUTS => {
            publish(&format!("output_{output}"), i64::from(*input));
        }
        Line::Mute { output, on } if *output <= OUTPUTS => publish(&format!("mute_{output}"), *on),
        Line::Refusal(why) => log(Level::Warning, why),
        Line::Route { .. } | Line::Mute { .. } => {}
    }
}

driver!(Switcher);
