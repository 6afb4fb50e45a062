//! What is given on one thing: by whoever owns it, for some time or for good, with a reason that whoever reviews access reads.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_db::{Owned, Part};
use bo_identity::relation::{self, Containment};
use bo_identity::testing::{World, worlds_of};
use bo_identity::workspace::Builtin;
use bo_model::{Clock, Kind, Level, Object, ZoneId};
use serde_json::json;
use std::time::Duration;

/// Zones, as the part of the product that keeps them names them.
static PARTS: [Part; 1] = [Part {
    owned: &[Owned::rows("grp", "id").objects("zone", "zones, with what is in them")],
    name: |_, _, object| Ok(object.is(Kind::ZONE).then(|| "the zone Hall".to_owned())),
    ..Part::NONE
}];

async fn all() -> Vec<World> {
    worlds_of(&[], &[], &PARTS).await
}

/// A zone of the workspace.
async fn zone(world: &World, area: Object) -> Object {
    let zone = Object::new(Kind::ZONE, world.ids.make::<ZoneId>());
    let child = zone.clone();
    world.change(move |tx| Ok(relation::contain(tx, &area, &child, Containment::Open)?)).await;
    zone
}

/// How often access to single things changed, by the log.
fn changes(world: &World) -> usize {
    world.verbs().iter().filter(|verb| verb.starts_with("relation.")).count()
}

#[tokio::test]
async fn something_is_given_for_some_time_with_a_reason_and_ends_by_itself() {
    for world in all().await {
        let hall = zone(&world, world.area("estate")).await;
        let ines = world.person("Ines", &[]).await;
        let mut noor = world.browser("Noor").await;
        let before = changes(&world);
        let address = format!("/access/thing?object={hall}");
        let empty = noor.get(&address).await.text;
        assert!(empty.contains("Access to the zone Hall") && empty.contains("Nothing was given here"));
        let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let in_hours = |hours: u64| {
            let at = world.clock.now().after(Duration::from_secs(3600 * hours)).timestamp();
            at.to_zoned(berlin.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
        };
        let (from, until) = (in_hours(1), in_hours(3));
        let sent = [
            ("object", hall.as_str()),
            ("subject", "ines@example.org"),
            ("level", "edit"),
            ("from", from.as_str()),
            ("until", until.as_str()),
            ("zone", "Europe/Berlin"),
            ("reason", "Builds the stage"),
        ];
        let given = noor.post("/access/thing", &sent).await;
        assert_eq!((given.status.as_u16(), given.location()), (303, address.as_str()), "{}", given.text);
        assert_eq!(world.level(ines, &hall), Level::None, "not yet");
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(world.level(ines, &hall), Level::Edit);
        let page = noor.get(&address).await.text;
        for words in ["Ines", "Builds the stage", "Noor Haddad", "in 2 h", "Works with it"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        world.clock.advance(Duration::from_secs(7200));
        assert_eq!(world.level(ines, &hall), Level::None, "it ended");
        assert!(noor.get(&address).await.text.contains(">over<"), "{}", world.engine());
        // A group by its name, for good; and back.
        let team = [("object", hall.as_str()), ("subject", "team"), ("level", "own")];
        assert_eq!(noor.post("/access/thing", &team).await.status, 303);
        let omar = world.person("Omar", &[Builtin::Team]).await;
        assert_eq!(world.level(omar, &hall), Level::Own);
        let group = Object::new(Kind::GROUP, world.group(Builtin::Team));
        let back = [("object", hall.as_str()), ("subject", group.as_str()), ("level", "none")];
        assert_eq!(noor.post("/access/thing", &back).await.status, 303);
        assert_eq!(world.level(omar, &hall), Level::Edit, "what the team has there all the same");
        assert_eq!(changes(&world), before + 3, "each is in the log");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays() {
    for world in all().await {
        let hall = zone(&world, world.area("estate")).await;
        world.person("Ines", &[]).await;
        let mut noor = world.browser("Noor").await;
        let before = changes(&world);
        let tries = [
            (("nobody@example.org", "view", "", "UTC"), "is no group, and no member&#39;s mail address"),
            (("ines@example.org", "view", "2027-01-15T07:59", "UTC"), "must be to come"),
            (("ines@example.org", "view", "2027-03-28T02:30", "Europe/Berlin"), "is skipped that day"),
            (("ines@example.org", "view", "2027-02-01T08:00", "Mars/Olympus"), "is no time zone"),
            (("ines@example.org", "boss", "", "UTC"), "is none of the levels"),
            (("noor@example.org", "view", "", "UTC"), "give yourself access"),
        ];
        for ((subject, level, until, clock), sentence) in tries {
            let sent = [
                ("object", hall.as_str()),
                ("subject", subject),
                ("level", level),
                ("until", until),
                ("zone", clock),
                ("reason", "Because"),
            ];
            let answer = noor.post("/access/thing", &sent).await;
            let plain = answer.text.replace('\'', "&#39;");
            assert!(answer.status.is_client_error(), "{sentence}");
            assert!(plain.contains(sentence) && plain.contains("value=\"Because\""), "{sentence}: {plain}");
            assert!(plain.contains(&format!("value=\"{subject}\"")), "{sentence}");
        }
        assert_eq!(changes(&world), before, "{}", world.engine());
    }
}

#[tokio::test]
async fn whoever_owns_one_thing_gives_that_thing_and_learns_nothing_else_by_it() {
    for world in all().await {
        let (hall, roof) =
            (zone(&world, world.area("estate")).await, zone(&world, world.area("estate")).await);
        let ines = world.person("Ines", &[]).await;
        let rui = world.person("Rui", &[]).await;
        world.grant(rui, hall.clone(), Level::Own).await;
        world.grant(rui, roof.clone(), Level::Edit).await;
        let mut rui = world.browser("Rui").await;
        let page = rui.get(&format!("/access/thing?object={hall}")).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("ines@example.org") && !page.text.contains("/access/review"));
        let give = |object: &Object| {
            [("object", object.to_string()), ("subject", "ines@example.org".into()), ("level", "view".into())]
        };
        for (object, status) in [(&hall, 303), (&roof, 403), (&world.area("users"), 404)] {
            let sent = give(object);
            let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(rui.post("/access/thing", &sent).await.status, status, "{object}");
        }
        assert_eq!(world.level(ines, &hall), Level::View);
        assert_eq!(world.level(ines, &roof), Level::None, "{}", world.engine());
    }
}

#[tokio::test]
async fn an_administrator_takes_no_rank_from_another_by_the_single_grant() {
    for world in all().await {
        world.person("Ada", &[Builtin::Admin]).await;
        let ben = world.person("Ben", &[]).await;
        world.grant(ben, world.area("users"), Level::Own).await;
        let (mut ada, mut noor) = (world.browser("Ada").await, world.browser("Noor").await);
        let take =
            json!({"subject": format!("account:{ben}"), "object": world.area("users"), "level": "none"});
        let refused = ada.call(Method::PUT, "/api/v1/relations", &take).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
        assert_eq!(world.level(ben, &world.area("users")), Level::Own);
        assert_eq!(noor.call(Method::PUT, "/api/v1/relations", &take).await.status, 204);
        assert_eq!(world.level(ben, &world.area("users")), Level::None, "{}", world.engine());
    }
}

#[tokio::test]
async fn the_review_of_a_person_counts_what_they_have_in_this_organisation_and_nothing_of_another() {
    for world in all().await {
        let hall = zone(&world, world.area("estate")).await;
        zone(&world, world.area("estate")).await;
        let ines = world.person("Ines", &[]).await;
        world.grant(ines, hall, Level::Edit).await;
        let mut hers = world.browser("Ines").await;
        let other = world.organisation(ines, "Elsewhere", &mut hers).await;
        zone(&world, Object::area(other.id, "estate")).await;
        let mut noor = world.browser("Noor").await;
        let review = noor.get(&format!("/api/v1/access-review?subject=account:{ines}")).await.json();
        assert_eq!(
            review["counts"],
            json!([{"kind": "zone", "title": "zones", "levels": [["see", 1], ["view", 1], ["edit", 1], ["own", 0]]}]),
            "{}",
            world.engine()
        );
        let page = noor.get(&format!("/access/review?subject=account:{ines}")).await.text;
        assert!(page.contains("was given “edit” on the zone Hall") && page.contains(">always<"), "{page}");
    }
}

#[tokio::test]
async fn a_group_says_what_it_gives_by_names() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let page = noor.get(&format!("/groups/{}", world.group(Builtin::Team))).await.text;
        assert!(page.contains("the module Wiki: edit"), "{page}");
        assert!(!page.contains("module:"), "no keys: {}", world.engine());
    }
}

#[tokio::test]
async fn a_users_page_says_what_they_keep_when_their_roles_are_taken_away() {
    for world in all().await {
        let hall = zone(&world, world.area("estate")).await;
        let ines = world.person("Ines", &[]).await;
        let mut noor = world.browser("Noor").await;
        let give = |level| [("object", hall.as_str()), ("subject", "ines@example.org"), ("level", level)];
        assert!(noor.get(&format!("/users/{ines}")).await.text.contains("no access"));
        assert_eq!(noor.post("/access/thing", &give("edit")).await.status, 303);
        let page = noor.get(&format!("/users/{ines}")).await.text;
        assert!(
            page.contains("Ines was given “edit” on the zone Hall") && !page.contains("no access"),
            "{page}"
        );
        assert_eq!(noor.post("/access/thing", &give("none")).await.status, 303);
        let page = noor.get(&format!("/users/{ines}")).await.text;
        assert!(page.contains("no access") && !page.contains("single things"), "{}", world.engine());
    }
}
