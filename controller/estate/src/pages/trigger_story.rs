//! Why a trigger did what it did, told as a person would: `Occupied was off for 10min, so: tell every Hvac: set mode`.

use super::parts::humane;
use super::trigger_words::Words;
use bo_rules::definition::{Action, Condition};
use bo_rules::{Definition, Trace, Verdict};

/// The story of one run.
pub fn story(words: &Words<'_>, trace: &Trace) -> String {
    let definition = words.definition;
    let because = because(definition, words, trace);
    let did = |actions: &[Action]| {
        let told: Vec<String> =
            actions.iter().map(|action| filled(words, trace, &words.action(action))).collect();
        if told.is_empty() { "nothing more was done".to_owned() } else { told.join("; ") }
    };
    match trace.verdict {
        Verdict::Activated => format!("{because}, so: {}.", did(&definition.on_active)),
        Verdict::Cleared => format!("{because}, so it was over: {}.", did(&definition.on_clear)),
        Verdict::HeldBack => format!("{}, so nothing was done.", unknown(words, trace)),
        Verdict::Waiting | Verdict::Unchanged => format!("{}.", trace.why.trim_end_matches('.')),
    }
}

/// What decided, in the past: every condition that did, with what it saw.
fn because(definition: &Definition, words: &Words<'_>, trace: &Trace) -> String {
    let told = trace.decided_by.iter().map(|place| {
        let Some(condition) = at(definition, place) else { return node(trace, place) };
        if condition.offline.is_some() {
            let held = condition.held_for.as_ref().map(|span| format!(" for {}", words.span(span)));
            return match away(words, trace) {
                all if all.is_empty() => "every device could be reached".into(),
                some => format!("{} could not be reached{}", some, held.unwrap_or_default()),
            };
        }
        let seen =
            condition.input.as_ref().and_then(|name| trace.inputs.iter().find(|input| *input.name == **name));
        match (&condition.input, seen) {
            (Some(name), Some(seen)) => {
                let held = condition.held_for.as_ref().map(|span| format!(" for {}", words.span(span)));
                format!("{} was {}{}", humane(name), seen.data, held.unwrap_or_default())
            }
            _ => node(trace, place),
        }
    });
    let told: Vec<String> = told.filter(|text| !text.is_empty()).collect();
    if told.is_empty() { trace.why.trim_end_matches('.').to_owned() } else { told.join(" and ") }
}

/// The devices that were away, by what people call them.
fn away(words: &Words<'_>, trace: &Trace) -> String {
    let devices = trace.inputs.iter().filter(|input| input.data.truth() == Some(false));
    let devices = devices.filter_map(|input| input.of.strip_suffix(" online"));
    devices.map(|address| words.datum(address)).collect::<Vec<_>>().join(", ")
}

/// A text of the definition with what its `{names}` stood for in this run.
fn filled(words: &Words<'_>, trace: &Trace, text: &str) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, name, behind)) = rest
        .split_once('{')
        .and_then(|(before, after)| after.split_once('}').map(|(name, behind)| (before, name.trim(), behind)))
    {
        let seen = trace.inputs.iter().find(|input| *input.name == *name);
        filled.push_str(before);
        filled += &match (name, seen) {
            (_, Some(seen)) => seen.data.to_string(),
            ("offline", _) => away(words, trace),
            ("system", _) if !words.system.is_empty() => words.system.to_owned(),
            ("trigger", _) => words.definition.title.clone(),
            _ => words.span(&format!("{{{name}}}")),
        };
        rest = behind;
    }
    filled + rest
}

/// A condition as the trace words it.
fn node(trace: &Trace, place: &str) -> String {
    trace.nodes.iter().find(|node| *node.place == *place).map(|node| humane(&node.text)).unwrap_or_default()
}

/// Which values could not be acted on, and why.
fn unknown(words: &Words<'_>, trace: &Trace) -> String {
    let told: Vec<String> = trace
        .inputs
        .iter()
        .filter(|input| !input.accepted && !input.defaulted)
        .map(|input| {
            let name = if input.name.is_empty() { words.datum(&input.of) } else { humane(&input.name) };
            let why = input.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("{name} was {}{why}", input.quality)
        })
        .collect();
    if told.is_empty() { trace.why.trim_end_matches('.').to_owned() } else { told.join(" and ") }
}

/// The condition at a place like `when.all[1].not`.
fn at<'d>(definition: &'d Definition, place: &str) -> Option<&'d Condition> {
    let mut parts = place.split('.');
    let mut found = match parts.next()? {
        "when" => definition.when.as_ref()?,
        "until" => definition.until.as_ref()?,
        _ => return None,
    };
    for part in parts {
        let (name, index) = part.split_once('[').unwrap_or((part, ""));
        let index: usize = index.trim_end_matches(']').parse().unwrap_or(0);
        found = match name {
            "all" => found.all.as_ref()?.get(index)?,
            "any" => found.any.as_ref()?.get(index)?,
            "not" => found.not.as_deref()?,
            _ => return None,
        };
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::settings::Values;
    use bo_model::{Data, Time};
    use bo_rules::TraceInput;

    const TEXT: &str = r#"
name = "empty"
title = "Empty"
[input.people]
of = "Sensor_1.people"
[when]
all = [{ days = "mon-fri" }, { input = "people", equals = 0, held_for = "10min" }]
[[on_active]]
command = "Hvac_*.set_mode"
params = { mode = "off" }
"#;

    fn trace(verdict: Verdict, accepted: bool) -> Trace {
        let input = TraceInput {
            name: "people".into(),
            of: "Sensor_1.people".into(),
            data: Data::Int(0),
            quality: if accepted { "good" } else { "bad" }.into(),
            reason: (!accepted).then(|| "timeout".into()),
            age: 3.0,
            accepted,
            defaulted: false,
        };
        Trace {
            at: Time(0),
            verdict,
            why: "Became active".into(),
            decided_by: vec!["when.all[1]".into()],
            inputs: vec![input],
            nodes: Vec::new(),
            withheld: Vec::new(),
        }
    }

    #[test]
    fn a_run_that_saw_devices_away_names_them_and_says_what_was_told() {
        let text = "name = \"away\"\ntitle = \"Away\"\n[param.long]\ntype = \"duration\"\ndefault = \"2min\"\n\
            [when]\noffline = \"*\"\neach = true\nheld_for = \"{long}\"\n\
            [[on_active]]\nalarm = { severity = \"warning\", text = \"{offline} away for {long}\" }";
        let (definition, params) = (Definition::parse(text).unwrap(), Values::new());
        let seen = |of: &str, online: bool| TraceInput {
            name: "".into(),
            of: of.into(),
            data: Data::Bool(online),
            ..trace(Verdict::Activated, true).inputs.remove(0)
        };
        let mut run = trace(Verdict::Activated, true);
        run.decided_by = vec!["when".into()];
        run.inputs = vec![seen("Display_1 online", true), seen("Hvac_1 online", false)];
        let words = Words::new(&definition, &params);
        assert_eq!(
            story(&words, &run),
            "Hvac 1 could not be reached for 2min, so: raise an alarm (warning): “Hvac 1 away for 2min”."
        );
        (run.verdict, run.inputs) = (Verdict::Cleared, vec![seen("Hvac_1 online", true)]);
        assert_eq!(
            story(&words, &run),
            "every device could be reached, so it was over: nothing more was done."
        );
    }

    #[test]
    fn a_run_is_told_with_what_was_seen_for_how_long_and_what_came_of_it() {
        let (definition, params) = (Definition::parse(TEXT).unwrap(), Values::new());
        let told = |verdict, accepted| story(&Words::new(&definition, &params), &trace(verdict, accepted));
        assert_eq!(
            told(Verdict::Activated, true),
            "People was 0 for 10min, so: tell every Hvac: set mode to off."
        );
        assert_eq!(
            told(Verdict::Cleared, true),
            "People was 0 for 10min, so it was over: nothing more was done."
        );
        assert_eq!(told(Verdict::HeldBack, false), "People was bad (timeout), so nothing was done.");
    }
}
