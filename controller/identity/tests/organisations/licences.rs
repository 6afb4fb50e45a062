//! Licences as their owner manages them.

use super::*;
use axum::http::Method;
use bo_identity::licence::{self, Licence};

async fn set(world: &World, workspace: WorkspaceId, licence: Licence, quantity: i64) {
    world.change(move |tx| licence::set_quantity(tx, workspace, licence, quantity)).await;
}

fn quantity(world: &World, workspace: WorkspaceId, licence: Licence) -> i64 {
    let held = world.db().read(|tx| licence::holdings(tx, workspace)).unwrap();
    held.into_iter().find(|held| held.licence == licence).unwrap().quantity
}

#[tokio::test]
async fn an_owner_gets_seats_gives_them_and_is_told_when_all_are_in_use() {
    for world in all().await {
        let (tea, sam) = (world.person("Tea", &[Builtin::Team]).await, world.person("Sam", &[]).await);
        let mut noor = world.browser("Noor").await;
        assert!(noor.get("/workspace/licences").await.text.contains("Nobody has a seat yet"));
        let odd = noor.post("/workspace/licences/org-pro/quantity", &[("quantity", "lots")]).await;
        assert!(odd.status == 422 && odd.text.contains("value=\"lots\""), "{}", odd.text);
        assert_eq!(noor.post("/workspace/licences/org-pro/quantity", &[("quantity", "1")]).await.status, 303);
        let seats = "/workspace/licences/org-pro/seats";
        assert_eq!(noor.post(seats, &[("account", &tea.to_string())]).await.status, 303);
        let full = noor.get("/workspace/licences").await.text;
        assert!(full.contains("The one seat is in use") && full.contains("1 of 1"), "{full}");
        let none = noor.post(seats, &[("account", &sam.to_string())]).await;
        assert!(none.status == 409 && none.text.contains("No seat of Org Pro is free"), "{}", none.text);
        let released = noor.post(&format!("{seats}/{tea}/release"), &[]).await;
        assert_eq!(released.status, 303, "{}", released.text);
        assert_eq!(noor.post(seats, &[("account", &sam.to_string())]).await.status, 303);
        let holders = noor.get("/api/v1/workspace/licences").await.json();
        assert_eq!(holders["holders"][0]["name"], "Sam", "{holders}");
        let topic = licence::CHANGED;
        let told: Vec<serde_json::Value> = world
            .db()
            .read(|tx| {
                tx.query("SELECT payload FROM outbox WHERE topic = ?1 ORDER BY seq", params![topic], |row| {
                    row.json(0)
                })
            })
            .unwrap();
        assert_eq!(told.len(), 1, "invoicing hears of it once: {told:?}");
        assert_eq!(
            (told[0]["before"].as_i64(), told[0]["quantity"].as_i64(), told[0]["kind"].as_str()),
            (Some(0), Some(1), Some("org-pro"))
        );
        let mut tea = world.browser("Tea").await;
        assert_eq!(
            tea.get("/workspace/licences").await.status,
            404,
            "members don't see the bill, {}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn with_fewer_than_in_use_it_is_said_who_would_only_read_and_nothing_is_lost() {
    for world in all().await {
        let workspace = world.workspace;
        let (tea, sam) =
            (world.person("Tea", &[Builtin::Team]).await, world.person("Sam", &[Builtin::Team]).await);
        set(&world, workspace, Licence::EventPro, 1).await;
        set(&world, workspace, Licence::OrgPro, 2).await;
        let gala = super::events::event(&world, "gala").await;
        for account in [tea, sam] {
            world.change(move |tx| licence::give_seat(tx, workspace, Licence::OrgPro, account)).await;
            world.clock.advance(std::time::Duration::from_secs(1));
        }
        assert_eq!((world.level(tea, &gala), world.level(sam, &gala)), (Level::Edit, Level::Edit));
        let mut noor = world.browser("Noor").await;
        let path = "/workspace/licences/org-pro/quantity";
        let told = noor.post(path, &[("quantity", "1")]).await;
        assert_eq!(told.status, 409, "{}", told.text);
        assert!(
            told.text.contains("could only read")
                && told.text.contains("Sam")
                && !told.text.contains("<li>Tea"),
            "{}",
            told.text
        );
        assert_eq!(quantity(&world, workspace, Licence::OrgPro), 2, "nothing changed yet");
        let mark = bo_web::testing::between(&told.text, "name=\"agreed\" value=\"", "\"").unwrap().to_owned();
        assert_eq!(
            noor.post(path, &[("quantity", "0"), ("agreed", &mark)]).await.status,
            409,
            "agreed to something else"
        );
        let agreed = noor.post(path, &[("quantity", "1"), ("agreed", &mark)]).await;
        assert_eq!(agreed.status, 303, "{}", agreed.text);
        assert_eq!(
            (world.level(tea, &gala), world.level(sam, &gala)),
            (Level::Edit, Level::View),
            "the last one reads"
        );
        assert!(noor.get("/workspace/licences").await.text.contains("reads only"));
        assert_eq!(noor.post(path, &[("quantity", "2")]).await.status, 303);
        assert_eq!(world.level(sam, &gala), Level::Edit, "and works again when there is room");
        noor.post(path, &[("quantity", "1"), ("agreed", &mark)]).await;
        noor.post(&format!("/workspace/licences/org-pro/seats/{tea}/release"), &[]).await;
        assert_eq!(
            world.level(sam, &gala),
            Level::Edit,
            "or when somebody else's is released, {}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn slots_are_paused_event_by_event_and_come_back() {
    for world in all().await {
        let workspace = world.workspace;
        let (tea, sam) =
            (world.person("Tea", &[Builtin::Team]).await, world.person("Sam", &[Builtin::Team]).await);
        set(&world, workspace, Licence::EventPro, 2).await;
        let gala = super::events::event(&world, "gala").await;
        for account in [tea, sam] {
            let event = gala.clone();
            world.change(move |tx| licence::give_slot(tx, workspace, &event, account)).await;
            world.clock.advance(std::time::Duration::from_secs(1));
        }
        let plan = world.db().read(|tx| licence::plan(tx, workspace, Licence::EventPro, 1)).unwrap();
        let named: Vec<(AccountId, bool)> =
            plan.pausing.iter().map(|one| (one.account, one.event.is_some())).collect();
        assert_eq!(named, [(sam, true)]);
        let mark = plan.mark();
        world.change(move |tx| licence::change(tx, workspace, Licence::EventPro, 1, &mark)).await;
        assert_eq!((world.level(tea, &gala), world.level(sam, &gala)), (Level::Edit, Level::View));
        let event = gala.clone();
        world.change(move |tx| licence::take_slot(tx, workspace, &event, tea)).await;
        assert_eq!(
            (world.level(tea, &gala), world.level(sam, &gala)),
            (Level::None, Level::Edit),
            "{}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn licences_move_between_workspaces_of_one_owner_and_none_is_made_or_lost() {
    for world in all().await {
        let workspace = world.workspace;
        let sam = world.person("Sam", &[]).await;
        let theirs = organisation_of(&world, sam, "Not hers").await;
        let other = organisation_of(&world, world.owner, "Northwind").await;
        let own = workspace::personal(world.owner);
        set(&world, own, Licence::EventPro, 3).await;
        set(&world, workspace, Licence::OrgPro, 1).await;
        let mut noor = world.browser("Noor").await;
        go(&mut noor, own).await;
        assert!(
            !noor.get("/workspace/licences").await.text.contains("Org Pro"),
            "no seats where there is one person"
        );
        let path = "/workspace/licences/event-pro/transfer";
        let more = noor.post(path, &[("to", &other.id.to_string()), ("count", "4")]).await;
        assert!(more.status == 422 && more.text.contains("must be from 1 to 3"), "{}", more.text);
        let stranger = noor.post(path, &[("to", &theirs.id.to_string()), ("count", "1")]).await;
        assert_eq!(stranger.status, 404, "only to what one owns");
        assert_eq!(noor.post(path, &[("to", &other.id.to_string()), ("count", "2")]).await.status, 303);
        assert_eq!(
            (quantity(&world, own, Licence::EventPro), quantity(&world, other.id, Licence::EventPro)),
            (1, 2)
        );
        go(&mut noor, workspace).await;
        let seats = noor
            .call(
                Method::POST,
                "/api/v1/workspace/licences/org-pro/transfer",
                &json!({"to": own, "count": 1}),
            )
            .await;
        assert!(seats.status == 422 && seats.text.contains("has no seats"), "{}", seats.text);
        // Both ways at once, again and again: the sum stays.
        let owner = world.owner;
        let works = (0..8)
            .map(|place| {
                let both = if place % 2 == 0 { (own, other.id) } else { (other.id, own) };
                move |tx: &mut Tx| licence::transfer(tx, owner, Licence::EventPro, both, 1)
            })
            .collect();
        at_once(&world, works).await;
        let sum = quantity(&world, own, Licence::EventPro) + quantity(&world, other.id, Licence::EventPro);
        assert_eq!(sum, 3, "{}", world.engine());
    }
}
