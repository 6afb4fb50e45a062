//! Calendars as other programs read them: parsed by a program that is not ours, on both databases.
#![allow(clippy::unwrap_used, reason = "a missing answer fails the test")]

mod common;

use bo_identity::account;
use bo_testkit::skip_without;
use bo_web::testing::{Answer, Client, between};
use common::{account_of, all, area, collaborator, event, give, item, task};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Reads a calendar with the `icalendar` package of Python: (properties of the calendar, its entries).
const READER: &str = r#"
import json, sys
from icalendar import Calendar
cal = Calendar.from_ical(sys.stdin.buffer.read())
assert not cal.errors, cal.errors
out = []
for entry in cal.walk("VEVENT"):
    assert not entry.errors, entry.errors
    text = lambda key: str(entry[key]) if key in entry else None
    time = lambda key: entry[key].dt.isoformat()
    out.append({"uid": text("UID"), "sequence": int(entry["SEQUENCE"]), "summary": text("SUMMARY"), "status": text("STATUS"),
        "location": text("LOCATION"), "description": text("DESCRIPTION"), "start": time("DTSTART"), "end": time("DTEND"),
        "stamp": time("DTSTAMP"), "url": text("URL")})
print(json.dumps({"version": str(cal["VERSION"]), "prodid": str(cal["PRODID"]), "name": str(cal["X-WR-CALNAME"]), "entries": out}))
"#;

fn parsed(answer: &Answer) -> Json {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "text/calendar; charset=utf-8");
    for line in answer.text.split("\r\n") {
        assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "RFC 5545 §3.1: {line:?}");
    }
    let mut reader = Command::new("python3");
    reader.args(["-c", READER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = reader.spawn().unwrap();
    child.stdin.take().unwrap().write_all(answer.text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), answer.text);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn entry(calendar: &Json, summary: &str) -> Json {
    let entries = calendar["entries"].as_array().unwrap();
    entries
        .iter()
        .find(|entry| entry["summary"] == summary)
        .unwrap_or_else(|| panic!("{summary}: {calendar}"))
        .clone()
}

fn no_reader() -> bool {
    let there = Command::new("python3").args(["-c", "import icalendar"]).output();
    skip_without("icalendar for python3", there.is_ok_and(|out| out.status.success()))
}

/// Makes a calendar; its path.
async fn address(client: &mut Client, name: &str) -> String {
    let answer = client.post("/events/calendars", &[("name", name)]).await;
    let address =
        between(&answer.text, "readonly value=\"", "\"").unwrap_or_else(|| panic!("{}", answer.text));
    address.split_once("bo.example").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_calendar_says_what_the_schedule_says_to_a_program_that_is_not_ours() {
    if no_reader() {
        return;
    }
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let id = event(&mut ines, "Gala, “spring”; déjà vu").await;
        let stage = area(&mut ines, &id, "Stage; left", "Hall 1, upstairs").await;
        let ada = collaborator(&mut ines, &id, "Ada", "").await;
        let about = "First line\nSecond, with a \\ and a ; in it\n\n山田 太郎 ".repeat(6);
        let more = json!({"area": stage, "people": [ada], "about": about.trim()});
        let show = item(&mut ines, &id, "Show", ("2027-05-14T19:30", "2027-05-14T22:00"), more).await;
        let path = address(&mut ines, "my\u{7} phone").await;
        // Nobody is signed in where it is read.
        let mut program = Client::new(&world.app);
        let calendar = parsed(&program.get(&path).await);
        assert_eq!((&calendar["version"], &calendar["name"]), (&json!("2.0"), &json!("my  phone")));
        let first = entry(&calendar, "Show · Gala, “spring”; déjà vu");
        assert_eq!(
            (&first["start"], &first["end"]),
            (&json!("2027-05-14T17:30:00+00:00"), &json!("2027-05-14T20:00:00+00:00"))
        );
        assert_eq!(first["location"], "Stage; left, Hall 1, upstairs");
        assert_eq!(first["description"], format!("{}\n\nWith Ada", about.trim()));
        assert_eq!((&first["status"], &first["sequence"]), (&json!("TENTATIVE"), &json!(0)));
        let days = entry(&calendar, "Gala, “spring”; déjà vu");
        assert_eq!(
            (&days["start"], &days["end"]),
            (&json!("2027-05-14"), &json!("2027-05-17")),
            "the last day included"
        );

        // What changes keeps its id, and says that it changed.
        world.clock.advance(Duration::from_secs(60));
        let fields = [("title", "Show"), ("starts_at", "2027-05-14T20:00"), ("ends_at", "2027-05-14T22:00")];
        assert_eq!(ines.post(&format!("/events/{id}/schedule/{show}/change"), &fields).await.status, 303);
        ines.post(&format!("/events/{id}/stage"), &[("stage", "cancelled")]).await;
        let calendar = parsed(&program.get(&path).await);
        let second = entry(&calendar, "Show · Gala, “spring”; déjà vu");
        assert_eq!((&second["uid"], &second["start"]), (&first["uid"], &json!("2027-05-14T18:00:00+00:00")));
        assert_eq!((&second["sequence"], &second["status"]), (&json!(2), &json!("CANCELLED")));
        assert!(second["stamp"].as_str() > first["stamp"].as_str(), "{second}");
    }
}

#[tokio::test]
async fn a_calendar_shows_what_its_owner_may_see_and_ends_when_it_is_revoked() {
    if no_reader() {
        return;
    }
    for world in all().await {
        let (mut ines, mut fred) = (world.browser("Ines").await, world.browser("Fred").await);
        let id = event(&mut ines, "Gala").await;
        let (stage, bar) = (area(&mut ines, &id, "Stage", "").await, area(&mut ines, &id, "Bar", "").await);
        let ten = ("2027-05-14T10:00", "2027-05-14T12:00");
        item(&mut ines, &id, "Soundcheck", ten, json!({"area": stage})).await;
        item(&mut ines, &id, "Tasting", ten, json!({"area": bar})).await;
        task(&mut ines, &id, json!({"title": "Rig"})).await;
        let freds = collaborator(&mut ines, &id, "Fred", "fred@example.org").await;
        give(&mut ines, &id, &freds, &[("access", "slice"), ("area", &format!("{stage}:view"))]).await;
        let (hers, his) = (address(&mut ines, "all").await, address(&mut fred, "mine").await);
        let mut program = Client::new(&world.app);
        let summaries = |calendar: &Json| -> Vec<String> {
            let mut found = common::column(&calendar["entries"], "summary");
            found.sort();
            found
        };
        let all = ["Gala", "Soundcheck · Gala", "Tasting · Gala"];
        assert_eq!(summaries(&parsed(&program.get(&hers).await)), all);
        assert_eq!(summaries(&parsed(&program.get(&his).await)), ["Soundcheck · Gala"], "{}", world.engine());
        // At the next reading, not some time.
        give(&mut ines, &id, &freds, &[("access", "none")]).await;
        assert_eq!(summaries(&parsed(&program.get(&his).await)), Vec::<String>::new());
        let page = ines.get("/events/calendars").await;
        assert!(
            page.text.contains("all") && !page.text.contains(hers.trim_start_matches("/calendars/")),
            "{}",
            page.text
        );
        let calendar = between(&page.text, "/events/calendars/", "/revoke").unwrap().to_owned();
        assert_eq!(
            fred.post(&format!("/events/calendars/{calendar}/revoke"), &[]).await.status,
            404,
            "not his"
        );
        assert_eq!(ines.post(&format!("/events/calendars/{calendar}/revoke"), &[]).await.status, 303);
        assert_eq!(program.get(&hers).await.status, 404);
        assert_eq!(program.get("/calendars/guessed.ics").await.status, 404);
        // Whoever can't sign in any more has no calendar either.
        assert_eq!(program.get(&his).await.status, 200);
        let account = account_of(&world, "Fred");
        world.change(move |tx| account::set_enabled(tx, account, false, "left")).await;
        assert_eq!(program.get(&his).await.status, 404);
        let kept: Vec<String> = world
            .db()
            .read(|tx| tx.query("SELECT secret_hash FROM event_calendar", &[], |row| row.get(0)))
            .unwrap();
        assert!(kept.iter().all(|hash| !his.contains(hash.as_str())), "the address itself is not kept");
    }
}
