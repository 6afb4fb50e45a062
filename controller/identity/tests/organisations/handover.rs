//! Who owns an organisation: handing it over, leaving it, and that there is always somebody.

use super::*;

#[tokio::test]
async fn an_owner_offers_another_accepts_and_both_are_told() {
    for world in all().await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let (mut noor, mut browser) = (world.browser("Noor").await, world.browser("Tea").await);
        assert_eq!(
            browser.post("/workspace/owner", &[("to", &tea.to_string())]).await.status,
            404,
            "not hers to give"
        );
        let own = noor.post("/workspace/owner", &[("to", &world.owner.to_string())]).await;
        assert!(own.status == 422 && own.text.contains("another member"), "{}", own.text);
        let offered = noor.post("/workspace/owner", &[("to", &tea.to_string())]).await;
        assert_eq!(offered.status, 303, "{}", offered.text);
        let letter = world.letters().pop().unwrap();
        assert_eq!((letter["to"].as_str(), link(&letter).as_str()), (Some("tea@example.org"), "/workspace"));
        assert_eq!(
            world.level(tea, &Object::new(bo_model::Kind::WORKSPACE, world.workspace)),
            Level::None,
            "nothing changed yet"
        );
        assert!(browser.get("/workspace").await.text.contains("offers you to take over"));
        let taken = browser.post("/workspace/owner/accept", &[]).await;
        assert_eq!(taken.status, 303, "{}", taken.text);
        let told: Vec<String> =
            world.letters().iter().skip(1).map(|letter| letter["to"].as_str().unwrap().to_owned()).collect();
        assert_eq!(told, ["noor@example.org", "tea@example.org"]);
        let object = Object::new(bo_model::Kind::WORKSPACE, world.workspace);
        assert_eq!((world.level(tea, &object), world.level(world.owner, &object)), (Level::Own, Level::None));
        assert_eq!(world.level(world.owner, &world.area("users")), Level::Own, "she stays an admin");
        assert_eq!(browser.post("/workspace/owner/accept", &[]).await.status, 404, "an offer is taken once");
        assert!(world.verbs().contains(&"ownership.accept".to_owned()), "{}", world.engine());
    }
}

#[tokio::test]
async fn an_offer_is_declined_withdrawn_or_gets_too_old_and_nothing_changes() {
    for world in all().await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        world.person("Sam", &[Builtin::Team]).await;
        let (mut noor, mut browser, mut sam) =
            (world.browser("Noor").await, world.browser("Tea").await, world.browser("Sam").await);
        let to = tea.to_string();
        noor.post("/workspace/owner", &[("to", &to)]).await;
        assert_eq!(sam.post("/workspace/owner/end", &[]).await.status, 404, "it is between two");
        assert_eq!(sam.post("/workspace/owner/accept", &[]).await.status, 404);
        assert_eq!(browser.post("/workspace/owner/end", &[]).await.status, 303);
        assert_eq!(world.letters().last().unwrap()["to"], "noor@example.org", "the other is told");
        noor.post("/workspace/owner", &[("to", &to)]).await;
        assert_eq!(noor.post("/workspace/owner/end", &[]).await.status, 303);
        assert_eq!(browser.post("/workspace/owner/accept", &[]).await.status, 404, "withdrawn");
        noor.post("/workspace/owner", &[("to", &to)]).await;
        world.clock.advance(std::time::Duration::from_secs(7 * 86_400 + 1));
        let mut browser = world.browser("Tea").await;
        assert_eq!(
            browser.post("/workspace/owner/accept", &[]).await.status,
            404,
            "too old on {}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn the_last_owner_stays_until_somebody_else_owns_it() {
    for world in all().await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let mut noor = world.browser("Noor").await;
        let stay = noor.post("/workspace/leave", &[]).await;
        assert!(stay.status == 409 && stay.text.contains("last owner"), "{}", stay.text);
        assert!(is_member(&world, world.workspace, world.owner));
        world.grant(tea, Object::new(bo_model::Kind::WORKSPACE, world.workspace), Level::Own).await;
        let left = noor.post("/workspace/leave", &[]).await;
        assert_eq!((left.status.as_u16(), left.location()), (303, "/workspaces"), "{}", left.text);
        assert!(!is_member(&world, world.workspace, world.owner));
        let page = noor.get("/workspaces").await;
        assert!(
            page.text.contains("Personal workspace") && !page.text.contains("Acme</strong>"),
            "{}",
            page.text
        );
    }
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() {
    for world in all().await {
        let tea = world.person("Tea", &[]).await;
        world.grant(tea, Object::new(bo_model::Kind::WORKSPACE, world.workspace), Level::Own).await;
        let works = [world.owner, tea]
            .map(|account| {
                let viewer = world.viewer(account);
                move |tx: &mut Tx| organisation::leave(tx, &viewer)
            })
            .into_iter()
            .collect();
        assert_eq!(at_once(&world, works).await, 1, "{}", world.engine());
        let left =
            [world.owner, tea].into_iter().filter(|id| is_member(&world, world.workspace, *id)).count();
        assert_eq!(left, 1, "{}", world.engine());
    }
}

#[tokio::test]
async fn an_owner_renames_their_organisation_and_nobody_else_does() {
    for world in all().await {
        world.person("Ada", &[Builtin::Admin]).await;
        let (mut noor, mut ada) = (world.browser("Noor").await, world.browser("Ada").await);
        assert_ne!(ada.post("/workspace/name", &[("name", "Mine")]).await.status, 303);
        let empty = noor.post("/workspace/name", &[("name", " ")]).await;
        assert!(empty.status == 422 && empty.text.contains("is required"), "{}", empty.text);
        assert_eq!(noor.post("/workspace/name", &[("name", "Acme  Häuser")]).await.status, 303);
        assert!(ada.get("/workspace").await.text.contains("Acme Häuser"), "{}", world.engine());
    }
}
