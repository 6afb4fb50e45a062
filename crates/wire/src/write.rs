//! Records to JSON, the way it is written by the hundred thousand: those that follow each message of a busy site are put
//! together from their parts, everything else is left to serde. Both give the same text.

use crate::record::{Body, StatusChange, TriggerRun};
use bo_model::Quality;
use bo_model::command::{Actor, CommandRequest, Priority, Stage, Step};
use bo_model::json::{data, id, text, whole, word};
use bo_model::value::Source;
use serde::Serialize;

impl Body {
    /// Adds the body to `out` as `serde_json` would write it, several times as fast. After an error `out` ends with half of it.
    pub fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Body::Step { step, passed } => write_step(step, passed, out),
            Body::Status(change) => write_status(change, out),
            Body::Command { request } => write_command(request, out),
            Body::Trigger(run) => write_run(run, out),
            other => json(other, out),
        }
    }
}

fn write_step(step: &Step, passed: &[Stage], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let told = match &step.stage {
        Stage::Refused { .. } | Stage::Failed { .. } | Stage::TimedOut { .. } => true,
        Stage::Arbitrated { displaced } => displaced.is_some(),
        _ => false,
    };
    if told {
        out.extend_from_slice(b"{\"t\":\"step\",\"step\":");
        json(step, out)?;
        return write_passed(passed, out);
    }
    out.extend_from_slice(b"{\"t\":\"step\",\"step\":{\"command\":");
    id(step.command.0, out);
    out.extend_from_slice(b",\"stage\":");
    word(step.stage.word(), out);
    out.extend_from_slice(b",\"at\":");
    whole(step.at.0, out);
    out.push(b'}');
    write_passed(passed, out)
}

fn write_passed(passed: &[Stage], out: &mut Vec<u8>) -> serde_json::Result<()> {
    if !passed.is_empty() {
        out.extend_from_slice(b",\"passed\":");
        match passed {
            [Stage::Authorised] => out.extend_from_slice(b"[{\"stage\":\"authorised\"}]"),
            [Stage::Written] => out.extend_from_slice(b"[{\"stage\":\"written\"}]"),
            others => json(&others, out)?,
        }
    }
    out.push(b'}');
    Ok(())
}

fn write_status(change: &StatusChange, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let value = &change.value;
    out.extend_from_slice(b"{\"t\":\"status\",\"device\":");
    id(change.device.0, out);
    out.extend_from_slice(b",\"name\":");
    text(&change.name, out)?;
    out.extend_from_slice(b",\"value\":{\"data\":");
    data(&value.data, out)?;
    out.extend_from_slice(b",\"quality\":");
    match &value.quality {
        Quality::Good => out.extend_from_slice(b"\"good\""),
        other => json(other, out)?,
    }
    out.extend_from_slice(b",\"observed_at\":");
    whole(value.observed_at.0, out);
    out.extend_from_slice(b",\"source\":");
    word(
        match value.source {
            Source::Device => "device",
            Source::Derived => "derived",
            Source::Manual => "manual",
            Source::Agent => "agent",
        },
        out,
    );
    out.extend_from_slice(b"}}");
    Ok(())
}

fn write_command(request: &CommandRequest, out: &mut Vec<u8>) -> serde_json::Result<()> {
    out.extend_from_slice(b"{\"t\":\"command\",\"request\":{\"id\":");
    id(request.id.0, out);
    out.extend_from_slice(b",\"device\":");
    id(request.device.0, out);
    out.extend_from_slice(b",\"command\":");
    text(&request.command, out)?;
    out.extend_from_slice(b",\"params\":");
    json(&request.params, out)?;
    out.extend_from_slice(b",\"actor\":");
    match &request.actor {
        Actor::Trigger { id: trigger, name } => {
            out.extend_from_slice(b"{\"kind\":\"trigger\",\"id\":");
            id(trigger.0, out);
            out.extend_from_slice(b",\"name\":");
            text(name, out)?;
            out.push(b'}');
        }
        other => json(other, out)?,
    }
    out.extend_from_slice(b",\"priority\":");
    word(
        match request.priority {
            Priority::Schedule => "schedule",
            Priority::Trigger => "trigger",
            Priority::Manual => "manual",
            Priority::LifeSafety => "life-safety",
        },
        out,
    );
    out.extend_from_slice(b",\"deadline\":");
    whole(request.deadline.0, out);
    if let Some(lease) = &request.lease {
        out.extend_from_slice(b",\"lease\":");
        json(lease, out)?;
    }
    if let Some(reason) = &request.reason {
        out.extend_from_slice(b",\"reason\":");
        text(reason, out)?;
    }
    out.extend_from_slice(b"}}");
    Ok(())
}

fn write_run(run: &TriggerRun, out: &mut Vec<u8>) -> serde_json::Result<()> {
    out.extend_from_slice(b"{\"t\":\"trigger\",\"trigger\":");
    id(run.trigger.0, out);
    out.extend_from_slice(b",\"outcome\":");
    text(&run.outcome, out)?;
    out.extend_from_slice(b",\"trace\":");
    out.extend_from_slice(run.trace.text().as_bytes());
    if !run.notify.is_empty() {
        out.extend_from_slice(b",\"notify\":");
        json(&run.notify, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn json(value: &impl Serialize, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(out, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gap, Raw};
    use bo_model::command::Lease;
    use bo_model::uuid::Uuid;
    use bo_model::{Data, Reason, Time, Value};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn data() -> impl Strategy<Value = Data> {
        prop_oneof![
            Just(Data::None),
            any::<bool>().prop_map(Data::Bool),
            any::<i64>().prop_map(Data::Int),
            any::<f64>().prop_map(Data::Float),
            any::<String>().prop_map(|text| Data::Text(text.into())),
            Just(Data::Json(Arc::new(serde_json::json!({"a": ["\n", null]})))),
        ]
    }

    fn quality() -> impl Strategy<Value = Quality> {
        prop_oneof![
            Just(Quality::Good),
            any::<String>().prop_map(|why| Quality::Bad(Reason::Driver(why.into()))),
            Just(Quality::Uncertain(Reason::Stale)),
        ]
    }

    fn source() -> impl Strategy<Value = Source> {
        prop::sample::select(vec![Source::Device, Source::Derived, Source::Manual, Source::Agent])
    }

    fn status() -> impl Strategy<Value = Body> {
        (any::<u128>(), any::<String>(), data(), quality(), any::<i64>(), source()).prop_map(
            |(device, name, data, quality, at, source)| {
                let value = Value { data, quality, observed_at: Time(at), source };
                Body::Status(StatusChange { device: Uuid::from_u128(device).into(), name, value })
            },
        )
    }

    fn stage() -> impl Strategy<Value = Stage> {
        let plain = vec![
            Stage::Requested,
            Stage::Authorised,
            Stage::Written,
            Stage::ReadBack,
            Stage::Observed,
            Stage::Done,
        ];
        prop_oneof![
            prop::sample::select(plain),
            any::<Option<String>>().prop_map(|displaced| Stage::Arbitrated { displaced }),
            any::<String>().prop_map(|why| Stage::Refused { why }),
            any::<String>().prop_map(|why| Stage::Failed { why }),
            any::<String>().prop_map(|waiting_for| Stage::TimedOut { waiting_for }),
        ]
    }

    fn step() -> impl Strategy<Value = Body> {
        (any::<u128>(), stage(), any::<i64>(), prop::collection::vec(stage(), 0..3)).prop_map(
            |(command, stage, at, passed)| Body::Step {
                step: Step { command: Uuid::from_u128(command).into(), stage, at: Time(at) },
                passed: passed.into(),
            },
        )
    }

    fn actor() -> impl Strategy<Value = Actor> {
        prop_oneof![
            any::<String>().prop_map(|name| Actor::Trigger { id: Uuid::from_u128(5).into(), name }),
            any::<String>().prop_map(|name| Actor::Account { id: Uuid::from_u128(6).into(), name }),
            Just(Actor::System),
        ]
    }

    fn command() -> impl Strategy<Value = Body> {
        let priority = prop::sample::select(vec![
            Priority::Schedule,
            Priority::Trigger,
            Priority::Manual,
            Priority::LifeSafety,
        ]);
        (any::<u128>(), any::<String>(), any::<Option<String>>(), actor(), priority, any::<Option<i64>>())
            .prop_map(|(id, command, reason, actor, priority, until)| Body::Command {
                request: CommandRequest {
                    id: Uuid::from_u128(id).into(),
                    device: Uuid::from_u128(id ^ 1).into(),
                    params: [(command.clone(), serde_json::json!({"on": true}))].into(),
                    command,
                    actor,
                    priority,
                    deadline: Time(until.unwrap_or(3)),
                    lease: until.map(|until| Lease { until: Time(until), then: None }),
                    reason,
                },
            })
    }

    fn run() -> impl Strategy<Value = Body> {
        (any::<u128>(), any::<String>(), any::<bool>()).prop_map(|(trigger, outcome, told)| {
            let notify = if told { vec![serde_json::json!({"to": [outcome]})] } else { Vec::new() };
            let trace = Raw::of(&serde_json::json!({"why": outcome}));
            Body::Trigger(TriggerRun { trigger: Uuid::from_u128(trigger).into(), outcome, trace, notify })
        })
    }

    fn gap() -> impl Strategy<Value = Body> {
        any::<String>().prop_map(|why| Body::Gap(Gap { from: 1, to: 2, count: 2, why }))
    }

    proptest! {
        #[test]
        fn a_body_is_written_as_serde_would(
            body in prop_oneof![status(), step(), command(), run(), gap()],
        ) {
            let mut written = Vec::new();
            body.write(&mut written).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&body).unwrap());
        }
    }
}
