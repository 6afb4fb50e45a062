//! One output of a Shelly relay over HTTP: its state is asked for, switching is an RPC, and a password is answered with
//! digest authentication.

mod digest;
mod rpc;

use backoffice_driver::*;
use digest::Challenge;
use rpc::Reading;

const POLL: u32 = 1;
const REPLY_MS: u32 = 5_000;

struct Relay {
    channel: i64,
    password: String,
    poll_ms: u32,
    /// The device's last challenge, good for many requests.
    challenge: Option<Challenge>,
    /// Requests made with it.
    count: u32,
}

impl Device for Relay {
    fn start(config: Config) -> Result<Relay> {
        let settings = &config.settings;
        Ok(Relay {
            channel: settings.integer("channel")?,
            password: settings.text("password")?.to_owned(),
            poll_ms: settings.millis("poll")?.max(1_000),
            challenge: None,
            count: 0,
        })
    }

    fn event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Connected => {
                set_timer(POLL, self.poll_ms, true);
                self.read()
            }
            Event::Disconnected => {
                cancel_timer(POLL);
                Ok(())
            }
            Event::Timer(POLL) => self.read(),
            _ => Ok(()),
        }
    }

    fn command(&mut self, name: &str, params: Values) -> Result<()> {
        if name != "power" {
            return Err(Error::Refused(format!("there is no command `{name}`")));
        }
        let body = rpc::switch(self.channel, params.boolean("on")?);
        let answer = self.send("POST", "/rpc", body.into_bytes())?;
        rpc::outcome(&answer)?;
        self.read()
    }
}

impl Relay {
    fn read(&mut self) -> Result<()> {
        let path = format!("/rpc/Switch.GetStatus?id={}", self.channel);
        let reading = self.send("GET", &path, Vec::new()).and_then(|answer| Reading::parse(&answer));
        match reading {
            Ok(reading) => {
                reading.publish();
                Ok(())
            }
            Err(error) => {
                publish_bad("on", &sentence(&error));
                Err(error)
            }
        }
    }

    /// One request, signed when the device asks for it.
    fn send(&mut self, method: &str, path: &str, body: Vec<u8>) -> Result<Vec<u8>> {
        for _ in 0..2 {
            let mut headers = Vec::new();
            if !body.is_empty() {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            if let Some(challenge) = &self.challenge {
                self.count += 1;
                let client = format!("{:016x}", now());
                let proof = challenge.answer(&self.password, method, path, self.count, &client);
                headers.push(("authorization".to_owned(), proof));
            }
            let request = http::Request {
                method: method.to_owned(),
                path: path.to_owned(),
                headers,
                body: body.clone(),
            };
            let reply = http::send(&request, REPLY_MS)?;
            if reply.status != 401 {
                return rpc::accepted(reply.status, reply.body);
            }
            if self.password.is_empty() {
                return Err(Error::Refused("the device wants a password; set `password`".into()));
            }
            let asked = reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
            let fresh = asked.and_then(|(_, value)| Challenge::parse(value));
            let fresh = fresh.ok_or_else(|| {
                Error::Protocol("it wants a password in a way this driver does not know".into())
            })?;
            (self.challenge, self.count) = (Some(fresh), 0);
        }
        self.challenge = None;
        Err(Error::Refused("the device does not accept the password".into()))
    }
}

driver!(Relay);
