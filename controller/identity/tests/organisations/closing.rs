//! Removing an organisation: who may, what they must prove and read, two weeks to think again, and what is left.

use super::*;
use bo_identity::testing::PASSWORD;
use bo_identity::{closing, relation};
use std::time::Duration;

const FORM: [(&str, &str); 2] = [("name", "Northwind"), ("password", PASSWORD)];

/// Northwind, of Sam, in which their browser is; Tea is an admin of it.
async fn northwind(world: &World) -> (NewWorkspace, Client, AccountId) {
    let sam = world.person("Sam", &[]).await;
    let tea = world.person("Tea", &[]).await;
    let mut browser = world.browser("Sam").await;
    let new = world.organisation(sam, "Northwind", &mut browser).await;
    let admin = Object::new(bo_model::Kind::GROUP, new.group(Builtin::Admin));
    world
        .change(move |tx| {
            bo_identity::account::join(tx, new.id, tea)?;
            let tea = Object::new(bo_model::Kind::ACCOUNT, tea);
            Ok(relation::join(tx, &tea, &admin, relation::Validity::ALWAYS, "")?)
        })
        .await;
    (new, browser, tea)
}

fn exists(world: &World, id: WorkspaceId) -> bool {
    let sql = "SELECT 1 FROM workspace WHERE id = ?1";
    world.db().read(|tx| tx.query_opt(sql, params![id], |_| Ok(()))).unwrap().is_some()
}

#[tokio::test]
async fn only_its_owner_removes_an_organisation_and_proves_it_and_types_its_name() {
    for world in all().await {
        let (new, mut sam, _) = northwind(&world).await;
        let page = sam.get("/workspace/remove").await.text;
        assert!(page.contains("What is lost") && page.contains("4</strong> groups"), "{page}");
        for (form, says) in [
            ([("name", "northwind"), ("password", PASSWORD)], "Its name is not"),
            ([("name", "Northwind"), ("password", "not the password")], "Your password is not your password"),
            ([("name", "Northwind"), ("password", "")], "Your password is not your password"),
        ] {
            let refused = sam.post("/workspace/remove", &form).await;
            assert!(refused.status == 422 && refused.text.contains(says), "{says}: {}", refused.text);
            assert!(refused.text.contains(&format!("value=\"{}\"", form[0].1)), "what was typed is kept");
        }
        let mut tea = world.browser("Tea").await;
        go(&mut tea, new.id).await;
        assert_eq!(tea.get("/workspace/remove").await.status, 403);
        assert_eq!(tea.post("/workspace/remove", &FORM).await.status, 403, "an admin is no owner");
        assert!(!tea.get("/workspace").await.text.contains("Remove the organisation"));
        let made = json!({"name": "nightly", "level": "own"});
        let token = sam.call(axum::http::Method::POST, "/api/v1/tokens", &made).await.json();
        let mut program = Client::new(&world.app).with_token(token["token"].as_str().unwrap());
        assert_ne!(program.post("/workspace/remove", &FORM).await.status, 303, "no program does it");
        let sam_id = world
            .db()
            .read(|tx| bo_identity::account::by_email(tx, "sam@example.org"))
            .unwrap()
            .unwrap()
            .0
            .id;
        go(&mut sam, workspace::personal(sam_id)).await;
        assert_ne!(sam.post("/workspace/remove", &FORM).await.status, 303, "nor a personal workspace");
        assert!(world.db().read(|tx| closing::pending(tx, new.id)).unwrap().is_none(), "{}", world.engine());
    }
}

#[tokio::test]
async fn it_can_be_taken_back_for_two_weeks_and_the_owners_are_told() {
    for world in all().await {
        let (new, mut sam, _) = northwind(&world).await;
        let posted = world.letters().len();
        assert_eq!(sam.post("/workspace/remove", &FORM).await.status, 303);
        assert_eq!(sam.post("/workspace/remove", &FORM).await.status, 422, "asked for already");
        let letter = world.letters().pop().unwrap();
        assert_eq!((world.letters().len(), letter["to"].as_str()), (posted + 1, Some("sam@example.org")));
        assert!(letter["subject"].as_str().unwrap().contains("Northwind will be removed"), "{letter}");
        let mut tea = world.browser("Tea").await;
        go(&mut tea, new.id).await;
        let told = tea.get("/workspace").await.text;
        assert!(told.contains("with everything in it") && !told.contains("Keep it"), "members know: {told}");
        assert_eq!(tea.post("/workspace/keep", &[]).await.status, 404, "that is the owners' to say");
        world.clock.advance(closing::WAIT - Duration::from_secs(60));
        assert!(!closing::step(world.db(), &[]).await.unwrap(), "not yet");
        let mut sam = world.browser("Sam").await;
        go(&mut sam, new.id).await;
        assert_eq!(sam.post("/workspace/keep", &[]).await.status, 303);
        assert!(world.letters().pop().unwrap()["subject"].as_str().unwrap().contains("Northwind stays"));
        world.clock.advance(closing::WAIT);
        assert!(
            !closing::step(world.db(), &[]).await.unwrap() && exists(&world, new.id),
            "{}",
            world.engine()
        );
        let mut sam = world.browser("Sam").await;
        go(&mut sam, new.id).await;
        assert_eq!(
            sam.post("/workspace/keep", &[]).await.status.as_u16() / 100,
            4,
            "there is nothing to take back"
        );
    }
}

#[tokio::test]
async fn what_runs_the_installation_stays() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let page = noor.get("/workspace/remove").await.text;
        assert!(page.contains("It runs this installation") && !page.contains("name=\"password\""), "{page}");
        let refused = noor.post("/workspace/remove", &[("name", "Acme"), ("password", PASSWORD)]).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        // Not even by a row that somebody put there.
        let acme = world.workspace;
        world
            .change(move |tx| {
                let sql = "INSERT INTO closing (workspace, asked_by, by_name, asked_at, due_at, state, owners) VALUES (?1, '', '', 0, 1, 'waiting', '[]')";
                tx.execute(sql, params![acme])?;
                Ok(())
            })
            .await;
        while closing::step(world.db(), &[]).await.unwrap() {}
        assert_eq!(noor.get("/users").await.status, 200, "{}", world.engine());
    }
}

#[tokio::test]
async fn when_its_time_has_come_nothing_is_left_but_the_log_and_its_people() {
    for world in all().await {
        let (new, mut sam, tea) = northwind(&world).await;
        let mut browser = world.browser("Tea").await;
        go(&mut browser, new.id).await;
        sam.post(
            "/users",
            &[("first_name", "N"), ("last_name", "B"), ("email", "nina@example.org"), ("area-audit", "view")],
        )
        .await;
        sam.post("/workspace/invitations", &[("email", "otto@example.org")]).await;
        sam.call(axum::http::Method::POST, "/api/v1/groups", &json!({"name": "Night shift"})).await;
        let sql = "INSERT INTO domain (host, workspace, methods, created_at) VALUES ('north.example', ?1, '{\"password\":true,\"providers\":[]}', 1)";
        world.change(move |tx| tx.execute(sql, params![new.id]).map(drop).map_err(Into::into)).await;
        let waiting = link(world.letters().iter().find(|letter| letter["to"] == "nina@example.org").unwrap());
        world.remove_organisation(&mut sam, "Northwind", new.id).await;
        assert!(!exists(&world, new.id));
        assert_eq!(Client::new(&world.app).get(&waiting).await.status, 404, "who waited for it is gone");
        assert!(is_member(&world, workspace::personal(tea), tea));
        let last = world.letters().pop().unwrap();
        assert!(last["to"] == "sam@example.org" && last["subject"] == "Northwind was removed", "{last}");
        let mut tea = world.browser("Tea").await;
        assert!(!tea.get("/api/v1/workspaces").await.text.contains("Northwind"));
        let verbs = world.verbs();
        for verb in
            ["workspace.create", "workspace.remove-asked", "workspace.remove-begun", "workspace.remove"]
        {
            assert!(verbs.contains(&verb.to_owned()), "{verb} stays in the log on {}", world.engine());
        }
        assert_eq!(world.browser("Noor").await.get("/users").await.status, 200, "others are not touched");
    }
}

#[tokio::test]
async fn somebody_who_is_in_it_when_its_removal_begins_goes_on_in_their_own_workspace() {
    for world in all().await {
        let (new, mut sam, _) = northwind(&world).await;
        let made = json!({"name": "nightly", "level": "view"});
        let token = sam.call(axum::http::Method::POST, "/api/v1/tokens", &made).await.json();
        assert_eq!(sam.post("/workspace/remove", &FORM).await.status, 303);
        world
            .change(|tx| tx.execute("UPDATE closing SET due_at = 1", &[]).map(drop).map_err(Into::into))
            .await;
        assert!(closing::step(world.db(), &[]).await.unwrap(), "begun");
        assert!(sam.get("/workspace").await.text.contains("Yours alone"));
        let mut program = Client::new(&world.app).with_token(token["token"].as_str().unwrap());
        assert_eq!(program.get("/api/v1/users").await.status, 401);
        let back = new.id.to_string();
        assert_eq!(
            sam.post("/account/workspace", &[("workspace", &back)]).await.status,
            404,
            "{}",
            world.engine()
        );
    }
}
