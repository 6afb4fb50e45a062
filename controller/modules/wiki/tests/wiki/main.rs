//! The wiki as people use it, on both databases.
#![allow(clippy::unwrap_used, reason = "a missing answer fails the test")]

mod abuse;
mod access;
mod watching;
mod writing;

use bo_identity::testing::{World, worlds};
use bo_identity::workspace::Builtin;
use bo_model::{Level, Object};
use bo_web::testing::{Answer, Client, between};
use bo_wiki::{MODULE, PAGE, SPACE};
use serde_json::{Value as Json, json};

/// One world per engine, with Ines and Omar of the team and Rui, who is in no group.
pub async fn all() -> Vec<World> {
    let worlds = worlds(&bo_content::MIGRATIONS, &[MODULE]).await;
    for world in &worlds {
        world.person("Ines", &[Builtin::Team]).await;
        world.person("Omar", &[Builtin::Team]).await;
        world.person("Rui", &[]).await;
    }
    worlds
}

/// The id at the end of where a form leads.
pub fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.location().rsplit('/').next().unwrap().to_owned()
}

/// Makes a space; its id.
pub async fn space(client: &mut Client, name: &str) -> String {
    id_of(&client.post("/wiki/spaces", &[("name", name), ("comments", "moderated")]).await)
}

/// Writes a page; its id.
pub async fn page(client: &mut Client, space: &str, parent: &str, title: &str, body: &str) -> String {
    let fields = [("title", title), ("body", body), ("parent", parent)];
    id_of(&client.post(&format!("/wiki/spaces/{space}/pages"), &fields).await)
}

/// A page as the API tells it.
pub async fn read(client: &mut Client, page: &str) -> Json {
    client.get(&format!("/api/v1/wiki/pages/{page}")).await.json()
}

/// Changes a page through the API.
pub async fn put(client: &mut Client, page: &str, base: i64, title: &str, body: &str) -> (u16, Json) {
    let change = json!({"base": base, "title": title, "body": body});
    let answer = client.call(axum::http::Method::PUT, &format!("/api/v1/wiki/pages/{page}"), &change).await;
    (answer.status.as_u16(), answer.json())
}

/// A form with a file, as a browser sends it.
pub fn upload(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body =
        format!("--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n")
            .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--cut--\r\n");
    body
}

/// Sends a file as a form.
pub async fn send(client: &mut Client, path: &str, name: &str, bytes: &[u8]) -> Answer {
    client
        .send(axum::http::Method::POST, path, Some("multipart/form-data; boundary=cut"), upload(name, bytes))
        .await
}
