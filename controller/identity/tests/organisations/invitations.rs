//! Inviting people by mail: the link, whom it is for, how often and how long it works.

use super::*;
use bo_identity::invitation::{self, InvitationId};
use std::time::Duration;

#[tokio::test]
async fn somebody_with_an_account_is_invited_and_accepts_once() {
    for world in all().await {
        let sam = world.person("Sam", &[]).await;
        let (other, mut noor) = working_in(&world, world.owner, "Noor", "Northwind").await;
        let team = other.group(Builtin::Team).to_string();
        let sent =
            noor.post("/workspace/invitations", &[("email", "SAM@example.org"), ("group", &team)]).await;
        assert_eq!(sent.status, 303, "{}", sent.text);
        let letter = world.letters().pop().unwrap();
        assert!(letter["text"].as_str().unwrap().contains("Northwind"), "{letter}");
        let path = link(&letter);
        let listed = noor.get("/workspace/members").await;
        assert!(listed.text.contains("sam@example.org"), "it waits in the list: {}", listed.text);

        let mut nobody = Client::new(&world.app);
        let asked = nobody.get(&path).await;
        assert!(asked.text.contains("You have an account here") && asked.text.contains("/sign-in?next="));
        let mut browser = world.browser("Sam").await;
        assert!(browser.get(&path).await.text.contains("Accept"));
        let accepted = browser.post("/invitation/accept", &[("code", code(&path))]).await;
        assert_eq!((accepted.status.as_u16(), accepted.location()), (303, "/workspace"), "{}", accepted.text);
        assert!(browser.get("/workspace").await.text.contains("Northwind"), "they work there now");
        assert!(is_member(&world, other.id, sam));
        let area = Object::area(other.id, "estate");
        assert_eq!(world.level(sam, &area), Level::Edit, "in the group they were invited into");
        let again = browser.post("/invitation/accept", &[("code", code(&path))]).await;
        assert_eq!(again.status, 404, "a link works once");
        assert_eq!(browser.get(&path).await.status, 404, "{}", world.engine());
    }
}

#[tokio::test]
async fn somebody_new_makes_their_account_by_the_link() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let path = invite(&world, &mut noor, "nina@example.org").await;
        let mut nina = Client::new(&world.app);
        let form = nina.get(&path).await;
        assert!(form.text.contains("Make account and join") && !form.text.contains("You have an account"));
        let weak = [
            ("code", code(&path)),
            ("first_name", "Nina"),
            ("last_name", "محمد"),
            ("new_password", "short"),
            ("new_again", "short"),
        ];
        let refused = nina.post("/invitation/join", &weak).await;
        assert!(
            refused.status == 422 && refused.text.contains("محمد"),
            "what was typed is kept: {}",
            refused.text
        );
        let good = [
            ("code", code(&path)),
            ("first_name", "Nina"),
            ("last_name", "محمد"),
            ("new_password", "quiet harbour lamp"),
            ("new_again", "quiet harbour lamp"),
        ];
        let joined = nina.post("/invitation/join", &good).await;
        assert_eq!((joined.status.as_u16(), joined.location()), (303, "/workspace"), "{}", joined.text);
        let page = nina.get("/workspace").await;
        assert!(page.text.contains("Acme"), "signed in, in the organisation: {}", page.text);
        let mine = nina.get("/api/v1/workspaces").await.json();
        assert_eq!(mine["items"].as_array().unwrap().len(), 2, "and a personal workspace: {mine}");
        assert_eq!(nina.post("/invitation/join", &good).await.status, 404, "the link is used up");
        let verbs = world.verbs();
        for verb in ["invitation.send", "invitation.accept", "account.create", "member.join", "session.open"]
        {
            assert!(verbs.contains(&verb.to_owned()), "{verb} on {}: {verbs:?}", world.engine());
        }
    }
}

#[tokio::test]
async fn an_invitation_is_for_its_address_alone() {
    for world in all().await {
        let eve = world.person("Eve", &[]).await;
        world.person("Sam", &[]).await;
        let (other, mut noor) = working_in(&world, world.owner, "Noor", "Northwind").await;
        let path = invite(&world, &mut noor, "sam@example.org").await;
        let mut browser = world.browser("Eve").await;
        let page = browser.get(&path).await;
        assert!(page.text.contains("You are signed in as eve@example.org"), "{}", page.text);
        let taken = browser.post("/invitation/accept", &[("code", code(&path))]).await;
        assert_eq!(taken.status, 403, "{}", taken.text);
        assert!(!is_member(&world, other.id, eve));
        // Nor does anybody get hold of an account that is in use.
        let mut nobody = Client::new(&world.app);
        let fields = [
            ("code", code(&path)),
            ("first_name", "S"),
            ("last_name", "S"),
            ("new_password", "quiet harbour lamp"),
            ("new_again", "quiet harbour lamp"),
        ];
        assert_eq!(nobody.post("/invitation/join", &fields).await.status, 403, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_link_ends_when_it_is_sent_again_withdrawn_declined_or_a_week_old() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let mut nobody = Client::new(&world.app);
        let first = invite(&world, &mut noor, "nina@example.org").await;
        let id = noor.get("/api/v1/workspace/invitations").await.json()["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let again = noor.post(&format!("/workspace/invitations/{id}/resend"), &[]).await;
        assert_eq!(again.status, 303, "{}", again.text);
        let second = link(world.letters().last().unwrap());
        assert_eq!(
            (nobody.get(&first).await.status, nobody.get(&second).await.status),
            (404.try_into().unwrap(), 200.try_into().unwrap())
        );
        noor.post(&format!("/workspace/invitations/{id}/withdraw"), &[]).await;
        assert_eq!(nobody.get(&second).await.status, 404, "withdrawn");

        let third = invite(&world, &mut noor, "otto@example.org").await;
        let declined = nobody.post("/invitation/decline", &[("code", code(&third))]).await;
        assert_eq!(declined.status, 200);
        assert_eq!(nobody.get(&third).await.status, 404, "declined");
        assert_eq!(nobody.post("/invitation/decline", &[("code", code(&third))]).await.status, 404);

        let fourth = invite(&world, &mut noor, "pia@example.org").await;
        world.clock.advance(Duration::from_secs(7 * 86_400 - 60));
        assert_eq!(nobody.get(&fourth).await.status, 200, "nearly a week old");
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(nobody.get(&fourth).await.status, 404, "too old on {}", world.engine());
        let fields = [
            ("code", code(&fourth)),
            ("first_name", "P"),
            ("last_name", "P"),
            ("new_password", "quiet harbour lamp"),
            ("new_again", "quiet harbour lamp"),
        ];
        assert_eq!(nobody.post("/invitation/join", &fields).await.status, 404);
        let fifth = [("code", "made-up"), ("first_name", "P")];
        assert_eq!(nobody.post("/invitation/join", &fifth).await.status, 404);
    }
}

#[tokio::test]
async fn an_invitation_is_worth_no_more_than_whoever_sent_it() {
    for world in all().await {
        let ada = world.person("Ada", &[Builtin::Admin]).await;
        let mut browser = world.browser("Ada").await;
        let webmaster = world.group(Builtin::Webmaster).to_string();
        let more = browser
            .post("/workspace/invitations", &[("email", "nina@example.org"), ("group", &webmaster)])
            .await;
        assert_eq!(more.status, 403, "an admin gives no more than they have: {}", more.text);
        let path = invite(&world, &mut browser, "nina@example.org").await;
        let mut noor = world.browser("Noor").await;
        assert_eq!(noor.post(&format!("/workspace/members/{ada}/remove"), &[]).await.status, 303);
        assert_eq!(Client::new(&world.app).get(&path).await.status, 404, "{}", world.engine());
    }
}

#[tokio::test]
async fn inviting_tells_nobody_whether_an_address_has_an_account() {
    for world in all().await {
        world.person("Sam", &[]).await;
        let eve = world.person("Eve", &[]).await;
        let (_, mut browser) = working_in(&world, eve, "Eve", "Trap").await;
        let mut said = Vec::new();
        for address in ["sam@example.org", "nosuch@example.org"] {
            let answer = browser.post("/workspace/invitations", &[("email", address)]).await;
            let letter = world.letters().pop().unwrap();
            let words = letter["text"].as_str().unwrap().replace(&link(&letter), "LINK");
            let flash = answer
                .headers
                .get_all("set-cookie")
                .iter()
                .map(|v| v.to_str().unwrap().to_owned())
                .collect::<Vec<_>>();
            said.push((answer.status, answer.location().to_owned(), flash, letter["subject"].clone(), words));
            let twice = browser.post("/workspace/invitations", &[("email", address)]).await;
            assert!(twice.text.contains("was invited already"), "{}", twice.text);
        }
        assert_eq!(said[0], said[1], "{}", world.engine());
        let page = browser.get("/workspace/members").await.text;
        let rows: Vec<String> = ["sam@example.org", "nosuch@example.org"]
            .iter()
            .map(|address| {
                let row = page
                    .split("<tr>")
                    .find(|row| row.contains(address))
                    .unwrap()
                    .split("</tr>")
                    .next()
                    .unwrap();
                let ids = row.split("/workspace/invitations/").skip(1).map(|rest| rest[..36].to_owned());
                ids.fold(row.replace(address, "ADDRESS"), |row, id| row.replace(&id, "ID"))
            })
            .collect();
        assert_eq!(rows[0], rows[1], "the list says no more");
    }
}

#[tokio::test]
async fn nobody_is_buried_in_letters() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        invite(&world, &mut noor, "nina@example.org").await;
        let id = noor.get("/api/v1/workspace/invitations").await.json()["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut sent = 1;
        for _ in 0..6 {
            let answer = noor.post(&format!("/workspace/invitations/{id}/resend"), &[]).await;
            sent += usize::from(answer.status == 303);
        }
        assert_eq!(sent, 4, "of seven letters to one address in a day");
        let last = noor.post(&format!("/workspace/invitations/{id}/resend"), &[]).await;
        assert!(last.status == 429 && last.text.contains("Try again tomorrow"), "{}", last.text);
        noor.post(&format!("/workspace/invitations/{id}/withdraw"), &[]).await;
        let anew = noor.post("/workspace/invitations", &[("email", "nina@example.org")]).await;
        assert_eq!(anew.status, 429, "withdrawing and inviting again is no way around it");
        assert!(anew.text.contains("nina@example.org"), "what was typed is kept");
        world.clock.advance(Duration::from_secs(86_401));
        let mut noor = world.browser("Noor").await;
        assert_eq!(
            noor.post("/workspace/invitations", &[("email", "nina@example.org")]).await.status,
            303,
            "{}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn of_many_who_use_a_link_at_once_one_joins() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let path = invite(&world, &mut noor, "nina@example.org").await;
        let profile = bo_identity::profile::Profile::of_name("Nina Berg");
        let works = (0..6)
            .map(|_| {
                let (id, secret, profile) =
                    (world.ids.make::<AccountId>(), code(&path).to_owned(), profile.clone());
                move |tx: &mut Tx| invitation::accept_as_new(tx, &secret, id, &profile, "hash").map(drop)
            })
            .collect();
        assert_eq!(at_once(&world, works).await, 1, "{}", world.engine());
        let count = world.db().read(|tx| bo_identity::member::count(tx, world.workspace)).unwrap();
        assert_eq!(count, 2, "{}", world.engine());
    }
}

#[tokio::test]
async fn wrong_addresses_are_refused_beside_their_field() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        for (typed, says) in [
            ("", "is required"),
            ("nina", "must be a mail address"),
            ("noor@example.org", "is a member already"),
            ("a@b\r\nBcc: c@d", "must be a mail address"),
        ] {
            let answer = noor.post("/workspace/invitations", &[("email", typed)]).await;
            assert!(
                answer.status == 422 && answer.text.contains(says),
                "{typed}: {} {}",
                answer.status,
                answer.text
            );
        }
        let unknown: InvitationId = world.ids.make();
        assert_eq!(noor.post(&format!("/workspace/invitations/{unknown}/resend"), &[]).await.status, 404);
        assert!(world.letters().is_empty(), "{}", world.engine());
    }
}
