//! Who may give what to whom.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::relation;
use bo_identity::testing::{PASSWORD, World, worlds};
use bo_identity::workspace::Builtin;
use bo_model::{Kind, Level, Object};
use serde_json::{Value, json};

fn group_ids(world: &World, groups: &[Builtin]) -> Value {
    json!({"groups": groups.iter().map(|group| world.group(*group)).collect::<Vec<_>>()})
}

#[tokio::test]
async fn an_admin_puts_people_into_the_team_and_not_among_the_webmasters() {
    for world in worlds(&[], &[]).await {
        world.person("Ada", &[Builtin::Admin]).await;
        let tea = world.person("Tea", &[]).await;
        let mut ada = world.browser("Ada").await;
        let path = format!("/api/v1/users/{tea}");
        let team = ada.call(Method::PATCH, &path, &group_ids(&world, &[Builtin::Team])).await;
        assert_eq!(team.status, 200, "{}", team.text);
        assert_eq!(team.json()["groups"][0]["name"], "Team");
        let webmaster =
            ada.call(Method::PATCH, &path, &group_ids(&world, &[Builtin::Team, Builtin::Webmaster])).await;
        assert_eq!(webmaster.status, 403);
        assert!(
            webmaster.json()["error"]["message"].as_str().unwrap().contains("This group gives “own”"),
            "{}",
            webmaster.text
        );
    }
}

#[tokio::test]
async fn nobody_raises_their_own_access() {
    for world in worlds(&[], &[]).await {
        let ada = world.person("Ada", &[Builtin::Admin]).await;
        let mut browser = world.browser("Ada").await;
        let own = format!("/api/v1/users/{ada}");
        let groups =
            browser.call(Method::PATCH, &own, &group_ids(&world, &[Builtin::Admin, Builtin::Team])).await;
        assert_eq!(groups.status, 403, "{}", groups.text);
        let grant = |subject: String, object: Object, level: &str| json!({"subject": subject, "object": object, "level": level});
        let me = format!("account:{ada}");
        for object in [world.area("settings"), Object::new(Kind::WORKSPACE, world.workspace)] {
            let answer = browser
                .call(Method::PUT, "/api/v1/relations", &grant(me.clone(), object.clone(), "own"))
                .await;
            assert!(answer.status == 404 || answer.status == 403, "{object}: {}", answer.status);
        }
        let owned =
            browser.call(Method::PUT, "/api/v1/relations", &grant(me, world.area("users"), "own")).await;
        assert_eq!(owned.status, 403, "not even on what one owns");
        // Their own group can't be given what they do not own.
        let admins = format!("/groups/{}/areas", world.group(Builtin::Admin));
        let answer = browser.post(&admins, &[("settings", "own")]).await;
        assert!(answer.status == 403 || answer.status == 404, "{}", answer.status);
        assert_eq!(world.level(ada, &world.area("settings")), Level::None, "{}", world.engine());
    }
}

#[tokio::test]
async fn not_even_an_owner_changes_or_disables_themselves() {
    for world in worlds(&[], &[]).await {
        // Another owner: nobody is kept from it for being the last one.
        let olga = world.person("Olga", &[]).await;
        let workspace = Object::new(Kind::WORKSPACE, world.workspace);
        let mut noor = world.browser("Noor").await;
        let give = json!({"subject": format!("account:{olga}"), "object": workspace, "level": "own"});
        assert_eq!(noor.call(Method::PUT, "/api/v1/relations", &give).await.status, 204);
        let own = format!("/api/v1/users/{}", world.owner);
        let groups = group_ids(&world, &[Builtin::Admin]);
        let disable = format!("{own}/disable");
        for (method, path, body) in [(Method::PATCH, &own, &groups), (Method::POST, &disable, &json!({}))] {
            let answer = noor.call(method, path, body).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text);
            assert!(answer.text.contains("Ask another administrator"), "{}", answer.text);
        }
        assert_eq!(noor.get("/users").await.status, 200, "{}", world.engine());
    }
}

#[tokio::test]
async fn an_admin_can_not_touch_another_admin_or_an_owner() {
    for world in worlds(&[], &[]).await {
        world.person("Ada", &[Builtin::Admin]).await;
        let ben = world.person("Ben", &[Builtin::Admin]).await;
        let tea = world.person("Tea", &[]).await;
        let mut ada = world.browser("Ada").await;
        for (target, status) in [(ben, 403), (world.owner, 403), (tea, 204)] {
            let answer = ada.call(Method::POST, &format!("/api/v1/users/{target}/disable"), &json!({})).await;
            assert_eq!(answer.status, status, "{}: {}", world.engine(), answer.text);
        }
    }
}

#[tokio::test]
async fn a_workspace_keeps_an_owner() {
    for world in worlds(&[], &[]).await {
        let olga = world.person("Olga", &[]).await;
        let workspace = Object::new(Kind::WORKSPACE, world.workspace);
        let mut noor = world.browser("Noor").await;
        let give = |account: bo_model::AccountId, level: &str| json!({"subject": format!("account:{account}"), "object": workspace, "level": level});
        let leave = noor.call(Method::PUT, "/api/v1/relations", &give(world.owner, "none")).await;
        assert_eq!(leave.status, 409, "{}", leave.text);
        assert!(leave.json()["error"]["message"].as_str().unwrap().contains("last owner"));
        assert_eq!(noor.call(Method::PUT, "/api/v1/relations", &give(olga, "own")).await.status, 204);
        assert_eq!(noor.call(Method::PUT, "/api/v1/relations", &give(world.owner, "none")).await.status, 204);
        assert_eq!(noor.get("/users").await.status, 404, "what one may not see is not there");
        let mut olga = world.browser("Olga").await;
        assert_eq!(olga.get("/users").await.status, 200, "{}", world.engine());
    }
}

#[tokio::test]
async fn disabling_somebody_ends_their_sessions_and_tokens_at_their_next_request() {
    for world in worlds(&[], &[]).await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let mut browser = world.browser("Tea").await;
        let token =
            browser.call(Method::POST, "/api/v1/tokens", &json!({"name": "x", "level": "view"})).await;
        let mut program = browser.with_token(token.json()["token"].as_str().unwrap());
        assert_eq!(program.get("/api/v1/me").await.status, 200);
        let mut noor = world.browser("Noor").await;
        let page = noor.get(&format!("/users/{tea}")).await;
        assert!(page.text.contains("Disable Tea?"), "{}", page.text);
        assert_eq!(noor.post(&format!("/users/{tea}/disable"), &[]).await.status, 303);
        assert_eq!(browser.get("/account").await.status, 303);
        assert_eq!(program.get("/api/v1/me").await.status, 401);
        let again = bo_web::testing::Client::new(&world.app)
            .post("/sign-in", &[("email", "tea@example.org"), ("password", PASSWORD)])
            .await;
        assert_eq!(again.status, 422, "{}", world.engine());
    }
}

#[tokio::test]
async fn taking_a_group_away_counts_at_the_next_request() {
    for world in worlds(&[], &[]).await {
        let ada = world.person("Ada", &[Builtin::Admin]).await;
        let mut browser = world.browser("Ada").await;
        assert_eq!(browser.get("/users").await.status, 200);
        let mut noor = world.browser("Noor").await;
        assert_eq!(
            noor.call(Method::PATCH, &format!("/api/v1/users/{ada}"), &json!({"groups": []})).await.status,
            200
        );
        assert_eq!(browser.get("/users").await.status, 404, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_group_gives_its_levels_and_removing_it_takes_them() {
    for world in worlds(&[], &[]).await {
        let tea = world.person("Tea", &[]).await;
        let mut noor = world.browser("Noor").await;
        let made = noor.call(Method::POST, "/api/v1/groups", &json!({"name": "Auditors"})).await;
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let twice = noor.call(Method::POST, "/api/v1/groups", &json!({"name": "auditors"})).await;
        assert_eq!(twice.json()["error"]["fields"]["name"], "is the name of another group");
        assert_eq!(
            noor.post(&format!("/groups/{id}/areas"), &[("audit", "view"), ("users", "view")]).await.status,
            303
        );
        noor.call(Method::PATCH, &format!("/api/v1/users/{tea}"), &json!({"groups": [id]})).await;
        let mut browser = world.browser("Tea").await;
        assert_eq!(browser.get("/api/v1/me").await.json()["areas"]["audit"], "view");

        let question = format!("/api/v1/why?subject=account:{tea}&object={}", world.area("audit"));
        let why = noor.get(&question).await.json();
        assert_eq!(why["level"], "view");
        let says: Vec<&str> =
            why["path"].as_array().unwrap().iter().map(|step| step["says"].as_str().unwrap()).collect();
        assert_eq!(
            says,
            ["Tea belongs to group Auditors", "group Auditors was given “view” on the area Audit"]
        );
        let page = noor.get(&format!("/access?subject=account:{tea}&object={}", world.area("audit"))).await;
        assert!(page.text.contains("Tea belongs to group Auditors"), "{}", page.text);

        assert_eq!(noor.call(Method::DELETE, &format!("/api/v1/groups/{id}"), &json!({})).await.status, 204);
        assert_eq!(browser.get("/api/v1/me").await.json()["areas"]["audit"], "none", "{}", world.engine());
    }
}

#[tokio::test]
async fn people_of_another_workspace_do_not_exist_here() {
    use bo_identity::account::{NewAccount, create};
    use bo_identity::workspace::{NewWorkspace, create as create_workspace};
    for world in worlds(&[], &[]).await {
        let (other, stranger) = (NewWorkspace::ids(&world.ids), world.ids.make::<bo_model::AccountId>());
        let hash = bo_identity::password::hash(PASSWORD, bo_identity::password::Cost::TESTS).unwrap();
        world
            .change(move |tx| {
                create_workspace(tx, other, "Other Ltd")?;
                let new = NewAccount {
                    id: stranger,
                    email: "sam@example.org".into(),
                    name: "Sam".into(),
                    job: String::new(),
                    phone: String::new(),
                    password_hash: hash.clone(),
                };
                create(tx, other.id, &new)?;
                let (subject, owned) =
                    (Object::new(Kind::ACCOUNT, stranger), Object::new(Kind::WORKSPACE, other.id));
                Ok(relation::grant(tx, &subject, &owned, Level::Own, relation::Validity::ALWAYS, "")?)
            })
            .await;
        let mut noor = world.browser("Noor").await;
        assert_eq!(noor.get(&format!("/users/{stranger}")).await.status, 404);
        assert_eq!(
            noor.call(Method::POST, &format!("/api/v1/users/{stranger}/disable"), &json!({})).await.status,
            404
        );
        assert!(!noor.get("/users").await.text.contains("Sam"));
        let mut sam = world.browser("Sam").await;
        assert_eq!(sam.get(&format!("/groups/{}", world.group(Builtin::Team))).await.status, 404);
        let grab =
            json!({"subject": format!("account:{stranger}"), "object": world.area("users"), "level": "view"});
        assert_eq!(sam.call(Method::PUT, "/api/v1/relations", &grab).await.status, 404, "{}", world.engine());
    }
}
