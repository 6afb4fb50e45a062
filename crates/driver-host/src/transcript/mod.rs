//! Driver tests as dialogues, replayed without hardware and without waiting: time is virtual.
//!
//! A transcript is a text file, one step a line, `#` begins a comment. The lines before the first step that
//! moves anything (`settings`, `device`, `value`) say how the device is set up. `docs/drivers.md` lists the steps;
//! [`Step`] is the same list as a type.

mod bench;
mod parse;
mod record;
mod run;
mod text;

pub use bench::Bench;
pub use record::Recorder;
pub use run::{Failure, Subject, replay};
pub use text::{escape, unescape};

use bo_model::points::Table;
use bo_model::settings::Values;
use bytes::Bytes;
use std::time::Duration;

/// A parsed transcript.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The device's settings; what is not named has its default.
    pub settings: Values,
    /// The other devices of its system: address and module.
    pub devices: Vec<(String, String)>,
    /// Steps with their line numbers, from 1.
    pub steps: Vec<(usize, Step)>,
}

/// One step of a dialogue.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `starts -> ok | error TEXT`: how `start` ends. Without it a good start is expected.
    Starts(Expected),
    /// `connect`: the link comes up.
    Connect,
    /// `disconnect`: the link goes down.
    Disconnect,
    /// `send TEXT`: the driver sends this frame.
    Send(Bytes),
    /// `reply TEXT`: what the driver sent last is answered with this frame.
    Reply(Bytes),
    /// `recv TEXT`: a frame arrives unasked.
    Recv(Bytes),
    /// `reconnect`: the driver asks for a new connection.
    Reconnect,
    /// `read TABLE ADDRESS COUNT -> VALUES | exception N | timeout`: the driver reads; registers in hex, bits as 0 and 1.
    Read(Table, u16, u16, Answer),
    /// `write TABLE ADDRESS VALUES -> ok | exception N | timeout`: the driver writes.
    Write(Table, u16, Vec<u16>, Answer),
    /// `mask ADDRESS AND OR -> ok | exception N | timeout`: the driver changes bits of a holding register.
    Mask(u16, u16, u16, Answer),
    /// `write-read ADDRESS VALUES from ADDRESS COUNT -> VALUES | …`: the driver writes and reads holding registers at once.
    WriteRead(u16, Vec<u16>, (u16, u16), Answer),
    /// `registers TABLE ADDRESS VALUES`: what the device holds from now on. Once it holds anything, every read is answered
    /// from it (exception 2 outside), writes change it, and `write` lines check what was written.
    Registers(Table, u16, Vec<u16>),
    /// `subscribe FILTER`: the driver has subscribed.
    Subscribe(String),
    /// `publish TOPIC PAYLOAD`: the driver publishes.
    Publish(String, Bytes),
    /// `message TOPIC PAYLOAD`, `retained TOPIC PAYLOAD`: a message arrives.
    Message {
        /// Topic.
        topic: String,
        /// Payload.
        payload: Bytes,
        /// `retained`.
        retained: bool,
    },
    /// `header NAME VALUE`: the next HTTP answer carries it.
    Header(String, String),
    /// `request METHOD PATH [BODY] -> STATUS [BODY] | timeout`: the driver sends an HTTP request.
    Request {
        /// `GET`, ….
        method: String,
        /// Path and query.
        path: String,
        /// Body; nothing is compared when empty.
        body: Bytes,
        /// Status and body; `None` for no answer.
        answer: Option<(u16, Bytes)>,
    },
    /// `value DEVICE.NAME = JSON | bad`: a neighbour's status variable shows this from now on.
    Value(String, String, Option<serde_json::Value>),
    /// `calls DEVICE.COMMAND {JSON} -> ok | refused TEXT | failed TEXT | timeout`: the driver commands a neighbour.
    Calls(String, String, Values, Expected),
    /// `status NAME = JSON` or `status NAME bad [TEXT]`: what a status variable shows.
    Status(String, Shown),
    /// `command NAME {JSON} -> ok | refused TEXT | failed TEXT | timeout`: somebody commands the device. The steps that
    /// follow are its conversation.
    Command(String, Values, Expected),
    /// `log TEXT`: a line of the log so far contains this.
    Log(String),
    /// `wait 5s`: time passes.
    Wait(Duration),
}

/// How something ends. Texts are compared as a part of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Well.
    Ok,
    /// Refused.
    Refused(String),
    /// Failed; for `starts`: any error.
    Failed(String),
    /// Not in time.
    Timeout,
}

/// What a Modbus device answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Registers, or bits as 0 and 1.
    Values(Vec<u16>),
    /// A write was accepted.
    Ok,
    /// Exception code.
    Exception(u8),
    /// Nothing.
    Timeout,
}

/// What a status variable shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// Good, with this datum.
    Good(serde_json::Value),
    /// Bad, or never published; the reason contains this text.
    Bad(String),
}
