//! A conversation in lines of text, as `[simulate.dialogue]` describes it. No sockets, no timers.

use crate::fake::{Fake, plain};
use crate::spec::{Dialogue, Reaction, Rule};
use crate::template::fill;
use bo_model::settings::Values;
use md5::{Digest, Md5};
use regex::Regex;
use serde_json::Value as Json;

/// Rules with their patterns compiled.
pub struct Script {
    rules: Vec<(Regex, Rule)>,
    dialogue: Dialogue,
}

impl Script {
    /// The script of a device. The error is a sentence.
    pub fn of(fake: &Fake) -> Result<Script, String> {
        let dialogue =
            fake.simulate().dialogue.clone().ok_or("the driver has no [simulate.dialogue] to speak from")?;
        let rules = dialogue
            .rules
            .iter()
            .map(|rule| {
                let pattern = Regex::new(&format!("^(?:{})$", rule.pattern))
                    .map_err(|error| format!("dialogue: match `{}`: {error}", rule.pattern))?;
                Ok((pattern, rule.clone()))
            })
            .collect::<Result<_, String>>()?;
        Ok(Script { rules, dialogue })
    }

    /// How long the device waits for a line before it hangs up.
    pub fn idle(&self) -> Option<std::time::Duration> {
        self.dialogue.idle
    }

    /// What stands for a variable's datum on the wire.
    fn word(&self, variable: &str, datum: &Json) -> String {
        let text = plain(datum);
        self.dialogue.words.get(variable).and_then(|words| words.get(&text)).cloned().unwrap_or(text)
    }

    /// The datum of a variable that a word on the wire stands for.
    fn datum(&self, variable: &str, word: &str) -> String {
        let words = self.dialogue.words.get(variable);
        let found = words.and_then(|words| words.iter().find(|(_, spelled)| *spelled == word));
        found.map_or_else(|| word.to_owned(), |(datum, _)| datum.clone())
    }
}

/// One client's conversation.
pub struct Conversation {
    fake: Fake,
    nonce: String,
    proved: bool,
    seen: Values,
}

impl Conversation {
    /// A client connects: what the device says first.
    pub fn open(script: &Script, fake: &Fake, nonce: String) -> (Conversation, Option<String>) {
        let dialogue = &script.dialogue;
        let open = dialogue.auth.as_ref().is_none_or(|auth| password(fake, &auth.password).is_empty());
        let conversation = Conversation { fake: fake.clone(), nonce, proved: open, seen: fake.vars() };
        let greeting = if open {
            dialogue.open_greeting.as_ref().or(dialogue.greeting.as_ref())
        } else {
            dialogue.greeting.as_ref()
        };
        let greeting = greeting.map(|text| fill(text, |name| conversation.lookup(name)));
        (conversation, greeting)
    }

    fn lookup(&self, name: &str) -> Option<String> {
        if name == "nonce" { Some(self.nonce.clone()) } else { self.fake.lookup(name) }
    }

    /// A line comes in: what the device answers.
    pub fn line(&mut self, script: &Script, line: &str) -> Option<String> {
        let line = match self.prove(script, line) {
            Ok(line) => line,
            Err(refusal) => return Some(refusal),
        };
        let vars = self.fake.vars();
        let (captures, rule) = script
            .rules
            .iter()
            .filter(|(_, rule)| rule.when.iter().all(|(name, wanted)| fits(vars.get(name), wanted)))
            .find_map(|(pattern, rule)| pattern.captures(line).map(|captures| (captures, rule)))?;
        let group = |name: &str| captures.name(name).map(|found| found.as_str().to_owned());
        // A group that becomes a variable's value comes as a word of the wire.
        let lookup = |variable: &str, name: &str| {
            group(name).map(|word| if variable.is_empty() { word } else { script.datum(variable, &word) })
        };
        let reaction = Reaction { set: rule.set.clone(), later: rule.later.clone() };
        if !reaction.set.is_empty() || !reaction.later.is_empty() {
            let order = reaction.set.keys().chain(reaction.later.iter().flat_map(|l| l.set.keys())).next();
            self.fake.react(order.map_or("", String::as_str), &reaction, &lookup);
        }
        self.seen = self.fake.vars();
        rule.reply.as_ref().map(|reply| {
            fill(reply, |name| {
                let variable = |key: &str| self.seen.get(key).map(|datum| script.word(key, datum));
                group(name).or_else(|| variable(name)).or_else(|| self.lookup(name))
            })
        })
    }

    /// Takes the digest off the first line of a device that asks for one.
    fn prove<'l>(&mut self, script: &Script, line: &'l str) -> Result<&'l str, String> {
        let Some(auth) = script.dialogue.auth.as_ref().filter(|_| !self.proved) else { return Ok(line) };
        let secret = password(&self.fake, &auth.password);
        let text =
            fill(
                &auth.digest_of,
                |name| {
                    if name == "password" { Some(secret.clone()) } else { self.lookup(name) }
                },
            );
        let digest = hex::encode(Md5::digest(text.as_bytes()));
        match line.get(..digest.len()) {
            Some(given) if given.eq_ignore_ascii_case(&digest) => {
                self.proved = true;
                Ok(&line[digest.len()..])
            }
            _ => Err(auth.refuse.clone()),
        }
    }

    /// Something else changed the device: what it says unasked.
    pub fn unasked(&mut self, script: &Script) -> Vec<String> {
        let now = self.fake.vars();
        let before = std::mem::replace(&mut self.seen, now);
        let mut lines = Vec::new();
        for notify in script.dialogue.notify.iter().filter(|_| self.proved) {
            for (name, datum) in self.seen.iter().filter(|(name, datum)| before.get(*name) != Some(*datum)) {
                let suffix = match notify.status.strip_suffix('*') {
                    Some(prefix) => name.strip_prefix(prefix),
                    None => (*name == notify.status).then_some(""),
                };
                let Some(suffix) = suffix else { continue };
                lines.push(fill(&notify.send, |key| match key {
                    "suffix" => Some(suffix.to_owned()),
                    "value" => Some(script.word(name, datum)),
                    key => self.fake.lookup(key),
                }));
            }
        }
        lines
    }
}

fn password(fake: &Fake, setting: &str) -> String {
    fake.setting(setting).map(plain).unwrap_or_default()
}

fn fits(value: Option<&Json>, wanted: &Json) -> bool {
    match wanted {
        Json::Array(any) => value.is_some_and(|value| any.contains(value)),
        one => value == Some(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::driver::Manifest;
    use serde_json::json;
    use std::sync::Arc;

    const PROJECTOR: &str = r#"
[driver]
name = "acme-projector"
version = "1.0.0"
title = "Projector"
kind = "hardware"
module = "Display"
[link]
kind = "bytes"
framing = { delimiter = "\r" }
[settings.password]
type = "text"
secret = true
[status]
power = { type = "choice", choices = { off = "Off", on = "On", warming = "Warming" } }
input = { type = "choice", choices = { hdmi = "HDMI", vga = "VGA" } }
[component]
file = "component.wasm"
wit = "0.1"
[simulate]
values = { power = "off", input = "hdmi" }
[simulate.dialogue]
greeting = "HELLO 1 {nonce}"
open_greeting = "HELLO 0"
auth = { password = "password", digest_of = "{nonce}{password}", refuse = "HELLO NO" }
words.power = { off = "0", on = "1", warming = "3" }
words.input = { hdmi = "31", vga = "11" }
on = [
  { match = "POWR \\?", reply = "POWR={power}" },
  { match = "POWR 1", reply = "POWR=OK", set = { power = "warming" }, later = [{ after = "5s", set = { power = "on" } }] },
  { match = "INPT (?<in>\\d\\d)", when = { power = "on" }, reply = "INPT=OK", set = { input = "{in}" } },
  { match = "INPT .*", reply = "INPT=ERR3" },
  { match = "(?<what>\\w{4}).*", reply = "{what}=ERR1" },
]
notify = [{ status = "input", send = "INPT={value}" }]
"#;

    fn projector(password: &str) -> (Fake, Script) {
        let manifest = Arc::new(Manifest::parse(PROJECTOR).unwrap());
        let fake = Fake::new("p", manifest, [("password".into(), json!(password))].into()).unwrap();
        let script = Script::of(&fake).unwrap();
        (fake, script)
    }

    #[tokio::test(start_paused = true)]
    async fn a_projector_warms_up_before_it_takes_an_input() {
        let (fake, script) = projector("");
        let (mut talk, greeting) = Conversation::open(&script, &fake, "00000000".into());
        assert_eq!(greeting.as_deref(), Some("HELLO 0"));
        assert_eq!(talk.line(&script, "POWR 1").as_deref(), Some("POWR=OK"));
        assert_eq!(talk.line(&script, "INPT 11").as_deref(), Some("INPT=ERR3"));
        assert_eq!(talk.line(&script, "POWR ?").as_deref(), Some("POWR=3"));
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        assert_eq!(talk.line(&script, "POWR ?").as_deref(), Some("POWR=1"));
        assert_eq!(talk.line(&script, "INPT 11").as_deref(), Some("INPT=OK"));
        assert_eq!(fake.text("input"), "vga");
        assert_eq!(talk.line(&script, "LAMP ?").as_deref(), Some("LAMP=ERR1"));
    }

    #[test]
    fn a_password_is_proved_once_by_its_digest() {
        let (fake, script) = projector("secret");
        let (mut talk, greeting) = Conversation::open(&script, &fake, "498e4a67".into());
        assert_eq!(greeting.as_deref(), Some("HELLO 1 498e4a67"));
        assert_eq!(talk.line(&script, "POWR ?").as_deref(), Some("HELLO NO"));
        let digest = hex::encode(Md5::digest(b"498e4a67secret"));
        assert_eq!(talk.line(&script, &format!("{digest}POWR ?")).as_deref(), Some("POWR=0"));
        assert_eq!(talk.line(&script, "POWR ?").as_deref(), Some("POWR=0"));
    }

    #[test]
    fn a_change_at_the_front_panel_is_told_to_the_client_but_its_own_is_not() {
        let (fake, script) = projector("");
        let (mut talk, _) = Conversation::open(&script, &fake, "0".into());
        fake.set("input", "vga");
        assert_eq!(talk.unasked(&script), vec!["INPT=11"]);
        fake.set("power", "on");
        assert!(talk.unasked(&script).is_empty());
    }
}
