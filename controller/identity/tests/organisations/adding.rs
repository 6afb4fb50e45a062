//! Adding people to an organisation by their mail address, as somebody does who wants to know who has an account elsewhere.

use super::*;
use axum::http::Method;
use bo_identity::account;
use bo_identity::testing::PASSWORD;

/// What somebody sees of a user they have just made: every answer, with what must differ made the same.
async fn seen(world: &World, browser: &mut Client, email: &str, by_api: bool) -> Vec<String> {
    let mut said = Vec::new();
    let id = if by_api {
        let body =
            json!({"first_name": "Sam", "last_name": "Stone", "email": email, "areas": {"users": "view"}});
        let made = browser.call(Method::POST, "/api/v1/users", &body).await;
        said.push(format!("{} {}", made.status, made.text));
        made.json()["id"].as_str().unwrap().to_owned()
    } else {
        let form = [("first_name", "Sam"), ("last_name", "Stone"), ("email", email), ("area-users", "view")];
        let made = browser.post("/users", &form).await;
        said.push(format!("{} {}", made.status, made.location()));
        made.location().rsplit('/').next().unwrap().to_owned()
    };
    let letter = world.letters().pop().unwrap();
    assert_eq!(letter["to"], email, "a letter either way");
    for page in [format!("/users/{id}"), format!("/api/v1/users/{id}")] {
        said.push(browser.get(&page).await.text);
    }
    for list in [
        "/users?format=csv&q=",
        "/api/v1/users?q=",
        "/api/v1/workspace/members?q=",
        "/workspace/members?format=csv&q=",
    ] {
        said.push(browser.get(&format!("{list}{email}")).await.text);
    }
    let list = browser.get(&format!("/workspace/members?q={email}")).await.text;
    said.push(list.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap().to_owned());
    let again = browser.post(&format!("/users/{id}/invite"), &[]).await;
    said.push(format!("{} {}", again.status, again.location()));
    let twice = browser.post("/users", &[("first_name", "S"), ("last_name", "S"), ("email", email)]).await;
    said.push(format!("{} {}", twice.status, twice.text.contains("belongs to somebody here already")));
    for verb in ["disable", "enable"] {
        let answer = browser.post(&format!("/users/{id}/{verb}"), &[]).await;
        said.push(format!("{} {}", answer.status, answer.location()));
    }
    let granted =
        json!({"subject": format!("account:{id}"), "object": browser_area(browser).await, "level": "view"});
    said.push(browser.call(Method::PUT, "/api/v1/relations", &granted).await.text);
    said.push(browser.get(&format!("/access/review?subject=account:{id}")).await.status.to_string());
    said.push(browser.get(&format!("/audit?actor=account:{id}")).await.status.to_string());
    let gone = browser.post(&format!("/workspace/members/{id}/remove"), &[]).await;
    said.push(format!("{} {}", gone.status, gone.location()));
    said.into_iter().map(|text| same(&text, email, &id)).collect()
}

async fn browser_area(browser: &mut Client) -> String {
    let workspace = browser.get("/api/v1/workspace").await.json()["id"].as_str().unwrap().to_owned();
    format!("area:{workspace}/audit")
}

/// Without ids, addresses and secrets.
fn same(text: &str, email: &str, id: &str) -> String {
    let text = text.replace(email, "ADDRESS").replace(id, "ID").replace(&id[id.len() - 8..], "SHORT");
    let mut kept = String::new();
    for (place, part) in text.split("name=\"csrf\" value=\"").enumerate() {
        kept.push_str(if place == 0 { part } else { part.split_once('"').map_or("", |(_, rest)| rest) });
    }
    kept
}

#[tokio::test]
async fn adding_somebody_tells_nobody_whether_their_address_has_an_account_elsewhere() {
    for world in all().await {
        world.person("Taken", &[Builtin::Team]).await;
        let disabled = world.person("Shut", &[]).await;
        world.change(move |tx| account::set_enabled(tx, disabled, false, "")).await;
        let eve = world.person("Eve", &[]).await;
        let (trap, mut browser) = working_in(&world, eve, "Eve", "Trap").await;
        for by_api in [false, true] {
            let nobody = seen(&world, &mut browser, "nosuch@example.org", by_api).await;
            for known in ["taken@example.org", "shut@example.org", "noor@example.org"] {
                let said = seen(&world, &mut browser, known, by_api).await;
                for (place, (one, other)) in nobody.iter().zip(&said).enumerate() {
                    assert_eq!(one, other, "answer {place} for {known} on {}", world.engine());
                }
                assert_eq!(nobody.len(), said.len());
            }
        }
        // And nothing happened to those accounts.
        world.browser("Noor").await;
        assert!(!is_member(&world, trap.id, world.owner), "{}", world.engine());
    }
}

#[tokio::test]
async fn the_same_work_is_done_whether_an_address_has_an_account_or_not() {
    for world in all().await {
        world.person("Taken", &[Builtin::Team]).await;
        let eve = world.person("Eve", &[]).await;
        let (_, mut browser) = working_in(&world, eve, "Eve", "Trap").await;
        let mut written = Vec::new();
        for email in ["nosuch@example.org", "taken@example.org"] {
            let before = (world.verbs().len(), world.letters().len());
            browser.post("/users", &[("first_name", "S"), ("last_name", "S"), ("email", email)]).await;
            let verbs = world.verbs().split_off(before.0);
            written.push((verbs, world.letters().len() - before.1));
        }
        assert_eq!(
            written[0],
            written[1],
            "the same records and letters, so the same time: {}",
            world.engine()
        );
        assert_eq!(written[0].1, 1);
    }
}

#[tokio::test]
async fn somebody_with_an_account_who_is_added_joins_with_it_and_has_what_they_were_given() {
    for world in all().await {
        let sam = world.person("Sam", &[]).await;
        let (other, mut noor) = working_in(&world, world.owner, "Noor", "Northwind").await;
        let team = other.group(Builtin::Team).to_string();
        let form = [
            ("first_name", "Samuel"),
            ("last_name", "Stone"),
            ("email", "SAM@example.org"),
            ("group", &team),
            ("area-audit", "view"),
        ];
        assert_eq!(noor.post("/users", &form).await.status, 303);
        let letter = world.letters().pop().unwrap();
        assert!(letter["subject"].as_str().unwrap().contains("Northwind has added you"), "{letter}");
        let path = link(&letter);
        let mut nobody = Client::new(&world.app);
        let page = nobody.get(&path).await.text;
        assert!(page.contains("You have an account here") && !page.contains("New password"), "{page}");
        let stolen = [
            ("code", code(&path)),
            ("new_password", "quiet harbour lamp"),
            ("new_again", "quiet harbour lamp"),
        ];
        let refused = nobody.post("/activate", &stolen).await;
        assert!(refused.status == 422 && !is_member(&world, other.id, sam), "{}", refused.text);
        world.person("Eve", &[]).await;
        let mut eve = world.browser("Eve").await;
        assert_eq!(eve.post("/activate/join", &[("code", code(&path))]).await.status, 403, "for Sam alone");

        let mut browser = world.browser("Sam").await;
        assert!(browser.get(&path).await.text.contains("Accept"));
        let joined = browser.post("/activate/join", &[("code", code(&path))]).await;
        assert_eq!((joined.status.as_u16(), joined.location()), (303, "/workspace"), "{}", joined.text);
        assert!(browser.get("/workspace").await.text.contains("Northwind"));
        assert_eq!(world.level(sam, &Object::area(other.id, "estate")), Level::Edit, "the group");
        assert_eq!(world.level(sam, &Object::area(other.id, "audit")), Level::View, "the level");
        assert_eq!(browser.post("/activate/join", &[("code", code(&path))]).await.status, 404, "once");
        let users = noor.get("/api/v1/users?q=sam@").await.json();
        assert_eq!(users["items"].as_array().unwrap().len(), 1, "one Sam: {users}");
        assert_eq!(
            (users["items"][0]["id"].as_str(), users["items"][0]["state"].as_str()),
            (Some(sam.to_string().as_str()), Some("active"))
        );
        // Their account is theirs: who added them does not look after it.
        assert_eq!(noor.post(&format!("/users/{sam}/disable"), &[]).await.status, 403);
        world.browser("Sam").await;
        let verbs = world.verbs();
        assert!(verbs.contains(&"member.join".to_owned()), "{}: {verbs:?}", world.engine());
    }
}

#[tokio::test]
async fn of_two_organisations_that_add_somebody_new_the_first_link_makes_the_account_and_the_second_joins_it()
{
    for world in all().await {
        let other = organisation_of(&world, world.owner, "Northwind").await;
        let mut noor = world.browser("Noor").await;
        let mut links = Vec::new();
        for workspace in [world.workspace, other.id] {
            go(&mut noor, workspace).await;
            let form = [
                ("first_name", "Nina"),
                ("last_name", "Berg"),
                ("email", "nina@example.org"),
                ("area-users", "view"),
            ];
            assert_eq!(noor.post("/users", &form).await.status, 303);
            links.push(link(world.letters().last().unwrap()));
        }
        let mut nina = Client::new(&world.app);
        let chosen = [("code", code(&links[0])), ("new_password", PASSWORD), ("new_again", PASSWORD)];
        assert_eq!(nina.post("/activate", &chosen).await.status, 303);
        let mut nina = world.browser("Nina").await;
        assert_eq!(nina.post("/activate/join", &[("code", code(&links[1]))]).await.status, 303);
        nina.get("/workspace").await;
        let spaces = nina.get("/api/v1/workspaces").await.json();
        assert_eq!(spaces["items"].as_array().unwrap().len(), 3, "both, and her own: {spaces}");
        let count = "SELECT COUNT(*) FROM account WHERE address = 'nina@example.org'";
        let accounts: i64 = world.db().read(|tx| tx.query_one(count, &[], |row| row.get(0))).unwrap();
        assert_eq!(accounts, 1, "{}", world.engine());
    }
}

#[tokio::test]
async fn somebody_removed_before_they_came_leaves_nothing_and_can_be_added_again() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let form = [
            ("first_name", "Nina"),
            ("last_name", "Berg"),
            ("email", "nina@example.org"),
            ("area-users", "view"),
        ];
        let made = noor.post("/users", &form).await;
        let id = made.location().rsplit('/').next().unwrap().to_owned();
        let path = link(world.letters().last().unwrap());
        assert_eq!(noor.post(&format!("/workspace/members/{id}/remove"), &[]).await.status, 303);
        assert_eq!(Client::new(&world.app).get(&path).await.status, 404, "the link is dead");
        let left = "SELECT (SELECT COUNT(*) FROM account) + (SELECT COUNT(*) FROM workspace WHERE kind = 'personal')";
        let left: i64 = world.db().read(|tx| tx.query_one(left, &[], |row| row.get(0))).unwrap();
        assert_eq!(left, 2, "Noor and her workspace");
        assert_eq!(noor.post("/users", &form).await.status, 303, "{}", world.engine());
    }
}

#[tokio::test]
async fn without_mail_a_link_is_shown_to_whoever_runs_the_installation_and_to_nobody_else() {
    for world in bo_identity::testing::worlds(&[], &[]).await {
        let eve = world.person("Eve", &[]).await;
        let (_, mut browser) = working_in(&world, eve, "Eve", "Trap").await;
        let mut said = Vec::new();
        for email in ["noor@example.org", "nosuch@example.org"] {
            let answer =
                browser.post("/users", &[("first_name", "S"), ("last_name", "S"), ("email", email)]).await;
            assert!(!answer.text.contains("/activate?code="), "{}", answer.text);
            said.push(answer.status);
        }
        assert!(said[0] == said[1] && said[0] == 503, "{said:?} on {}", world.engine());
    }
}
