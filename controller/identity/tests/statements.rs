//! Sentences about who may do what, as people say them, and what the graph makes of them. Each names where the
//! sentence comes from; `need` is the level the thing asks for.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use bo_db::testing::TestDb;
use bo_identity::relation::{Containment, Validity, contain, grant, join};
use bo_identity::{IdentityError, MIGRATIONS, level};
use bo_model::{Kind, Level, ManualClock, Object, Time};

use Level::{Edit, None as Nothing, Own, See, View};

/// (origin, sentence, subject, object, level they have, level it needs, whether it is allowed)
type Statement = (&'static str, &'static str, &'static str, &'static str, Level, Level, bool);

const STATEMENTS: [Statement; 34] = [
    ("collaborative platform", "Everyone reads the public pages", "visitor", "module:cms", View, View, true),
    ("collaborative platform", "Everyone edits the public pages", "visitor", "module:cms", View, Edit, false),
    (
        "collaborative platform",
        "Team edits awards, which share the general arrangement",
        "tea",
        "module:awards",
        Edit,
        Edit,
        true,
    ),
    (
        "collaborative platform",
        "Team reads contracts by the general arrangement",
        "tea",
        "module:contracts",
        Nothing,
        View,
        false,
    ),
    (
        "collaborative platform",
        "Team reads customer relations by the general arrangement",
        "tea",
        "module:crm",
        Nothing,
        View,
        false,
    ),
    (
        "collaborative platform",
        "Admin manages the access of other groups",
        "ada",
        "area:users",
        Own,
        Own,
        true,
    ),
    ("collaborative platform", "Admin configures the site", "ada", "area:settings", Nothing, View, false),
    ("collaborative platform", "Webmaster configures the site", "wes", "area:settings", Own, Own, true),
    ("commerce back office", "An editor of orders edits an order", "eda", "area:orders", Edit, Edit, true),
    ("commerce back office", "An editor of orders creates an order", "eda", "area:orders", Edit, Own, false),
    (
        "commerce back office",
        "With no selection, pricing is not there",
        "eda",
        "area:pricing",
        Nothing,
        View,
        false,
    ),
    (
        "commerce back office",
        "An owner of pricing deletes a price sheet",
        "pia",
        "area:pricing",
        Own,
        Own,
        true,
    ),
    (
        "project permissions",
        "A freelance translator writes into the translation folder",
        "fay",
        "folder:trans",
        Edit,
        Edit,
        true,
    ),
    (
        "project permissions",
        "An in-house translator writes into the translation folder",
        "ina",
        "folder:trans",
        Edit,
        Edit,
        true,
    ),
    (
        "project permissions",
        "A translator opens the editing folder",
        "fay",
        "folder:editing",
        Nothing,
        View,
        false,
    ),
    ("project permissions", "A translator sees the project's name", "fay", "project:a", See, See, true),
    ("project permissions", "A translator reads the project's data", "fay", "project:a", See, View, false),
    (
        "project permissions",
        "A freelancer who manages the project opens all its folders",
        "max",
        "folder:editing",
        Own,
        Own,
        true,
    ),
    (
        "project permissions",
        "A freelancer who manages a project opens contracts",
        "max",
        "module:contracts",
        Nothing,
        View,
        false,
    ),
    ("project permissions", "Finance reads all projects", "fin", "project:a", View, View, true),
    (
        "project permissions",
        "A client looks into the finance folder",
        "cli",
        "folder:finance",
        Nothing,
        See,
        false,
    ),
    (
        "organisations",
        "An owner works in their personal workspace",
        "owen",
        "workspace:personal",
        Own,
        Own,
        true,
    ),
    (
        "organisations",
        "The owner of an organisation looks into a member's personal workspace",
        "olga",
        "workspace:personal",
        Nothing,
        See,
        false,
    ),
    ("organisations", "A free collaborator edits their own slice", "col", "zone:stage", Edit, Edit, true),
    (
        "organisations",
        "A free collaborator reads another area of the event",
        "col",
        "zone:bar",
        See,
        View,
        false,
    ),
    ("organisations", "A file associated with view is read", "tea", "file:plan", View, View, true),
    ("organisations", "A file associated with view is edited", "tea", "file:plan", View, Edit, false),
    ("building console", "Facilities operate a light", "fac", "device:light", Edit, Edit, true),
    (
        "building console",
        "Facilities see a lock, which is behind a gate",
        "fac",
        "device:lock",
        Nothing,
        See,
        false,
    ),
    ("building console", "The event's crew operates the hall", "cre", "zone:hall", Edit, Edit, true),
    (
        "building console",
        "The event's crew looks at the rest of the level",
        "cre",
        "zone:level",
        Nothing,
        View,
        false,
    ),
    ("building console", "The public looks at the photovoltaic page", "visitor", "page:pv", View, View, true),
    (
        "building console",
        "The public looks at the zone that the page is about",
        "visitor",
        "zone:level",
        Nothing,
        See,
        false,
    ),
    ("building console", "The workspace's owner operates the lock", "olga", "device:lock", Own, Edit, true),
];

fn object(text: &str) -> Object {
    match text {
        "visitor" => Object::everyone(),
        text => Object::parse(text).unwrap_or_else(|| Object::new(Kind::ACCOUNT, text)),
    }
}

fn arrange(tx: &mut bo_db::Tx) -> Result<(), IdentityError> {
    tx.unaudited("a test arranges its world");
    let contains = [
        ("workspace:org", "module:general", Containment::Gated),
        ("module:general", "module:cms", Containment::Open),
        ("module:general", "module:awards", Containment::Open),
        ("workspace:org", "module:contracts", Containment::Gated),
        ("workspace:org", "module:crm", Containment::Gated),
        ("workspace:org", "area:users", Containment::Gated),
        ("workspace:org", "area:settings", Containment::Gated),
        ("workspace:org", "area:orders", Containment::Gated),
        ("workspace:org", "area:pricing", Containment::Gated),
        ("module:general", "project:a", Containment::Sealed),
        ("workspace:org", "project:a", Containment::Gated),
        ("project:a", "folder:trans", Containment::Gated),
        ("project:a", "folder:editing", Containment::Gated),
        ("project:a", "folder:finance", Containment::Gated),
        ("module:awards", "file:plan", Containment::Capped(View)),
        ("workspace:org", "zone:level", Containment::Gated),
        ("zone:level", "zone:hall", Containment::Open),
        ("zone:level", "zone:stage", Containment::Open),
        ("zone:level", "zone:bar", Containment::Open),
        ("zone:hall", "device:light", Containment::Open),
        ("zone:hall", "device:lock", Containment::Gated),
    ];
    for (parent, child, how) in contains {
        contain(tx, &object(parent), &object(child), how)?;
    }
    let groups = [
        ("tea", "group:team"),
        ("ada", "group:admin"),
        ("wes", "group:webmaster"),
        ("fay", "group:freelancers"),
        ("fay", "role:translator@a"),
        ("ina", "role:translator@a"),
        ("max", "group:freelancers"),
        ("max", "role:manager@a"),
        ("fin", "group:finance"),
        ("cli", "group:clients"),
        ("fac", "group:facilities"),
    ];
    for (person, group) in groups {
        join(tx, &object(person), &object(group), Validity::ALWAYS, "")?;
    }
    let grants = [
        ("visitor", "module:cms", View),
        ("group:team", "module:general", Edit),
        ("group:admin", "area:users", Own),
        ("group:webmaster", "area:settings", Own),
        ("eda", "area:orders", Edit),
        ("pia", "area:pricing", Own),
        ("role:translator@a", "folder:trans", Edit),
        ("role:translator@a", "project:a", See),
        ("role:manager@a", "project:a", Own),
        ("group:finance", "project:a", View),
        ("group:clients", "project:a", View),
        ("owen", "workspace:personal", Own),
        ("olga", "workspace:org", Own),
        ("col", "zone:stage", Edit),
        ("col", "zone:bar", See),
        ("group:facilities", "zone:level", Edit),
        ("cre", "zone:hall", Edit),
        ("visitor", "page:pv", View),
    ];
    for (subject, to, level) in grants {
        grant(tx, &object(subject), &object(to), level, Validity::ALWAYS, "")?;
    }
    Ok(())
}

#[tokio::test]
async fn every_sentence_about_permission_holds() {
    let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
    for test in TestDb::each(&MIGRATIONS, clock).unwrap() {
        test.db.write(arrange).await.unwrap();
        let mut wrong = Vec::new();
        for (origin, sentence, subject, to, has, need, allowed) in STATEMENTS {
            let (subject, to) = (object(subject), object(to));
            let (found, steps) = test
                .db
                .read(|tx| -> Result<_, IdentityError> {
                    let now = tx.now();
                    Ok((level::level(tx, &subject, &to, now)?, level::why(tx, &subject, &to, now)?))
                })
                .unwrap();
            let explained = steps.last().map_or(Nothing, |step| step.level);
            if found != has || (found >= need) != allowed || explained != found {
                wrong.push(format!("{origin}: “{sentence}”: {found:?}, explained as {explained:?}"));
            }
        }
        assert!(wrong.is_empty(), "{} of {} on {}: {wrong:#?}", wrong.len(), STATEMENTS.len(), test.engine);
        println!("{} sentences hold on {}", STATEMENTS.len(), test.engine);
    }
}

#[tokio::test]
async fn a_grant_counts_only_in_its_time() {
    let clock = ManualClock::at(Time::from_seconds(1_000));
    for test in TestDb::each(&MIGRATIONS, clock).unwrap() {
        let crew = Object::new(Kind::ACCOUNT, "crew");
        let hall = Object::new(Kind::ZONE, "hall");
        let (subject, to) = (crew.clone(), hall.clone());
        let load_in: Result<(), IdentityError> = test
            .db
            .write(move |tx| {
                tx.unaudited("a test arranges its world");
                let validity = Validity { from: Time::from_seconds(2_000), to: Time::from_seconds(3_000) };
                Ok(grant(tx, &subject, &to, Edit, validity, "load-in to load-out")?)
            })
            .await;
        load_in.unwrap();
        let at =
            |seconds| test.db.read(|tx| level::level(tx, &crew, &hall, Time::from_seconds(seconds))).unwrap();
        assert_eq!(
            [at(1_999), at(2_000), at(2_999), at(3_000)],
            [Nothing, Edit, Edit, Nothing],
            "{}",
            test.engine
        );
    }
}
