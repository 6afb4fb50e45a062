//! The figures as people read them: one table, with what was wanted and whether it was reached.

use serde_json::{Map, Value};
use std::fmt::Write;

/// The table of all programs' figures.
pub fn show(machine: &Value, benches: &Map<String, Value>) -> String {
    let mut text = String::new();
    let word = |key: &str| match &machine[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let _ = writeln!(
        text,
        "\n{} × {}, {} GiB, {}, {}, commit {}, load {} before",
        word("cores"),
        word("processor"),
        word("memory_gib"),
        word("system"),
        word("rustc"),
        word("commit"),
        word("load"),
    );
    let (mut passed, mut wanted) = (0, 0);
    for (name, bench) in benches {
        let _ = writeln!(text, "\n{name}");
        for (figure, measured) in bench["figures"].as_object().into_iter().flatten() {
            let target = measured["target"].as_str().unwrap_or("");
            let verdict = measured["pass"].as_bool().map_or("", |pass| if pass { "pass" } else { "MISS" });
            wanted += u32::from(!verdict.is_empty());
            passed += u32::from(verdict == "pass");
            let value = measured["value"].as_f64().map_or_else(|| measured["value"].to_string(), number);
            let unit = measured["unit"].as_str().unwrap_or("");
            let line = format!("  {figure:<58} {value:>12} {unit:<14} {target:<12} {verdict}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    let _ = writeln!(text, "\n{passed} of {wanted} targets reached");
    text
}

/// Whether `value` is what a target like `<= 20` or `>= 40000` asks for.
pub fn passes(value: f64, target: &str) -> bool {
    let number = |text: &str| text.trim().replace(' ', "").parse::<f64>().ok();
    let at_most = target.strip_prefix("<=").or_else(|| target.strip_prefix('≤')).and_then(number);
    let at_least = target.strip_prefix(">=").or_else(|| target.strip_prefix('≥')).and_then(number);
    at_most.is_some_and(|limit| value <= limit) || at_least.is_some_and(|limit| value >= limit)
}

/// Three digits that matter, thousands apart.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let digits = format!("{:.0}", size);
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                grouped.push(' ');
            }
            grouped.push(digit);
        }
        return if value < 0.0 { format!("-{grouped}") } else { grouped };
    }
    match size {
        s if s >= 100.0 => format!("{value:.0}"),
        s if s >= 10.0 => format!("{value:.1}"),
        s if s >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_bounds_from_above_or_below() {
        assert!(passes(20.0, "<= 20") && !passes(20.1, "<= 20"));
        assert!(passes(40_000.0, ">= 40000") && !passes(39_999.0, ">= 40 000"));
        assert!(!passes(1.0, "about 1"), "a target nobody can check is not reached");
    }

    #[test]
    fn numbers_read_at_a_glance() {
        let all = [1_234_567.0, 999.6, 18.25, 1.234, 0.0123].map(number);
        assert_eq!(all, ["1 234 567", "1000", "18.2", "1.23", "0.012"]);
    }
}
