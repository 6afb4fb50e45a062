//! What an event takes, and what moving it means: the part that modules build on.

use super::*;
use bo_identity::licence::{self, Licence};
use bo_identity::relation::{self, Containment, Validity};
use bo_model::Kind;

/// An event of Acme on which the whole team may edit.
pub async fn event(world: &World, name: &'static str) -> Object {
    let (workspace, event) = (world.workspace, Object::new(Kind("event"), name));
    let (made, team) = (event.clone(), Object::new(Kind::GROUP, world.group(Builtin::Team)));
    world
        .change(move |tx| {
            relation::contain(tx, &Object::module(workspace, "events"), &made, Containment::Gated)?;
            licence::cover(tx, workspace, &made)?;
            Ok(relation::grant(tx, &team, &made, Level::Edit, Validity::ALWAYS, "")?)
        })
        .await;
    event
}

async fn slots(world: &World, workspace: WorkspaceId, quantity: i64) {
    world.change(move |tx| licence::set_quantity(tx, workspace, Licence::EventPro, quantity)).await;
}

#[tokio::test]
async fn a_free_collaborator_has_their_part_of_an_event_and_takes_no_slot() {
    for world in all().await {
        let workspace = world.workspace;
        slots(&world, workspace, 1).await;
        let (col, tea) = (world.person("Col", &[]).await, world.person("Tea", &[Builtin::Team]).await);
        let gala = event(&world, "gala").await;
        let (stage, bar) = (Object::new(Kind("event-area"), "stage"), Object::new(Kind("event-area"), "bar"));
        let (g, s, b) = (gala.clone(), stage.clone(), bar.clone());
        world
            .change(move |tx| {
                licence::hang(tx, &g, &s, Containment::Open)?;
                licence::hang(tx, &g, &b, Containment::Open)?;
                licence::give_slice(tx, workspace, &g, &s, col)?;
                let subject = Object::new(Kind::ACCOUNT, col);
                Ok(relation::grant(tx, &subject, &s, Level::Edit, Validity::ALWAYS, "")?)
            })
            .await;
        let all = |who| (world.level(who, &gala), world.level(who, &stage), world.level(who, &bar));
        assert_eq!(all(col), (Level::None, Level::Edit, Level::None));
        assert_eq!(
            all(tea),
            (Level::None, Level::None, Level::None),
            "what the team was given rests without a licence"
        );
        let g = gala.clone();
        world.change(move |tx| licence::give_slot(tx, workspace, &g, tea)).await;
        assert_eq!(all(tea), (Level::Edit, Level::Edit, Level::Edit), "the only slot was free");
        let (g, s) = (gala.clone(), stage.clone());
        world.change(move |tx| licence::take_slice(tx, workspace, &g, &s, col)).await;
        assert_eq!(all(col), (Level::None, Level::None, Level::None), "{}", world.engine());
    }
}

#[tokio::test]
async fn an_event_moves_with_those_who_are_at_home_there_and_nothing_of_the_old_workspace_stays_on_it() {
    for world in all().await {
        let workspace = world.workspace;
        slots(&world, workspace, 2).await;
        let (tea, sam) =
            (world.person("Tea", &[Builtin::Team]).await, world.person("Sam", &[Builtin::Team]).await);
        let other = organisation_of(&world, world.owner, "Northwind").await;
        let closed = organisation_of(&world, sam, "Not hers").await;
        let gala = event(&world, "gala").await;
        let (g, owner) = (gala.clone(), world.owner);
        world
            .change(move |tx| {
                bo_identity::account::join(tx, other.id, tea)?;
                licence::give_slot(tx, workspace, &g, tea)?;
                licence::give_slot(tx, workspace, &g, sam)
            })
            .await;
        let to: Vec<(WorkspaceId, bool)> = world
            .db()
            .read(|tx| licence::destinations(tx, &world.viewer(owner), workspace))
            .unwrap()
            .into_iter()
            .map(|place| (place.id, place.personal))
            .collect();
        assert_eq!(to, [(other.id, false), (workspace::personal(owner), true)]);
        let place = Object::module(other.id, "events");
        let relocate = |account: AccountId, to: WorkspaceId, place: Object| {
            let (gala, viewer) = (gala.clone(), world.viewer(account));
            let work = move |tx: &mut Tx| {
                licence::relocate(tx, &viewer, &gala, (workspace, to), (&place, Containment::Gated))
            };
            world.db().write_blocking(work)
        };
        let full = relocate(owner, other.id, place.clone());
        assert!(matches!(full, Err(IdentityError::Exists(_))), "it has no Event Pro: {full:?}");
        assert_eq!(world.level(tea, &gala), Level::Edit, "and nothing has moved");
        slots(&world, other.id, 1).await;
        let not = relocate(tea, other.id, place.clone());
        assert!(matches!(not, Err(IdentityError::NotAllowed(_))), "{not:?}");
        let closed_to = relocate(owner, closed.id, Object::module(closed.id, "events"));
        assert!(matches!(closed_to, Err(IdentityError::NotAllowed(_))), "{closed_to:?}");
        let moved = relocate(owner, other.id, place).unwrap();
        assert_eq!((moved.kept, moved.released), (vec![tea], vec![sam]), "{}", world.engine());
        assert_eq!(
            (world.level(owner, &gala), world.level(tea, &gala), world.level(sam, &gala)),
            (Level::Own, Level::None, Level::None),
            "Acme's team has nothing there"
        );
        let home = world.db().read(|tx| bo_identity::level::workspaces_of(tx, &gala)).unwrap();
        assert_eq!(home, [Object::new(Kind::WORKSPACE, other.id)]);
        // Alone with it, no licence is needed.
        let own = workspace::personal(owner);
        let (g, place, viewer) = (gala.clone(), Object::module(own, "events"), world.viewer(owner));
        let moved = world
            .db()
            .write_blocking(move |tx| {
                licence::relocate(tx, &viewer, &g, (other.id, own), (&place, Containment::Gated))
            })
            .unwrap();
        assert_eq!(moved.released, [tea]);
        assert_eq!(world.level(owner, &gala), Level::Own, "{}", world.engine());
        let g = gala.clone();
        let shared = world.db().write_blocking(move |tx| licence::give_slot(tx, own, &g, tea));
        assert!(matches!(shared, Err(IdentityError::NotAllowed(_))), "{shared:?}");
    }
}
