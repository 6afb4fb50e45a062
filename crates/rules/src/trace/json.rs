//! A trace as JSON. One is written for each message that fires a trigger, so it is put together by hand.

use super::{Trace, TraceInput, TraceNode, Truth};
use bo_model::json::{data, text, whole, word};

impl Trace {
    /// Adds the trace to `out` as `serde_json` would write it. After an error `out` ends with half of it.
    pub fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.extend_from_slice(b"{\"at\":");
        whole(self.at.0, out);
        out.extend_from_slice(b",\"verdict\":");
        word(self.verdict.word(), out);
        out.extend_from_slice(b",\"why\":");
        text(&self.why, out)?;
        out.extend_from_slice(b",\"decided_by\":");
        list(&self.decided_by, out, |place, out| text(place, out))?;
        out.extend_from_slice(b",\"inputs\":");
        list(&self.inputs, out, input)?;
        out.extend_from_slice(b",\"nodes\":");
        list(&self.nodes, out, node)?;
        if !self.withheld.is_empty() {
            out.extend_from_slice(b",\"withheld\":");
            list(&self.withheld, out, |why, out| text(why, out))?;
        }
        out.push(b'}');
        Ok(())
    }
}

fn list<T>(
    all: &[T],
    out: &mut Vec<u8>,
    write: impl Fn(&T, &mut Vec<u8>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    out.push(b'[');
    for (nth, one) in all.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        write(one, out)?;
    }
    out.push(b']');
    Ok(())
}

fn input(input: &TraceInput, out: &mut Vec<u8>) -> serde_json::Result<()> {
    out.push(b'{');
    if !input.name.is_empty() {
        out.extend_from_slice(b"\"name\":");
        text(&input.name, out)?;
        out.push(b',');
    }
    out.extend_from_slice(b"\"of\":");
    text(&input.of, out)?;
    out.extend_from_slice(b",\"data\":");
    data(&input.data, out)?;
    out.extend_from_slice(b",\"quality\":");
    text(&input.quality, out)?;
    if let Some(reason) = &input.reason {
        out.extend_from_slice(b",\"reason\":");
        text(reason, out)?;
    }
    out.extend_from_slice(b",\"age\":");
    serde_json::to_writer(&mut *out, &input.age)?;
    out.extend_from_slice(if input.accepted { b",\"accepted\":true" } else { b",\"accepted\":false" });
    if input.defaulted {
        out.extend_from_slice(b",\"defaulted\":true");
    }
    out.push(b'}');
    Ok(())
}

fn node(node: &TraceNode, out: &mut Vec<u8>) -> serde_json::Result<()> {
    out.extend_from_slice(b"{\"place\":");
    text(&node.place, out)?;
    out.extend_from_slice(b",\"text\":");
    text(&node.text, out)?;
    out.extend_from_slice(b",\"result\":");
    word(
        match node.result {
            Truth::True => "true",
            Truth::False => "false",
            Truth::Unknown => "unknown",
        },
        out,
    );
    for (name, time) in [(&b",\"since\":"[..], node.since), (b",\"due\":", node.due)] {
        if let Some(time) = time {
            out.extend_from_slice(name);
            whole(time.0, out);
        }
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use bo_model::{Data, Time};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn words() -> impl Strategy<Value = Arc<str>> {
        prop_oneof![Just(String::new()), any::<String>()].prop_map(Arc::from)
    }

    fn datum() -> impl Strategy<Value = Data> {
        prop_oneof![
            Just(Data::None),
            any::<bool>().prop_map(Data::Bool),
            any::<i64>().prop_map(Data::Int),
            any::<f64>().prop_map(Data::Float),
            words().prop_map(Data::Text),
        ]
    }

    fn inputs() -> impl Strategy<Value = TraceInput> {
        (words(), words(), datum(), any::<Option<String>>(), any::<f64>(), any::<(bool, bool)>()).prop_map(
            |(name, of, data, reason, age, (accepted, defaulted))| TraceInput {
                name,
                of,
                data,
                quality: if accepted { "good".into() } else { "bad".into() },
                reason,
                age,
                accepted,
                defaulted,
            },
        )
    }

    fn nodes() -> impl Strategy<Value = TraceNode> {
        let truth = prop::sample::select(vec![Truth::True, Truth::False, Truth::Unknown]);
        (words(), words(), truth, any::<Option<i64>>(), any::<Option<i64>>()).prop_map(
            |(place, text, result, since, due)| TraceNode {
                place,
                text,
                result,
                since: since.map(Time),
                due: due.map(Time),
            },
        )
    }

    fn traces() -> impl Strategy<Value = Trace> {
        let verdict = prop::sample::select(vec![
            Verdict::Activated,
            Verdict::Cleared,
            Verdict::HeldBack,
            Verdict::Waiting,
            Verdict::Unchanged,
        ]);
        (
            (any::<i64>(), verdict, any::<String>()),
            prop::collection::vec(words(), 0..3),
            prop::collection::vec(inputs(), 0..3),
            prop::collection::vec(nodes(), 0..3),
            prop::collection::vec(any::<String>(), 0..3),
        )
            .prop_map(|((at, verdict, why), decided_by, inputs, nodes, withheld)| Trace {
                at: Time(at),
                verdict,
                why,
                decided_by,
                inputs,
                nodes,
                withheld,
            })
    }

    proptest! {
        #[test]
        fn a_trace_is_written_as_serde_would(trace in traces()) {
            let mut written = Vec::new();
            trace.write(&mut written).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&trace).unwrap());
        }
    }
}
