//! What tests of events begin with: Ines and Omar of the team, Rui and Fred who are members and nothing else, two Event Pro.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_events::MODULE;
use bo_identity::licence::{self, Licence};
use bo_identity::testing::{World, worlds};
use bo_identity::workspace::{self, Builtin, NewWorkspace};
use bo_identity::{account, relation};
use bo_model::{AccountId, Kind, Level, Object, WorkspaceId};
use bo_web::testing::{Answer, Client};
use serde_json::{Value as Json, json};

/// One world per engine.
pub async fn all() -> Vec<World> {
    let worlds = worlds(&bo_content::MIGRATIONS, &[MODULE]).await;
    for world in &worlds {
        world.person("Ines", &[Builtin::Team]).await;
        world.person("Omar", &[Builtin::Team]).await;
        world.person("Rui", &[]).await;
        world.person("Fred", &[]).await;
        slots(world, world.workspace, 2).await;
    }
    worlds
}

/// Sets how many slots events of a workspace have.
pub async fn slots(world: &World, workspace: WorkspaceId, count: i64) {
    world.change(move |tx| licence::set_quantity(tx, workspace, Licence::EventPro, count)).await;
}

/// An account by first name.
pub fn account_of(world: &World, name: &str) -> AccountId {
    let email = format!("{}@example.org", name.to_lowercase());
    world.db().read(|tx| account::by_email(tx, &email)).unwrap().unwrap().0.id
}

/// Another organisation with those people in it: each with a level on its events.
pub async fn organisation(world: &World, name: &'static str, people: &[(AccountId, Level)]) -> WorkspaceId {
    let (new, people) = (NewWorkspace::ids(&world.ids), people.to_vec());
    world
        .change(move |tx| {
            workspace::create(tx, new, name)?;
            for (id, level) in &people {
                account::join(tx, new.id, *id)?;
                let (subject, module) = (Object::new(Kind::ACCOUNT, id), Object::module(new.id, "events"));
                relation::grant(tx, &subject, &module, *level, relation::Validity::ALWAYS, "")?;
            }
            Ok(())
        })
        .await;
    new.id
}

/// The id at the end of where a redirect leads.
pub fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.location().rsplit('/').next().unwrap().to_owned()
}

/// Makes an event in May 2027.
pub async fn event(client: &mut Client, name: &str) -> String {
    let fields = [
        ("name", name),
        ("place", "Harbour Hall"),
        ("zone", "Europe/Berlin"),
        ("starts_on", "2027-05-14"),
        ("ends_on", "2027-05-16"),
    ];
    id_of(&client.post("/events", &fields).await)
}

/// An event as a program reads it.
pub async fn read(client: &mut Client, event: &str) -> Json {
    client.get(&format!("/api/v1/events/{event}")).await.json()
}

/// Adds an area; its id.
pub async fn area(client: &mut Client, event: &str, name: &str, place: &str) -> String {
    let answer = client.post(&format!("/events/{event}/areas"), &[("name", name), ("place", place)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    find(&read(client, event).await["areas"], "name", name)
}

/// Adds somebody; their id.
pub async fn collaborator(client: &mut Client, event: &str, name: &str, email: &str) -> String {
    let answer = client.post(&format!("/events/{event}/people"), &[("name", name), ("email", email)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    find(&read(client, event).await["people"], "name", name)
}

/// Adds a task; its id.
pub async fn task(client: &mut Client, event: &str, fields: Json) -> String {
    let answer = client.call(Method::POST, &format!("/api/v1/events/{event}/tasks"), &fields).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Adds a schedule item by the clocks of the event; its id.
pub async fn item(
    client: &mut Client,
    event: &str,
    title: &str,
    (from, to): (&str, &str),
    more: Json,
) -> String {
    let mut fields = json!({"title": title, "starts_at": from, "ends_at": to});
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = client.call(Method::POST, &format!("/api/v1/events/{event}/schedule"), &fields).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Gives somebody on an event access; what was answered.
pub async fn give(client: &mut Client, event: &str, person: &str, fields: &[(&str, &str)]) -> Answer {
    client.post(&format!("/events/{event}/people/{person}/access"), fields).await
}

/// Looks at another workspace from now on.
pub async fn switch(client: &mut Client, workspace: WorkspaceId) {
    let answer = client.post("/account/workspace", &[("workspace", &workspace.to_string())]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    // A page of the other one, as a browser opens it.
    client.get("/events").await;
}

/// The id of the row whose field says that.
pub fn find(rows: &Json, field: &str, value: &str) -> String {
    let row = rows.as_array().unwrap().iter().find(|row| row[field] == value);
    row.unwrap_or_else(|| panic!("no {field} {value} in {rows}"))["id"].as_str().unwrap().to_owned()
}

/// What stands in a field of each row.
pub fn column(rows: &Json, field: &str) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
}
