//! Topic filters: are they well formed, what do they match, which covers which. Pure (MQTT 3.1.1 §4.7).

use std::collections::{BTreeSet, HashMap};

/// True for a filter that may be subscribed.
pub fn is_filter(filter: &str) -> bool {
    if filter.is_empty() || filter.len() > 65_535 || filter.contains('\0') {
        return false;
    }
    let levels: Vec<&str> = filter.split('/').collect();
    levels.iter().enumerate().all(|(at, level)| match *level {
        "#" => at + 1 == levels.len(),
        "+" => true,
        other => !other.contains(['+', '#']),
    })
}

/// True for a topic that may be published to.
pub fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= 65_535 && !topic.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0))
}

/// True when `filter` matches `topic`. Wildcards do not reach into `$`-topics from the first level.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// True when everything `inner` matches, `outer` matches too.
pub fn covers(outer: &str, inner: &str) -> bool {
    if inner.starts_with('$') != outer.starts_with('$') {
        return outer == inner;
    }
    let (mut outer, mut inner) = (outer.split('/'), inner.split('/'));
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) => return true,
            (_, Some("#")) => return false,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// Filters as a tree by level: finding who wants a topic costs its levels, not the number of filters.
#[derive(Debug, Default)]
pub struct Tree {
    exact: HashMap<Box<str>, Tree>,
    one: Option<Box<Tree>>,
    here: BTreeSet<u32>,
    below: BTreeSet<u32>,
}

impl Tree {
    /// Adds `who` under `filter`.
    pub fn insert(&mut self, filter: &str, who: u32) {
        let mut node = self;
        for level in filter.split('/') {
            node = match level {
                "#" => {
                    node.below.insert(who);
                    return;
                }
                "+" => node.one.get_or_insert_default(),
                exact => node.exact.entry(exact.into()).or_default(),
            };
        }
        node.here.insert(who);
    }

    /// Removes `who` from `filter`.
    pub fn remove(&mut self, filter: &str, who: u32) {
        let levels: Vec<&str> = filter.split('/').collect();
        self.remove_at(&levels, who);
    }

    fn remove_at(&mut self, levels: &[&str], who: u32) {
        match levels.split_first() {
            None => drop(self.here.remove(&who)),
            Some((&"#", _)) => drop(self.below.remove(&who)),
            Some((&"+", rest)) => {
                if let Some(one) = &mut self.one {
                    one.remove_at(rest, who);
                    if one.is_empty() {
                        self.one = None;
                    }
                }
            }
            Some((exact, rest)) => {
                if let Some(node) = self.exact.get_mut(*exact) {
                    node.remove_at(rest, who);
                    if node.is_empty() {
                        self.exact.remove(*exact);
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.one.is_none() && self.here.is_empty() && self.below.is_empty()
    }

    /// Calls `found` for everybody who wants `topic`; the same one twice when two of its filters match.
    pub fn find(&self, topic: &str, found: &mut impl FnMut(u32)) {
        self.find_at(Some(topic), topic.starts_with('$'), found);
    }

    fn find_at(&self, rest: Option<&str>, hidden: bool, found: &mut impl FnMut(u32)) {
        if !hidden {
            self.below.iter().copied().for_each(&mut *found);
        }
        let Some(rest) = rest else {
            return self.here.iter().copied().for_each(found);
        };
        let (level, rest) = match rest.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (rest, None),
        };
        if let Some(node) = self.exact.get(level) {
            node.find_at(rest, false, found);
        }
        if let (Some(node), false) = (&self.one, hidden) {
            node.find_at(rest, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/+", "a/b", true),
            ("a/+", "a/b/c", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/uptime", false),
            ("+/uptime", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
        for wrong in ["", "a/#/b", "a+", "a/b#"] {
            assert!(!is_filter(wrong), "{wrong}");
        }
    }

    fn level() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "", "+", "c"])
    }

    fn filter() -> impl Strategy<Value = String> {
        (prop::collection::vec(level(), 1..5), any::<bool>()).prop_map(|(mut levels, all)| {
            if all {
                levels.push("#");
            }
            levels.join("/")
        })
    }

    fn topic() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "", "c", "$x"]), 1..6)
            .prop_map(|levels| levels.join("/"))
            .prop_filter("not empty", |topic| !topic.is_empty())
    }

    proptest! {
        #[test]
        fn the_tree_finds_exactly_what_matches(filters in prop::collection::vec(filter(), 0..20), topic in topic()) {
            let mut tree = Tree::default();
            for (who, filter) in filters.iter().enumerate() {
                tree.insert(filter, who as u32);
            }
            let mut found = BTreeSet::new();
            tree.find(&topic, &mut |who| { found.insert(who); });
            let expected: BTreeSet<u32> = filters.iter().enumerate()
                .filter(|(_, filter)| matches(filter, &topic)).map(|(who, _)| who as u32).collect();
            prop_assert_eq!(found, expected);
            for (who, filter) in filters.iter().enumerate() {
                tree.remove(filter, who as u32);
            }
            prop_assert!(tree.is_empty());
        }

        #[test]
        fn what_covers_matches_all_the_other_does(outer in filter(), inner in filter(), topic in topic()) {
            if covers(&outer, &inner) && matches(&inner, &topic) {
                prop_assert!(matches(&outer, &topic), "{outer} {inner} {topic}");
            }
        }
    }
}
