//! Back-office users from the first click to the last: made, activated, changed, shut out.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::testing::{PASSWORD, link, with_mail, worlds, worlds_with};
use bo_identity::workspace::Builtin;
use bo_model::Level;
use bo_web::testing::Client;
use serde_json::json;

#[tokio::test]
async fn a_user_is_made_step_by_step_gets_a_mail_and_signs_in() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        let list = noor.get("/users").await.text;
        for column in ["User", "Name", "Mail address", "Created", "Changed", "New backoffice user"] {
            assert!(list.contains(column), "the list has {column}");
        }
        let form = noor.get("/users/new").await.text;
        for part in
            ["General", "Roles &amp; permissions", "Information", "F (Female)", "M (Male)", "U (Unknown)"]
        {
            assert!(form.contains(part), "the form has {part}");
        }
        for area in [
            "User management",
            "Shop &amp; channel management",
            "Role &amp; permission management",
            "Pricing management",
            "Logistics management",
            "Configuration management",
            "Product Data management",
            "Order Data management",
            "Sales management",
            "Backoffice management",
        ] {
            assert!(form.contains(area), "the form offers {area}");
        }
        let wrong = noor
            .post("/users", &[("first_name", "Íñigo"), ("email", "not an address"), ("area-orders", "edit")])
            .await;
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("Last name is required.") && wrong.text.contains("must be a mail address"),
            "beside the fields"
        );
        assert!(
            wrong.text.contains("value=\"Íñigo\"") && wrong.text.contains("<option value=\"edit\" selected>"),
            "what was typed is kept"
        );

        let fields = [
            ("gender", "F"),
            ("first_name", "Ada"),
            ("middle_name", "van"),
            ("last_name", "Quist"),
            ("email", "Ada@Example.org"),
            ("phone", "+31 20 555"),
            ("job", "Planner"),
            ("language", "nl"),
            ("area-orders", "edit"),
            ("area-products", "view"),
        ];
        let made = noor.post("/users", &fields).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let page = made.location().to_owned();
        let posted = world.letters();
        assert_eq!((posted.len(), posted[0]["to"].as_str()), (1, Some("ada@example.org")));
        let activate = link(&posted[0]);
        let shown = noor.get(&page).await.text;
        assert!(!shown.contains(&activate), "whoever made the account does not see the link");
        assert!(shown.contains("Ada van Quist") && shown.contains("invited"));

        let mut ada = Client::new(&world.app);
        let refused = ada.post("/sign-in", &[("email", "ada@example.org"), ("password", PASSWORD)]).await;
        assert_eq!(refused.status, 422, "nobody signs in before they activated the account");
        let code = activate.split_once("code=").unwrap().1;
        let chosen = [("code", code), ("new_password", PASSWORD), ("new_again", PASSWORD)];
        assert_eq!(ada.post("/activate", &chosen).await.status, 303);
        assert_eq!(ada.post("/activate", &chosen).await.status, 404, "the link works once");
        let mut ada = world.browser("Ada").await;
        let me = ada.get("/api/v1/me").await.json();
        assert_eq!(
            (me["areas"]["orders"].as_str(), me["areas"]["products"].as_str()),
            (Some("edit"), Some("view"))
        );
        assert_eq!(me["areas"]["pricing"], "none", "{}", world.engine());
        assert_eq!(ada.get("/users").await.status, 404, "the menu and the page are for another role");
    }
}

#[tokio::test]
async fn taking_every_role_away_shuts_somebody_out_until_they_get_one_again() {
    for world in worlds(&[], &[]).await {
        let ada = world.person("Ada", &[]).await;
        let mut noor = world.browser("Noor").await;
        let save = |users: &'static str| {
            [("first_name", "Ada"), ("last_name", "Quist"), ("group", ""), ("area-users", users)]
        };
        assert_eq!(noor.post(&format!("/users/{ada}"), &save("view")).await.status, 303);
        let mut browser = world.browser("Ada").await;
        assert_eq!(browser.get("/users").await.status, 200);
        assert_eq!(noor.post(&format!("/users/{ada}"), &save("")).await.status, 303);
        assert_eq!(browser.get("/users").await.status, 404, "at the next request, in the open session");
        let page = noor.get(&format!("/users/{ada}")).await.text;
        assert!(page.contains("no access") && page.contains("has no role here"));
        assert_eq!(noor.post(&format!("/users/{ada}"), &save("view")).await.status, 303);
        assert_eq!(browser.get("/users").await.status, 200, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_preset_gives_the_levels_it_names_and_no_others() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let fields = [
            ("first_name", "Rep"),
            ("last_name", "One"),
            ("email", "rep@example.org"),
            ("preset", "sales-representative"),
            ("area-pricing", "own"),
        ];
        assert_eq!(noor.post("/users", &fields).await.status, 200, "no mail server: the link is shown");
        let users = noor.get("/api/v1/users?q=rep@").await.json();
        let id = users["items"][0]["id"].as_str().unwrap().to_owned();
        let areas = noor.get(&format!("/api/v1/users/{id}")).await.json()["areas"].clone();
        assert_eq!(
            areas,
            json!({"sales": "edit", "orders": "edit", "customers": "edit", "products": "view"}),
            "{}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn a_users_page_says_what_their_roles_open_and_what_the_rest_takes() {
    for world in worlds(&[], &[]).await {
        let rita = world.person("Rita", &[]).await;
        let mut noor = world.browser("Noor").await;
        world.grant(rita, world.area("orders"), Level::View).await;
        let page = noor.get(&format!("/users/{rita}")).await.text;
        assert!(page.contains("Orders, Order Statuses"), "{page}");
        assert!(page.contains("Carriers, Warehouses: takes Logistics management"), "{page}");
        assert!(page.contains("Requests, Quotes, Orders: takes Sales management"), "{page}");
        assert!(page.contains("Companies: takes Sales management and User management"), "{page}");
        // With the role of the whole heading, and one more of its parts.
        world.grant(rita, world.area("customers"), Level::View).await;
        world.grant(rita, world.area("sales"), Level::View).await;
        let page = noor.get(&format!("/users/{rita}")).await.text;
        assert!(page.contains("Companies, Requests, Quotes, Orders"), "{page}");
        assert!(page.contains("Product Catalogue: takes Product Data management"), "{}", world.engine());
    }
}

#[tokio::test]
async fn an_owner_of_roles_gives_no_more_than_they_own() {
    for world in worlds(&[], &[]).await {
        let (ada, bob) = (world.person("Ada", &[Builtin::Admin]).await, world.person("Bob", &[]).await);
        let mut browser = world.browser("Ada").await;
        let fields = [("first_name", "Bob"), ("last_name", "B"), ("area-pricing", "view")];
        let refused = browser.post(&format!("/users/{bob}"), &fields).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.text.contains("what you own"), "the sentence stands beside the field");
        let own = [("first_name", "Ada"), ("last_name", "A"), ("area-users", "own")];
        assert_eq!(
            browser.post(&format!("/users/{ada}"), &own).await.status,
            403,
            "nobody changes their own access"
        );
        let fine = [("first_name", "Bob"), ("last_name", "B"), ("area-users", "edit")];
        assert_eq!(browser.post(&format!("/users/{bob}"), &fine).await.status, 303);
        let mut bob_browser = world.browser("Bob").await;
        let up = [("first_name", "Ada"), ("last_name", "A"), ("area-users", "")];
        assert_eq!(
            bob_browser.post(&format!("/users/{ada}"), &up).await.status,
            403,
            "an editor does not reach an owner"
        );
        assert_eq!(
            bob_browser.post("/users", &fields).await.status,
            403,
            "an editor makes nobody, {}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn whoever_sees_a_link_has_all_that_it_opens() {
    for world in worlds(&[], &[]).await {
        world.person("Ada", &[Builtin::Admin]).await;
        let wes = world.person("Wes", &[Builtin::Webmaster]).await;
        let mut ada = world.browser("Ada").await;
        let refused = ada.post(&format!("/users/{wes}/invite"), &[]).await;
        assert_eq!(refused.status, 403, "an admin could become a webmaster with it: {}", world.engine());
        assert!(!refused.text.contains("/activate?code="));
        let mut noor = world.browser("Noor").await;
        assert!(noor.post(&format!("/users/{wes}/invite"), &[]).await.text.contains("/activate?code="));
    }
}

#[tokio::test]
async fn one_can_look_through_somebodys_eyes_and_change_nothing() {
    for world in worlds(&[], &[]).await {
        let ada = world.person("Ada", &[Builtin::Admin]).await;
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let mut noor = world.browser("Noor").await;
        assert_eq!(noor.post(&format!("/users/{tea}/view-as"), &[]).await.status, 303);
        assert_eq!(noor.get("/users").await.status, 404, "what Tea does not see is not there");
        let page = noor.get("/account").await.text;
        assert!(page.contains("You are looking at this as") && page.contains("Tea"), "marked on every page");
        let refused = noor.post("/account/tokens", &[("name", "x"), ("level", "view")]).await;
        assert_eq!(refused.status, 403);
        assert_eq!(
            noor.call(Method::POST, "/api/v1/tokens", &json!({"name": "x", "level": "view"})).await.status,
            403
        );
        let me = noor.get("/api/v1/me").await.json();
        assert_eq!(
            (me["name"].as_str(), me["areas"]["estate"].as_str()),
            (Some("Tea"), Some("view")),
            "read-only"
        );
        assert_eq!(noor.post("/view-as/end", &[]).await.status, 303);
        assert_eq!(noor.get("/users").await.status, 200);
        let verbs: Vec<String> = world.verbs();
        assert!(verbs.contains(&"session.view_as".into()) && verbs.contains(&"session.view_as_end".into()));

        let mut admin = world.browser("Ada").await;
        let wes = world.person("Wes", &[Builtin::Webmaster]).await;
        assert_eq!(
            admin.post(&format!("/users/{wes}/view-as"), &[]).await.status,
            403,
            "no eyes that see more than one's own"
        );
        assert_eq!(admin.post(&format!("/users/{ada}/view-as"), &[]).await.status, 403, "{}", world.engine());
        // The right to look ends while looking: the next request is one's own again.
        assert_eq!(noor.post(&format!("/users/{tea}/view-as"), &[]).await.status, 303);
        world
            .change(move |tx| {
                tx.execute("UPDATE account SET state = 'disabled' WHERE id = ?1", bo_db::params![tea])?;
                Ok(())
            })
            .await;
        assert_eq!(noor.get("/users").await.status, 200, "{}", world.engine());
    }
}

#[tokio::test]
async fn everybody_keeps_their_own_name_and_telephone_and_not_what_they_sign_in_with() {
    for world in worlds(&[], &[]).await {
        world.person("Kim", &[]).await;
        let mut kim = world.browser("Kim").await;
        let form = kim.get("/account").await.text;
        assert!(form.contains("value=\"Kim\"") && form.contains("kim@example.org"), "{form}");
        let sent = [
            ("first_name", "Kim"),
            ("last_name", "Ōkubo"),
            ("phone", "+49 30 1"),
            ("language", "de"),
            ("email", "other@example.org"),
        ];
        assert_eq!(kim.post("/account", &sent).await.status, 303);
        let me = kim.get("/api/v1/me").await.json();
        assert_eq!((me["name"].as_str(), me["email"].as_str()), (Some("Kim Ōkubo"), Some("kim@example.org")));
        let wrong = kim.post("/account", &[("first_name", "Kimberley"), ("last_name", "")]).await;
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("value=\"Kimberley\"") && wrong.text.contains("is required"),
            "{}",
            wrong.text
        );
        assert_eq!(kim.get("/api/v1/me").await.json()["name"], "Kim Ōkubo", "{}", world.engine());
    }
}
