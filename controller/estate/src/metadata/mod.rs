//! Metadata: what people keep about zones, systems and devices besides what these need to work. A schema of the workspace
//! says which fields there are, for which kinds of things, and what may stand in them. Names outside of it come in with
//! files and are kept.

pub mod actions;
pub mod queries;
pub mod routes;

use crate::configure::Thing;
use bo_model::WorkspaceId;
use bo_model::settings::{Field, Values};
use serde::{Deserialize, Serialize};

/// Kinds of things that fields can be for: (word, for people).
pub const KINDS: [(&str, &str); 7] = [
    ("organisation", "Organisation"),
    ("region", "Regions"),
    ("building", "Buildings"),
    ("level", "Levels"),
    ("area", "Areas"),
    ("system", "Systems"),
    ("device", "Devices"),
];

/// A field of the schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetadataField {
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Its name in files and in the API.
    pub name: String,
    /// What it is for: words of [`KINDS`].
    pub kinds: Vec<String>,
    /// Place among the others.
    pub rank: i64,
    /// What it holds.
    pub field: Field,
}

/// A field as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewField {
    /// What it is for.
    pub kinds: Vec<String>,
    /// Place among the others.
    #[serde(default)]
    pub rank: i64,
    /// What it holds.
    pub field: Field,
}

/// The word of [`KINDS`] for a thing, and what is kept about it; nothing for things without metadata.
pub fn of_thing(thing: &Thing) -> Option<(&'static str, &Values)> {
    match thing {
        Thing::Zone(zone) => Some((zone.kind.word(), &zone.metadata)),
        Thing::System(system) => Some(("system", &system.metadata)),
        Thing::Device(device) => Some(("device", &device.metadata)),
        Thing::Trigger(_) | Thing::Edge(_) => None,
    }
}

/// Fields for one kind of thing, in their order.
pub fn of_kind<'f>(fields: &'f [MetadataField], kind: &'f str) -> impl Iterator<Item = &'f MetadataField> {
    fields.iter().filter(move |field| field.kinds.iter().any(|each| each == kind))
}

/// What is wrong with values by the schema: (name, sentence). `complete` also misses what is required.
pub fn faults(
    fields: &[MetadataField],
    kind: &str,
    values: &Values,
    complete: bool,
) -> Vec<(String, String)> {
    of_kind(fields, kind)
        .filter_map(|each| {
            let sentence = match values.get(&each.name) {
                Some(value) => each.field.check(value).err()?,
                None if complete && each.field.required => "is required".to_owned(),
                None => return None,
            };
            Some((each.name.clone(), sentence))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::IdGen;
    use bo_model::settings::FieldKind;
    use serde_json::json;

    #[test]
    fn values_are_held_against_the_fields_of_their_kind_alone() {
        let ids = IdGen::new(bo_model::ManualClock::at(bo_model::Time(0)), 7);
        let field = |name: &str, kinds: &[&str], kind, required| MetadataField {
            workspace: ids.make(),
            name: name.into(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            rank: 0,
            field: Field { kind, required, ..Field::default() },
        };
        let fields = [
            field("built", &["building"], FieldKind::Integer, true),
            field("serial", &["device"], FieldKind::Text, true),
        ];
        let values: Values = [("built".to_owned(), json!("old")), ("else".to_owned(), json!([1]))].into();
        let built = vec![("built".to_owned(), "must be a whole number".to_owned())];
        assert_eq!(faults(&fields, "building", &values, true), built);
        assert_eq!(faults(&fields, "level", &values, true), []);
        assert_eq!(faults(&fields, "device", &Values::new(), false), []);
        assert_eq!(
            faults(&fields, "device", &Values::new(), true),
            [("serial".into(), "is required".into())]
        );
    }
}
