//! The matrix of modules, groups in groups, roles in a scope, the access review.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::ceiling::{self, Ceiling, CeilingKind};
use bo_identity::relation::{self, Containment, Validity};
use bo_identity::testing::worlds;
use bo_identity::workspace::Builtin;
use bo_identity::{IdentityError, delegate};
use bo_model::{AccountId, Kind, Level, Object};
use serde_json::json;

#[tokio::test]
async fn the_matrix_sets_what_groups_may_in_modules_and_counts_at_once() {
    for world in worlds(&[], &[]).await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let wiki = Object::module(world.workspace, "wiki");
        assert_eq!(world.level(tea, &wiki), Level::Edit);
        let ada = world.person("Ada", &[Builtin::Admin]).await;
        let mut admin = world.browser("Ada").await;
        let page = admin.get("/access/modules").await.text;
        for word in ["General", "Wiki", "Blog", "Contracts", "CRM", "moderate", "Everyone", "Webmaster"] {
            assert!(page.contains(word), "{word}");
        }
        let team = world.group(Builtin::Team);
        let (wiki_field, crm_field) = (format!("m-{team}-wiki"), format!("m-{team}-crm"));
        let saved = admin.post("/access/modules", &[(&wiki_field, "view"), (&crm_field, "edit")]).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        assert_eq!(world.level(tea, &wiki), Level::View, "a built-in group is tweaked");
        assert_eq!(world.level(tea, &Object::module(world.workspace, "crm")), Level::Edit);
        // Somebody who only looks at users gives nothing, whatever they send.
        let vic = world.person("Vic", &[]).await;
        let (users, subject) = (world.area("users"), Object::new(Kind::ACCOUNT, vic));
        world
            .change(move |tx| Ok(relation::grant(tx, &subject, &users, Level::View, Validity::ALWAYS, "")?))
            .await;
        let mut vic = world.browser("Vic").await;
        assert!(vic.get("/access/modules").await.text.contains("disabled"));
        assert_eq!(
            vic.post("/access/modules", &[(&wiki_field, "own")]).await.status,
            404,
            "{}",
            world.engine()
        );
        assert_eq!(world.level(tea, &wiki), Level::View);
        assert_ne!(world.level(ada, &wiki), Level::View);
    }
}

#[tokio::test]
async fn a_group_in_a_group_gives_what_both_give_and_never_goes_round() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let make = async |noor: &mut bo_web::testing::Client, name: &str| {
            let made = noor.call(Method::POST, "/api/v1/groups", &json!({"name": name})).await;
            made.json()["id"].as_str().unwrap().to_owned()
        };
        let (night, security) = (make(&mut noor, "Night shift").await, make(&mut noor, "Security").await);
        noor.post(&format!("/groups/{security}/areas"), &[("audit", "view")]).await;
        let sam = world.person("Sam", &[]).await;
        world.join(sam, night.parse().unwrap()).await;
        assert_eq!(world.level(sam, &world.area("audit")), Level::None);
        assert_eq!(noor.post(&format!("/groups/{night}/parents"), &[("group", &security)]).await.status, 303);
        assert_eq!(world.level(sam, &world.area("audit")), Level::View);
        let round = noor.post(&format!("/groups/{security}/parents"), &[("group", &night)]).await;
        assert_eq!(round.status, 403, "{}", round.text);
        assert!(round.text.contains("is in “Security” already"), "{}", round.text);
        // An admin does not own the audit area, so they can't put a group where it is given.
        world.person("Ada", &[Builtin::Admin]).await;
        let mut ada = world.browser("Ada").await;
        let webmaster = world.group(Builtin::Webmaster).to_string();
        assert_eq!(ada.post(&format!("/groups/{night}/parents"), &[("group", &webmaster)]).await.status, 403);
        assert_eq!(noor.post(&format!("/groups/{night}/parents"), &[]).await.status, 303);
        assert_eq!(world.level(sam, &world.area("audit")), Level::None, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_role_counts_in_its_scope_and_is_given_by_whoever_owns_it() {
    for world in worlds(&[], &[]).await {
        let (pat, fay) = (world.person("Pat", &[]).await, world.person("Fay", &[]).await);
        let (project, other) = (Object::new(Kind("project"), "a"), Object::new(Kind("project"), "b"));
        let folder = Object::new(Kind("folder"), "a-trans");
        let (org, manager) = (Object::new(Kind::WORKSPACE, world.workspace), Object::new(Kind::ACCOUNT, pat));
        let (a, b, f) = (project.clone(), other.clone(), folder.clone());
        world
            .change(move |tx| {
                relation::contain(tx, &org, &a, Containment::Gated)?;
                relation::contain(tx, &org, &b, Containment::Gated)?;
                relation::contain(tx, &a, &f, Containment::Gated)?;
                relation::grant(tx, &manager, &a, Level::Own, Validity::ALWAYS, "")?;
                Ok(relation::grant(
                    tx,
                    &relation::role("translator", &a),
                    &f,
                    Level::Edit,
                    Validity::ALWAYS,
                    "",
                )?)
            })
            .await;
        let give =
            async |by: AccountId, scope: &Object, wanted: Option<Validity>| -> Result<(), IdentityError> {
                let (viewer, scope, to) = (world.viewer(by), scope.clone(), Object::new(Kind::ACCOUNT, fay));
                world
                    .db()
                    .write(move |tx| {
                        delegate::set_role(
                            tx,
                            &viewer,
                            &to,
                            ("translator", &scope, "Old town hall"),
                            wanted,
                            "translates",
                        )
                    })
                    .await
            };
        assert!(matches!(give(fay, &project, Some(Validity::ALWAYS)).await, Err(IdentityError::NotFound)));
        assert!(matches!(give(pat, &other, Some(Validity::ALWAYS)).await, Err(IdentityError::NotFound)));
        give(pat, &project, Some(Validity::ALWAYS)).await.unwrap();
        assert_eq!((world.level(fay, &folder), world.level(fay, &other)), (Level::Edit, Level::None));
        give(pat, &project, None).await.unwrap();
        assert_eq!(world.level(fay, &folder), Level::None, "{}", world.engine());
    }
}

#[tokio::test]
async fn nobody_ties_two_workspaces_together_that_they_own_both() {
    use bo_identity::workspace::{NewWorkspace, create};
    for world in worlds(&[], &[]).await {
        let other = NewWorkspace::ids(&world.ids);
        let (owner, sam) = (world.owner, world.person("Sam", &[]).await);
        world
            .change(move |tx| {
                create(tx, other, "Other Ltd")?;
                bo_identity::account::join(tx, other.id, owner)?;
                let (subject, object) =
                    (Object::new(Kind::ACCOUNT, owner), Object::new(Kind::WORKSPACE, other.id));
                Ok(relation::grant(tx, &subject, &object, Level::Own, Validity::ALWAYS, "")?)
            })
            .await;
        let mut noor = world.browser("Noor").await;
        let grab = json!({"subject": format!("account:{sam}"), "object": Object::area(other.id, "users"), "level": "view"});
        assert_eq!(
            noor.call(Method::PUT, "/api/v1/relations", &grab).await.status,
            404,
            "{}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn the_review_lists_what_a_person_has_and_who_has_something_on_a_thing_with_why() {
    for world in worlds(&[], &[]).await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let mut noor = world.browser("Noor").await;
        let person = noor.get(&format!("/api/v1/access-review?subject=account:{tea}")).await.json();
        let line = person["lines"]
            .as_array()
            .unwrap()
            .iter()
            .find(|line| line["what"] == "Modules: Wiki")
            .unwrap()
            .clone();
        assert_eq!(line["level"], "edit");
        assert_eq!(
            line["why"],
            json!(["Tea belongs to group Team", "group Team was given “edit” on the module Wiki"])
        );
        let thing = noor.get(&format!("/api/v1/access-review?object={}", world.area("users"))).await.json();
        let who: Vec<&str> =
            thing["items"].as_array().unwrap().iter().map(|line| line["who"].as_str().unwrap()).collect();
        assert_eq!(who, ["Noor Haddad"]);
        let page = noor.get(&format!("/access/review?subject=account:{tea}")).await;
        assert!(page.text.contains("group Team was given “edit” on the module Wiki"), "{}", page.status);
        let csv = noor.get(&format!("/access/review?subject=account:{tea}&format=csv")).await;
        assert!(
            csv.text.starts_with("subject,who,object,what,level,why\n")
                && csv.text.contains(",Modules: Wiki,edit,")
        );
        assert!(world.audit().iter().any(|(verb, _)| verb == "access.export"), "exports are in the log");
        let mut browser = world.browser("Tea").await;
        assert_eq!(browser.get("/access/review").await.status, 404, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_ceiling_is_part_of_the_explanation() {
    for world in worlds(&[], &[]).await {
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let gate = Object::new(Kind::DEVICE, world.ids.make::<bo_model::DeviceId>());
        let (estate, device) = (world.area("estate"), gate.clone());
        world
            .change(move |tx| {
                relation::contain(tx, &estate, &device, Containment::Open)?;
                let reason = "Doors take a clearance.".to_owned();
                let (kind, cap, object) = (CeilingKind::Safety, Level::View, device.clone());
                Ok(ceiling::put(tx, &Ceiling { object, kind, cap, lifted_by: None, deep: false, reason })?)
            })
            .await;
        let mut noor = world.browser("Noor").await;
        let why = noor.get(&format!("/api/v1/why?subject=account:{tea}&object={gate}")).await.json();
        assert_eq!(
            (why["level"].as_str(), why["path"].as_array().unwrap().last().unwrap()["level"].as_str()),
            (Some("view"), Some("edit"))
        );
        assert_eq!(why["ceilings"][0]["ceiling"]["reason"], "Doors take a clearance.");
        let page = noor.get(&format!("/access?subject=account:{tea}&object={gate}")).await.text;
        assert!(
            page.contains("At most “view”, whatever was given: Doors take a clearance."),
            "{}",
            world.engine()
        );
    }
}
