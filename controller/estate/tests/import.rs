//! Estate files in, releases out.

mod common;

use bo_estate::releases::actions::publish;
use bo_estate::releases::compile::compile;
use bo_estate::{EstateError, import};
use bo_identity::level::level;
use bo_model::command::Actor;
use bo_model::settings::Origin;
use bo_model::{Kind, Level, Object};
use common::rigs;
use serde_json::json;

#[test]
fn importing_the_same_files_twice_changes_nothing() {
    for rig in rigs() {
        let again = common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
        assert_eq!(again.changes, vec![], "{}", rig.test.engine);
        assert!(again.gone.is_empty());
    }
}

#[test]
fn a_change_in_a_file_changes_that_thing_alone_and_keeps_its_id() {
    for rig in rigs() {
        let path = rig.folder.path().join("estate/estate.toml");
        let text = std::fs::read_to_string(&path).unwrap().replace("\"Main meter\"", "\"Supply meter\"");
        std::fs::write(&path, text).unwrap();
        let id = rig.device("Meter_1");
        let plan = common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
        assert_eq!(plan.changes.len(), 1);
        assert_eq!(plan.devices[0].id, id);
        let ids = rig.estate.ids.clone();
        rig.db
            .write_blocking(move |tx| {
                tx.act_as(Actor::Operator);
                import::apply(tx, &plan, &ids)
            })
            .unwrap();
        assert!(rig.estate.refresh().unwrap());
        assert_eq!(rig.estate.registry().devices[&id].device.name, "Supply meter");
        assert!(!rig.estate.refresh().unwrap(), "nothing changed since");
    }
}

#[test]
fn every_fault_of_the_files_is_named() {
    let rig = &rigs()[0];
    let path = rig.folder.path().join("estate/estate.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("acme-meter", "acme-metre")).unwrap();
    let error =
        common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap_err().to_string();
    assert!(error.contains("driver `acme-metre`"), "{error}");
    std::fs::write(&path, text.replace("address = \"Meter_1\"", "adress = \"Meter_1\"")).unwrap();
    let error = common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap_err();
    assert!(matches!(error, EstateError::Import(_)));
    let error = error.to_string();
    assert!(error.contains("estate.toml") && error.contains("adress") && error.contains("line"), "{error}");
}

#[test]
fn a_mistake_in_a_floor_map_is_named_with_its_line_and_reaches_no_gateway() {
    let rig = &rigs()[0];
    let plan = || common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path());
    let map = rig.folder.path().join("zone-maps/harbour/map.toml");
    let good = std::fs::read_to_string(&map).unwrap();
    for (wrong, said) in [
        (format!("{good}colour = 5\n"), "line 2"),
        (good.replace("\"Harbour House\"", "7"), "expected a string"),
        (format!("{good}[element.door]\nsystem = \"hall\"\nstyle = \"no-such\"\n"), "no [style.no-such]"),
    ] {
        std::fs::write(&map, &wrong).unwrap();
        let error = plan().unwrap_err().to_string();
        assert!(error.contains("map `harbour`: map.toml") && error.contains(said), "{wrong}: {error}");
        assert_eq!(error.matches("can't be imported").count(), 1, "{error}");
    }
    std::fs::write(&map, good).unwrap();
    assert_eq!(plan().unwrap().changes, vec![]);
}

#[test]
fn what_was_exported_to_one_file_is_imported_from_that_file() {
    let rig = &rigs()[0];
    let folder = import::read_folder(&rig.folder.path().join("estate")).unwrap();
    let file = import::read_folder(&rig.folder.path().join("estate/estate.toml")).unwrap();
    assert_eq!(file, folder);
    let none = import::read_folder(&rig.folder.path().join("nowhere")).unwrap_err().to_string();
    assert!(none.contains("nowhere"), "{none}");
}

#[test]
fn settings_come_from_the_nearest_level_and_say_who_set_them() {
    for rig in rigs() {
        let registry = rig.estate.registry();
        let settings = registry.settings(&registry.devices[&rig.device("Meter_1")]);
        assert_eq!(settings["unit"].value, json!(3));
        let origins: Vec<Origin> =
            settings["unit"].provenance.iter().map(|(origin, _)| origin.clone()).collect();
        assert_eq!(
            origins,
            [Origin::Driver("acme-meter".into()), Origin::Zone("All places".into()), Origin::Device]
        );
        assert!(!settings.contains_key("colour"), "a zone's key that the driver does not know is not its");
        let second = registry.settings(&registry.devices[&rig.device("Meter_2")]);
        assert_eq!(second["unit"].value, json!(9));
    }
}

#[test]
fn a_release_holds_what_the_edge_needs_and_is_made_once_per_change() {
    for rig in rigs() {
        let (edge, registry) = (rig.edge(), rig.estate.registry());
        let compiled = compile(&registry, edge);
        assert!(compiled.faults.is_empty(), "{:?}", compiled.faults);
        assert_eq!(compiled.site.devices.len(), 2);
        assert_eq!(compiled.site.systems[0].time_zone.as_deref(), Some("Europe/Lisbon"));
        assert_eq!(compiled.site.systems[0].position, Some((38.71, -9.14)));
        assert_eq!(compiled.site.triggers[0].name, "too-much");
        let hash = &compiled.site.drivers["acme-meter"];
        let key = rig.estate.release_key.clone();
        let publish = || {
            let (registry, key) = (rig.estate.registry(), key.clone());
            rig.db.write_blocking(move |tx| publish(tx, &registry, edge, &key)).unwrap()
        };
        let release = publish().expect("a first release");
        let mut site = release.open(&key.verifying_key()).unwrap();
        assert!(site.maps.remove("harbour").is_some(), "the floor map goes along");
        assert_eq!(site, compiled.site);
        assert!(publish().is_none(), "nothing changed");
        let names = rig.db.read(|tx| bo_estate::releases::queries::names_package(tx, edge, hash)).unwrap();
        assert!(names, "the edge may fetch the driver its release names");
        let other = "0".repeat(64);
        assert!(!rig.db.read(|tx| bo_estate::releases::queries::names_package(tx, edge, &other)).unwrap());
    }
}

#[test]
fn a_release_names_who_may_operate_at_the_gateway_and_nobody_learns_their_pins_hash() {
    for rig in rigs() {
        let edge = rig.edge();
        let key = rig.estate.release_key.clone();
        let publish = || {
            let (registry, with) = (rig.estate.registry(), key.clone());
            let release = rig.db.write_blocking(move |tx| publish(tx, &registry, edge, &with)).unwrap();
            release.map(|release| (release.open(&key.verifying_key()).unwrap(), release))
        };
        assert!(publish().expect("a first release").0.people.is_empty(), "nobody has made a PIN");
        let lin = rig.db.write_blocking(|tx| {
            let lin = bo_identity::account::addressed(tx, "lin@example.org")?.expect("imported");
            tx.execute("UPDATE account SET state = 'active' WHERE id = ?1", bo_db::params![lin.id])?;
            bo_identity::gateway_pin::set(tx, lin.id, "$argon2id$a-hash")?;
            Ok::<_, bo_db::DbError>(lin.id)
        });
        let lin = lin.unwrap();
        let (site, release) = publish().expect("somebody may operate there now");
        let meter = site.devices.iter().find(|device| device.id == rig.device("Meter_1")).unwrap();
        let (person, level) = (&site.people[0], site.people[0].on_device(&site, meter, common::START));
        assert_eq!((person.id, person.login.as_str(), level), (lin, "lin@example.org", Level::Edit));
        assert!(site.people_valid_for.is_some());
        let readable = bo_estate::releases::actions::readable(&rig.estate.registry(), &release).unwrap();
        assert_eq!(readable.people[0].pin_hash, "(hidden)");
        rig.db.write_blocking(move |tx| bo_identity::gateway_pin::remove(tx, lin)).unwrap();
        assert!(publish().expect("a release without them").0.people.is_empty());
    }
}

#[test]
fn rights_follow_the_tree() {
    for rig in rigs() {
        let now = rig.estate.clock.now();
        let (device, edge) = (rig.device("Meter_1"), rig.edge());
        let levels = rig.db.read(|tx| {
            let lin = bo_identity::account::addressed(tx, "lin@example.org")?.expect("imported");
            let lin = Object::new(Kind::ACCOUNT, lin.id);
            let public = Object::everyone();
            Ok::<_, bo_db::DbError>([
                level(tx, &lin, &Object::new(Kind::DEVICE, device), now)?,
                level(tx, &lin, &Object::new(Kind::EDGE, edge), now)?,
                level(tx, &public, &Object::new(Kind::DEVICE, device), now)?,
            ])
        });
        assert_eq!(levels.unwrap(), [Level::Edit, Level::View, Level::None], "{}", rig.test.engine);
    }
}

#[test]
fn an_exported_estate_imports_to_the_same() {
    let rig = &rigs()[0];
    let file = import::export::to_file(&rig.estate.registry(), rig.workspace, "Northwind Estates");
    let path = rig.folder.path().join("estate/estate.toml");
    std::fs::write(&path, toml::to_string(&file).unwrap()).unwrap();
    let plan = common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
    assert_eq!(plan.changes, vec![]);
}
