//! Signing in at a real OpenID provider (npm `oidc-provider`, certified by the OpenID Foundation) on this machine.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod confined;
mod hostile;

use bo_identity::account::{self, NewAccount};
use bo_identity::testing::{NOOR, PASSWORD, Setup, World, worlds_with};
use bo_identity::workspace::Builtin;
use bo_identity::{Settings, oidc};
use bo_model::AccountId;
use bo_web::testing::Client;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const PUBLIC: &str = "http://127.0.0.1:1";

/// The provider, ended when this is dropped.
struct Peer {
    child: Child,
    /// It ends when its input does, whatever becomes of us.
    _input: ChildStdin,
    /// Kept open: it says more now and then, and dies when nobody listens.
    _output: BufReader<ChildStdout>,
    issuer: String,
}

impl Peer {
    fn start() -> Peer {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
        assert!(folder.join("node_modules/oidc-provider").exists(), "run `npm ci` in {}", folder.display());
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .arg(format!("{PUBLIC}{}", oidc::flow::CALLBACK))
            .arg(format!("http://bo.example:1{}", oidc::flow::CALLBACK))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut line, mut output) = (String::new(), BufReader::new(output));
        output.read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        Peer { child, _input: input, _output: output, issuer: ready["issuer"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings() -> Settings {
    let client = oidc::Client::new(rustls::RootCertStore::empty()).unwrap();
    Settings { public_url: Some(PUBLIC.into()), provider_client: Some(client), ..Setup::default().settings }
}

/// A client without roots of trust: everything is on this machine.
fn http() -> reqwest::Client {
    let provider = rustls::crypto::ring::default_provider();
    let tls = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// Asks the provider for what only a test asks.
async fn test(peer: &Peer, path: &str) -> serde_json::Value {
    let answer = http().get(format!("{}/test/{path}", peer.issuer)).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Walks through the provider as a browser does, as one of its people, to where it sends them back.
async fn through(start: &str, who: &str) -> String {
    let http = http();
    let mut jar: BTreeMap<String, String> = BTreeMap::new();
    let mut address = url::Url::parse(&format!("{start}&login_hint={who}")).unwrap();
    for _ in 0..10 {
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = http.get(address.clone()).header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            let (name, value) = pair.split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        let next = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        let Some(next) = next else { panic!("{address}: {}", answer.text().await.unwrap()) };
        address = address.join(&next).unwrap();
        if address.path() == oidc::flow::CALLBACK {
            return format!("{}?{}", address.path(), address.query().unwrap_or(""));
        }
    }
    panic!("it never sent anybody back");
}

/// Adds the provider as Noor does; the path that begins a sign-in. The provider's tokens say the real time.
async fn add(world: &World, peer: &Peer, creates: bool) -> String {
    use bo_model::Clock;
    world.clock.set(bo_model::SystemClock.now());
    let mut noor = world.browser("Noor").await;
    let group = noor
        .call("POST".parse().unwrap(), "/api/v1/groups", &serde_json::json!({"name": "Night shift"}))
        .await;
    assert_eq!(group.status, 201, "{}", group.text);
    let fields = [
        ("name", "The Company"),
        ("issuer", peer.issuer.as_str()),
        ("client_id", "backoffice"),
        ("client_secret", "a secret of + 30 % odd signs"),
        ("group_claim", "groups"),
        ("group_map", "night = Night shift"),
        ("creates_accounts", if creates { "true" } else { "false" }),
    ];
    let added = noor.post("/access/sign-in/providers", &fields).await;
    assert_eq!(added.status, 303, "{}", added.text);
    let page = Client::new(&world.app).get("/sign-in").await.text;
    assert!(page.contains("Sign in with The Company"));
    let path = bo_web::testing::between(&page, "href=\"/sign-in/oidc/", "\"").unwrap();
    format!("/sign-in/oidc/{}", path.replace("?next=/", "?next=/account"))
}

/// `ada@example.org`, whom the organisation has added and who was never here.
async fn added(world: &World, groups: &[Builtin]) -> AccountId {
    let (id, workspace): (AccountId, _) = (world.ids.make(), world.workspace);
    let new = NewAccount {
        id,
        email: "ada@example.org".into(),
        name: "Ada".into(),
        job: String::new(),
        phone: String::new(),
        password_hash: String::new(),
    };
    world.change(move |tx| account::create(tx, workspace, &new)).await;
    for builtin in groups {
        world.join(id, world.group(*builtin)).await;
    }
    id
}

/// The path of the link in the last letter.
fn link(world: &World) -> String {
    let letter = world.letters().pop().unwrap();
    let text = letter["text"].as_str().unwrap();
    text.split_whitespace().find_map(|word| word.strip_prefix(PUBLIC)).unwrap().to_owned()
}

async fn sign_in(world: &World, path: &str, who: &str) -> (Client, bo_web::testing::Answer) {
    let mut browser = Client::new(&world.app);
    let away = browser.get(path).await;
    assert_eq!(away.status, 303, "{}", away.text);
    let back = through(away.location(), who).await;
    let answer = browser.get(&back).await;
    (browser, answer)
}

#[tokio::test]
async fn somebody_known_by_their_mail_signs_in_and_their_groups_follow() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let path = add(&world, &peer, false).await;
        let ada = world.person("Ada", &[]).await;
        let (mut browser, asked) = sign_in(&world, &path, "ada").await;
        assert!(asked.status == 200 && asked.text.contains("Look into your mail"), "{}", asked.text);
        assert_eq!(browser.get("/account").await.status, 303, "not in before Ada said so");
        let letter = link(&world);
        assert!(browser.get(&letter).await.text.contains("May The Company sign you in?"));
        let code = letter.split_once("code=").unwrap().1;
        assert_eq!(browser.post("/sign-in/oidc/link", &[("code", code)]).await.status, 303);
        assert_eq!(browser.post("/sign-in/oidc/link", &[("code", code)]).await.status, 404, "once");
        let (mut browser, answer) = sign_in(&world, &path, "ada").await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/account"), "{}", answer.text);
        assert_eq!(browser.get("/api/v1/me").await.json()["account"], ada.to_string());
        let mut noor = world.browser("Noor").await;
        let shown = noor.get(&format!("/api/v1/users/{ada}")).await.json();
        assert_eq!(shown["groups"][0]["name"], "Night shift");
        // Known by the provider's own name for her from now on.
        let (_, again) = sign_in(&world, &path, "ada").await;
        assert_eq!(again.status, 303, "{}", world.engine());
    }
}

#[tokio::test]
async fn who_is_nobody_here_and_whose_mail_is_not_vouched_for_stays_out() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let path = add(&world, &peer, false).await;
        let (mut browser, nobody) = sign_in(&world, &path, "bob").await;
        assert_eq!(nobody.status, 403);
        assert!(nobody.text.contains("you have no account here") && browser.cookie("bo").is_none());
        assert_eq!(browser.get("/account").await.status, 303);
        // Eve's provider account says Noor's address, and does not vouch for it.
        let (_, eve) = sign_in(&world, &path, "eve").await;
        assert!(eve.status == 403 && eve.text.contains("does not vouch"), "{}", eve.text);
    }
}

#[tokio::test]
async fn a_provider_makes_accounts_where_that_is_wanted() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let path = add(&world, &peer, true).await;
        let (mut browser, answer) = sign_in(&world, &path, "bob").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let me = browser.get("/api/v1/me").await.json();
        assert_eq!((me["name"].as_str(), me["email"].as_str()), (Some("Bob Berg"), Some("bob@example.org")));
        let denied = Client::new(&world.app)
            .post("/sign-in", &[("email", "bob@example.org"), ("password", PASSWORD)])
            .await;
        assert_eq!(denied.status, 422, "he has no password, {}", world.engine());
    }
}

#[tokio::test]
async fn an_answer_of_another_browser_or_an_answer_twice_is_worth_nothing() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        let path = add(&world, &peer, false).await;
        added(&world, &[]).await;
        let mut browser = Client::new(&world.app);
        let away = browser.get(&path).await;
        let back = through(away.location(), "ada").await;
        let mut victim = Client::new(&world.app);
        assert_eq!(
            victim.get(&back).await.status,
            403,
            "a link that signs somebody in as another does nothing"
        );
        let forged = back.replace("state=", "state=x");
        assert_eq!(browser.clone().get(&forged).await.status, 403);
        assert_eq!(browser.get(&back).await.status, 403, "the forged answer ended it, {}", world.engine());
        assert!(browser.cookie("bo").is_none());
    }
}

#[tokio::test]
async fn only_an_owner_names_a_provider_and_a_domain_decides_how_one_signs_in() {
    let peer = Peer::start();
    for world in worlds_with(settings()).await {
        world.person("Ada", &[Builtin::Admin]).await;
        let mut ada = world.browser("Ada").await;
        let fields =
            [("name", "Mine"), ("issuer", peer.issuer.as_str()), ("client_id", "x"), ("client_secret", "y")];
        let refused = ada.post("/access/sign-in/providers", &fields).await;
        assert_eq!(refused.status, 403, "an admin could sign in as the owner with it");
        let path = add(&world, &peer, false).await;
        let id = bo_web::testing::between(&path, "/sign-in/oidc/", "?").unwrap().to_owned();
        let mut noor = world.browser("Noor").await;
        let none = noor.post("/access/sign-in/domains", &[("host", "bo.example")]).await;
        assert_eq!(none.status, 422, "a domain nobody can sign in at is refused");
        let saved = noor.post("/access/sign-in/domains", &[("host", "BO.example"), ("provider", &id)]).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        let page = Client::new(&world.app).get("/sign-in").await.text;
        assert!(page.contains("Sign in with The Company") && !page.contains("name=\"password\""));
        let password =
            Client::new(&world.app).post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
        assert_eq!(password.status, 403, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_provider_is_asked_once_and_again_when_it_has_new_keys() {
    for world in worlds_with(settings()).await {
        let peer = Peer::start();
        let path = add(&world, &peer, false).await;
        added(&world, &[]).await;
        for _ in 0..3 {
            assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303);
        }
        let counts = test(&peer, "counts").await;
        assert_eq!(counts["/.well-known/openid-configuration"], 1, "{counts}");
        assert_eq!(counts["/jwks"], 1, "{counts}");

        test(&peer, "rotate").await;
        let (_, soon) = sign_in(&world, &path, "ada").await;
        assert_eq!(soon.status, 403, "its keys were asked for a moment ago: not again at once");
        world.clock.advance(Duration::from_secs(31));
        assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303, "new keys, {}", world.engine());
        assert_eq!(test(&peer, "counts").await["/jwks"], 2);
        world.clock.advance(Duration::from_secs(10));
        assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303);
        assert_eq!(test(&peer, "counts").await["/jwks"], 2);
    }
}

#[tokio::test]
async fn who_leaves_a_group_at_the_provider_leaves_it_here_and_other_groups_stay() {
    for world in worlds_with(settings()).await {
        let peer = Peer::start();
        let path = add(&world, &peer, false).await;
        let ada = added(&world, &[Builtin::Team]).await;
        let groups = async |world: &World| -> Vec<String> {
            let shown = world.browser("Noor").await.get(&format!("/api/v1/users/{ada}")).await.json();
            let all = shown["groups"].as_array().unwrap().iter();
            all.map(|group| group["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303);
        assert_eq!(groups(&world).await, ["Night shift", "Team"]);
        test(&peer, "groups?who=ada&groups=day").await;
        assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303);
        assert_eq!(groups(&world).await, ["Team"], "{}", world.engine());
    }
}

#[tokio::test]
async fn a_providers_secret_lies_sealed_in_the_database_and_still_works_under_a_new_key() {
    for world in worlds_with(settings()).await {
        let peer = Peer::start();
        let path = add(&world, &peer, false).await;
        added(&world, &[]).await;
        let stored = |world: &World| -> String {
            let sql = "SELECT client_secret FROM oidc_provider";
            world.db().read(|tx| tx.query_one(sql, &[], |row| row.get(0))).unwrap()
        };
        let sealed = stored(&world);
        assert!(sealed.starts_with("sealed:") && !sealed.contains("odd signs"), "{sealed}");
        assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303);
        // As it lay there before secrets were sealed: it works, and a start seals it.
        world
            .change(|tx| {
                tx.execute("UPDATE oidc_provider SET client_secret = 'a secret of + 30 % odd signs'", &[])?;
                Ok(())
            })
            .await;
        assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303);
        world
            .change(|tx| {
                assert_eq!(bo_identity::SEALED[1].reseal(tx)?, 1);
                Ok(())
            })
            .await;
        assert!(stored(&world).starts_with("sealed:"));
        world
            .change(|tx| {
                assert_eq!(bo_identity::SEALED[1].reseal(tx)?, 0, "once");
                Ok(())
            })
            .await;
        assert_eq!(sign_in(&world, &path, "ada").await.1.status, 303, "{}", world.engine());
    }
}
