//! Workspaces and organisations as their members use them: on both databases.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod adding;
mod closing;
mod domains;
mod events;
mod handover;
mod invitations;
mod licences;
mod sentences;
mod tabs;

use bo_db::testing::TestDb;
use bo_db::{Db, Tx, params};
use bo_identity::testing::{World, link, with_mail, worlds_with};
use bo_identity::workspace::{self, Builtin, NewWorkspace};
use bo_identity::{IdentityError, MIGRATIONS, organisation};
use bo_model::{AccountId, Level, ManualClock, Object, Time, WorkspaceId};
use bo_web::testing::Client;
use serde_json::json;

/// One world per database, with mail.
pub async fn all() -> Vec<World> {
    worlds_with(with_mail()).await
}

/// Another organisation, of somebody.
pub async fn organisation_of(world: &World, founder: AccountId, name: &'static str) -> NewWorkspace {
    let new = NewWorkspace::ids(&world.ids);
    world.change(move |tx| organisation::create(tx, new, name, founder)).await;
    new
}

/// Goes to another workspace, as a person does.
pub async fn go(client: &mut Client, workspace: WorkspaceId) {
    let id = workspace.to_string();
    let answer = client.post("/account/workspace", &[("workspace", &id)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    client.get("/workspace").await;
}

/// Somebody at work in another organisation that they founded.
pub async fn working_in(
    world: &World,
    founder: AccountId,
    founders_name: &str,
    name: &'static str,
) -> (NewWorkspace, Client) {
    let organisation = organisation_of(world, founder, name).await;
    let mut browser = world.browser(founders_name).await;
    go(&mut browser, organisation.id).await;
    (organisation, browser)
}

/// Invites somebody and gives the path of the link in their letter.
pub async fn invite(world: &World, client: &mut Client, email: &str) -> String {
    let answer = client.post("/workspace/invitations", &[("email", email)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let letters = world.letters();
    let letter = letters.last().unwrap();
    assert_eq!(letter["to"], email);
    link(letter)
}

/// The secret in the link of an invitation.
pub fn code(path: &str) -> &str {
    path.split_once("code=").unwrap().1
}

/// Whether somebody belongs to a workspace.
pub fn is_member(world: &World, workspace: WorkspaceId, account: AccountId) -> bool {
    let found = world.db().read(|tx| bo_identity::account::find_member(tx, workspace, account)).unwrap();
    found.is_some()
}

/// Something done by two at once, on two connections: how many succeeded.
pub async fn at_once<F>(world: &World, works: Vec<F>) -> usize
where
    F: Fn(&mut Tx) -> Result<(), IdentityError> + Send + 'static,
{
    let other = Db::open(world.url(), world.clock.clone()).unwrap();
    let mut running = Vec::new();
    for (place, work) in works.into_iter().enumerate() {
        let db = if place % 2 == 0 { world.db().clone() } else { other.clone() };
        running.push(tokio::spawn(async move { db.write(work).await.is_ok() }));
    }
    let mut done = 0;
    for each in running {
        done += usize::from(each.await.unwrap());
    }
    done
}

#[tokio::test]
async fn everybody_has_a_workspace_of_their_own_that_nobody_else_can_enter() {
    for world in all().await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let mut browser = world.browser("Tea").await;
        assert!(browser.get("/workspace").await.text.contains("Acme"), "one begins in the organisation");
        go(&mut browser, workspace::personal(tea)).await;
        let page = browser.get("/workspace").await;
        assert!(page.text.contains("Yours alone"), "{}", page.text);
        for closed in ["/users", "/groups", "/workspace/members", "/workspace/domains"] {
            assert_eq!(browser.get(closed).await.status, 404, "{closed}");
        }
        let refused = browser.post("/workspace/invitations", &[("email", "sam@example.org")]).await;
        assert_eq!(refused.status, 404);
        assert_eq!(browser.get("/workspace/licences").await.status, 200, "one's own licences are there");
        let mut noor = world.browser("Noor").await;
        let id = workspace::personal(tea).to_string();
        assert_eq!(noor.post("/account/workspace", &[("workspace", &id)]).await.status, 404);
        let own = Object::new(bo_model::Kind::WORKSPACE, &id);
        assert_eq!((world.level(world.owner, &own), world.level(tea, &own)), (Level::None, Level::Own));
        for event in ["events", "wiki"] {
            let module = Object::module(workspace::personal(tea), event);
            assert_eq!(world.level(tea, &module), Level::Own, "{event} on {}", world.engine());
        }
    }
}

#[test]
fn accounts_from_before_get_a_personal_workspace_and_keep_what_they_had() {
    let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
    for test in TestDb::each(&MIGRATIONS[..7], clock).unwrap() {
        let id = "01900000-0000-7000-8000-000000000001";
        let org = "01900000-0000-7000-8000-000000000002";
        test.db
            .write_blocking(move |tx| -> Result<(), bo_db::DbError> {
                tx.unaudited("what an older version wrote");
                tx.execute("INSERT INTO workspace (id, kind, name, slug, created_at) VALUES (?1, 'organisation', 'Acme', 'acme', 1)", params![org])?;
                tx.execute("INSERT INTO account (id, email, name, state, created_at, updated_at) VALUES (?1, 'a@b.c', 'Ada', 'active', 1, 1)", params![id])?;
                tx.execute("INSERT INTO member (workspace, account, joined_at) VALUES (?1, ?2, 1)", params![org, id])?;
                Ok(())
            })
            .unwrap();
        test.db.migrate(&MIGRATIONS).unwrap();
        let account: AccountId = id.parse().unwrap();
        let spaces = test.db.read(|tx| workspace::spaces(tx, account)).unwrap();
        let found: Vec<(String, bool)> =
            spaces.into_iter().map(|space| (space.name, space.personal)).collect();
        assert_eq!(found, [("Acme".into(), false), ("Personal workspace".into(), true)], "{}", test.engine);
        let (home, level) = test
            .db
            .read(|tx| -> Result<_, bo_db::DbError> {
                let subject = Object::new(bo_model::Kind::ACCOUNT, id);
                let events = Object::module(workspace::personal(account), "events");
                let now = tx.now();
                Ok((
                    bo_identity::member::home(tx, account)?,
                    bo_identity::level::level(tx, &subject, &events, now)?,
                ))
            })
            .unwrap();
        assert_eq!(home, Some(org.parse().unwrap()), "{}", test.engine);
        assert_eq!(level, Level::Own, "{}", test.engine);
    }
}

#[tokio::test]
async fn anybody_makes_an_organisation_and_finds_nothing_of_another_there() {
    for world in all().await {
        world.person("Tea", &[Builtin::Team]).await;
        let mut tea = world.browser("Tea").await;
        let wrong = tea.post("/workspaces", &[("name", "Visit https://evil.example")]).await;
        assert!(wrong.status == 422 && wrong.text.contains("without addresses"), "{}", wrong.text);
        assert!(wrong.text.contains("Visit https://evil.example"), "what was typed is kept");
        // The name of another: nobody learns from it that there is one.
        let made = tea.post("/workspaces", &[("name", "Acme")]).await;
        assert_eq!((made.status.as_u16(), made.location()), (303, "/workspace"));
        let page = tea.get("/workspace").await;
        assert!(page.text.contains("Owner") && page.text.contains("Tea"), "{}", page.text);
        let members = tea.get("/workspace/members").await;
        assert!(members.text.contains("tea@example.org") && !members.text.contains("noor@example.org"));
        assert!(!tea.get("/users").await.text.contains("noor@example.org"), "{}", world.engine());
        let me = tea.get("/api/v1/workspaces").await.json();
        assert_eq!(me["items"].as_array().unwrap().len(), 3, "{me}");
    }
}

#[tokio::test]
async fn a_removed_member_has_nothing_left_and_goes_on_in_their_own_workspace() {
    for world in all().await {
        let tea = world.person("Tea", &[Builtin::Admin]).await;
        let mut browser = world.browser("Tea").await;
        let made = json!({"name": "nightly", "level": "view"});
        let token = browser.call(axum::http::Method::POST, "/api/v1/tokens", &made).await.json();
        let mut program = Client::new(&world.app).with_token(token["token"].as_str().unwrap());
        assert_eq!(program.get("/api/v1/users").await.status, 200);
        let mut noor = world.browser("Noor").await;
        let gone = noor.post(&format!("/workspace/members/{tea}/remove"), &[]).await;
        assert_eq!(gone.status, 303, "{}", gone.text);
        assert!(!noor.get("/workspace/members").await.text.contains("tea@example.org"));
        assert_eq!(program.get("/api/v1/users").await.status, 401, "programs end");
        let page = browser.get("/workspace").await;
        assert!(page.text.contains("Yours alone"), "{}", page.text);
        assert_eq!(world.level(tea, &world.area("users")), Level::None);
        let back = world.workspace.to_string();
        assert_eq!(browser.post("/account/workspace", &[("workspace", &back)]).await.status, 404);
        assert!(world.verbs().contains(&"member.remove".to_owned()), "{}", world.engine());
    }
}

#[tokio::test]
async fn an_organisation_gets_no_hold_of_the_accounts_of_its_guests() {
    for world in all().await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let sam = world.person("Sam", &[]).await;
        let trap = organisation_of(&world, sam, "Trap").await;
        world.change(move |tx| Ok(bo_identity::account::join(tx, trap.id, tea)?)).await;
        let mut sam = world.browser("Sam").await;
        go(&mut sam, trap.id).await;
        for verb in ["disable", "invite", "view-as"] {
            let answer = sam.post(&format!("/users/{tea}/{verb}"), &[]).await;
            assert_eq!(answer.status, 403, "{verb}: {}", answer.text);
            assert!(answer.text.contains("not looked after here"), "{verb}: {}", answer.text);
        }
        world.browser("Tea").await;
        let done = sam.post(&format!("/workspace/members/{tea}/remove"), &[]).await;
        assert_eq!(done.status, 303, "they can be removed: {}", done.text);
        assert!(is_member(&world, world.workspace, tea), "{}", world.engine());
    }
}
