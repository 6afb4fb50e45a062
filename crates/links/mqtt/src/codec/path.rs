//! One value out of a JSON text, without making the rest of it: most messages are asked for one of the many things they say.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use std::fmt;

/// What is at `path`, as walking through the whole document would find it: `None` where there is nothing, or null. The
/// whole text has to be JSON.
pub(super) fn find(bytes: &[u8], path: &[String]) -> serde_json::Result<Option<Json>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let found = At(path).deserialize(&mut reader)?;
    reader.end()?;
    Ok(found.filter(|found| !found.is_null()))
}

struct At<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<Json>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Json>, D::Error> {
        match self.0.split_first() {
            None => serde::Deserialize::deserialize(deserializer).map(Some),
            Some((step, rest)) => deserializer.deserialize_any(Below { step, rest }),
        }
    }
}

struct Below<'a> {
    step: &'a str,
    rest: &'a [String],
}

impl<'de> Visitor<'de> for Below<'_> {
    type Value = Option<Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Json>, A::Error> {
        let mut found = None;
        while let Some(here) = map.next_key_seed(Is(self.step))? {
            if here {
                found = map.next_value_seed(At(self.rest))?; // of two with one name the last counts
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Json>, A::Error> {
        let wanted = self.step.parse::<usize>().ok();
        let (mut found, mut at) = (None, 0);
        loop {
            if wanted == Some(at) {
                match list.next_element_seed(At(self.rest))? {
                    Some(value) => found = value,
                    None => return Ok(found),
                }
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            at += 1;
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Json>, E> {
        Ok(None)
    }
}

/// Whether a key is the wanted one.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walk<'a>(json: &'a Json, path: &[String]) -> Option<&'a Json> {
        let mut here = json;
        for step in path {
            here = match here {
                Json::Object(map) => map.get(step)?,
                Json::Array(list) => list.get(step.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        (!here.is_null()).then_some(here)
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[a-c\"\\\\é]{0,3}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-c\"]{1,2}", inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn one_value_is_found_where_walking_through_all_of_it_finds_it(
            json in json(),
            path in prop::collection::vec("[a-c0-2\"]{1,2}", 0..4),
        ) {
            let text = json.to_string();
            prop_assert_eq!(find(text.as_bytes(), &path).unwrap(), walk(&json, &path).cloned());
            let more = format!("{text} x");
            prop_assert!(find(more.as_bytes(), &path).is_err());
        }
    }
}
