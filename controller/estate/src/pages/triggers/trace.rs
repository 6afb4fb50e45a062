//! Why a trigger did and did not: its last runs, told in a sentence, each opening into what it saw and what it made of it.

use super::super::parts as own;
use super::super::trigger_story::story;
use super::super::trigger_words::Words;
use super::outcome;
use crate::state::RunEntry;
use bo_model::Time;
use bo_rules::{Trace, Truth};
use bo_web::layout::parts::{self, Tone, badge};
use maud::{Markup, html};

/// The last runs, each opening into its inputs and conditions.
pub fn traces(told: Option<&Words<'_>>, runs: &[RunEntry], now: Time) -> Markup {
    if runs.is_empty() {
        return parts::empty(
            "trigger",
            "Nothing happened yet",
            "When it fires, clears or is held back, the reason is kept here: which values it saw, how good they were, which condition decided.",
            None,
        );
    }
    html! {
        ul.feed { @for entry in runs { li {
            @let trace: Option<Trace> = entry.run.trace.read().ok();
            details {
                summary.feed__head { (outcome(&entry.run.outcome)) span { @if let Some(trace) = &trace { @match told { Some(words) => (story(words, trace)), None => (trace.why) } } } (parts::time(entry.at, now)) }
                @match &trace {
                    Some(trace) => (explained(told, trace)),
                    None => pre tabindex="0" { code { (entry.run.trace) } },
                }
            }
        } } }
    }
}

fn explained(told: Option<&Words<'_>>, trace: &Trace) -> Markup {
    html! {
        div.trace {
            @if !trace.inputs.is_empty() {
                h3 { "What it saw" }
                div.table-wrap tabindex="0" role="region" aria-label="What it saw" { table.table {
                    thead { tr { th scope="col" { "Input" } th scope="col" { "Value" } th scope="col" { "Quality" } th scope="col" { "Age" } } }
                    tbody { @for input in &trace.inputs { tr {
                        td { @match told { Some(words) => (words.datum(&input.of)), None => (input.of) } }
                        td { (input.data) @if input.defaulted { span.muted { " (stand-in)" } } }
                        td { (badge(tone(&input.quality), &input.quality)) @if let Some(reason) = &input.reason { " " span.muted { (reason) } }
                            @if !input.accepted && !input.defaulted { " " strong { "not to be acted on" } } }
                        td.num { (format!("{:.0} s", input.age)) }
                    } } }
                } }
            }
            h3 { "What it made of it" }
            ul.trace__nodes { @for node in &trace.nodes { li data-decided=[trace.decided_by.contains(&node.place).then_some("")] {
                @match node.result { Truth::True => (badge(Tone::Good, "yes")), Truth::False => (badge(Tone::Idle, "no")), Truth::Unknown => (badge(Tone::Warn, "can't tell")) }
                " " (node.text)
                @if let Some(due) = node.due { span.muted { ", holds until " (own::exact(due)) } }
                @if trace.decided_by.contains(&node.place) { strong { " — this decided" } }
            } } }
            @for line in &trace.withheld { p.muted { "Not done: " (line) } }
        }
    }
}

fn tone(quality: &str) -> Tone {
    match quality {
        "good" => Tone::Good,
        "uncertain" => Tone::Warn,
        _ => Tone::Bad,
    }
}
