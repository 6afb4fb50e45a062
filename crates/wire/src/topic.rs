//! `bo/1/<edge-id>/<up|down>/<kind>`: an edge may publish below its own `up` and read below its own `down`.

use bo_model::EdgeId;
use std::fmt;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Edge to controller.
    Up,
    /// Controller to edge.
    Down,
}

/// A parsed topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose.
    pub edge: EdgeId,
    /// Which way.
    pub direction: Direction,
    /// Kind of message: `records`, `hello`, `command`, …
    pub kind: String,
}

/// What is wrong with a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a topic of this grammar")]
pub struct TopicError(pub String);

impl Topic {
    /// The topic of an edge.
    pub fn new(edge: EdgeId, direction: Direction, kind: &str) -> Topic {
        Topic { edge, direction, kind: kind.to_owned() }
    }

    /// Parses a topic name (not a filter).
    pub fn parse(text: &str) -> Result<Topic, TopicError> {
        let wrong = || TopicError(text.chars().take(120).collect());
        let mut parts = text.split('/');
        let (Some("bo"), Some("1"), Some(edge), Some(way), Some(kind), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let direction = match way {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return Err(wrong()),
        };
        if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
            return Err(wrong());
        }
        Ok(Topic { edge: edge.parse().map_err(|_| wrong())?, direction, kind: kind.to_owned() })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        write!(f, "bo/1/{}/{way}/{}", self.edge, self.kind)
    }
}

/// The filter an edge subscribes (`Down`) or the controller does for one edge (`Up`).
pub fn edge_filter(edge: EdgeId, direction: Direction) -> String {
    format!("bo/1/{edge}/{}/#", if direction == Direction::Up { "up" } else { "down" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_reads_back_and_strangers_are_refused() {
        let edge: EdgeId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let topic = Topic::new(edge, Direction::Up, "records");
        assert_eq!(Topic::parse(&topic.to_string()), Ok(topic));
        for wrong in [
            "",
            "bo/1/x/up/records",
            "bo/2/0198c0de-0000-7000-8000-000000000001/up/records",
            "$SYS/#",
            "bo/1/0198c0de-0000-7000-8000-000000000001/up/records/more",
            "bo/1/0198c0de-0000-7000-8000-000000000001/up/+",
        ] {
            assert!(Topic::parse(wrong).is_err(), "{wrong}");
        }
    }
}
