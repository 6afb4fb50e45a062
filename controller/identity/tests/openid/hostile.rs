//! A provider that lies: it claims the addresses of others, and groups its owner may not give.

use super::*;
use bo_db::params;
use bo_identity::organisation;
use bo_identity::workspace::NewWorkspace;
use bo_model::{Level, Object};

/// An organisation of Sam's with the provider, and the path at which one signs in there. Its domain was agreed to.
async fn trap(world: &World, peer: &Peer, creates: bool) -> (NewWorkspace, String) {
    let sam = world.person("Sam", &[]).await;
    let new = NewWorkspace::ids(&world.ids);
    world.change(move |tx| organisation::create(tx, new, "Trap", sam)).await;
    let fields = [
        ("name", "Trap"),
        ("issuer", peer.issuer.as_str()),
        ("client_id", "backoffice"),
        ("client_secret", "a secret of + 30 % odd signs"),
        ("group_claim", "groups"),
        ("group_map", "night = Webmaster"),
        ("creates_accounts", if creates { "true" } else { "false" }),
    ];
    now(world);
    let mut browser = world.browser("Sam").await;
    let id = new.id.to_string();
    assert_eq!(browser.post("/account/workspace", &[("workspace", &id)]).await.status, 303);
    browser.get("/workspace").await;
    let added = browser.post("/access/sign-in/providers", &fields).await;
    assert_eq!(added.status, 303, "{}", added.text);
    let workspace = new.id;
    let sql = "SELECT id FROM oidc_provider WHERE workspace = ?1";
    let provider: String =
        world.db().read(|tx| tx.query_one(sql, params![workspace], |row| row.get(0))).unwrap();
    let saved =
        browser.post("/access/sign-in/domains", &[("host", "bo.example"), ("provider", &provider)]).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let path = format!("/sign-in/oidc/{provider}?next=/account");
    assert_eq!(
        Client::new(&world.app).get(&path).await.status,
        404,
        "not before the installation's owners agree"
    );
    let mut noor = world.browser("Noor").await;
    assert_eq!(noor.post("/workspace/domains/bo.example/approve", &[]).await.status, 303);
    (new, path)
}

fn now(world: &World) {
    use bo_model::Clock;
    world.clock.set(bo_model::SystemClock.now());
}

#[tokio::test]
async fn a_provider_that_claims_the_address_of_another_organisations_owner_gets_an_empty_account_of_its_own()
{
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (trap, path) = trap(&world, &peer, true).await;
        let posted = world.letters().len();
        let (mut mal, answer) = sign_in(&world, &path, "mal").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let me = mal.get("/api/v1/me").await.json();
        assert_ne!(me["account"], world.owner.to_string(), "not Noor");
        assert_eq!(me["workspace"]["id"].as_str().unwrap_or(""), trap.id.to_string(), "{me}");
        let spaces = mal.get("/api/v1/workspaces").await.json().to_string();
        assert!(!spaces.contains("Acme"), "{spaces}");
        // An address nobody has is answered alike: the provider learns nothing of who has an account.
        test(&peer, "email?who=bob&email=nobody@example.org").await;
        let (mut bob, other) = sign_in(&world, &path, "bob").await;
        assert_eq!((other.status, other.location()), (answer.status, answer.location()));
        for browser in [&mut mal, &mut bob] {
            let spaces = browser.get("/api/v1/workspaces").await.json();
            assert_eq!(spaces["items"].as_array().unwrap().len(), 1, "{spaces}");
        }
        assert_eq!(world.letters().len(), posted, "nor is anybody written to");
        // Noor is who she was, and her address is hers.
        let noor = account::by_email;
        let (known, hash) = world.db().read(|tx| noor(tx, NOOR)).unwrap().unwrap();
        assert!(known.id == world.owner && !hash.is_empty());
    }
}

#[tokio::test]
async fn without_making_accounts_such_a_provider_lets_nobody_in_and_answers_alike() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (_, path) = trap(&world, &peer, false).await;
        test(&peer, "email?who=bob&email=nobody@example.org").await;
        let mut said = Vec::new();
        for who in ["mal", "bob"] {
            let (browser, answer) = sign_in(&world, &path, who).await;
            assert!(browser.cookie("bo").is_none());
            said.push((answer.status, answer.text));
        }
        assert_eq!(said[0].0, 403);
        assert_eq!(said[0], said[1], "{}", world.engine());
    }
}

#[tokio::test]
async fn whoever_names_a_provider_can_not_sign_in_as_a_colleague_or_an_administrator() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let path = add(&world, &peer, true).await;
        let posted = world.letters().len();
        let (mut mal, answer) = sign_in(&world, &path, "mal").await;
        assert!(answer.status == 200 && answer.text.contains("Look into your mail"), "{}", answer.text);
        assert!(mal.cookie("bo").is_none_or(|cookie| cookie.is_empty()));
        assert_eq!(mal.get("/account").await.status, 303, "Mal is not in");
        let letters = world.letters();
        assert_eq!(letters.len(), posted + 1);
        assert_eq!(letters.last().unwrap()["to"], NOOR, "Noor is asked, and nobody else");
        // Asked again and again, she is not buried in letters.
        for _ in 0..12 {
            sign_in(&world, &path, "mal").await;
        }
        assert!(world.letters().len() <= posted + 7, "{} letters", world.letters().len() - posted);
        let refused =
            world.audit().into_iter().any(|(verb, outcome)| verb == "account.link" && outcome == "denied");
        assert!(refused, "{}", world.engine());
        // A link from before the last one, or made up, is worth nothing; nor is one after an hour.
        let letter = link(&world);
        world.clock.advance(Duration::from_secs(3601));
        assert_eq!(mal.get(&letter).await.status, 404, "too old on {}", world.engine());
    }
}

#[tokio::test]
async fn a_provider_gives_no_group_that_whoever_named_it_could_not_give() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let (trap, path) = trap(&world, &peer, true).await;
        // Sam hands Trap over and is no owner any more: the groups that provider gives were Sam's to give.
        let (sam, owner) = (
            world.db().read(|tx| account::by_email(tx, "sam@example.org")).unwrap().unwrap().0.id,
            world.owner,
        );
        world
            .change(move |tx| {
                account::join(tx, trap.id, owner)?;
                let object = Object::new(bo_model::Kind::WORKSPACE, trap.id);
                let (noor, sam) =
                    (Object::new(bo_model::Kind::ACCOUNT, owner), Object::new(bo_model::Kind::ACCOUNT, sam));
                bo_identity::relation::grant(
                    tx,
                    &noor,
                    &object,
                    Level::Own,
                    bo_identity::relation::Validity::ALWAYS,
                    "",
                )?;
                bo_identity::relation::revoke(tx, &sam, &object)?;
                Ok(())
            })
            .await;
        let (mut bob, answer) = sign_in(&world, &path, "bob").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let me: AccountId = bob.get("/api/v1/me").await.json()["account"].as_str().unwrap().parse().unwrap();
        assert_eq!(world.level(me, &Object::area(trap.id, "estate")), Level::None, "no webmaster");
        let denied =
            world.audit().into_iter().any(|(verb, outcome)| verb == "group.join" && outcome == "denied");
        assert!(denied, "{}", world.engine());
    }
}

#[tokio::test]
async fn whom_a_provider_signed_in_joins_no_other_organisation_with_that() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let path = add(&world, &peer, true).await;
        let (mut bob, answer) = sign_in(&world, &path, "bob").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let sam = world.person("Sam", &[]).await;
        let other = NewWorkspace::ids(&world.ids);
        world.change(move |tx| organisation::create(tx, other, "Northwind", sam)).await;
        let mut browser = world.browser("Sam").await;
        let id = other.id.to_string();
        browser.post("/account/workspace", &[("workspace", &id)]).await;
        browser.get("/workspace").await;
        assert_eq!(browser.post("/workspace/invitations", &[("email", "bob@example.org")]).await.status, 303);
        let invitation = link(&world);
        let code = invitation.split_once("code=").unwrap().1;
        let page = bob.get(&invitation).await.text;
        assert!(page.contains("sign in another way") && !page.contains("/invitation/accept"), "{page}");
        bob.get("/account").await;
        let refused = bob.post("/invitation/accept", &[("code", code)]).await;
        assert!(refused.status == 403 && refused.text.contains("sign in another way"), "{}", refused.text);
        let me =
            bob.get("/api/v1/me").await.json()["account"].as_str().unwrap().parse::<AccountId>().unwrap();
        let member = world.db().read(|tx| account::find_member(tx, other.id, me)).unwrap();
        assert!(member.is_none(), "{}", world.engine());
    }
}
