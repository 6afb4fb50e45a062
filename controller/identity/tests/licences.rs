//! Seats and slots: counted right however many ask at once, and lifting the ceiling of events and nothing else.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use bo_db::{Db, Tx};
use bo_identity::licence::{self, Licence};
use bo_identity::relation::{self, Containment, Validity};
use bo_identity::testing::{World, worlds};
use bo_identity::workspace::Builtin;
use bo_identity::{IdentityError, level};
use bo_model::{AccountId, Kind, Level, Object};

async fn act<F>(db: &Db, work: F) -> Result<(), IdentityError>
where
    F: Fn(&mut Tx) -> Result<(), IdentityError> + Send + 'static,
{
    db.write(work).await
}

fn level_of(world: &World, account: AccountId, object: &Object) -> Level {
    let subject = Object::new(Kind::ACCOUNT, account);
    world.db().read(|tx| level::level(tx, &subject, object, tx.now())).unwrap()
}

/// An event on which the whole team may edit.
async fn event(world: &World, name: &str) -> Object {
    let (workspace, event, team) = (
        world.workspace,
        Object::new(Kind("event"), name),
        Object::new(Kind::GROUP, world.group(Builtin::Team)),
    );
    let made = event.clone();
    act(world.db(), move |tx| {
        licence::cover(tx, workspace, &made)?;
        tx.unaudited("a test arranges its world");
        relation::contain(tx, &Object::new(Kind::WORKSPACE, workspace), &made, Containment::Gated)?;
        Ok(relation::grant(tx, &team, &made, Level::Edit, Validity::ALWAYS, "")?)
    })
    .await
    .unwrap();
    event
}

#[tokio::test]
async fn of_many_who_want_the_last_seats_and_slots_at_once_no_more_get_one_than_there_are() {
    for world in worlds(&[], &[]).await {
        let workspace = world.workspace;
        act(world.db(), move |tx| {
            licence::set_quantity(tx, workspace, Licence::OrgStandard, 3)?;
            licence::set_quantity(tx, workspace, Licence::EventPro, 2)
        })
        .await
        .unwrap();
        let gala = event(&world, "gala").await;
        let mut people = Vec::new();
        for number in 0..8 {
            people.push(world.person(&format!("Person{number}"), &[]).await);
        }
        // Two controllers on one database, as it may be on PostgreSQL; each asks for all at once.
        let other = Db::open(world.url(), world.clock.clone()).unwrap();
        let mut waiting = Vec::new();
        for (place, id) in people.iter().copied().enumerate() {
            let db = if place % 2 == 0 { world.db().clone() } else { other.clone() };
            let gala = gala.clone();
            waiting.push(tokio::spawn(async move {
                let seat =
                    act(&db, move |tx| licence::give_seat(tx, workspace, Licence::OrgStandard, id)).await;
                let slot = act(&db, move |tx| licence::give_slot(tx, workspace, &gala, id)).await;
                (seat.is_ok(), slot.is_ok())
            }));
        }
        let mut given = (0, 0);
        for waits in waiting {
            let (seat, slot) = waits.await.unwrap();
            given = (given.0 + u32::from(seat), given.1 + u32::from(slot));
        }
        assert_eq!(given, (3, 2), "{}", world.engine());
        let stored = world.db().read(|tx| {
            let count = |row: &bo_db::Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?));
            tx.query_one("SELECT (SELECT COUNT(*) FROM seat), (SELECT COUNT(*) FROM slot)", &[], count)
        });
        assert_eq!(stored.unwrap(), (3, 2), "{}", world.engine());
    }
}

#[tokio::test]
async fn a_licence_opens_what_one_was_given_and_losing_it_takes_no_grant_away() {
    for world in worlds(&[], &[]).await {
        let workspace = world.workspace;
        let team = [Builtin::Team];
        let (std, slo, pro) = (
            world.person("Std", &team).await,
            world.person("Slo", &team).await,
            world.person("Pro", &team).await,
        );
        let none =
            act(world.db(), move |tx| licence::cover(tx, workspace, &Object::new(Kind("event"), "gala")))
                .await;
        assert!(matches!(none, Err(IdentityError::Exists(_))), "an event takes an Event Pro");
        act(world.db(), move |tx| {
            licence::set_quantity(tx, workspace, Licence::EventPro, 1)?;
            licence::set_quantity(tx, workspace, Licence::OrgPro, 1)
        })
        .await
        .unwrap();
        let (gala, fair) = (event(&world, "gala").await, event(&world, "fair").await);
        let (g, f) = (gala.clone(), fair.clone());
        act(world.db(), move |tx| {
            licence::give_seat(tx, workspace, Licence::OrgPro, pro)?;
            licence::give_slot(tx, workspace, &g, slo)?;
            // Needs none, and takes none: the only slot of the fair stays free.
            licence::give_slot(tx, workspace, &f, pro)?;
            licence::give_slot(tx, workspace, &f, slo)
        })
        .await
        .unwrap();
        let all = |who| (level_of(&world, who, &gala), level_of(&world, who, &fair));
        assert_eq!(all(std), (Level::None, Level::None));
        assert_eq!(all(slo), (Level::Edit, Level::Edit));
        assert_eq!(all(pro), (Level::Edit, Level::Edit), "a seat lifts the ceiling; the right is the team's");
        assert_eq!(all(world.owner), (Level::Own, Level::Own));

        let fewer =
            act(world.db(), move |tx| licence::set_quantity(tx, workspace, Licence::EventPro, 0)).await;
        assert!(
            matches!(fewer, Err(IdentityError::Exists(text)) if text.contains("in use")),
            "a slot is in use"
        );
        let (g, f) = (gala.clone(), fair.clone());
        act(world.db(), move |tx| {
            licence::take_slot(tx, workspace, &g, slo)?;
            licence::give_slot(tx, workspace, &g, std)?;
            licence::take_slot(tx, workspace, &f, slo)
        })
        .await
        .unwrap();
        assert_eq!(
            (all(slo), all(std)),
            ((Level::None, Level::None), (Level::Edit, Level::None)),
            "{}",
            world.engine()
        );
    }
}
