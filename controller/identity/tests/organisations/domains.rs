//! Host names that lead to an organisation. The tests' clients ask for `bo.example`.

use super::*;
use axum::http::Method;
use bo_identity::testing::PASSWORD;

async fn put(noor: &mut Client, body: serde_json::Value) -> bo_web::testing::Answer {
    noor.call(Method::PUT, "/api/v1/workspace/domains/bo.example", &body).await
}

#[tokio::test]
async fn a_domain_leads_its_members_into_their_organisation_and_keeps_others_out() {
    for world in all().await {
        world.person("Tea", &[Builtin::Team]).await;
        let sam = world.person("Sam", &[]).await;
        let theirs = organisation_of(&world, sam, "Elsewhere").await;
        let mut noor = world.browser("Noor").await;
        let mut tab = world.browser("Sam").await;
        go(&mut tab, theirs.id).await;
        let team = world.group(Builtin::Team);
        let body = json!({"methods": {"password": true, "providers": []}, "access": {"members_only": true, "groups": [team]}});
        assert_eq!(put(&mut noor, body).await.status, 204);
        let mut tea = world.browser("Tea").await;
        assert!(tea.get("/workspace").await.text.contains("Acme"));
        let personal = tea.get("/workspaces").await;
        assert_eq!(personal.status, 200);
        let other = workspace::personal(world.owner).to_string();
        let away = tea.post("/account/workspace", &[("workspace", &other)]).await;
        assert_eq!(away.status, 403, "one works in Acme alone there: {}", away.text);
        let mut refused = Client::new(&world.app);
        let answer = refused.post("/sign-in", &[("email", "sam@example.org"), ("password", PASSWORD)]).await;
        assert!(
            answer.status == 403 && answer.text.contains("may not sign in at this address"),
            "{} {}",
            answer.status,
            answer.text
        );
        assert_eq!(
            tab.get("/api/v1/me").await.status,
            401,
            "a session of another workspace is nobody's there, {}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn parts_of_the_console_open_under_paths_of_a_domain() {
    for world in worlds_with_nav().await {
        let mut noor = world.browser("Noor").await;
        let odd = json!({"methods": {"password": true, "providers": []}, "apps": [{"path": "/", "opens": "https://evil.example"}]});
        assert_eq!(put(&mut noor, odd).await.status, 422);
        for path in ["handbook", "//evil.example", "/api/v1", "/sign-in", "/a b"] {
            let odd = json!({"methods": {"password": true, "providers": []}, "apps": [{"path": path, "opens": "/groups"}]});
            assert_eq!(put(&mut noor, odd).await.status, 422, "{path}");
        }
        let good = json!({"methods": {"password": true, "providers": []}, "apps": [{"path": "/", "opens": "/groups"}, {"path": "/people", "opens": "/users"}]});
        assert_eq!(put(&mut noor, good).await.status, 204);
        let door = noor.get("/").await;
        assert_eq!((door.status.as_u16(), door.location()), (303, "/groups"));
        assert_eq!(
            Client::new(&world.app).get("/people").await.location(),
            "/users",
            "for whoever is not signed in as well"
        );
        assert_eq!(noor.get("/api/v1/me").await.status, 200);
        let nav = noor.get("/groups").await.text;
        let nav = bo_web::testing::between(&nav, "id=\"nav\"", "</nav>").unwrap();
        assert!(
            nav.contains("/users") && !nav.contains("/workspace\""),
            "the menu has those parts alone: {nav}"
        );
        assert!(noor.get("/workspace/domains").await.text.contains("/people = Users"), "{}", world.engine());
    }
}

async fn worlds_with_nav() -> Vec<World> {
    use bo_web::{Module, NavItem, Need, Routes};
    fn item(title: &'static str, href: &'static str) -> NavItem {
        NavItem { section: "", title, href, icon: "users", need: Need::signed_in() }
    }
    let navigation: &'static [NavItem] = Box::leak(Box::new([
        item("Users", "/users"),
        item("Groups", "/groups"),
        item("Workspace", "/workspace"),
    ]));
    let module = Module {
        id: "menu",
        migrations: &[],
        handlers: &[],
        navigation,
        routes: || Routes::new("menu"),
        part: bo_db::Part::NONE,
    };
    bo_identity::testing::Setup { settings: with_mail(), modules: &[module], ..Default::default() }
        .worlds()
        .await
}

#[tokio::test]
async fn another_organisation_is_served_under_a_name_only_when_the_installations_owner_agrees() {
    for world in all().await {
        let sam = world.person("Sam", &[]).await;
        let (_, mut tab) = working_in(&world, sam, "Sam", "Elsewhere").await;
        // Nobody can sign in there but by a provider that does not exist yet: a way to lock everybody out.
        let body = json!({"methods": {"password": true, "providers": []}, "access": {"members_only": true, "groups": []}});
        assert_eq!(put(&mut tab, body).await.status, 204);
        assert!(tab.get("/workspace/domains").await.text.contains("waits for approval"));
        let mut noor = world.browser("Noor").await;
        assert!(
            noor.get("/workspace/domains").await.text.contains("Elsewhere"),
            "whoever runs the installation is asked"
        );
        assert_eq!(
            tab.post("/workspace/domains/bo.example/approve", &[]).await.status,
            404,
            "nobody approves their own"
        );
        assert_eq!(noor.post("/workspace/domains/bo.example/refuse", &[]).await.status, 303);
        assert!(!tab.get("/workspace/domains").await.text.contains("bo.example</a>"), "{}", world.engine());
    }
}
