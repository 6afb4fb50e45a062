//! Events go from one workspace to another with everything in them, or stay as they are; on both databases.
#![allow(clippy::unwrap_used, reason = "a missing answer fails the test")]

mod common;

use bo_db::{Db, DbError, params};
use bo_events::{AREA, EVENT};
use bo_identity::testing::World;
use bo_identity::workspace::personal;
use bo_model::{Level, Object, WorkspaceId};
use bo_web::testing::Client;
use common::{account_of, all, area, collaborator, event, give, organisation, read, slots, switch, task};
use serde_json::json;

async fn go(client: &mut Client, event: &str, to: WorkspaceId) -> bo_web::testing::Answer {
    client.post(&format!("/events/{event}/move"), &[("workspace", &to.to_string())]).await
}

/// Workspace of the event, workspaces its slots belong to, containments above it, ceilings over it and its parts.
fn state(world: &World, event: &str) -> (String, Vec<String>, i64, i64) {
    let object = Object::new(EVENT, event);
    let read = |tx: &mut bo_db::Tx| -> Result<_, DbError> {
        let workspace =
            tx.query_one("SELECT workspace FROM event WHERE id = ?1", params![event], |row| row.get(0))?;
        let sql = "SELECT DISTINCT workspace FROM slot WHERE event = ?1";
        let slots = tx.query(sql, params![&object], |row| row.get(0))?;
        let above = "SELECT COUNT(*) FROM relation WHERE object = ?1 AND kind = 'contain'";
        let above = tx.query_one(above, params![&object], |row| row.get(0))?;
        let ceilings = "SELECT COUNT(*) FROM ceiling WHERE kind = 'licence' AND (object = ?1 OR object IN (
            SELECT object FROM relation WHERE subject = ?1 AND kind = 'contain'))";
        let ceilings = tx.query_one(ceilings, params![&object], |row| row.get(0))?;
        Ok((workspace, slots, above, ceilings))
    };
    world.db().read(read).unwrap()
}

#[tokio::test]
async fn an_event_moves_with_everything_in_it_and_access_follows_membership() {
    for world in all().await {
        let (mut ines, mut omar) = (world.browser("Ines").await, world.browser("Omar").await);
        let mut fred = world.browser("Fred").await;
        let people = ["Ines", "Omar"].map(|name| (account_of(&world, name), Level::Edit));
        let other = organisation(&world, "Borealis", &people).await;
        slots(&world, other, 2).await;
        let id = event(&mut ines, "Gala").await;
        let stage = area(&mut ines, &id, "Stage", "Hall 1").await;
        task(&mut ines, &id, json!({"title": "Rig", "area": stage})).await;
        let omars = collaborator(&mut ines, &id, "Omar", "omar@example.org").await;
        let freds = collaborator(&mut ines, &id, "Fred", "fred@example.org").await;
        give(&mut ines, &id, &omars, &[("access", "slice"), ("area", &format!("{stage}:edit"))]).await;
        give(&mut ines, &id, &freds, &[("access", "edit")]).await;
        assert_eq!(fred.get(&format!("/events/{id}")).await.status, 200);

        let moved = go(&mut ines, &id, other).await;
        assert_eq!(moved.status, 303, "{}: {}", world.engine(), moved.text);
        assert_eq!(ines.get(&format!("/events/{id}")).await.status, 404, "it is not here any more");
        switch(&mut ines, other).await;
        let there = read(&mut ines, &id).await;
        assert_eq!(there["tasks"][0]["area_name"], "Stage", "{there}");
        assert_eq!(there["people"].as_array().unwrap().len(), 2);
        // Fred is no member there: his access ended, his name stays. Omar is: he has his slice.
        assert_eq!(fred.get(&format!("/events/{id}")).await.status, 404);
        assert_eq!(world.level(account_of(&world, "Fred"), &Object::new(EVENT, &id)), Level::None);
        switch(&mut omar, other).await;
        let seen = read(&mut omar, &id).await;
        assert_eq!((&seen["level"], &seen["tasks"][0]["title"]), (&json!("see"), &json!("Rig")), "{seen}");
        assert_eq!(state(&world, &id), (other.to_string(), vec![other.to_string()], 1, 4));
        let moves =
            world.verbs().into_iter().filter(|verb| verb == "event.move" || verb == "event.arrive").count();
        assert_eq!(moves, 2, "each workspace has its record");

        // Into one's own workspace: for one person, without licences.
        let own = personal(account_of(&world, "Ines"));
        assert_eq!(go(&mut ines, &id, own).await.status, 303);
        assert_eq!(omar.get(&format!("/events/{id}")).await.status, 404);
        assert_eq!(world.level(account_of(&world, "Omar"), &Object::new(AREA, &stage)), Level::None);
        assert_eq!(state(&world, &id), (own.to_string(), vec![], 1, 0));
        switch(&mut ines, own).await;
        let refused = give(&mut ines, &id, &omars, &[("access", "view")]).await;
        assert!(refused.text.contains("A personal workspace is for one person"), "{}", refused.text);
        // Areas made there are under the licences of wherever it goes next.
        area(&mut ines, &id, "Bar", "").await;
        assert_eq!(go(&mut ines, &id, world.workspace).await.status, 303);
        assert_eq!(
            state(&world, &id),
            (world.workspace.to_string(), vec![world.workspace.to_string()], 1, 5)
        );
    }
}

#[tokio::test]
async fn a_move_that_can_not_be_done_wholly_changes_nothing() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let people = ["Ines", "Fred"].map(|name| (account_of(&world, name), Level::Edit));
        let small = organisation(&world, "Small", &people).await;
        let none = organisation(&world, "None", &people).await;
        let foreign = organisation(&world, "Foreign", &[]).await;
        slots(&world, small, 1).await;
        let id = event(&mut ines, "Gala").await;
        let freds = collaborator(&mut ines, &id, "Fred", "fred@example.org").await;
        give(&mut ines, &id, &freds, &[("access", "edit")]).await;
        let before = state(&world, &id);
        for (place, why) in [(small, "All slots of this event are taken"), (none, "at least one Event Pro")] {
            let refused = go(&mut ines, &id, place).await;
            assert!(refused.status == 422 && refused.text.contains(why), "{why}: {}", refused.text);
            assert_eq!(state(&world, &id), before, "{}", world.engine());
        }
        assert_eq!(go(&mut ines, &id, foreign).await.status, 403, "where one may make no events");
        // Fred plans the event, and does not own it.
        let mut fred = world.browser("Fred").await;
        assert_eq!(go(&mut fred, &id, personal(account_of(&world, "Fred"))).await.status, 403);
        assert_eq!(state(&world, &id), before);
        assert_eq!(fred.get(&format!("/events/{id}")).await.status, 200, "nobody lost anything");
    }
}

#[tokio::test]
async fn whatever_happens_at_once_an_event_is_in_one_workspace_with_the_slots_of_that_one() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let people = ["Ines", "Omar", "Fred"].map(|name| (account_of(&world, name), Level::Edit));
        let other = organisation(&world, "Borealis", &people).await;
        slots(&world, other, 2).await;
        let id = event(&mut ines, "Gala").await;
        let own = personal(account_of(&world, "Ines"));
        let mut there = world.browser("Ines").await;
        switch(&mut there, other).await;
        let mut home = world.browser("Ines").await;
        switch(&mut home, own).await;
        // A second controller on the same database, as PostgreSQL can have.
        let second = Db::open(world.url(), world.clock.clone()).unwrap();
        let event = Object::new(EVENT, &id);
        let mut running = Vec::new();
        for round in 0..6 {
            for client in [&ines, &there, &home] {
                let (mut client, id, to) =
                    (client.clone(), id.clone(), [other, own, world.workspace][round % 3]);
                running.push(tokio::spawn(async move {
                    client.post(&format!("/events/{id}/areas"), &[("name", &format!("Area {round}"))]).await;
                    go(&mut client, &id, to).await;
                }));
            }
            let (second, event) = (second.clone(), event.clone());
            let (account, workspace) = (people[round % 3].0, [world.workspace, other][round % 2]);
            running.push(tokio::spawn(async move {
                let give = move |tx: &mut bo_db::Tx| {
                    // Only where the event is: that is what the actions of the module ask first.
                    let sql = "SELECT 1 FROM event WHERE id = ?1 AND workspace = ?2";
                    let here = tx.query_opt(sql, params![event.id(), workspace], |_| Ok(()))?;
                    tx.unaudited("a test that may have nothing to do");
                    match here {
                        Some(()) => bo_identity::licence::give_slot(tx, workspace, &event, account),
                        None => Ok(()),
                    }
                };
                let _ = second.write(give).await;
            }));
        }
        for task in running {
            task.await.unwrap();
        }
        let (workspace, slots, above, ceilings) = state(&world, &id);
        assert_eq!(above, 1, "{}: it lies in one place", world.engine());
        let areas: i64 = world
            .db()
            .read(|tx| {
                tx.query_one("SELECT COUNT(*) FROM event_area WHERE event = ?1", params![&id], |row| {
                    row.get(0)
                })
            })
            .unwrap();
        if workspace == own.to_string() {
            assert_eq!((slots, ceilings), (vec![], 0), "{}", world.engine());
        } else {
            assert_eq!((slots, ceilings), (vec![workspace.clone()], areas + 1), "{}", world.engine());
            let sql = "SELECT COUNT(*) FROM slot WHERE event = ?1";
            let taken: i64 =
                world.db().read(|tx| tx.query_one(sql, params![&event], |row| row.get(0))).unwrap();
            assert!(taken <= 2, "{taken} of 2 slots on {}", world.engine());
        }
    }
}
