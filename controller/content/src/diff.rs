//! What differs between two versions of a text, for people: changed lines with the changed words marked, and a little
//! of what stands around.

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

/// Lines shown around a change.
const AROUND: usize = 3;

/// The difference as a list of lines; says so when there is none.
pub fn show(before: &str, after: &str) -> Markup {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(AROUND);
    html! {
        @if groups.is_empty() { p.muted { "The text is the same." } }
        @for group in &groups {
            div.diff {
                @for op in group { @for change in diff.iter_inline_changes(op) {
                    @let (class, mark, said) = look(change.tag());
                    div class={ "diff__line " (class) } {
                        span.diff__mark aria-hidden="true" { (mark) }
                        span.sr-only { (said) }
                        span { @for (changed, text) in change.iter_strings_lossy() {
                            @let text = text.trim_end_matches(['\n', '\r']);
                            @if changed { mark { (text) } } @else { (text) }
                        } }
                    }
                } }
            }
        }
    }
}

fn look(tag: ChangeTag) -> (&'static str, &'static str, &'static str) {
    match tag {
        ChangeTag::Equal => ("", " ", ""),
        ChangeTag::Delete => ("diff__line--old", "−", "Removed: "),
        ChangeTag::Insert => ("diff__line--new", "+", "Added: "),
    }
}

/// Lines added and lines removed.
pub fn count(before: &str, after: &str) -> (usize, usize) {
    let diff = TextDiff::from_lines(before, after);
    let of = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    (of(ChangeTag::Insert), of(ChangeTag::Delete))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_word_is_marked_in_both_lines_and_nothing_is_html() {
        let html = show("The key is <here>.\n", "The key is <there>.\n").into_string();
        assert!(html.contains("diff__line--old") && html.contains("diff__line--new"), "{html}");
        assert!(html.contains("<mark>") && html.contains("&lt;") && !html.contains("<there>"), "{html}");
        assert_eq!(count("a\nb\n", "a\nc\nd\n"), (2, 1));
        assert!(show("a", "a").into_string().contains("the same"));
    }
}
