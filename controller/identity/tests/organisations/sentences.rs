//! The sentences of source 5 that are about more than who may what (those are in `tests/statements`): what people can do, asked of
//! the product as it runs. In our own words, with the number of the sentence.

use super::*;
use bo_identity::licence::{self, Licence};
use bo_identity::relation::{self, Containment, Validity};
use bo_identity::{invitation, level, member, session};
use bo_model::Kind;

struct Said {
    wrong: Vec<String>,
    count: usize,
}

impl Said {
    fn holds(&mut self, number: &str, says: &str, truth: bool) {
        self.count += 1;
        if !truth {
            self.wrong.push(format!("{number} “{says}”"));
        }
    }
}

fn make_event(tx: &mut Tx, workspace: WorkspaceId, event: &Object) -> Result<(), IdentityError> {
    relation::contain(tx, &Object::module(workspace, "events"), event, Containment::Gated)?;
    licence::cover(tx, workspace, event)
}

#[tokio::test]
async fn the_sentences_about_working_alone_and_together_hold() {
    for world in all().await {
        let mut said = Said { wrong: Vec::new(), count: 0 };
        let tea = world.person("Tea", &[Builtin::Team]).await;
        let sam = world.person("Sam", &[Builtin::Team]).await;
        let (own, acme) = (workspace::personal(tea), world.workspace);
        let write = |work: Box<dyn Fn(&mut Tx) -> Result<(), IdentityError> + Send>| {
            world.db().write_blocking(move |tx| {
                tx.unaudited("a sentence is tried");
                work(tx)
            })
        };
        let spaces = |account| world.db().read(|tx| workspace::spaces(tx, account)).unwrap();
        let count = |id| world.db().read(|tx| member::count(tx, id)).unwrap();

        said.holds(
            "5.11",
            "everybody's account comes with a workspace of their own",
            spaces(tea).iter().any(|space| space.id == own && space.personal),
        );
        said.holds("5.12", "it is for one person", count(own) == 1);
        let birthday = Object::new(Kind("event"), "birthday");
        let event = birthday.clone();
        said.holds(
            "5.13",
            "events are made and run there without anybody else, and without buying anything",
            write(Box::new(move |tx| make_event(tx, own, &event))).is_ok()
                && world.level(tea, &birthday) == Level::Own,
        );
        said.holds(
            "5.14",
            "one's licence is managed there",
            world.level(tea, &Object::area(own, "licences")) == Level::Own,
        );
        let bought = write(Box::new(move |tx| licence::set_quantity(tx, own, Licence::EventPro, 1)));
        said.holds("5.14", "… and can be got there", bought.is_ok());
        said.holds("5.15", "nobody is invited into it", {
            let mut browser = world.browser("Tea").await;
            go(&mut browser, own).await;
            browser.post("/workspace/invitations", &[("email", "sam@example.org")]).await.status == 404
        });

        let other = organisation_of(&world, tea, "Northwind").await;
        said.holds(
            "5.16",
            "anybody makes an organisation",
            count(other.id) == 1 && world.level(tea, &Object::new(Kind::WORKSPACE, other.id)) == Level::Own,
        );
        let mut browser = world.browser("Tea").await;
        go(&mut browser, other.id).await;
        let path = invite(&world, &mut browser, "sam@example.org").await;
        let (viewer, secret) =
            (bo_web::Viewer { email: "sam@example.org".into(), ..world.viewer(sam) }, code(&path).to_owned());
        said.holds(
            "5.17",
            "… or joins one",
            write(Box::new(move |tx| invitation::accept(tx, &secret, &viewer).map(drop))).is_ok()
                && is_member(&world, other.id, sam),
        );
        said.holds("5.18", "it has several members", count(other.id) == 2);
        said.holds(
            "5.19",
            "somebody belongs to several",
            spaces(sam).iter().filter(|space| !space.personal).count() == 2,
        );
        said.holds("5.20", "one goes from one's own workspace to each organisation and back", {
            let mut done = true;
            for space in spaces(tea) {
                done &=
                    browser.post("/account/workspace", &[("workspace", &space.id.to_string())]).await.status
                        == 303;
                browser.get("/workspace").await;
                done &= browser.get("/api/v1/me").await.json()["workspace"]["id"] == space.id.to_string();
            }
            done
        });
        let (session, stranger) = (world.ids.make(), workspace::personal(sam));
        said.holds(
            "5.20",
            "… and to no other's",
            write(Box::new(move |tx| session::switch(tx, session, tea, stranger))).is_err(),
        );

        write(Box::new(move |tx| {
            licence::set_quantity(tx, acme, Licence::OrgPro, 2)?;
            licence::set_quantity(tx, acme, Licence::EventPro, 1)
        }))
        .unwrap();
        let told: Vec<String> = world
            .db()
            .read(|tx| {
                tx.query("SELECT reference FROM outbox WHERE topic = ?1", params![licence::CHANGED], |row| {
                    row.get(0)
                })
            })
            .unwrap();
        said.holds(
            "5.21",
            "the organisation is what is billed",
            told.iter().filter(|about| **about == format!("workspace:{acme}")).count() == 2,
        );
        let gala = Object::new(Kind("event"), "gala");
        let (event, team) = (gala.clone(), Object::new(Kind::GROUP, world.group(Builtin::Team)));
        write(Box::new(move |tx| {
            make_event(tx, acme, &event)?;
            Ok(relation::grant(tx, &team, &event, Level::Edit, Validity::ALWAYS, "")?)
        }))
        .unwrap();
        for account in [tea, sam] {
            write(Box::new(move |tx| licence::give_seat(tx, acme, Licence::OrgPro, account))).unwrap();
        }
        said.holds(
            "5.22",
            "its members share one set of licences",
            world
                .db()
                .read(|tx| licence::holdings(tx, acme))
                .unwrap()
                .iter()
                .any(|held| held.licence == Licence::OrgPro && held.used == 2),
        );
        said.holds(
            "5.23",
            "nobody gets more than there are",
            write(Box::new(move |tx| give_noor(tx, acme))).is_err(),
        );
        write(Box::new(move |tx| licence::set_quantity(tx, acme, Licence::OrgPro, 3))).unwrap();
        said.holds(
            "5.23",
            "… and as the team grows there are more",
            write(Box::new(move |tx| give_noor(tx, acme))).is_ok(),
        );
        said.holds(
            "5.24",
            "members work together on the organisation's events",
            [tea, sam].iter().all(|who| world.level(*who, &gala) == Level::Edit),
        );
        let homes = |event: &Object| world.db().read(|tx| level::workspaces_of(tx, event)).unwrap();
        said.holds(
            "5.25",
            "an event lives in an organisation",
            homes(&gala) == [Object::new(Kind::WORKSPACE, acme)],
        );
        said.holds(
            "5.25",
            "… or in a personal workspace",
            homes(&birthday) == [Object::new(Kind::WORKSPACE, own)],
        );
        said.holds(
            "5.25",
            "… where nobody else sees it",
            [sam, world.owner].iter().all(|who| world.level(*who, &birthday) == Level::None),
        );
        assert!(
            said.wrong.is_empty(),
            "{} of {} on {}: {:#?}",
            said.wrong.len(),
            said.count,
            world.engine(),
            said.wrong
        );
        println!("organisations: {} more sentences hold on {}", said.count, world.engine());
    }
}

/// Gives Noor a seat, by her address.
fn give_noor(tx: &mut Tx, workspace: WorkspaceId) -> Result<(), IdentityError> {
    let found = bo_identity::account::by_email(tx, bo_identity::testing::NOOR)?;
    let (noor, _) = found.ok_or(IdentityError::NotFound)?;
    licence::give_seat(tx, workspace, Licence::OrgPro, noor.id)
}
