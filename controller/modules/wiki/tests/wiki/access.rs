//! Who may read, comment and attach.

use crate::*;
use bo_identity::testing::nobody_gets_in;

#[tokio::test]
async fn no_route_lets_anybody_in_without_permission() {
    nobody_gets_in(&all().await, "Rui").await;
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
        let front = noor.get("/wiki").await.text;
        assert!(front.contains("Comments that wait for you") && front.contains("1 comment waits"), "{front}");
        assert!(!ines.get("/wiki").await.text.contains("Comments that wait"), "she shows none");
        noor.post(&format!("{at}/comments/{comment}/moderate"), &[("show", "true")]).await;
        assert!(!noor.get("/wiki").await.text.contains("Comments that wait"));
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
        let remove = format!("{at}/comments/{comment}/remove");
        assert_eq!(noor.post(&remove, &[]).await.status, 404, "taken back by its author alone");
        assert_eq!(kim.post(&remove, &[]).await.status, 303);
        assert!(!noor.get(&at).await.text.contains("sticks"), "{}", world.engine());
    }
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
async fn access_to_a_space_is_given_by_names_and_nobody_is_shown_a_key() {
    for world in all().await {
        let account = world.person("Kim", &[]).await;
        let (mut noor, mut kim) = (world.browser("Noor").await, world.browser("Kim").await);
        let space = space(&mut noor, "House").await;
        let settings = format!("/wiki/spaces/{space}/settings");
        let offered = noor.get(&settings).await.text;
        assert!(offered.contains("value=\"Team\"") && !offered.contains("value=\"group:"), "{offered}");
        for (subject, status) in [("Team", 303), ("kim@example.org", 303), ("Nobody", 422)] {
            let sent = [("subject", subject), ("level", "view")];
            assert_eq!(
                noor.post(&format!("/wiki/spaces/{space}/grant"), &sent).await.status,
                status,
                "{subject}"
            );
        }
        assert_eq!(kim.get(&format!("/wiki/spaces/{space}")).await.status, 200);
        assert_eq!(world.level(account, &Object::new(SPACE, &space)), Level::View, "{}", world.engine());
    }
}
