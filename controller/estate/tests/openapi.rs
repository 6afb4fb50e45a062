//! The API describes itself truly: an independent tool reads the description, and what it says of each route holds.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_model::Level;
use bo_web::testing::Client;
use common::people::{app, browser};
use common::rigs;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::process::Command;

async fn description() -> Json {
    let rig = &rigs()[0];
    let mut anybody = Client::new(&app(rig));
    anybody.get("/api/v1/openapi.json").await.json()
}

/// Every operation: path, method, description.
fn operations(description: &Json) -> Vec<(String, String, Json)> {
    let paths = description["paths"].as_object().unwrap();
    let of = |(path, methods): (&String, &Json)| {
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(|(method, operation)| (path.clone(), method, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_tool_finds_the_description_valid() {
    let there = Command::new("python3").args(["-c", "import openapi_spec_validator"]).output();
    if bo_testkit::skip_without(
        "openapi-spec-validator for python3",
        there.is_ok_and(|out| out.status.success()),
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("openapi.json");
    std::fs::write(&path, description().await.to_string()).unwrap();
    let verdict = Command::new("python3").args(["-m", "openapi_spec_validator"]).arg(&path).output().unwrap();
    let words = [verdict.stdout, verdict.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(verdict.status.success(), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_says_what_it_does_under_a_name_of_its_own() {
    let description = description().await;
    let all = operations(&description);
    assert!(all.len() > 60, "{} operations", all.len());
    let mut names = BTreeSet::new();
    for (path, method, operation) in &all {
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
        assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
        let declared: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let wanted: BTreeSet<&str> =
            path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
        assert_eq!(declared, wanted, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_makes_the_api_fail_on_our_side() {
    for rig in rigs() {
        let app = app(&rig);
        let noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        send_nonsense(noor).await;
    }
}

async fn send_nonsense(mut noor: Client) {
    let description = description().await;
    let odd = [json!({}), json!(["x"]), json!({"name": "\u{0}", "unknown": 1})];
    for (path, method, operation) in operations(&description) {
        if path.contains("/session") || path.contains("/live") {
            continue;
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        for id in ["01900000-0000-7000-8000-000000000000", "-1%F0%9F%98%80"] {
            let mut filled = path.clone();
            while let (Some(open), Some(close)) = (filled.find('{'), filled.find('}')) {
                filled.replace_range(open..=close, id);
            }
            let query: Vec<String> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| format!("{}=%00%F0%9F%98%80", parameter["name"].as_str().unwrap()))
                .collect();
            for body in &odd {
                let answer = noor.call(method.clone(), &format!("{filled}?{}", query.join("&")), body).await;
                assert_ne!(answer.status, 500, "{method} {filled} {body}: {}", answer.text);
                let answer = noor.call(method.clone(), &filled, body).await;
                assert_ne!(answer.status, 500, "{method} {filled} {body}: {}", answer.text);
            }
        }
    }
}
