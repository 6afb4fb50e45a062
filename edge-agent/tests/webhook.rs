//! Programs call triggers: with the token, at a pace, and on record.

mod common;

use backoffice_edge::agent::Agent;
use bo_wire::{Body, Class};
use common::*;
use std::net::SocketAddr;
use std::sync::Arc;

const TRIGGER: &str = r#"
name = "doorbell"
title = "Somebody rings"
[when]
webhook = "door"
for = "1h"
[[on_active]]
alarm = { severity = "info", text = "Somebody is at the door" }
"#;

struct House {
    agent: Arc<Agent>,
    address: SocketAddr,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("webhook.token");
        std::fs::write(&token, "open sesame\n").unwrap();
        let agent = start_with(folder.path(), Arc::new(bo_model::SystemClock), |config| {
            config.local_page.listen = Some("127.0.0.1:0".parse().unwrap());
            config.local_page.webhook_token_file = Some(token);
        })
        .await;
        let trigger = format!(
            "[[trigger]]\nid = \"0198c0de-0000-7000-8000-000000000077\"\nsystem = \"{SYSTEM}\"\nname = \"doorbell\"\ndefinition = '''{TRIGGER}'''\n"
        );
        agent.apply(desired(folder.path(), &site(&trigger))).await.unwrap();
        let address = backoffice_edge::local_page::serve(&agent).await.unwrap().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        House { agent, address, client: reqwest::Client::new(), _folder: folder }
    }

    async fn call(&self, name: &str, token: Option<&str>) -> (u16, String) {
        let mut request = self.client.post(format!("http://{}/hooks/{name}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Origin, object and outcome of each call on record.
    async fn record(&self) -> Vec<(String, String, String)> {
        // What is written durably is written after all that came before.
        let last =
            Body::Log(bo_wire::LogLine { device: None, level: bo_wire::LogLevel::Info, text: String::new() });
        self.agent.journal.append_durable(Class::Log, self.agent.clock.now(), last).await.unwrap();
        let records = self.agent.journal.read_after(Class::Audit, 0, usize::MAX).unwrap();
        let entries = records.into_iter().filter_map(|record| match record.body {
            Body::Audit(entry) if entry.verb == "webhook.call" => {
                Some((entry.origin, entry.object, entry.outcome))
            }
            _ => None,
        });
        entries.collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_with_the_token_is_heard_by_the_trigger_and_every_call_is_on_record() {
    let house = House::new().await;
    for wrong in [None, Some("open barley")] {
        let (status, why) = house.call("door", wrong).await;
        assert_eq!(status, 403);
        assert!(why.contains("Authorization: Bearer"), "{why}");
    }
    assert!(house.agent.triggers.show().await.iter().all(|shown| !shown.active), "nobody was heard so far");

    assert_eq!(house.call("door", Some("open sesame")).await, (200, "1 triggers heard it\n".into()));
    assert!(house.agent.triggers.show().await.iter().any(|shown| shown.active), "it acts");
    assert_eq!(house.call("window", Some("open sesame")).await.0, 404);

    let record = house.record().await;
    let outcomes: Vec<&str> = record.iter().map(|(.., outcome)| outcome.as_str()).collect();
    assert_eq!(outcomes, ["refused: not the token", "refused: not the token", "done"]);
    assert!(
        record.iter().all(|(origin, object, _)| origin == "webhook 127.0.0.1" && object == "webhook:door")
    );
    assert!(house.agent.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_is_slowed_down_and_shuts_out_nobody_who_knows() {
    let house = House::new().await;
    let mut statuses = Vec::new();
    for n in 0..40 {
        statuses.push(house.call("door", Some(&format!("guess {n}"))).await.0);
    }
    assert!(statuses.contains(&403) && statuses.last() == Some(&429), "{statuses:?}");
    assert_eq!(house.call("door", Some("open sesame")).await.0, 200);
    let record = house.record().await;
    assert!(record.len() < 20, "guessing fills the log: {} entries", record.len());

    // A loop gone wrong is stopped as well, with its token.
    let mut calls = 0;
    while house.call("door", Some("open sesame")).await.0 == 200 {
        calls += 1;
        assert!(calls < 5_000, "no end of it");
    }
    assert!(house.agent.stop().await);
}
