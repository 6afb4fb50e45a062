//! An estate as files: out whole, in again, and what the files don't have is removed when that is asked for.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_estate::import;
use bo_model::command::Actor;
use common::{Rig, plan, rigs};

fn export(rig: &Rig) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let registry = rig.estate.registry();
    let (workspace, path) = (rig.workspace, folder.path().to_owned());
    let written = rig
        .db
        .read(|tx| import::export::to_folder(tx, &registry, workspace, "Northwind Estates", &path))
        .unwrap();
    assert!(written >= 5, "{written} files");
    folder
}

#[test]
fn a_whole_estate_goes_out_as_files_and_changes_nothing_when_it_comes_in_again() {
    for rig in rigs() {
        let folder = export(&rig);
        for file in ["estate/estate.toml", "drivers/acme-meter/driver.toml", "triggers/too-much/trigger.toml"]
        {
            assert!(folder.path().join(file).is_file(), "{file}");
        }
        assert!(folder.path().join("zone-maps/harbour/map.svg").is_file());
        let again = plan(&rig.db, &rig.estate.ids, rig.workspace, folder.path()).unwrap();
        assert_eq!(again.changes, vec![], "{}", rig.test.engine);
        assert!(again.gone.is_empty());
    }
}

#[test]
fn pruning_removes_what_the_files_do_not_have_and_says_so_before() {
    for rig in rigs() {
        let path = rig.folder.path().join("estate/estate.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let second = "[[system.device]]\naddress = \"Meter_2\"\ndriver = \"acme-meter\"\nlink = \"bus\"\n";
        assert!(text.contains(second));
        let fewer = text.replace(second, "").replace("[[system.trigger]]\nname = \"too-much\"\n", "");
        std::fs::write(&path, fewer.replace("\"Main meter\"", "\"Supply meter\"")).unwrap();
        let wanted = plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
        let registry = rig.estate.registry();
        let mut names: Vec<String> =
            wanted.gone.iter().map(|thing| import::prune::label(&registry, thing)).collect();
        names.sort();
        assert_eq!(names, ["device plant/Meter_2", "trigger plant/too-much"]);
        let changed = import::prune::differences(&registry, &wanted);
        assert_eq!(changed, ["device plant/Meter_1: name \"Main meter\" → \"Supply meter\""]);
        let ids = rig.estate.ids.clone();
        rig.db
            .write_blocking(move |tx| {
                tx.act_as(Actor::Operator);
                import::apply(tx, &wanted, &ids)?;
                import::prune(tx, &registry, &wanted)
            })
            .unwrap();
        rig.estate.refresh().unwrap();
        assert_eq!(rig.estate.registry().devices.len(), 1);
        assert!(rig.estate.registry().triggers.is_empty());
        assert_eq!(rig.count("SELECT count(*) FROM audit_record WHERE verb = 'device.remove'"), 1);
        let again = plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
        assert!(again.changes.is_empty() && again.gone.is_empty());
    }
}

#[test]
fn a_building_is_pruned_once_its_gateway_serves_another_place() {
    let rig = &rigs()[0];
    let path = rig.folder.path().join("estate/estate.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    // The building is gone from the files, and the gateway that serves it is not.
    let cut = text.find("[[zone]]\nkey = \"harbour\"").unwrap();
    let rest = text[cut..].find("[[edge]]").unwrap() + cut;
    let edge = text[rest..].find("[[system]]").unwrap() + rest;
    let text =
        format!("{}{}", &text[..cut], &text[rest..edge]).replace("zone = \"harbour\"", "zone = \"root\"");
    std::fs::write(&path, text.replace("zones = { harbour = \"edit\" }", "")).unwrap();
    let wanted = plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
    assert_eq!(wanted.gone.len(), 5, "a zone, a system, two devices, a trigger");
    let (ids, registry) = (rig.estate.ids.clone(), rig.estate.registry());
    rig.db
        .write_blocking(move |tx| {
            tx.act_as(Actor::Operator);
            import::apply(tx, &wanted, &ids)?;
            import::prune(tx, &registry, &wanted)
        })
        .unwrap();
    rig.estate.refresh().unwrap();
    assert_eq!((rig.estate.registry().zones.len(), rig.estate.registry().edges.len()), (1, 1));
}
