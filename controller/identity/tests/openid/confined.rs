//! Whoever runs an organisation's provider can be anybody of its members there: what such a session reaches, and what not.

use super::*;
use bo_db::params;
use bo_identity::token::{self, NewToken};
use bo_identity::workspace::{self, NewWorkspace};
use bo_identity::{licence, organisation, password, relation, session};
use bo_model::{Clock, Kind, Level, Object, WorkspaceId};
use bo_web::Need;

/// Ada, who has a password, works for Acme, whose provider signs her in, and owns Northwind. What the provider gets hold of: her
/// browser at Acme; and Northwind.
async fn ada_of_two(world: &World, peer: &Peer) -> (Client, AccountId, WorkspaceId) {
    let path = add(world, peer, false).await;
    let ada = added(world, &[Builtin::Admin]).await;
    assert_eq!(sign_in(world, &path, "ada").await.1.status, 303);
    let hash = password::hash(PASSWORD, password::Cost::TESTS).unwrap();
    let northwind = NewWorkspace::ids(&world.ids);
    let change = move |tx: &mut bo_db::Tx| {
        account::set_password(tx, ada, &hash, None)?;
        organisation::create(tx, northwind, "Northwind", ada)
    };
    world.change(change).await;
    let (mut browser, answer) = sign_in(world, &path, "ada").await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    browser.get("/account").await;
    (browser, ada, northwind.id)
}

#[tokio::test]
async fn a_session_of_an_organisations_provider_reaches_that_organisation_only() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (mut provider, ada, northwind) = ada_of_two(&world, &peer).await;
        let me = provider.get("/api/v1/me").await.json();
        assert_eq!(me["account"], ada.to_string());
        assert_eq!(me["workspace"]["name"], "Acme");
        // The switcher has only it, and says how the others are reached.
        let page = provider.get("/account").await.text;
        assert!(!page.contains("Northwind") && !page.contains("Personal workspace"), "{page}");
        assert!(page.contains("sign in another way") && !page.contains("/workspaces/new"), "{page}");
        let spaces = provider.get("/api/v1/workspaces").await.json();
        assert_eq!(spaces["items"].as_array().unwrap().len(), 1, "{spaces}");
        assert!(!provider.get("/workspaces").await.text.contains("Northwind"));
        for other in [northwind, workspace::personal(ada)] {
            let id = other.to_string();
            let refused = provider.post("/account/workspace", &[("workspace", &id)]).await;
            assert!(refused.status == 403 && refused.text.contains("lets you into Acme"), "{}", refused.text);
            let then = format!("/account/workspace?workspace={id}&open=/workspace");
            assert_eq!(provider.post(&then, &[]).await.status, 403);
            assert_eq!(provider.get("/api/v1/me").await.json()["workspace"]["name"], "Acme");
        }
        // Signed in with her password she has all of them.
        let mut own = world.browser("Ada").await;
        let spaces = own.get("/api/v1/workspaces").await.json();
        assert_eq!(spaces["items"].as_array().unwrap().len(), 3, "{}", world.engine());
        assert!(own.get("/account/sessions").await.text.contains("one organisation only"));
    }
}

#[tokio::test]
async fn nothing_of_an_account_is_changed_or_read_by_a_session_of_a_provider() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (mut provider, ada, northwind) = ada_of_two(&world, &peer).await;
        let (id, workspace) = (world.ids.make(), northwind);
        let new = NewToken {
            id,
            account: ada,
            workspace,
            name: "Northwind".into(),
            secret_hash: session::digest("bo_x"),
            cap: Level::Own,
            scopes: Vec::new(),
            expires_at: world.clock.now().after(Duration::from_secs(86_400)),
        };
        world.change(move |tx| token::add(tx, &new)).await;
        let before = kept(&world, ada);
        // Every route about an account, as it is and with the id of something of hers.
        let (mut tried, app) = (0, world.app.clone());
        for route in app.routes().iter().filter(|route| route.need == Need::Account) {
            let path = route.path.replace("{id}", &id.to_string());
            let form = Some("application/x-www-form-urlencoded");
            let body = format!(
                "password={PASSWORD}&name=x&new_password=quite another one&new_again=quite another one&level=own&days=9"
            );
            let answer = provider.send(route.method.clone(), &path, form, body.into_bytes()).await;
            let said = answer.text.contains("lets you into Acme and nowhere else");
            assert!(
                answer.status == 403 && said,
                "{} {path}: {} {}",
                route.method,
                answer.status,
                answer.text
            );
            tried += 1;
        }
        println!("{tried} routes about an account refused on {}", world.engine());
        assert_eq!(kept(&world, ada), before, "{}", world.engine());
        // Nothing that concerns an account is left for whoever is merely signed in.
        let own = [
            "/account/",
            "/workspaces/",
            "/invitation/",
            "/api/v1/tokens",
            "/api/v1/sessions",
            "/api/v1/passkeys",
        ];
        let merely = app.routes().iter().filter(|route| route.need == Need::SignedIn);
        let open: Vec<_> = merely
            .filter(|route| own.iter().any(|start| route.path.starts_with(start)))
            .map(|route| route.path)
            .collect();
        assert_eq!(open, [bo_web::layout::SWITCH_WORKSPACE], "which refuses by itself what is elsewhere");
    }
}

/// What an account is made of: password, tokens, passkeys, sessions, memberships.
fn kept(world: &World, ada: AccountId) -> Vec<String> {
    let lists = [
        "SELECT password_hash FROM account WHERE id = ?1",
        "SELECT id FROM api_token WHERE account = ?1 ORDER BY id",
        "SELECT id FROM session WHERE account = ?1 ORDER BY id",
        "SELECT workspace FROM member WHERE account = ?1 ORDER BY workspace",
        "SELECT id FROM passkey WHERE account = ?1 ORDER BY id",
        "SELECT account FROM gateway_pin WHERE account = ?1",
    ];
    let read = |tx: &mut bo_db::Tx| -> Result<Vec<String>, bo_db::DbError> {
        let mut all = Vec::new();
        for sql in lists {
            all.extend(tx.query(sql, params![ada], |row| row.get::<String>(0))?);
        }
        Ok(all)
    };
    world.db().read(read).unwrap()
}

#[tokio::test]
async fn nothing_moves_between_workspaces_by_a_session_of_a_provider() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (mut provider, ada, northwind) = ada_of_two(&world, &peer).await;
        let acme = world.workspace;
        let change = move |tx: &mut bo_db::Tx| {
            relation::grant(
                tx,
                &Object::new(Kind::ACCOUNT, ada),
                &Object::new(Kind::WORKSPACE, acme),
                Level::Own,
                relation::Validity::ALWAYS,
                "",
            )?;
            for workspace in [acme, northwind] {
                licence::change(tx, workspace, licence::Licence::EventPro, 2, "")?;
            }
            Ok(())
        };
        world.change(change).await;
        assert!(!provider.get("/workspace/licences").await.text.contains("Northwind"));
        let to = northwind.to_string();
        let path = format!("/workspace/licences/{}/transfer", licence::Licence::EventPro.word());
        let refused = provider.post(&path, &[("to", &to), ("count", "1")]).await;
        assert!(refused.text.contains("lets you into Acme"), "{} {}", refused.status, refused.text);
        let confined = bo_web::Viewer { confined: true, ..world.viewer(ada) };
        let (all, none) = world
            .db()
            .read(|tx| -> Result<_, bo_db::DbError> {
                let all = licence::destinations(tx, &world.viewer(ada), acme)?.len();
                Ok((all, licence::destinations(tx, &confined, acme)?.len()))
            })
            .unwrap();
        assert_eq!((all, none), (2, 0), "events stay too, {}", world.engine());
        let held = world.db().read(|tx| licence::holdings(tx, northwind)).unwrap();
        let held = held.into_iter().find(|held| held.licence == licence::Licence::EventPro).unwrap();
        assert_eq!(held.quantity, 2);
    }
}

#[tokio::test]
async fn a_session_of_a_provider_that_was_moved_all_the_same_is_nobodys() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (mut provider, ada, northwind) = ada_of_two(&world, &peer).await;
        world
            .change(move |tx| {
                tx.execute(
                    "UPDATE session SET workspace = ?2 WHERE account = ?1 AND only_in <> ''",
                    params![ada, northwind],
                )?;
                Ok(())
            })
            .await;
        assert_eq!(provider.get("/account").await.status, 303);
        assert_eq!(provider.get("/api/v1/me").await.status, 401, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_provider_that_is_removed_leaves_no_session_it_opened() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (mut provider, _, _) = ada_of_two(&world, &peer).await;
        let mut own = world.browser("Ada").await;
        let mut owner = world.browser("Noor").await;
        let page = owner.get("/access/sign-in").await.text;
        let (_, after) = page.split_once("/access/sign-in/providers/").unwrap();
        let id = after.split(['/', '"']).next().unwrap();
        let removed = owner.post(&format!("/access/sign-in/providers/{id}/remove"), &[]).await;
        assert_eq!(removed.status, 303, "{}", removed.text);
        assert_eq!(provider.get("/api/v1/me").await.status, 401, "{}", world.engine());
        assert_eq!(own.get("/api/v1/me").await.status, 200, "her own password's session stays");
        assert_eq!(owner.get("/api/v1/me").await.status, 200);
    }
}
