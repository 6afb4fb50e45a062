//! Two people changed the same text: what both did is put together, or shown to the one who comes second.

/// What came of putting two changes together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Both changes, no line of which the other touched.
    Clean(String),
    /// Both changed the same lines: the text with both versions between marks, for a person to decide.
    Conflict(String),
}

/// Puts together what two people made of `base`, line by line.
pub fn merge(base: &str, mine: &str, theirs: &str) -> Merged {
    if mine == theirs || theirs == base {
        return Merged::Clean(mine.to_owned());
    }
    let mut options = diffy::MergeOptions::new();
    options.set_conflict_style(diffy::ConflictStyle::Merge);
    match options.merge(base, mine, theirs) {
        Ok(text) => Merged::Clean(text),
        Err(text) => Merged::Conflict(
            text.replace("<<<<<<< ours", "<<<<<<< what you wrote")
                .replace(">>>>>>> theirs", ">>>>>>> what was saved meanwhile"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn changes_of_different_lines_are_both_kept() {
        let merged = merge("one\n\ntwo\n\nthree\n", "ONE\n\ntwo\n\nthree\n", "one\n\ntwo\n\nTHREE\n");
        assert_eq!(merged, Merged::Clean("ONE\n\ntwo\n\nTHREE\n".into()));
    }

    #[test]
    fn changes_of_the_same_line_are_both_shown() {
        let Merged::Conflict(text) = merge("one\n", "mine\n", "yours\n") else { panic!("not a conflict") };
        assert!(
            text.contains("mine\n") && text.contains("yours\n") && text.contains("<<<<<<< what you wrote"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn no_line_anybody_added_is_lost(
            base in prop::collection::vec("[a-c]", 0..8),
            mine in prop::collection::vec("[a-c]|mine[0-9]", 0..8),
            theirs in prop::collection::vec("[a-c]|theirs[0-9]", 0..8),
        ) {
            let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let (Merged::Clean(merged) | Merged::Conflict(merged)) = merge(&text(&base), &text(&mine), &text(&theirs));
            for line in mine.iter().chain(&theirs).filter(|line| line.len() > 1) {
                prop_assert!(merged.lines().any(|found| found == line), "{line} is missing in {merged}");
            }
        }
    }
}
