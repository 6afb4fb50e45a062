//! An estate leaves as files and comes back the same; the audit log of all that can be proved, on either database.

use anyhow::{Context, Result, ensure};
use backoffice_tests::controller::{Controller, databases};
use backoffice_tests::edge::{done, text};
use backoffice_tests::rig::{TRIGGER, estate};
use bo_db::testing::TestDb;
use bo_db::{Tx, params};

#[test]
fn an_exported_estate_is_imported_as_the_same_and_the_log_of_it_is_whole() -> Result<()> {
    let mut copies = databases()?.into_iter();
    for database in databases()? {
        let engine = database.engine;
        let copy = copies.next().context("no second database")?;
        round_trip(database, copy).with_context(|| format!("on {engine}"))?;
    }
    Ok(())
}

fn round_trip(database: TestDb, copy: TestDb) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let triggers = [("light-on-presence", TRIGGER)];
    let first = Controller::prepare(&folder.path().join("first"), database)?;
    first.import(&estate(1502), &triggers)?;
    let exported = done(&mut first.command(&["export"])?)?;
    ensure!(exported.contains("Sensor_1") && exported.contains("light-on-presence"), "{exported}");

    let second = Controller::prepare(&folder.path().join("second"), copy)?;
    second.import(&exported, &triggers)?;
    ensure!(done(&mut second.command(&["export"])?)? == exported, "what comes back is another estate");

    // Somebody takes the signatures away: no fault is found, and a script must not take that for a proof.
    second.database.db.write_blocking(|tx: &mut Tx| {
        tx.unaudited("somebody with the database in their hands");
        tx.execute("DELETE FROM audit_checkpoint", params![])
    })?;
    let unsigned = second.command(&["audit", "verify"])?.output()?;
    let said = text(&unsigned);
    ensure!(unsigned.status.code() == Some(3), "{:?}: {said}", unsigned.status);
    ensure!(
        said.contains("consistent") && said.contains("None is signed, so that alone proves nothing"),
        "{said}"
    );
    ensure!(said.contains("`backoffice audit export` at once"), "{said}");

    let log = folder.path().join("log.jsonl");
    done(second.command(&["audit", "export"])?.arg("--out").arg(&log))?;
    for what in [None, Some(&log)] {
        let mut verify = second.command(&["audit", "verify"])?;
        let output = verify.args(what).output()?;
        ensure!(
            output.status.success() && text(&output).contains("The log is whole"),
            "{what:?}: {}",
            text(&output)
        );
    }
    // Another installation's key proves nothing of this one's log.
    let key = first.home.join("audit.pub");
    std::fs::write(&key, done(&mut first.command(&["audit", "key"])?)?)?;
    let output = second.command(&["audit", "verify"])?.arg(&log).arg("--key").arg(&key).output()?;
    ensure!(output.status.code() == Some(1), "a stranger's key proves it: {}", text(&output));
    Ok(())
}
