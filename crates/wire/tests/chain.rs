//! The chain of a gateway's audit entries holds on the way to the controller, which reads and hashes them anew.

use bo_model::command::Actor;
use bo_wire::AuditEntry;
use proptest::prelude::*;

fn entry(load: f64) -> AuditEntry {
    AuditEntry {
        actor: Actor::System,
        origin: "release".into(),
        verb: "release.switch".into(),
        object: "release:1".into(),
        detail: serde_json::json!({ "lines": [{ "link": "bus", "load": load }] }),
        outcome: "done".into(),
        previous: String::new(),
    }
}

fn arrived(entry: &AuditEntry) -> AuditEntry {
    serde_json::from_str(&serde_json::to_string(entry).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]
    /// A number that is read a hair beside what was written (which fast readers of JSON do) would look like a changed entry.
    #[test]
    fn an_entry_has_the_same_hash_wherever_it_is_read(load in prop_oneof![0.0..1.0f64, any::<f64>()]) {
        let entry = entry(load);
        prop_assert_eq!(arrived(&entry).hash(), entry.hash());
    }
}
