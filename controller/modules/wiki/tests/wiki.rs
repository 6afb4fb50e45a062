//! The wiki as people use it, on both databases.
#![allow(clippy::unwrap_used, reason = "a missing answer fails the test")]

use bo_identity::testing::{World, link, worlds};
use bo_identity::workspace::Builtin;
use bo_model::{Level, Object};
use bo_web::testing::{Answer, Client, between, walk};
use bo_wiki::{MODULE, PAGE};
use serde_json::{Value as Json, json};

async fn all() -> Vec<World> {
    let worlds = worlds(&bo_content::MIGRATIONS, &[MODULE]).await;
    for world in &worlds {
        world.person("Ines", &[Builtin::Team]).await;
        world.person("Omar", &[Builtin::Team]).await;
        world.person("Rui", &[]).await;
    }
    worlds
}

fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.location().rsplit('/').next().unwrap().to_owned()
}

async fn space(client: &mut Client, name: &str) -> String {
    id_of(&client.post("/wiki/spaces", &[("name", name), ("comments", "moderated")]).await)
}

async fn page(client: &mut Client, space: &str, parent: &str, title: &str, body: &str) -> String {
    let fields = [("title", title), ("body", body), ("parent", parent)];
    id_of(&client.post(&format!("/wiki/spaces/{space}/pages"), &fields).await)
}

async fn read(client: &mut Client, page: &str) -> Json {
    client.get(&format!("/api/v1/wiki/pages/{page}")).await.json()
}

async fn put(client: &mut Client, page: &str, base: i64, title: &str, body: &str) -> (u16, Json) {
    let change = json!({"base": base, "title": title, "body": body});
    let answer = client.call(axum::http::Method::PUT, &format!("/api/v1/wiki/pages/{page}"), &change).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn no_route_lets_anybody_in_without_permission() {
    for world in all().await {
        let stranger = world.browser("Rui").await;
        let holes = walk(&world.app, &stranger).await;
        assert!(holes.is_empty(), "{}: {holes:#?}", world.engine());
    }
}

#[tokio::test]
async fn two_who_write_at_once_lose_nothing() {
    for world in all().await {
        let (mut ines, mut omar) = (world.browser("Ines").await, world.browser("Omar").await);
        let space = space(&mut ines, "House").await;
        let id = page(&mut ines, &space, "", "Fire drill", "Go out.\n\nCount.\n\nWait.\n").await;

        assert_eq!(
            put(&mut ines, &id, 1, "Fire drill", "Go out fast.\n\nCount.\n\nWait.\n").await.1["revision"],
            2
        );
        let (status, merged) =
            put(&mut omar, &id, 1, "Fire drill", "Go out.\n\nCount.\n\nWait outside.\n").await;
        assert_eq!((status, &merged["merged"]), (200, &json!(true)), "{}: {merged}", world.engine());
        assert_eq!(read(&mut ines, &id).await["body"], "Go out fast.\n\nCount.\n\nWait outside.\n");

        let (status, conflict) =
            put(&mut ines, &id, 2, "Fire drill", "Go out fast.\n\nCount.\n\nWait there.\n").await;
        assert_eq!((status, &conflict["newest"]), (409, &json!(3)), "{}", world.engine());
        let both = conflict["body"].as_str().unwrap();
        assert!(both.contains("Wait outside.") && both.contains("Wait there."), "{both}");
        assert_eq!(read(&mut ines, &id).await["revision"], 3, "nothing was saved");

        // In the form: what was typed is kept, with what the other wrote, and can be saved on the newest.
        let fields =
            [("base", "2"), ("title", "Fire drill"), ("body", "Go out fast.\n\nCount.\n\nWait there.\n")];
        let form = ines.post(&format!("/wiki/pages/{id}/save"), &fields).await;
        assert!(
            form.text.contains("Not saved yet")
                && form.text.contains("Wait there.")
                && form.text.contains("Omar"),
            "{}",
            form.text
        );
        assert_eq!(between(&form.text, "name=\"base\" value=\"", "\""), Some("3"));
    }
}

#[tokio::test]
async fn revisions_show_what_changed_and_can_come_back() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let space = space(&mut ines, "House").await;
        let id = page(&mut ines, &space, "", "Keys", "The spare key is red.\n").await;
        put(&mut ines, &id, 1, "Keys and badges", "The spare key is blue.\n").await;
        let shown = ines.get(&format!("/wiki/pages/{id}/history/2")).await;
        assert!(shown.text.contains("diff__line--old") && shown.text.contains("blue"), "{}", shown.text);
        assert!(shown.text.contains("Keys and badges"), "{}", shown.text);
        ines.post(&format!("/wiki/pages/{id}/restore"), &[("number", "1")]).await;
        let now = read(&mut ines, &id).await;
        assert_eq!(
            (&now["revision"], &now["title"], &now["body"]),
            (&json!(3), &json!("Keys"), &json!("The spare key is red.\n"))
        );
        let history = ines.get(&format!("/wiki/pages/{id}/history")).await;
        assert!(
            history.text.contains("Revision 1 again") && history.text.contains("Ines"),
            "{}",
            history.text
        );
        assert!(
            world.verbs().iter().filter(|verb| *verb == "wiki-page.save").count() == 2,
            "{:?}",
            world.verbs()
        );
    }
}

#[tokio::test]
async fn links_by_title_stay_right_when_a_page_is_renamed_or_moved() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let house = space(&mut ines, "House").await;
        let from = page(&mut ines, &house, "", "Start", "See [[Keys]] and [[Nothing yet]].").await;
        let shown = ines.get(&format!("/wiki/pages/{from}")).await;
        assert!(shown.text.contains("/write?title=Keys"), "not written yet: {}", shown.text);
        let keys = page(&mut ines, &house, "", "keys", "…").await;
        let leads = format!("href=\"/wiki/pages/{keys}\"");
        assert!(ines.get(&format!("/wiki/pages/{from}")).await.text.contains(&leads), "{}", world.engine());
        put(&mut ines, &keys, 1, "Badges", "…").await;
        ines.post(&format!("/wiki/pages/{keys}/move"), &[("into", &format!("page:{from}"))]).await;
        put(&mut ines, &from, 1, "Start", "See [[Keys]] still.").await;
        assert!(ines.get(&format!("/wiki/pages/{from}")).await.text.contains(&leads), "{}", world.engine());
        let target = ines.get(&format!("/wiki/pages/{keys}")).await;
        assert!(
            target.text.contains("Pages that link here") && target.text.contains(">Start</a>"),
            "{}",
            target.text
        );
        // A page does not go below itself.
        let below =
            ines.post(&format!("/wiki/pages/{from}/move"), &[("into", &format!("page:{keys}"))]).await;
        assert_eq!(below.status, 422, "{}", below.text);
    }
}

#[tokio::test]
async fn a_restricted_space_is_nowhere_for_others_and_a_shared_page_keeps_its_place() {
    for world in all().await {
        let (mut noor, mut omar) = (world.browser("Noor").await, world.browser("Omar").await);
        let space = space(&mut noor, "Board").await;
        let top = page(&mut noor, &space, "", "Plans", "The secret merger. [[Budget]]").await;
        let child = page(&mut noor, &space, &top, "Budget", "The secret numbers. [[Plans]]").await;
        let open = self::space(&mut noor, "Open").await;
        let seen = page(&mut noor, &open, "", "Seen", "Nothing secret.").await;
        assert_eq!(
            omar.get(&format!("/wiki/pages/{child}")).await.status,
            200,
            "the team reads what is not restricted"
        );

        noor.post(&format!("/wiki/spaces/{space}/restrict"), &[("restricted", "true")]).await;
        for path in [
            "/wiki".to_owned(),
            "/wiki/search?q=secret".into(),
            "/api/v1/wiki/spaces".into(),
            "/api/v1/wiki/search?q=secret".into(),
        ] {
            let text = omar.get(&path).await.text;
            assert!(
                !text.contains("Plans") && !text.contains("Budget") && !text.contains("Board"),
                "{}: {path}: {text}",
                world.engine()
            );
        }
        for path in [
            format!("/wiki/spaces/{space}"),
            format!("/wiki/pages/{top}"),
            format!("/wiki/pages/{child}/history"),
            format!("/wiki/pages/{child}/markdown"),
        ] {
            assert_eq!(omar.get(&path).await.status, 404, "{}: {path}", world.engine());
        }
        assert_eq!(put(&mut omar, &child, 1, "x", "x").await.0, 404);

        let account = world.person("Kim", &[]).await;
        world.grant(account, Object::new(PAGE, &child), Level::View).await;
        let mut kim = world.browser("Kim").await;
        let shown = kim.get(&format!("/wiki/pages/{child}")).await;
        assert!(shown.text.contains("secret numbers"), "{}", shown.text);
        assert!(
            shown.text.contains("You may not read this page\">Plans</span>"),
            "its place is shown: {}",
            shown.text
        );
        let tree = between(&shown.text, "wiki__tree", "</nav>").unwrap_or("");
        assert!(!tree.contains(&format!("/wiki/pages/{top}")), "{tree}");
        let front = kim.get("/wiki").await.text;
        assert!(
            front.contains("Shared with you") && front.contains("Budget") && !front.contains("Seen"),
            "{front}"
        );
        assert_eq!(kim.get(&format!("/wiki/pages/{top}")).await.status, 404);
        assert_eq!(kim.get(&format!("/wiki/pages/{seen}")).await.status, 404);
    }
}

#[tokio::test]
async fn what_is_removed_waits_in_the_bin_and_comes_back_whole() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let mut ines = world.browser("Ines").await;
        let space = space(&mut noor, "House").await;
        let top = page(&mut noor, &space, "", "Plant", "inverter").await;
        let child = page(&mut noor, &space, &top, "Strings", "inverter strings").await;
        assert_eq!(
            ines.post(&format!("/wiki/pages/{top}/remove"), &[]).await.status,
            403,
            "an editor does not remove"
        );
        noor.post(&format!("/wiki/pages/{top}/remove"), &[]).await;
        for id in [&top, &child] {
            assert_eq!(noor.get(&format!("/wiki/pages/{id}")).await.status, 404);
        }
        assert!(!noor.get("/wiki/search?q=inverter").await.text.contains("Strings"));
        noor.post(&format!("/wiki/pages/{top}/recover"), &[]).await;
        assert_eq!(read(&mut noor, &child).await["parent"], json!(top));
        assert!(noor.get("/wiki/search?q=inverter").await.text.contains("Strings"), "{}", world.engine());

        noor.post(&format!("/wiki/pages/{top}/remove"), &[]).await;
        let early = noor.post(&format!("/wiki/spaces/{space}/remove"), &[]).await;
        assert_eq!(early.status, 409, "{}", early.text);
        noor.post(&format!("/wiki/spaces/{space}/empty-bin"), &[]).await;
        assert_eq!(noor.post(&format!("/wiki/spaces/{space}/remove"), &[]).await.status, 303);
    }
}

#[tokio::test]
async fn comments_wait_for_a_moderator_where_the_space_says_so() {
    for world in all().await {
        let account = world.person("Kim", &[]).await;
        let wiki = Object::module(world.workspace, "wiki");
        world.grant(account, wiki, Level::View).await;
        let (mut noor, mut kim, mut ines) =
            (world.browser("Noor").await, world.browser("Kim").await, world.browser("Ines").await);
        let space = space(&mut noor, "House").await;
        let id = page(&mut noor, &space, "", "Lift", "…").await;
        let at = format!("/wiki/pages/{id}");
        assert_eq!(
            kim.post(&format!("{at}/save"), &[("base", "1"), ("title", "x"), ("body", "x")]).await.status,
            403
        );
        kim.post(&format!("{at}/comments"), &[("body", "It **sticks** <script>alert(1)</script>")]).await;
        assert!(kim.get(&at).await.text.contains("waits to be shown"));
        assert!(!ines.get(&at).await.text.contains("sticks"), "{}", world.engine());
        let held = noor.get(&at).await.text;
        assert!(held.contains("<strong>sticks</strong>") && !held.contains("<script>alert"), "{held}");
        let comment = between(&held, "id=\"comment-", "\"").unwrap().to_owned();
        assert_eq!(
            ines.post(&format!("{at}/comments/{comment}/moderate"), &[("show", "true")]).await.status,
            403
        );
        noor.post(&format!("{at}/comments/{comment}/moderate"), &[("show", "true")]).await;
        assert!(ines.get(&at).await.text.contains("sticks"));
        assert_eq!(
            ines.post(&format!("{at}/comments/{comment}/edit"), &[("body", "mine now")]).await.status,
            404,
            "only its author"
        );
        // A comment is reached through its own page only.
        let other = page(&mut noor, &space, "", "Other", "…").await;
        assert_eq!(
            noor.post(&format!("/wiki/pages/{other}/comments/{comment}/moderate"), &[]).await.status,
            404
        );
    }
}

fn upload(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body =
        format!("--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n")
            .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--cut--\r\n");
    body
}

async fn send(client: &mut Client, path: &str, name: &str, bytes: &[u8]) -> Answer {
    client
        .send(axum::http::Method::POST, path, Some("multipart/form-data; boundary=cut"), upload(name, bytes))
        .await
}

#[tokio::test]
async fn files_are_what_they_hold_and_never_run() {
    for world in all().await {
        let (mut ines, mut rui) = (world.browser("Ines").await, world.browser("Rui").await);
        let space = space(&mut ines, "House").await;
        let id = page(&mut ines, &space, "", "Plan", "…").await;
        let at = format!("/wiki/pages/{id}/files");
        let sent = send(&mut ines, &at, "plan.png", b"<html><script>alert(1)</script></html>").await;
        assert_eq!(sent.status, 303, "{}", sent.text);
        let shown = ines.get(&format!("/wiki/pages/{id}")).await.text;
        let file = between(&shown, &format!("href=\"{at}/"), "\"").unwrap().to_owned();
        let got = ines.get(&format!("{at}/{file}")).await;
        let header =
            |name: &str| got.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        assert_eq!(header("content-type"), "text/plain; charset=utf-8");
        assert!(
            header("content-disposition").starts_with("attachment")
                && header("content-security-policy").contains("sandbox"),
            "{:?}",
            got.headers
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(rui.get(&format!("{at}/{file}")).await.status, 404, "a file has the access of its page");
        assert_eq!(send(&mut ines, &at, "run.exe", b"MZ\x90\0\x03\0\0\0").await.status, 422);
        ines.csrf = "forged".into();
        assert_eq!(send(&mut ines, &at, "a.txt", b"x").await.status, 403);
    }
}

#[tokio::test]
async fn a_space_goes_out_as_files_and_comes_in_again() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let first = space(&mut ines, "House").await;
        let top = page(&mut ines, &first, "", "Safety", "Read all.").await;
        page(&mut ines, &first, &top, "Fire drill", "Go out.").await;
        let note = send(
            &mut ines,
            &format!("/wiki/spaces/{first}/import"),
            "Keys.md",
            "# Keys\n\nAsk Zoë.".as_bytes(),
        )
        .await;
        assert_eq!(note.status, 303, "{}", note.text);
        let pages = ines.get(&format!("/api/v1/wiki/spaces/{first}/pages")).await.json();
        let titles: Vec<&str> =
            pages["items"].as_array().unwrap().iter().map(|page| page["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["Safety", "Fire drill", "Keys"], "{}", world.engine());
        let archive = ines.get(&format!("/wiki/spaces/{first}/export")).await;
        assert_eq!(archive.headers["content-type"], "application/zip");
        let bad = send(&mut ines, &format!("/wiki/spaces/{first}/import"), "x.zip", b"PK\x03\x04").await;
        assert_eq!(bad.status, 422, "{}", bad.text);
    }
}

#[tokio::test]
async fn whoever_watches_a_page_is_told_that_it_changed() {
    for world in all().await {
        let (mut ines, mut omar) = (world.browser("Ines").await, world.browser("Omar").await);
        let space = space(&mut ines, "House").await;
        let id = page(&mut ines, &space, "", "Rota", "Mon: Ines").await;
        omar.post(&format!("/wiki/pages/{id}/watch"), &[("on", "true")]).await;
        assert!(!omar.get("/wiki").await.text.contains("what changed"));
        put(&mut ines, &id, 1, "Rota", "Mon: Omar").await;
        assert!(omar.get("/wiki").await.text.contains("/history/2?against=1"), "{}", world.engine());
        omar.get(&format!("/wiki/pages/{id}")).await;
        assert!(!omar.get("/wiki").await.text.contains("what changed"), "seen");
        put(&mut omar, &id, 2, "Rota", "Mon: nobody").await;
        assert!(!omar.get("/wiki").await.text.contains("what changed"), "one's own change is no news");
    }
}

/// Hands the events so far to the wiki, as the controller does by itself.
async fn dispatch(world: &World) {
    for handler in MODULE.handlers {
        while bo_db::outbox::step(world.db(), handler).await.unwrap() {}
    }
}

#[tokio::test]
async fn a_mail_tells_of_a_change_once_until_one_has_looked_and_never_of_what_one_may_not_read() {
    for world in all().await {
        world.change(|tx| Ok(tx.set_kv(bo_identity::letter::PUBLIC_URL, b"https://bo.example/")?)).await;
        let (mut ines, mut omar) = (world.browser("Ines").await, world.browser("Omar").await);
        let space = space(&mut ines, "House").await;
        let id = page(&mut ines, &space, "", "Rota", "Mon: Ines").await;
        for client in [&mut ines, &mut omar] {
            client.post(&format!("/wiki/pages/{id}/watch"), &[("on", "true")]).await;
        }
        put(&mut ines, &id, 1, "Rota", "Mon: Omar").await;
        put(&mut ines, &id, 2, "Rota", "Mon: Rui").await;
        dispatch(&world).await;
        let letters = world.letters();
        assert_eq!(
            letters.len(),
            1,
            "one mail for two changes, none to who made them, on {}",
            world.engine()
        );
        assert_eq!(
            (letters[0]["to"].as_str(), letters[0]["subject"].as_str()),
            (Some("omar@example.org"), Some("Rota changed"))
        );
        let changes = link(&letters[0]);
        assert!(omar.get(&changes).await.text.contains("Rui"), "the link shows what is different");

        put(&mut ines, &id, 3, "Rota", "Mon: Kim").await;
        dispatch(&world).await;
        assert_eq!(world.letters().len(), 1, "not again before they have looked");
        omar.get(&format!("/wiki/pages/{id}")).await;
        put(&mut ines, &id, 4, "Rota", "Mon: nobody").await;
        dispatch(&world).await;
        assert_eq!(world.letters().len(), 2);

        omar.get(&format!("/wiki/pages/{id}")).await;
        world
            .browser("Noor")
            .await
            .post(&format!("/wiki/spaces/{space}/restrict"), &[("restricted", "true")])
            .await;
        assert_eq!(omar.get(&format!("/wiki/pages/{id}")).await.status, 404);
        let mut noor = world.browser("Noor").await;
        put(&mut noor, &id, 5, "Rota", "secret").await;
        dispatch(&world).await;
        assert_eq!(
            world.letters().len(),
            2,
            "who may not read it any more hears nothing on {}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn two_who_write_the_same_page_see_each_other_until_one_saves_or_goes() {
    for world in all().await {
        let (mut ines, mut omar) = (world.browser("Ines").await, world.browser("Omar").await);
        let space = space(&mut ines, "House").await;
        let id = page(&mut ines, &space, "", "Rota", "Mon: Ines").await;
        let writing = format!("/wiki/pages/{id}/writing");
        assert!(!ines.post(&writing, &[]).await.text.contains("writing"), "nobody else");
        assert!(omar.post(&writing, &[]).await.text.contains("Ines"), "{}", world.engine());
        assert!(omar.get(&format!("/wiki/pages/{id}")).await.text.contains("is writing this page"));
        put(&mut ines, &id, 1, "Rota", "Mon: Omar").await;
        assert!(!omar.post(&writing, &[]).await.text.contains("Ines"), "she saved");
        assert!(ines.post(&writing, &[]).await.text.contains("Omar"));
        world.clock.advance(std::time::Duration::from_secs(60));
        assert!(!ines.post(&writing, &[]).await.text.contains("Omar"), "gone without a word");
    }
}

#[tokio::test]
async fn a_form_that_is_refused_keeps_what_was_typed() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let space = space(&mut ines, "Größe & <Übung>").await;
        let again = ines.post("/wiki/spaces", &[("name", "grösse & <übung>"), ("comments", "open")]).await;
        assert_eq!(again.status, 303, "another name in German: {}", again.text);
        let taken = ines
            .post("/wiki/spaces", &[("name", "GRÖßE & <übung>"), ("about", "kept"), ("comments", "open")])
            .await;
        assert!(
            taken.text.contains("is the name of another space") && taken.text.contains("kept"),
            "{}",
            taken.text
        );
        let answer = ines
            .post(&format!("/wiki/spaces/{space}/pages"), &[("title", ""), ("body", "火災 <b>typed</b>")])
            .await;
        assert!(
            answer.text.contains("Title is required.") && answer.text.contains("火災 &lt;b&gt;typed"),
            "{}",
            answer.text
        );
    }
}
