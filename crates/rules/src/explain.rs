//! Builds the trace of an evaluation: what decided, and one sentence that says why.

use crate::compiled::{Node, Operand, Test};
use crate::reader::Reader;
use crate::state::State;
use crate::trace::{Trace, TraceNode, Truth, Verdict};

/// Explains an evaluation whose results are still in `state`.
pub(crate) fn trace(reader: &Reader<'_>, state: &State, verdict: Verdict, withheld: Vec<String>) -> Trace {
    let compiled = reader.compiled;
    // `state.active` is already the new one: what cleared was decided by `until`, where there is one.
    let roots = match (verdict, compiled.until) {
        (_, None) => vec![compiled.when],
        (Verdict::Activated, Some(_)) => vec![compiled.when],
        (Verdict::Cleared, Some(until)) => vec![until],
        (_, Some(until)) if state.active => vec![until],
        (_, Some(until)) => vec![compiled.when, until],
    };
    let mut deciding = Vec::new();
    for root in roots {
        decided(reader, state, root, &mut deciding);
    }
    if verdict == Verdict::HeldBack {
        deciding.retain(|index| state.scratch.results[*index as usize] == Truth::Unknown);
    }
    let mut nodes = Vec::new();
    list(reader, state, compiled.when, &mut nodes);
    if let Some(until) = compiled.until {
        list(reader, state, until, &mut nodes);
    }
    Trace {
        at: reader.now,
        verdict,
        why: why(reader, state, verdict, &deciding),
        decided_by: deciding.iter().map(|index| node(reader, *index).place.clone()).collect(),
        inputs: reader.describe(),
        nodes,
        withheld,
    }
}

fn node<'a>(reader: &Reader<'a>, index: u32) -> &'a Node {
    &reader.compiled.nodes[index as usize]
}

fn children(test: &Test) -> &[u32] {
    match test {
        Test::All(of) | Test::Any(of) => of,
        Test::Not(child) => std::slice::from_ref(child),
        _ => &[],
    }
}

/// The conditions at the ends of the tree whose results made this one's.
fn decided(reader: &Reader<'_>, state: &State, index: u32, into: &mut Vec<u32>) {
    let test = &node(reader, index).test;
    let below = children(test);
    if below.is_empty() {
        into.push(index);
        return;
    }
    let of = |child: &u32| state.scratch.results[*child as usize];
    let raw = match test {
        Test::All(_) => below.iter().map(of).fold(Truth::True, Truth::and),
        Test::Any(_) => below.iter().map(of).fold(Truth::False, Truth::or),
        _ => {
            decided(reader, state, below[0], into);
            return;
        }
    };
    for child in below.iter().filter(|child| of(child) == raw) {
        decided(reader, state, *child, into);
    }
}

fn list(reader: &Reader<'_>, state: &State, index: u32, into: &mut Vec<TraceNode>) {
    let node = node(reader, index);
    let hold = node.hold.map(|hold| (state.holds[hold.slot as usize], hold.span));
    let since = hold.and_then(|(hold, _)| hold.since);
    into.push(TraceNode {
        place: node.place.clone(),
        text: node.text.clone(),
        result: state.scratch.results[index as usize],
        since,
        due: hold.and_then(|(hold, span)| hold.since.map(|since| since.after(span))),
    });
    for child in children(&node.test) {
        list(reader, state, *child, into);
    }
}

/// Inputs a condition looks at.
fn inputs_of(test: &Test) -> Vec<u32> {
    let right = |operand: &Operand| match operand {
        Operand::Input(input) => Some(*input),
        Operand::Const(_) => None,
    };
    match test {
        Test::Compare { input, right: other, .. } => {
            [Some(*input), right(other)].into_iter().flatten().collect()
        }
        Test::Between { input, low, high } => {
            [Some(*input), right(low), right(high)].into_iter().flatten().collect()
        }
        Test::OneOf { input, values } => {
            std::iter::once(*input).chain(values.iter().filter_map(right)).collect()
        }
        Test::Changed { input, .. } | Test::Quality { input, .. } => vec![*input],
        _ => Vec::new(),
    }
}

fn why(reader: &Reader<'_>, state: &State, verdict: Verdict, deciding: &[u32]) -> String {
    let begin = match verdict {
        Verdict::Activated => "Became active: ",
        Verdict::Cleared => "Cleared: ",
        Verdict::Waiting => "Waiting for debounce, cooldown or minimum time: ",
        Verdict::Unchanged if state.active => "Stays active: ",
        Verdict::Unchanged => "Stays clear: ",
        Verdict::HeldBack => return format!("Held back: {}", doubts(reader, state, deciding)),
    };
    let mut why = String::with_capacity(96);
    why.push_str(begin);
    for (nth, index) in deciding.iter().enumerate() {
        why.push_str(if nth == 0 { "" } else { "; " });
        why.push_str(match state.scratch.results[*index as usize] {
            Truth::True => "",
            Truth::False => "not: ",
            Truth::Unknown => "can't tell: ",
        });
        why.push_str(&node(reader, *index).text);
    }
    why
}

/// Why it can't be told.
fn doubts(reader: &Reader<'_>, state: &State, deciding: &[u32]) -> String {
    let mut all = Vec::new();
    for index in deciding {
        let node = node(reader, *index);
        let refused: Vec<_> = match &node.test {
            Test::Script => {
                if let Some(error) = &state.scratch.script_error {
                    all.push(error.clone());
                    continue;
                }
                (0..reader.compiled.inputs.len() as u32)
                    .filter(|input| reader.read(*input).is_none())
                    .collect()
            }
            Test::Presence { .. } | Test::Away { .. } => {
                all.push(format!("{}: not known yet", node.text));
                continue;
            }
            test => inputs_of(test).into_iter().filter(|input| reader.read(*input).is_none()).collect(),
        };
        if refused.is_empty() {
            all.push(format!("{}: these values can't be compared", node.text));
        }
        all.extend(refused.into_iter().map(|input| reader.why_refused(input)));
    }
    all.dedup();
    all.join("; ")
}
