//! Two workspaces in two tabs, and ids of one in the other: nothing ever mixes.

use super::*;
use axum::http::Method;
use bo_identity::testing::World;
use bo_web::testing::between;

/// Noor owns Acme and Northwind.
async fn two(world: &World) -> (NewWorkspace, Client) {
    let other = organisation_of(world, world.owner, "Northwind").await;
    (other, world.browser("Noor").await)
}

fn names(world: &World, workspace: WorkspaceId) -> Vec<String> {
    let groups = world.db().read(|tx| bo_identity::group::all(tx, workspace)).unwrap();
    groups.into_iter().map(|group| group.name).collect()
}

#[tokio::test]
async fn a_form_of_one_workspace_never_writes_into_another() {
    for world in all().await {
        let (other, mut first) = two(&world).await;
        first.get("/groups").await;
        let stale = first.csrf.clone();
        let mut second = first.clone();
        go(&mut second, other.id).await;
        // The first tab still shows Acme, and knows nothing of the other.
        let (before, there) = (names(&world, world.workspace), names(&world, other.id));
        let sent = first.post("/groups", &[("name", "Night shift"), ("about", "who keeps watch")]).await;
        assert_eq!(sent.status, 409, "{}", sent.text);
        assert!(
            sent.text.contains("opened in “Acme”") && sent.text.contains("work in “Northwind” now"),
            "{}",
            sent.text
        );
        assert_eq!(
            (names(&world, world.workspace), names(&world, other.id)),
            (before, there.clone()),
            "nothing was changed"
        );
        // What was typed is sent where it belongs, when they say so.
        assert!(
            sent.text.contains("value=\"Night shift\"") && sent.text.contains("Switch to Acme and send it")
        );
        let action =
            between(&sent.text, "<form action=\"/account/workspace?", "\"").unwrap().replace("&amp;", "&");
        // The page's form sends the old token along with what was typed; the tests' client took the new page's token.
        let mut old = first.clone();
        old.csrf = stale.clone();
        let to = format!("/account/workspace?{action}");
        let fields = [("name", "Night shift"), ("about", "who keeps watch")];
        let on = old.post(&to, &fields).await;
        assert_eq!((on.status.as_u16(), on.location()), (307, "/groups"), "{}", on.text);
        let made = old.post("/groups", &fields).await;
        assert_eq!(made.status, 303, "{}", made.text);
        assert!(names(&world, world.workspace).contains(&"Night shift".to_owned()));
        assert_eq!(names(&world, other.id), there, "{}", world.engine());
        // And now the second tab is the one that is behind.
        assert_eq!(second.post("/groups", &[("name", "Wrong place")]).await.status, 409);
        assert!(!names(&world, world.workspace).contains(&"Wrong place".to_owned()));
    }
}

#[tokio::test]
async fn scripts_of_a_page_are_refused_once_another_workspace_is_open() {
    for world in all().await {
        let (other, mut first) = two(&world).await;
        first.get("/groups").await;
        let stale = first.csrf.clone();
        let mut second = first.clone();
        go(&mut second, other.id).await;
        first.csrf = stale.clone();
        // The helper sends the page's token with whatever it asks, as the console's scripts do.
        let read = first.get("/api/v1/groups").await;
        assert_eq!(
            (read.status.as_u16(), read.json()["error"]["code"].as_str().map(str::to_owned)),
            (409, Some("other-workspace".into())),
            "{}",
            read.text
        );
        let write = first.call(Method::POST, "/api/v1/groups", &json!({"name": "Mixed"})).await;
        assert_eq!(write.status, 409, "{}", write.text);
        first.csrf = stale;
        assert_eq!(
            first.post("/sign-out", &[]).await.status,
            303,
            "one can always leave, {}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn what_lies_in_another_of_ones_workspaces_is_offered_and_not_shown() {
    for world in all().await {
        let (other, mut noor) = two(&world).await;
        let zone = Object::new(bo_model::Kind::ZONE, world.ids.make::<bo_model::ZoneId>());
        let (inside, place) = (zone.clone(), Object::area(other.id, "estate"));
        world
            .change(move |tx| {
                Ok(bo_identity::relation::contain(
                    tx,
                    &place,
                    &inside,
                    bo_identity::relation::Containment::Open,
                )?)
            })
            .await;
        let seen = |client: &World, workspace: WorkspaceId| {
            let mut viewer = client.viewer(client.owner);
            viewer.workspace = workspace;
            let level = client.app.access.level.clone();
            client.db().read(|tx| level(tx, Some(&viewer), &zone)).unwrap()
        };
        assert_eq!(
            (seen(&world, other.id), seen(&world, world.workspace)),
            (Level::Own, Level::None),
            "{}",
            world.engine()
        );
        let in_writing = {
            let (mut viewer, level, zone) =
                (world.viewer(world.owner), world.app.access.level.clone(), zone.clone());
            viewer.workspace = world.workspace;
            world
                .db()
                .write_blocking(move |tx| -> Result<Level, bo_db::DbError> {
                    tx.unaudited("a look");
                    level(tx, Some(&viewer), &zone)
                })
                .unwrap()
        };
        assert_eq!(in_writing, Level::None, "the same inside a change, {}", world.engine());
        assert_eq!(noor.get("/workspace").await.status, 200);
    }
}

/// Every id that Acme has.
async fn ids_of_acme(world: &World, noor: &mut Client) -> Vec<String> {
    let tea = world.person("Tea", &[Builtin::Team]).await;
    invite(world, noor, "guest@example.org").await;
    let invitation =
        noor.get("/api/v1/workspace/invitations").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    noor.call(
        Method::PUT,
        "/api/v1/workspace/domains/acme.example",
        &json!({"methods": {"password": true, "providers": []}}),
    )
    .await;
    vec![
        tea.to_string(),
        world.group(Builtin::Team).to_string(),
        invitation,
        "acme.example".into(),
        world.workspace.to_string(),
    ]
}

#[tokio::test]
async fn no_route_reaches_into_another_workspace_by_an_id() {
    for world in all().await {
        let (other, mut noor) = two(&world).await;
        let ids = ids_of_acme(&world, &mut noor).await;
        let tea: AccountId = ids[0].parse().unwrap();
        let dump = |world: &World| {
            let rows = "SELECT 'r' || subject || object || kind || cap FROM relation UNION ALL SELECT 'm' || workspace || account FROM member
                UNION ALL SELECT 'i' || id || state || letters FROM invitation UNION ALL SELECT 'd' || host FROM domain
                UNION ALL SELECT 'a' || id || state || name FROM account UNION ALL SELECT 'g' || id || name FROM grp ORDER BY 1";
            world.db().read(|tx| tx.query(rows, &[], |row| row.get::<String>(0))).unwrap()
        };
        go(&mut noor, other.id).await;
        let before = dump(&world);
        let mut tried = 0;
        for route in
            world.app.routes().iter().filter(|route| route.path.contains('{') && !route.path.contains("{*"))
        {
            for id in &ids {
                let (mut path, mut rest) = (String::new(), route.path);
                while let Some((start, end)) = rest.split_once('{') {
                    path.push_str(start);
                    path.push_str(id);
                    rest = end.split_once('}').unwrap().1;
                }
                path.push_str(rest);
                let mut tab = noor.clone();
                let form = route.is_mutation().then_some("application/x-www-form-urlencoded");
                let kind = if route.is_api() { Some("application/json") } else { form };
                let body = if route.is_api() { b"{}".to_vec() } else { Vec::new() };
                let answer = tab.send(route.method.clone(), &path, kind, body).await;
                tried += 1;
                let refused = answer.status.is_client_error() || answer.location().starts_with("/sign-in");
                // Ending what is not there is no news: nothing was changed, as is seen below.
                let idle = answer.status == 303 && route.is_mutation();
                assert!(refused || idle, "{} {path}: {} {}", route.method, answer.status, answer.text);
                assert!(
                    !answer.text.contains("tea@example.org") && !answer.text.contains("guest@example.org"),
                    "{path}: {}",
                    answer.text
                );
            }
        }
        assert!(tried > 150, "only {tried} were tried");
        assert_eq!(dump(&world), before, "something was changed on {}", world.engine());
        assert!(is_member(&world, world.workspace, tea));
    }
}
