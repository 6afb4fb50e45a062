//! The page for people on site: who sees what, who may operate, under whose name, and the floor map that leads there.

mod common;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use backoffice_edge::agent::Agent;
use bo_model::command::Actor;
use bo_simulator::{Fake, Place, Running};
use bo_wire::{Body, Class};
use common::*;
use std::net::SocketAddr;
use std::sync::Arc;

const BUILDING: &str = "0198c0de-0000-7000-8000-000000000101";
const ELSEWHERE: &str = "0198c0de-0000-7000-8000-000000000199";
const LEVEL: &str = "0198c0de-0000-7000-8000-000000000102";
const ANN: u32 = 201;

const MAP: &str = r#"
[map.plan]
svg = '<svg viewBox="0 0 9 9" role="img"><g id="room-01" class="room" role="button"><rect class="floor"/><text id="value-01"></text></g><g id="dev-01" class="device" role="button"><circle class="ring"/></g></svg>'
[map.plan.bindings]
title = "Ground floor"
[map.plan.bindings.style.room]
label = "{Inverter_2.power}"
states = [{ class = "alarm", alarm = true }, { class = "occupied", title = "Yields", status = "Inverter_2.power", at_least = 1 }]
[map.plan.bindings.style.inverter]
states = [{ class = "offline", offline = true }, { class = "on", status = "power", at_least = 1 }]
[map.plan.bindings.element.room-01]
style = "room"
system = "{zone}-01"
text = "value-01"
[map.plan.bindings.element.dev-01]
style = "inverter"
system = "{zone}-01"
device = "Inverter_2"
"#;

fn person(n: u32, login: &str, pin: &str, levels: &str) -> String {
    let hash = Argon2::default().hash_password(pin.as_bytes()).unwrap();
    format!(
        "[[person]]\nid = \"{}\"\nlogin = \"{login}\"\nname = \"{login} of the house\"\npin_hash = \"{hash}\"\nlevels = {{ {levels} }}\n",
        id(n)
    )
}

struct House {
    agent: Arc<Agent>,
    address: SocketAddr,
    fake: Fake,
    running: Running,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

impl House {
    async fn new(people: &str) -> House {
        House::at(Arc::new(bo_model::SystemClock), people).await
    }

    async fn at(clock: bo_model::clock::SharedClock, people: &str) -> House {
        let fake =
            Fake::from_folder("Inverter_2", &drivers().join("sunspec-inverter"), Default::default()).unwrap();
        fake.set("power", 5_000);
        let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
        let running = bo_simulator::start(&place, std::slice::from_ref(&fake)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let agent = start_with(folder.path(), clock, |config| {
            config.local_page.listen = Some("127.0.0.1:0".parse().unwrap());
        })
        .await;
        let address = backoffice_edge::local_page::serve(&agent).await.unwrap().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let house = House { agent, address, fake, running, folder, client };
        house.release(people).await;
        until(&house.agent, id(2), "power", |value| value.quality.is_good()).await;
        house
    }

    async fn release(&self, people: &str) {
        let site = format!(
            "[[zone]]\nid = \"{BUILDING}\"\nname = \"House\"\n[[zone]]\nid = \"{LEVEL}\"\nparent = \"{BUILDING}\"\nname = \"Ground\"\nkey = \"g\"\nmap = \"plan\"\n\
             [[system]]\nid = \"{SYSTEM}\"\nname = \"Room 1.01\"\nkey = \"g-01\"\nzone = \"{LEVEL}\"\n{}{}{people}{MAP}",
            modbus_tcp("plant", &self.running.address),
            device(2, "Inverter_2", "sunspec-inverter", Some("plant"), "{ unit = 1 }"),
        );
        self.agent.apply(desired(self.folder.path(), &site)).await.unwrap();
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str, cookie: &str) -> (u16, String) {
        let answer = self.client.get(self.url(path)).header("cookie", cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn post(&self, path: &str, cookie: &str, body: String) -> reqwest::Response {
        let request = self.client.post(self.url(path)).header("cookie", cookie);
        request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap()
    }

    async fn sign_in(&self, login: &str, pin: &str) -> Option<String> {
        let answer = self.post("/sign-in", "", format!("login={login}&secret={pin}")).await;
        let cookie = answer.headers().get("set-cookie")?.to_str().unwrap().to_owned();
        Some(cookie.split(';').next().unwrap().to_owned())
    }

    /// What somebody reads who is not let in.
    async fn refusal(&self, login: &str, pin: &str) -> String {
        let answer = self.post("/sign-in", "", format!("login={login}&secret={pin}")).await;
        answer.text().await.unwrap()
    }

    async fn token(&self, cookie: &str) -> String {
        let (_, page) = self.get("/", cookie).await;
        page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    async fn limit(&self, cookie: &str, percent: u32) -> (u16, String) {
        let form = format!("form={}&percent={percent}", self.token(cookie).await);
        let path = format!("/device/{}/command/set_power_limit", id(2));
        let answer = self.post(&path, cookie, form).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Audit entries so far: actor, verb, outcome.
    async fn audit(&self) -> Vec<(Actor, String, String)> {
        // What is written durably is written after all that came before.
        let last =
            Body::Log(bo_wire::LogLine { device: None, level: bo_wire::LogLevel::Info, text: String::new() });
        self.agent.journal.append_durable(Class::Log, self.agent.clock.now(), last).await.unwrap();
        let records = self.agent.journal.read_after(Class::Audit, 0, usize::MAX).unwrap();
        let entries = records.into_iter().filter_map(|record| match record.body {
            Body::Audit(entry) => Some((entry.actor, entry.verb, entry.outcome)),
            _ => None,
        });
        entries.collect()
    }

    async fn stop(self) {
        assert!(self.agent.stop().await);
        self.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_do_on_the_page_what_their_permission_says_and_under_their_own_name() {
    let people = [
        person(ANN, "ann", "135791", &format!("\"zone:{BUILDING}\" = \"edit\"")),
        person(202, "bob", "246802", &format!("\"zone:{LEVEL}\" = \"view\"")),
        person(203, "eve", "999999", &format!("\"zone:{ELSEWHERE}\" = \"edit\"")),
        person(205, "tom", "777777", ""),
    ]
    .concat();
    let house = House::new(&people).await;
    let device = format!("/device/{}", id(2));

    let (_, nobody) = house.get("/", "").await;
    assert!(
        !nobody.contains("Inverter_2") && !nobody.contains("5000") && nobody.contains("Sign in"),
        "{nobody}"
    );
    assert_eq!(house.get(&device, "").await.0, 404);
    assert_eq!(house.get("/status.json", "").await.0, 403);
    assert!(house.sign_in("ann", "000000").await.is_none(), "a wrong PIN");
    assert!(house.sign_in("nobody", "135791").await.is_none(), "a wrong name");
    assert!(house.sign_in("tom", "777777").await.is_none(), "nothing here is for him");

    let ann = house.sign_in("ANN", "135791").await.unwrap();
    assert!(house.get(&device, &ann).await.1.contains("5000 W"));
    let (status, page) = house.limit(&ann, 40).await;
    assert!(status == 200 && page.contains("the device shows it"), "{page}");
    assert_eq!(house.fake.number("power_limit"), 40.0);

    let bob = house.sign_in("bob", "246802").await.unwrap();
    let (_, page) = house.get(&device, &bob).await;
    assert!(
        page.contains("5000 W") && page.contains("not operate it") && !page.contains("name=\"percent\""),
        "{page}"
    );
    let (status, page) = house.limit(&bob, 70).await;
    assert!(
        status == 403 && page.contains("This takes the permission to edit the device; yours is view."),
        "{page}"
    );
    assert_eq!(house.fake.number("power_limit"), 40.0);

    let eve = house.sign_in("eve", "999999").await.unwrap();
    assert_eq!(house.get(&device, &eve).await.0, 404);
    assert!(!house.get("/", &eve).await.1.contains("Inverter_2"));
    assert!(!house.get("/status.json", &eve).await.1.contains("Inverter_2"));

    let account = |n: u32, name: &str| Actor::Account {
        id: id(n).to_string().parse().unwrap(),
        name: format!("{name} of the house"),
    };
    let audit = house.audit().await;
    let has = |actor: &Actor, verb: &str, outcome: &str| {
        audit.iter().any(|(a, v, o)| a == actor && v == verb && o.starts_with(outcome))
    };
    assert!(has(&account(ANN, "ann"), "person.sign-in", "done"), "{audit:?}");
    assert!(has(&account(ANN, "ann"), "command.execute", "done"), "{audit:?}");
    assert!(has(&account(202, "bob"), "command.execute", "denied"), "{audit:?}");
    assert!(has(&Actor::Anonymous, "person.sign-in", "refused"), "{audit:?}");
    let commands = house.agent.journal.read_after(Class::Command, 0, usize::MAX).unwrap();
    let actors: Vec<_> = commands
        .iter()
        .filter_map(|record| match &record.body {
            Body::Command { request } => Some(request.actor.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(actors, [account(ANN, "ann")], "the evidence names her, and only her command was ever one");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_begins_and_ends_at_its_minute_whatever_the_release_is() {
    let clock = bo_model::ManualClock::at(bo_model::Time::from_seconds(1_790_000_000));
    let change = |minute: i64, level: &str| {
        let at = 1_790_000_000_000_000 + minute * 60_000_000;
        format!("[[person.change]]\nat = {at}\nobject = \"system:{SYSTEM}\"\nlevel = \"{level}\"\n")
    };
    let ann = person(ANN, "ann", "135791", "");
    let ann = [ann, change(10, "edit"), change(60, "view"), change(90, "none")].concat();
    let house = House::at(clock.clone(), &ann).await;
    let to = |minute: i64, second: i64| {
        clock.set(bo_model::Time::from_seconds(1_790_000_000 + minute * 60 + second));
    };
    to(9, 59);
    assert!(house.refusal("ann", "135791").await.contains("has ended, or has not begun yet"));
    to(10, 0);
    let ann = house.sign_in("ann", "135791").await.unwrap();
    let (status, page) = house.limit(&ann, 40).await;
    assert!(status == 200 && page.contains("the device shows it"), "{page}");
    // What was open in a browser before is refused as well.
    let token = house.token(&ann).await;
    to(60, 0);
    let path = format!("/device/{}/command/set_power_limit", id(2));
    let answer = house.post(&path, &ann, format!("form={token}&percent=70")).await;
    assert_eq!(answer.status().as_u16(), 403);
    assert!(house.get("/", &ann).await.1.contains("Inverter_2"), "looking on goes on");
    to(89, 59);
    assert!(house.get("/", &ann).await.1.contains("Inverter_2"));
    to(90, 0);
    let (_, page) = house.get("/", &ann).await;
    assert!(!page.contains("Inverter_2") && page.contains("Sign in"), "{page}");
    assert_eq!(house.get("/status.json", &ann).await.0, 403);
    assert!(house.refusal("ann", "135791").await.contains("has ended"));
    assert_eq!(house.fake.number("power_limit"), 40.0);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_release_or_gets_another_pin_is_signed_out_at_once() {
    let grant = format!("\"zone:{BUILDING}\" = \"edit\"");
    let house = House::new(&person(ANN, "ann", "135791", &grant)).await;
    let ann = house.sign_in("ann", "135791").await.unwrap();
    assert!(house.get("/", &ann).await.1.contains("Inverter_2"));
    house.release(&person(ANN, "ann", "777777", &grant)).await;
    assert!(!house.get("/", &ann).await.1.contains("Inverter_2"));
    assert!(house.sign_in("ann", "135791").await.is_none());
    let ann = house.sign_in("ann", "777777").await.unwrap();
    house.release("").await;
    assert!(!house.get("/", &ann).await.1.contains("Inverter_2"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_pin_closes_that_name_and_no_other() {
    let grant = format!("\"zone:{BUILDING}\" = \"view\"");
    let people = [person(ANN, "ann", "135791", &grant), person(202, "bob", "246802", &grant)].concat();
    let house = House::new(&people).await;
    for _ in 0..5 {
        assert!(house.sign_in("ann", "111111").await.is_none());
    }
    let closed = house.post("/sign-in", "", "login=ann&secret=135791".into()).await;
    assert!(closed.text().await.unwrap().contains("Too many wrong answers"));
    assert!(house.sign_in("bob", "246802").await.is_some());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_floor_map_shows_rooms_and_devices_as_they_are_and_leads_to_them() {
    let people = [
        person(ANN, "ann", "135791", &format!("\"zone:{BUILDING}\" = \"edit\"")),
        person(204, "guest", "555555", &format!("\"zone:{LEVEL}\" = \"see\"")),
    ]
    .concat();
    let house = House::new(&people).await;
    let map = format!("/map/{LEVEL}");
    assert_eq!(house.get(&map, "").await.0, 404);
    let ann = house.sign_in("ann", "135791").await.unwrap();
    assert!(house.get("/", &ann).await.1.contains(&format!("href=\"{map}\"")), "the way there");
    let (_, page) = house.get(&map, &ann).await;
    assert!(page.contains("class=\"room occupied\"") && page.contains("5000 W</text>"), "{page}");
    assert!(page.contains("aria-label=\"Room 1.01: Yields\""), "{page}");
    assert!(page.contains(&format!("class=\"device on\" href=\"/device/{}\"", id(2))), "{page}");
    let (_, room) = house.get(&format!("/system/{SYSTEM}"), &ann).await;
    assert!(room.contains("Inverter_2") && room.contains("answers, "), "{room}");

    let guest = house.sign_in("guest", "555555").await.unwrap();
    let (_, page) = house.get(&map, &guest).await;
    assert!(
        page.contains("class=\"room unknown\"") && !page.contains("5000"),
        "who may only know of it sees no values: {page}"
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_watches_the_gateway_learns_whether_it_lives_and_how_its_devices_are() {
    let house = House::new("").await;
    assert_eq!(house.get("/healthz", "").await.1, "ok\n");
    assert_eq!(house.get("/readyz", "").await.1, "ready\n");
    let (_, numbers) = house.get("/metrics", "").await;
    for part in [
        "# TYPE backoffice_edge_device_up gauge\n",
        "device=\"Inverter_2\"} 1\n",
        "backoffice_edge_link_up{link=\"",
        "\nbackoffice_edge_journal_stuck 0\n",
    ] {
        assert!(numbers.contains(part), "{part} is missing in {numbers}");
    }
    assert!(!numbers.contains("backoffice_edge_controller_connected"), "it has none: {numbers}");
    house.stop().await;
}
