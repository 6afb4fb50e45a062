//! Who hears of a change, and who is writing.

use crate::*;
use bo_identity::testing::link;

/// Hands the events so far to the wiki, as the controller does by itself.
async fn dispatch(world: &World) {
    for handler in MODULE.handlers {
        while bo_db::outbox::step(world.db(), handler).await.unwrap() {}
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
