//! The whole application's API, modules and all, against its own description: an independent tool finds it valid, what the
//! documents name is in it, what it calls optional may be left out, and no question makes the server fail.

use anyhow::{Context, Result, ensure};
use backoffice_tests::api::Api;
use backoffice_tests::controller::{Controller, databases};
use backoffice_tests::rig::{TRIGGER, estate};
use bo_testkit::{root, skip_without};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// What a careless program, or a curious person, puts into a question.
const JUNK: [&str; 10] = [
    "",
    "-1",
    "99999999999999999999",
    "1e309",
    "%00",
    "%F0%9F%98%80%FF",
    "2026-13-45T99:99:99Z",
    "null",
    "..%2F..%2Fetc%2Fpasswd",
    "%27%3B%20DROP%20TABLE%20account%3B--",
];
/// Wants one of two parameters, which a description has no word for; its summary says it.
const EITHER: &str = "/access-review";
/// No object of any kind.
const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

#[test]
fn the_api_is_what_its_description_says_and_no_question_makes_it_fail() -> Result<()> {
    for database in databases()? {
        let (engine, folder) = (database.engine, tempfile::tempdir()?);
        let mut controller = Controller::prepare(folder.path(), database)?;
        controller.import(&estate(1502), &[("light-on-presence", TRIGGER)])?;
        controller.start()?;
        let api = controller.api()?;
        let description = api.get("/openapi.json")?;
        let questions = questions(&description)?;
        ensure!(questions.len() > 60, "only {} routes can be asked", questions.len());
        documents_name_routes_that_exist(&description)?;
        valid(&description, folder.path())?;
        let mut real = BTreeMap::new();
        let mut faults = Vec::new();
        for question in &questions {
            faults.extend(optional_is_optional(&api, question, &mut real).err());
            faults.extend(never_its_fault(&api, question, &mut real).err());
        }
        ensure!(faults.is_empty(), "on {engine}: {faults:#?}");
        ensure!(controller.process()?.is_running(), "the controller ended");
    }
    Ok(())
}

/// A route that is read: its path below `/api/v1`, and its query's parameters with whether they are required.
struct Question {
    path: String,
    parameters: Vec<(String, bool)>,
}

fn questions(description: &Value) -> Result<Vec<Question>> {
    let paths = description["paths"].as_object().context("no paths")?;
    let mut all = Vec::new();
    for (path, operations) in paths {
        let (Some(get), Some(below)) = (operations.get("get"), path.strip_prefix("/api/v1")) else {
            continue;
        };
        if below.starts_with("/live") {
            continue; // a WebSocket
        }
        let parameters = get["parameters"].as_array().into_iter().flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        let named = in_query.map(|parameter| {
            (parameter["name"].as_str().unwrap_or_default().to_owned(), parameter["required"] == true)
        });
        all.push(Question { path: below.to_owned(), parameters: named.collect() });
    }
    Ok(all)
}

fn valid(description: &Value, folder: &std::path::Path) -> Result<()> {
    let there = Command::new("python3").args(["-c", "import openapi_spec_validator"]).output();
    if skip_without("openapi-spec-validator", there.is_ok_and(|output| output.status.success())) {
        return Ok(());
    }
    let file = folder.join("openapi.json");
    std::fs::write(&file, description.to_string())?;
    let verdict = Command::new("python3").args(["-m", "openapi_spec_validator"]).arg(&file).output()?;
    ensure!(verdict.status.success(), "{}", backoffice_tests::edge::text(&verdict));
    Ok(())
}

/// Whatever the documents and the console's own scripts call is described.
fn documents_name_routes_that_exist(description: &Value) -> Result<()> {
    let described: Vec<Vec<&str>> = description["paths"]
        .as_object()
        .context("no paths")?
        .keys()
        .map(|path| path.split('/').collect())
        .collect();
    let exists = |named: &str| {
        let named: Vec<&str> = named.split('/').collect();
        let fits = |part: (&&str, &&str)| part.0 == part.1 || part.0.starts_with('{');
        described.iter().any(|path| path.len() == named.len() && path.iter().zip(&named).all(fits))
    };
    let mut named = 0;
    for folder in ["", "docs", "controller/web/islands/src"] {
        for entry in std::fs::read_dir(root().join(folder))? {
            let path = entry?.path();
            if !path.extension().is_some_and(|kind| kind == "md" || kind == "ts") {
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            for (at, _) in text.match_indices("/api/v1/") {
                let end = |char: char| !(char.is_ascii_alphanumeric() || "/{}$-_.".contains(char));
                let route = text[at..].split(end).next().unwrap_or_default().trim_end_matches(['.', '/']);
                if route == "/api/v1" {
                    continue; // all of it
                }
                ensure!(exists(route), "{} names {route}, which does not exist", path.display());
                named += 1;
            }
        }
    }
    ensure!(named > 5, "the documents name {named} routes");
    Ok(())
}

/// The path with things that exist in its places, as the lists give them; false when there is nothing of a kind.
fn filled(api: &Api, path: &str, real: &mut BTreeMap<String, String>) -> Result<(String, bool)> {
    let (mut done, mut all_real) = (String::new(), true);
    for part in path.split('/').skip(1) {
        let part = if !part.starts_with('{') {
            part.to_owned()
        } else if let Some(known) = real.get(&done) {
            known.clone()
        } else {
            let list = api.ask(&format!("{done}?limit=1"))?;
            let item = list.json().ok().map(|list| list["items"][0].clone()).unwrap_or_default();
            let id = ["id", "name", "key"].iter().find_map(|field| item[*field].as_str());
            let id = id.unwrap_or(NOBODY).to_owned();
            real.insert(done.clone(), id.clone());
            id
        };
        all_real &= part != NOBODY;
        done = format!("{done}/{part}");
    }
    Ok((done, all_real))
}

/// Without what is called required the answer says so, and with nothing else a route answers.
fn optional_is_optional(api: &Api, question: &Question, real: &mut BTreeMap<String, String>) -> Result<()> {
    let (path, all_real) = filled(api, &question.path, real)?;
    if !all_real || path == EITHER {
        return Ok(());
    }
    let bare = api.ask(&path)?;
    let refused = matches!(bare.status, 400 | 422);
    let required: Vec<&str> =
        question.parameters.iter().filter(|(_, required)| *required).map(|(name, _)| name.as_str()).collect();
    ensure!(
        refused != required.is_empty(),
        "{path} alone: {} {}; the description says it needs {required:?}",
        bare.status,
        bare.body
    );
    Ok(())
}

fn never_its_fault(api: &Api, question: &Question, real: &mut BTreeMap<String, String>) -> Result<()> {
    let (path, _) = filled(api, &question.path, real)?;
    for (round, junk) in JUNK.iter().enumerate() {
        let query: Vec<String> = question
            .parameters
            .iter()
            .enumerate()
            // One after the other is junk; all of them in the first round.
            .filter(|(at, _)| round == 0 || (at + round) % 3 == 0)
            .map(|(_, (name, _))| format!("{name}={junk}"))
            .collect();
        if query.is_empty() && round > 0 {
            continue;
        }
        let asked = format!("{path}?{}", query.join("&"));
        let answer = api.ask(&asked)?;
        ensure!(answer.status < 500, "{asked}: {} {}", answer.status, answer.body);
    }
    if question.path.contains('{') {
        let odd =
            question.path.split('/').map(|part| if part.starts_with('{') { "%F0%9F%98%80%00" } else { part });
        let odd = odd.collect::<Vec<_>>().join("/");
        let answer = api.ask(&odd)?;
        ensure!(answer.status < 500, "{odd}: {} {}", answer.status, answer.body);
    }
    Ok(())
}
