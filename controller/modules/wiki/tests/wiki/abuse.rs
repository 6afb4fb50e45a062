//! Bad intent at every form of the wiki; what the wiki is called in explanations of access; and what is left of it when its
//! organisation is removed.

use super::*;
use bo_db::Part;
use bo_identity::testing::{withstands_abuse, worlds_of};

const PARTS: [Part; 2] = [MODULE.part, bo_content::PART];

async fn all() -> Vec<World> {
    worlds_of(&bo_content::MIGRATIONS, &[MODULE], &PARTS).await
}

/// A space with two pages, a file and a comment, of whoever that is.
async fn something(browser: &mut Client) -> (String, String) {
    let space = space(browser, "Safety").await;
    let drill = page(browser, &space, "", "Fire drill", "Out, by [[Stairs]].").await;
    page(browser, &space, &drill, "Stairs", "Two of them.").await;
    let sent = send(browser, &format!("/wiki/pages/{drill}/files"), "plan.txt", b"Stairs A, then out.").await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let said = browser.post(&format!("/wiki/pages/{drill}/comments"), &[("body", "Which stairs?")]).await;
    assert_eq!(said.status, 303, "{}", said.text);
    browser.post(&format!("/wiki/pages/{drill}/watch"), &[("on", "true")]).await;
    (space, drill)
}

#[tokio::test]
async fn every_form_withstands_other_sites_guessed_ids_and_junk() {
    for world in all().await {
        let (space, drill) = something(&mut world.browser("Noor").await).await;
        let (space, page) = (format!("/wiki/spaces/{space}"), format!("/wiki/pages/{drill}"));
        withstands_abuse(&world, &["/wiki", &space, &page], (15, 6, 6)).await;
    }
}

#[tokio::test]
async fn an_organisation_that_is_removed_leaves_nothing_in_the_wiki_and_others_keep_theirs() {
    for world in all().await {
        let (_, kept) = something(&mut world.browser("Noor").await).await;
        let sam = world.person("Sam", &[]).await;
        let mut browser = world.browser("Sam").await;
        let northwind = world.organisation(sam, "Northwind", &mut browser).await;
        something(&mut browser).await;
        let page = browser.get("/workspace/remove").await.text;
        assert!(page.contains("<strong>2</strong> wiki pages, with their history and files"), "{page}");
        world.remove_organisation(&mut browser, "Northwind", northwind.id).await;
        let mut noor = world.browser("Noor").await;
        let page = noor.get(&format!("/wiki/pages/{kept}")).await.text;
        assert!(
            page.contains("Out, by") && page.contains("plan.txt") && page.contains("Which stairs?"),
            "{page}"
        );
        for (table, left) in
            [("content_revision", 2), ("content_comment", 1), ("content_attachment", 1), ("content_blob", 1)]
        {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let count: i64 = world.db().read(|tx| tx.query_one(&sql, &[], |row| row.get(0))).unwrap();
            assert_eq!(count, left, "{table} on {}", world.engine());
        }
        let found = noor.get("/wiki/search?q=stairs").await.text;
        assert!(found.contains(&kept), "{found}");
    }
}

#[tokio::test]
async fn explanations_of_access_call_spaces_and_pages_by_their_names_to_whoever_may_see_them() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let (space, drill) = something(&mut noor).await;
        let ada = world.person("Ada", &[Builtin::Admin]).await;
        let why = noor.get(&format!("/access?subject=account:{ada}&object=wiki-page:{drill}")).await.text;
        assert!(
            why.contains("the wiki page Fire drill") && !why.contains(&format!("wiki-page:{drill}<")),
            "{why}"
        );
        let review = noor.get(&format!("/access/review?object=wiki-space:{space}")).await.text;
        assert!(review.contains("the wiki space Safety"), "{review}");
        // Given to Ada by name, in a space that Vic does not see.
        let space = Object::new(SPACE, &space);
        world.grant(ada, space.clone(), Level::Own).await;
        let vic = world.person("Vic", &[]).await;
        world.grant(vic, world.area("users"), Level::View).await;
        let mut vic = world.browser("Vic").await;
        let review = vic.get(&format!("/access/review?subject=account:{ada}")).await.text;
        assert!(review.contains("something you may not see") && !review.contains("Safety"), "{review}");
        let review = noor.get(&format!("/access/review?subject=account:{ada}")).await.text;
        assert!(review.contains("the wiki space Safety"), "{}", world.engine());
    }
}

#[tokio::test]
async fn a_refused_form_of_the_wiki_says_so_by_its_status_and_keeps_what_was_typed() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let (_, drill) = something(&mut noor).await;
        let at = format!("/wiki/pages/{drill}");
        let nothing = noor.post(&format!("{at}/comments"), &[("body", "  ")]).await;
        assert_eq!(nothing.status, 422, "{}", nothing.text);
        assert!(nothing.text.contains("field__error") && nothing.text.contains("Which stairs?"));
        let comment = between(&nothing.text, "id=\"comment-", "\"").unwrap().to_owned();
        let long = format!("Too long, {}", "x".repeat(20_000));
        let changed = noor.post(&format!("{at}/comments/{comment}/edit"), &[("body", &long)]).await;
        assert!(changed.status == 422 && changed.text.contains("Too long, xx"), "{}", changed.status);
        assert!(changed.text.contains("<details open>"), "where it was typed, {}", world.engine());
        let untitled =
            noor.post(&format!("{at}/save"), &[("base", "1"), ("title", ""), ("body", "kept")]).await;
        assert!(untitled.status == 422 && untitled.text.contains("kept"), "{}", untitled.status);
        // Two who change the same line: the second sees both, and nothing is saved.
        for (body, status) in [("Out, by the left.", 303), ("Out, by the right.", 409)] {
            let fields = [("base", "1"), ("title", "Fire drill"), ("body", body)];
            let answer = noor.post(&format!("{at}/save"), &fields).await;
            assert_eq!(answer.status, status, "{body} on {}", world.engine());
        }
    }
}
