//! Projects as people use them: roles, profiles, phase folders, fields, history; on both databases.
#![allow(clippy::unwrap_used, reason = "a missing answer fails the test")]

use axum::http::Method;
use bo_identity::testing::{World, nobody_gets_in, worlds};
use bo_identity::workspace::Builtin;
use bo_identity::{delegate, group};
use bo_model::{AccountId, Clock, GroupId, Kind, Level, Object};
use bo_projects::{FOLDER, MODULE, PROJECT};
use bo_web::testing::{Answer, Client};
use serde_json::{Value as Json, json};

/// Pat manages projects, Ina is staff, Fay a freelancer, Cli a client, Fin in finance, Emil an employee, Rui nothing.
async fn all() -> Vec<World> {
    let worlds = worlds(&bo_content::MIGRATIONS, &[MODULE]).await;
    for world in &worlds {
        let mut noor = world.browser("Noor").await;
        let set_up = noor.post("/projects/profiles/set-up", &[]).await;
        assert_eq!(set_up.status, 303, "{}", set_up.text);
        world.person("Pat", &[Builtin::Team]).await;
        for (name, profile) in [
            ("Ina", "Employees"),
            ("Emil", "Employees"),
            ("Fay", "Freelancers"),
            ("Cli", "Clients"),
            ("Fin", "Finance"),
        ] {
            let account = world.person(name, &[]).await;
            world.join(account, profile_of(world, profile)).await;
        }
        let pat = account(world, "Pat");
        world.join(pat, profile_of(world, "Project managers")).await;
        world.person("Rui", &[]).await;
    }
    worlds
}

fn account(world: &World, name: &str) -> AccountId {
    let email = format!("{}@example.org", name.to_lowercase());
    world.db().read(|tx| bo_identity::account::by_email(tx, &email)).unwrap().unwrap().0.id
}

fn profile_of(world: &World, name: &str) -> GroupId {
    let all = world.db().read(|tx| group::all(tx, world.workspace)).unwrap();
    all.into_iter().find(|group| group.name == name).unwrap().id
}

async fn project(client: &mut Client, code: &str, trade: &str) -> String {
    let fields =
        json!({"code": code, "name": format!("Project {code}"), "client": "Acme Books", "trade": trade});
    let answer = client.call(Method::POST, "/api/v1/projects", &fields).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn read(client: &mut Client, project: &str) -> Json {
    client.get(&format!("/api/v1/projects/{project}")).await.json()
}

/// The names of the folders somebody sees, and their levels there.
fn folders(project: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let all = project["folders"].as_array().unwrap().iter();
    all.map(|row| (text(&row["folder"]["name"]), text(&row["level"]))).collect()
}

fn folder_id(project: &Json, name: &str) -> String {
    let all = project["folders"].as_array().unwrap();
    let found =
        all.iter().find(|row| row["folder"]["name"] == name).unwrap_or_else(|| panic!("{name}: {project}"));
    found["folder"]["id"].as_str().unwrap().to_owned()
}

async fn put_on_team(client: &mut Client, project: &str, who: &str, role: &str) -> Answer {
    client.post(&format!("/projects/{project}/team"), &[("subject", who), ("role", role)]).await
}

async fn attach(client: &mut Client, folder: &str, name: &str) -> u16 {
    let body = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{name}\r\n--x--\r\n"
    );
    let to = format!("{folder}/files");
    let sent =
        client.send(Method::POST, &to, Some("multipart/form-data; boundary=x"), body.into_bytes()).await;
    sent.status.into()
}

#[tokio::test]
async fn no_route_lets_anybody_in_without_permission() {
    nobody_gets_in(&all().await, "Rui").await;
}

#[tokio::test]
async fn staff_freelancers_and_clients_have_the_rights_of_their_roles_and_nothing_else() {
    for world in all().await {
        let (mut pat, mut fay) = (world.browser("Pat").await, world.browser("Fay").await);
        let (mut ina, mut cli) = (world.browser("Ina").await, world.browser("Cli").await);
        let id = project(&mut pat, "TR-1", "translation").await;
        let other = project(&mut pat, "TR-2", "translation").await;
        for (who, role) in [
            ("fay@example.org", "translator"),
            ("ina@example.org", "translator"),
            ("cli@example.org", "client"),
        ] {
            assert_eq!(put_on_team(&mut pat, &id, who, role).await.status, 303, "{}", world.engine());
        }
        let whole = read(&mut pat, &id).await;
        let names = ["Sales", "Translation", "Editing", "Proof reading", "Delivery"];
        assert_eq!(folders(&whole), names.map(|name| (name.to_owned(), "own".to_owned())));

        // The freelancer and the colleague in the same role see and may the same.
        let seen = read(&mut fay, &id).await;
        assert_eq!(folders(&seen), [("Translation".to_owned(), "edit".to_owned())]);
        assert_eq!(folders(&read(&mut ina, &id).await), folders(&seen));
        assert_eq!(seen["level"], "see", "the name, not the data");
        assert_eq!((&seen["project"]["client"], &seen["fields"]), (&json!(""), &json!({})));
        assert!(!fay.get(&format!("/projects/{id}")).await.text.contains("Acme Books"));
        assert_eq!(fay.get(&format!("/api/v1/projects/{other}")).await.status, 404, "in that project alone");
        let list = fay.get("/api/v1/projects?q=acme").await.json();
        assert_eq!(list["items"], json!([]), "nothing is found by what one may not read");
        assert_eq!(folders(&read(&mut cli, &id).await), [("Delivery".to_owned(), "view".to_owned())]);
        assert_eq!(
            read(&mut cli, &id).await["project"]["client"],
            "Acme Books",
            "a client reads the project"
        );

        // They work in their phase; folders in it pass on what they have there.
        let translation = format!("/projects/{id}/folders/{}", folder_id(&whole, "Translation"));
        let editing = format!("/projects/{id}/folders/{}", folder_id(&whole, "Editing"));
        assert_eq!(attach(&mut fay, &translation, "draft.txt").await, 303);
        assert_eq!(fay.post(&format!("{translation}/folders"), &[("name", "Chapter 1")]).await.status, 303);
        let chapter =
            format!("/projects/{id}/folders/{}", folder_id(&read(&mut ina, &id).await, "Chapter 1"));
        assert_eq!(attach(&mut ina, &chapter, "one.txt").await, 303);
        assert_eq!(attach(&mut pat, &editing, "edited.txt").await, 303);
        // What one does not see is not there by any address.
        for folder in [&translation, &chapter] {
            assert_eq!(cli.get(folder).await.status, 404, "{folder}");
            assert_eq!(attach(&mut cli, folder, "x.txt").await, 404);
        }
        assert_eq!(fay.get(&editing).await.status, 404);
        assert_eq!(attach(&mut fay, &editing, "x.txt").await, 404);
        let files = pat.get(&format!("/api/v1{editing}")).await.json();
        let file = files["files"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(fay.get(&format!("{editing}/files/{file}")).await.status, 404);
        assert_eq!(
            fay.get(&format!("{translation}/files/{file}")).await.status,
            404,
            "by way of a folder of one's own"
        );
        // Nor may they decide: on the team, on rights, on the project.
        for path in ["/rights", "/edit", "/team"] {
            assert_eq!(fay.get(&format!("/projects/{id}{path}")).await.status, 403, "{path}");
        }
        assert_eq!(fay.post(&format!("{translation}/rename"), &[("name", "Mine")]).await.status, 403);
    }
}

#[tokio::test]
async fn a_freelancer_manages_a_project_and_no_other() {
    for world in all().await {
        let (mut pat, mut fay) = (world.browser("Pat").await, world.browser("Fay").await);
        let (id, other) = (project(&mut pat, "A", "it").await, project(&mut pat, "B", "it").await);
        assert_eq!(put_on_team(&mut pat, &id, "fay@example.org", "manager").await.status, 303);
        let seen = read(&mut fay, &id).await;
        assert!(
            folders(&seen).iter().all(|(_, level)| level == "own") && folders(&seen).len() == 5,
            "{seen}"
        );
        assert_eq!(put_on_team(&mut fay, &id, "ina@example.org", "tester").await.status, 303);
        assert_eq!(fay.get(&format!("/projects/{other}")).await.status, 404);
        for path in ["/projects/new", "/projects/profiles", "/groups"] {
            assert!(matches!(fay.get(path).await.status.as_u16(), 403 | 404), "{path}");
        }
        // A whole agency in one role, until a day.
        let ina = account(&world, "Ina");
        let (agency, workspace): (GroupId, _) = (world.ids.make(), world.workspace);
        world.change(move |tx| group::create(tx, workspace, agency, "Agency", "")).await;
        world.join(account(&world, "Emil"), agency).await;
        let day = world.clock.now().after(std::time::Duration::from_secs(5 * 86_400)).rfc3339();
        let fields = [("subject", "Agency"), ("role", "developer"), ("until", &day[..10])];
        assert_eq!(fay.post(&format!("/projects/{id}/team"), &fields).await.status, 303);
        let mut emil = world.browser("Emil").await;
        assert!(
            folders(&read(&mut emil, &id).await).contains(&("Development".to_owned(), "edit".to_owned()))
        );
        world.clock.advance(std::time::Duration::from_secs(7 * 86_400));
        let mut emil = world.browser("Emil").await;
        assert_eq!(folders(&read(&mut emil, &id).await), [], "{}: the day is over", world.engine());
        let mut fay = world.browser("Fay").await;
        let fields = [("subject", "Agency"), ("role", "tester"), ("until", "2027-01-02")];
        let past = fay.post(&format!("/projects/{id}/team"), &fields).await;
        assert!(past.text.contains("must be a day to come"), "{}", past.text);
        assert!(world.level(ina, &Object::new(PROJECT, &id)) >= Level::View);
    }
}

#[tokio::test]
async fn a_field_is_seen_and_changed_by_the_profiles_it_is_for() {
    for world in all().await {
        let (mut pat, mut fin) = (world.browser("Pat").await, world.browser("Fin").await);
        let (mut cli, mut emil) = (world.browser("Cli").await, world.browser("Emil").await);
        let id = project(&mut pat, "A", "it").await;
        put_on_team(&mut pat, &id, "cli@example.org", "client").await;
        let path = format!("/api/v1/projects/{id}");
        let facts = json!({"code": "A", "name": "Project A", "client": "Acme Books", "budget": "48 000 EUR", "remarks": "They pay late"});
        let saved = pat.call(Method::PUT, &path, &facts).await;
        assert_eq!(saved.status, 204, "its manager sees all fields: {}", saved.text);
        assert_eq!(read(&mut pat, &id).await["fields"]["budget"], "48000.00 EUR");
        // Finance reads every project, with what is said of money.
        let seen = read(&mut fin, &id).await;
        assert_eq!(
            (&seen["level"], &seen["fields"]["budget"]),
            (&json!("view"), &json!("48000.00 EUR")),
            "{seen}"
        );
        assert_eq!(folders(&seen), [], "and not what is in the phases");
        // A client reads the project, and none of it; an employee sees that there is one.
        for secret in ["48000", "pay late", "Budget", "Internal remarks"] {
            for text in [cli.get(&path).await.text, cli.get(&format!("/projects/{id}")).await.text] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
        let seen = read(&mut emil, &id).await;
        assert_eq!((&seen["level"], &seen["fields"]), (&json!("see"), &json!({})), "{seen}");
        // The log says that it changed, and not to what.
        let told: Vec<String> = world
            .db()
            .read(|tx| {
                tx.query("SELECT body FROM audit_record WHERE verb = 'project.change'", &[], |row| row.get(0))
            })
            .unwrap();
        assert!(
            told.iter().any(|text| text.contains("budget"))
                && told.iter().all(|text| !text.contains("48000")),
            "{told:?}"
        );

        // Who may change the project may not change every field of it.
        let ina = account(&world, "Ina");
        world.grant(ina, Object::new(PROJECT, &id), Level::Edit).await;
        let mut ina = world.browser("Ina").await;
        let with_budget =
            ina.call(Method::PUT, &path, &json!({"code": "A", "name": "A", "budget": "1 EUR"})).await;
        assert_eq!(with_budget.status, 403, "{}", with_budget.text);
        assert_eq!(ina.call(Method::PUT, &path, &json!({"code": "A", "name": "Renamed"})).await.status, 204);
        let kept = read(&mut pat, &id).await;
        assert_eq!(
            (&kept["project"]["name"], &kept["fields"]["budget"]),
            (&json!("Renamed"), &json!("48000.00 EUR"))
        );
        assert!(!ina.get(&format!("/projects/{id}/edit")).await.text.contains("48000"));

        // A profile of one's own works like a predefined one, from the next request on.
        let (legal, workspace): (GroupId, _) = (world.ids.make(), world.workspace);
        world.change(move |tx| group::create(tx, workspace, legal, "Legal", "")).await;
        let rui = account(&world, "Rui");
        world.join(rui, legal).await;
        let mut rui = world.browser("Rui").await;
        assert_eq!(rui.get(&path).await.status, 404);
        let mut noor = world.browser("Noor").await;
        for object in [format!("projects:{workspace}"), format!("project-field:{workspace}/remarks")] {
            let fields = [("group", legal.to_string()), ("object", object), ("level", "view".to_owned())];
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(noor.post("/projects/profiles", &fields).await.status, 303);
        }
        assert_eq!(
            rui.get(&path).await.json()["fields"],
            json!({"remarks": "They pay late"}),
            "{}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn rights_are_given_folder_by_folder_and_case_by_case_by_those_who_have_them() {
    for world in all().await {
        let (mut pat, mut fay) = (world.browser("Pat").await, world.browser("Fay").await);
        let id = project(&mut pat, "A", "translation").await;
        put_on_team(&mut pat, &id, "fay@example.org", "translator").await;
        // A phase of one's own, a role of one's own, and what the role may do there.
        pat.post(&format!("/projects/{id}/folders"), &[("name", "Layout")]).await;
        let twice = pat.post(&format!("/projects/{id}/folders"), &[("name", "layout")]).await;
        assert!(twice.text.contains("is the name of another folder here"), "{}", twice.text);
        pat.post(&format!("/projects/{id}/roles"), &[("title", "Layouter")]).await;
        let whole = read(&mut pat, &id).await;
        let (layout, editing) = (folder_id(&whole, "Layout"), folder_id(&whole, "Editing"));
        let rights = format!("/api/v1/projects/{id}/rights");
        let role = format!("role:layouter@project:{id}");
        let give = |subject: &str, folder: &str, level: &str| json!({"subject": subject, "folder": folder, "level": level});
        assert_eq!(pat.call(Method::PUT, &rights, &give(&role, &layout, "edit")).await.status, 204);
        put_on_team(&mut pat, &id, "emil@example.org", "layouter").await;
        let mut emil = world.browser("Emil").await;
        assert_eq!(folders(&read(&mut emil, &id).await), [("Layout".to_owned(), "edit".to_owned())]);
        // To see is the name alone.
        assert_eq!(pat.call(Method::PUT, &rights, &give(&role, &editing, "see")).await.status, 204);
        attach(&mut pat, &format!("/projects/{id}/folders/{editing}"), "secret.txt").await;
        let seen = emil.get(&format!("/projects/{id}/folders/{editing}")).await;
        assert!(seen.status == 200 && !seen.text.contains("secret.txt"), "{}", seen.text);
        assert_eq!(
            emil.get(&format!("/api/v1/projects/{id}/folders/{editing}")).await.json()["files"],
            json!([])
        );
        // Case by case, for one person; and taken back.
        assert_eq!(
            pat.call(Method::PUT, &rights, &give("rui@example.org", &editing, "view")).await.status,
            204
        );
        let editing_object = Object::new(FOLDER, &editing);
        assert_eq!(world.level(account(&world, "Rui"), &editing_object), Level::View);
        assert_eq!(
            pat.call(Method::PUT, &rights, &give("rui@example.org", &editing, "none")).await.status,
            204
        );
        assert_eq!(world.level(account(&world, "Rui"), &editing_object), Level::None);
        // Nobody gives what they do not have, nor anything to themselves, nor to a role of another project.
        assert_eq!(
            fay.call(Method::PUT, &rights, &give("rui@example.org", &editing, "view")).await.status,
            403
        );
        let own = pat.call(Method::PUT, &rights, &give("pat@example.org", &editing, "own")).await;
        assert_eq!(own.status, 403, "{}", own.text);
        let other = project(&mut pat, "B", "translation").await;
        let foreign = give(&format!("role:editor@project:{other}"), &editing, "own");
        assert_eq!(pat.call(Method::PUT, &rights, &foreign).await.status, 422);
        let elsewhere = folder_id(&read(&mut pat, &other).await, "Editing");
        assert_eq!(pat.call(Method::PUT, &rights, &give(&role, &elsewhere, "own")).await.status, 404);
        let page = pat.get(&format!("/projects/{id}/rights")).await;
        assert!(page.text.contains("Layouter") && page.text.contains("Layout"), "{}", page.text);
        assert!(world.verbs().iter().any(|verb| verb == "relation.grant"));
    }
}

#[tokio::test]
async fn a_closed_project_is_read_with_the_right_to_history_and_gone_without() {
    for world in all().await {
        let (mut pat, mut fay) = (world.browser("Pat").await, world.browser("Fay").await);
        let id = project(&mut pat, "OLD", "translation").await;
        put_on_team(&mut pat, &id, "fay@example.org", "manager").await;
        let folder = folder_id(&read(&mut pat, &id).await, "Translation");
        attach(&mut pat, &format!("/projects/{id}/folders/{folder}"), "old.txt").await;
        assert_eq!(pat.post(&format!("/projects/{id}/close"), &[]).await.status, 303);
        // Pat's profile has the right; Fay managed it too, and hers has not.
        let seen = read(&mut pat, &id).await;
        assert_eq!((&seen["level"], &seen["project"]["closed"]), (&json!("view"), &json!(true)), "{seen}");
        assert!(pat.get(&format!("/projects/{id}/folders/{folder}")).await.text.contains("old.txt"));
        assert_eq!(attach(&mut pat, &format!("/projects/{id}/folders/{folder}"), "new.txt").await, 403);
        let change = json!({"code": "OLD", "name": "New"});
        assert_eq!(pat.call(Method::PUT, &format!("/api/v1/projects/{id}"), &change).await.status, 403);
        assert_eq!(fay.get(&format!("/projects/{id}")).await.status, 404);
        assert_eq!(fay.get(&format!("/projects/{id}/folders/{folder}")).await.status, 404);
        assert!(!fay.get("/projects").await.text.contains("OLD"), "{}", world.engine());
        // Whoever owns everything opens it again, with everybody's roles as they were.
        let mut noor = world.browser("Noor").await;
        assert_eq!(noor.post(&format!("/projects/{id}/reopen"), &[]).await.status, 303);
        assert_eq!(read(&mut fay, &id).await["level"], "own");
    }
}

#[tokio::test]
async fn nobody_is_an_employee_and_a_freelancer_at_once() {
    for world in all().await {
        let viewer = world.viewer(world.owner);
        let (fay, groups) =
            (account(&world, "Fay"), ["Freelancers", "Employees"].map(|name| profile_of(&world, name)));
        let both = world
            .db()
            .write({
                let viewer = viewer.clone();
                move |tx| delegate::set_groups(tx, &viewer, fay, &groups)
            })
            .await;
        let told = both.unwrap_err().to_string();
        assert!(told.contains("“Employees” and “Freelancers”"), "{told}");
        let held = world.db().read(|tx| delegate::groups_of(tx, world.workspace, fay)).unwrap();
        assert_eq!(held.len(), 1, "{}: nothing changed", world.engine());
        // By way of a group that is in one of them neither.
        let (agency, workspace): (GroupId, _) = (world.ids.make(), world.workspace);
        let freelancers = groups[0];
        world
            .change(move |tx| {
                group::create(tx, workspace, agency, "Agency", "")?;
                let (child, parent) =
                    (Object::new(Kind::GROUP, agency), Object::new(Kind::GROUP, freelancers));
                Ok(bo_identity::relation::join(
                    tx,
                    &child,
                    &parent,
                    bo_identity::relation::Validity::ALWAYS,
                    "",
                )?)
            })
            .await;
        let ina = account(&world, "Ina");
        let wanted = [groups[1], agency];
        let hidden = world.db().write(move |tx| delegate::set_groups(tx, &viewer, ina, &wanted)).await;
        assert!(hidden.is_err(), "{}", world.engine());
    }
}

#[tokio::test]
async fn a_refused_form_says_why_beside_the_field_and_keeps_what_was_typed() {
    for world in all().await {
        let mut pat = world.browser("Pat").await;
        project(&mut pat, "A", "own").await;
        let fields = [("code", "a"), ("name", "Twice <i>"), ("trade", "own")];
        let form = pat.post("/projects", &fields).await;
        assert!(
            form.text.contains("is that of another project") && form.text.contains("Twice &lt;i&gt;"),
            "{}",
            form.text
        );
        let list = pat.get("/api/v1/projects?sort=-code").await.json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        let id = list["items"][0]["project"]["id"].as_str().unwrap().to_owned();
        let fields = [("code", "A"), ("name", "A"), ("budget", "a lot")];
        let form = pat.post(&format!("/projects/{id}/change"), &fields).await;
        assert!(
            form.text.contains("must be an amount and a currency") && form.text.contains("a lot"),
            "{}",
            form.text
        );
        let form = pat
            .post(&format!("/projects/{id}/team"), &[("subject", "nobody@example.org"), ("role", "manager")])
            .await;
        assert!(form.text.contains("is no group, and no member"), "{}", form.text);
        let id = project(&mut pat, "TR-1", "translation").await;
        let folder = folder_id(&read(&mut pat, &id).await, "Delivery");
        let to = format!("/projects/{id}/folders/{folder}/files");
        let (form, nothing) = (Some("multipart/form-data; boundary=x"), b"--x--\r\n".to_vec());
        let unchosen = pat.send(Method::POST, &to, form, nothing).await;
        assert!(unchosen.status == 422, "{}", unchosen.text);
        assert!(unchosen.text.contains("Nothing was attached: choose a file first."), "{}", unchosen.text);
        assert!(world.verbs().iter().any(|verb| verb == "project.create"));
    }
}

const PARTS: [bo_db::Part; 2] = [MODULE.part, bo_content::PART];

/// Worlds whose owner has a project with folders, a field and a file.
async fn with_projects() -> Vec<(World, String)> {
    let mut made = Vec::new();
    for world in bo_identity::testing::worlds_of(&bo_content::MIGRATIONS, &[MODULE], &PARTS).await {
        let mut noor = world.browser("Noor").await;
        noor.post("/projects/profiles/set-up", &[]).await;
        let id = project(&mut noor, "A1", "translation").await;
        made.push((world, id));
    }
    made
}

#[tokio::test]
async fn every_form_withstands_other_sites_guessed_ids_and_junk() {
    for (world, id) in with_projects().await {
        let page = format!("/projects/{id}");
        bo_identity::testing::withstands_abuse(&world, &["/projects", &page], (20, 8, 6)).await;
    }
}

#[tokio::test]
async fn an_organisation_that_is_removed_leaves_no_project_and_others_keep_theirs() {
    for (world, id) in with_projects().await {
        let sam = world.person("Sam", &[]).await;
        let mut browser = world.browser("Sam").await;
        let northwind = world.organisation(sam, "Northwind", &mut browser).await;
        browser.post("/projects/profiles/set-up", &[]).await;
        project(&mut browser, "A1", "translation").await;
        let page = browser.get("/workspace/remove").await.text;
        assert!(page.contains("<strong>1</strong> projects, with their folders and files"), "{page}");
        world.remove_organisation(&mut browser, "Northwind", northwind.id).await;
        let mut noor = world.browser("Noor").await;
        assert_eq!(read(&mut noor, &id).await["project"]["code"], "A1", "{}", world.engine());
    }
}

#[tokio::test]
async fn explanations_of_access_call_projects_folders_and_fields_by_their_names() {
    for (world, id) in with_projects().await {
        let mut noor = world.browser("Noor").await;
        let ada = world.person("Ada", &[]).await;
        world.grant(ada, Object::new(PROJECT, &id), Level::View).await;
        world.grant(ada, Object::new(bo_projects::FIELD, format!("{id}/budget")), Level::View).await;
        let review = noor.get(&format!("/access/review?subject=account:{ada}")).await.text;
        for name in ["the project Project A1", "the field Budget of the project Project A1"] {
            assert!(review.contains(name), "{name} on {}: {review}", world.engine());
        }
    }
}
