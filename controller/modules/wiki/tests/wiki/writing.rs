//! Writing: revisions, links, the bin, archives, forms.

use crate::*;

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
        assert!(bad.text.contains("<details class=\"card\" open>"), "the form stays open: {}", bad.text);
        assert!(bad.text.contains("Nothing was taken in: x.zip"), "{}", bad.text);
    }
}

#[tokio::test]
async fn the_files_of_pages_go_out_with_them_and_come_in_again_where_texts_link_to_them() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let first = space(&mut ines, "House").await;
        let top = page(&mut ines, &first, "", "Safety", "…").await;
        let drill = page(&mut ines, &first, &top, "Fire drill", "…").await;
        let at = format!("/wiki/pages/{drill}/files");
        assert_eq!(send(&mut ines, &at, "Größe (alt).txt", b"The old plan.").await.status, 303);
        let shown = ines.get(&format!("/wiki/pages/{drill}")).await.text;
        let file = between(&shown, &format!("href=\"{at}/"), "\"").unwrap().to_owned();
        let got = ines.get(&format!("{at}/{file}")).await;
        let name = got.headers["content-disposition"].to_str().unwrap().to_owned();
        assert!(name.ends_with("filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%28alt%29.txt"), "{name}");
        assert_eq!(put(&mut ines, &drill, 1, "Fire drill", &format!("See [it]({at}/{file}).")).await.0, 200);
        let archive = ines.get(&format!("/wiki/spaces/{first}/export")).await;
        assert_eq!(archive.status, 200);
        let second = space(&mut ines, "Copy").await;
        let taken =
            send(&mut ines, &format!("/wiki/spaces/{second}/import"), "House.zip", &archive.body).await;
        assert_eq!(taken.status, 303, "{}", taken.text);
        let pages = ines.get(&format!("/api/v1/wiki/spaces/{second}/pages")).await.json();
        let copy = pages["items"][1]["id"].as_str().unwrap().to_owned();
        assert_ne!(copy, drill);
        let body = read(&mut ines, &copy).await["body"].as_str().unwrap().to_owned();
        let address = between(&body, "(", ")").unwrap().to_owned();
        assert!(address.starts_with(&format!("/wiki/pages/{copy}/files/")), "{body}");
        assert_eq!(ines.get(&address).await.text, "The old plan.", "{}", world.engine());
    }
}

#[tokio::test]
async fn a_form_that_is_refused_keeps_what_was_typed() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let house = space(&mut ines, "House").await;
        let safety = page(&mut ines, &house, "", "Safety", "…").await;
        let fields = [("title", ""), ("body", "Stairs A, then out."), ("parent", safety.as_str())];
        let untitled = ines.post(&format!("/wiki/spaces/{house}/pages"), &fields).await;
        assert_eq!(untitled.status, 422, "{}", untitled.text);
        for kept in ["Stairs A, then out.", "Below ", &safety] {
            assert!(untitled.text.contains(kept), "{kept} is gone: {}", untitled.text);
        }
        let at = format!("/wiki/pages/{safety}/files");
        let program = send(&mut ines, &at, "run.exe", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0").await;
        assert_eq!(program.status, 422, "{}", program.text);
        let said = "Nothing was attached: “run.exe” is a program; programs can't be attached.";
        assert!(program.text.contains(said) && program.text.contains("Comments"), "{}", program.text);
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
