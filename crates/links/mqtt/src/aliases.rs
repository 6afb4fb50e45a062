//! Short names of topics (MQTT 5 §3.3.2.3.4): ours for the broker, and the broker's for us. Pure.

use crate::packets::Broken;
use crate::terms::ALIASES;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use std::collections::HashMap;

/// Both sides' short names; they are valid for one connection.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    ours: HashMap<String, u16>,
    theirs: HashMap<u16, String>,
}

impl Aliases {
    /// The short name of `topic`, and whether the broker knows it already. The first topics get one, `most` of them.
    pub(crate) fn ours(&mut self, topic: &str, most: u16) -> Option<(u16, bool)> {
        if let Some(alias) = self.ours.get(topic) {
            return Some((*alias, true));
        }
        let next = self.ours.len() as u16 + 1;
        (next <= most).then(|| {
            self.ours.insert(topic.to_owned(), next);
            (next, false)
        })
    }

    /// The topic of a message that came with short name `alias`: the one it brings, or the one it brought earlier.
    pub(crate) fn theirs(&mut self, alias: u16, topic: String) -> Result<String, Broken> {
        let wrong = |why: &str| {
            Broken::with(ReasonCode::TopicAliasInvalid, format!("the broker used topic alias {alias}, {why}"))
        };
        if alias == 0 || alias > ALIASES {
            return Err(wrong("which it was not granted"));
        }
        if topic.is_empty() {
            return self.theirs.get(&alias).cloned().ok_or_else(|| wrong("which it never explained"));
        }
        self.theirs.insert(alias, topic.clone());
        Ok(topic)
    }
}
