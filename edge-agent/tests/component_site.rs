//! Devices driven by components: a display that speaks PJLink, and the room logic that switches it with the rest.
//! The components are built by `cargo xtask` (or `backoffice-edge driver build`) before these tests run.

mod common;

use bo_model::Data;
use bo_model::command::Stage;
use bo_simulator::{Fake, Fault, Place};
use common::*;
use serde_json::json;

fn is_built(driver: &str) -> bool {
    let built = drivers().join(format!("target/components/{driver}.wasm")).is_file();
    assert!(built || std::env::var_os("CI").is_none(), "the component of {driver} is not built");
    if !built {
        eprintln!(
            "left out: the component of {driver} is not built; `backoffice-edge driver build drivers/{driver}` does it"
        );
    }
    built
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_switches_its_display_on_as_one_and_says_when_it_is_gone() {
    if !is_built("pjlink-display") || !is_built("room-logic") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"password": "secret1"});
    let display = Fake::from_folder(
        "Display_1",
        &drivers().join("pjlink-display"),
        serde_json::from_value(settings).unwrap(),
    )
    .unwrap();
    let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
    let running = bo_simulator::start(&place, std::slice::from_ref(&display)).await.unwrap();
    let bo_simulator::Address::Tcp(address) = running.address else { panic!() };
    let site = site(&format!(
        "[link.display]\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {}\n{}{}",
        address.port(),
        device(
            2,
            "Display_1",
            "pjlink-display",
            Some("display"),
            "{ password = \"secret1\", poll = \"1s\" }"
        ),
        device(3, "Room_1", "room-logic", None, "{}"),
    ));
    let agent = start(folder.path()).await;
    agent.apply(desired(folder.path(), &site)).await.unwrap();
    until(&agent, id(2), "power", |value| value.data == Data::from("off") && value.quality.is_good()).await;
    until(&agent, id(3), "on", |value| value.data == Data::Bool(false)).await;

    let on = agent.commands.execute(request(&agent, id(3), "on", json!({}))).await;
    assert_eq!(on, Stage::Observed);
    assert_eq!(display.text("power"), "on");
    until(&agent, id(2), "power", |value| value.data == Data::from("on")).await;

    display.set_fault(Fault::Offline);
    until(&agent, id(2), "online", |value| value.data == Data::Bool(false)).await;
    let gone = until(&agent, id(2), "power", |value| !value.quality.is_good()).await;
    assert_eq!(gone.data, Data::from("on"), "the last datum is kept, greyed");
    until(&agent, id(3), "online", |value| value.data == Data::Bool(true)).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_asked_in_vain_is_away_though_its_link_says_nothing() {
    if !is_built("shelly-relay") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let relay = Fake::from_folder("Relay_1", &drivers().join("shelly-relay"), Default::default()).unwrap();
    let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
    let running = bo_simulator::start(&place, std::slice::from_ref(&relay)).await.unwrap();
    let bo_simulator::Address::Tcp(address) = running.address else { panic!() };
    let site = site(&format!(
        "[link.relay]\nkind = \"http\"\nbase = \"http://{address}\"\n{}",
        device(2, "Relay_1", "shelly-relay", Some("relay"), "{ poll = \"1s\" }"),
    ));
    let agent = start(folder.path()).await;
    agent.apply(desired(folder.path(), &site)).await.unwrap();
    until(&agent, id(2), "power", |value| value.quality.is_good()).await;
    until(&agent, id(2), "online", |value| value.data == Data::Bool(true)).await;

    relay.set_fault(Fault::Offline);
    until(&agent, id(2), "online", |value| value.data == Data::Bool(false)).await;
    until(&agent, id(2), "power", |value| !value.quality.is_good()).await;
    relay.set_fault(Fault::None);
    until(&agent, id(2), "online", |value| value.data == Data::Bool(true)).await;
    until(&agent, id(2), "power", |value| value.quality.is_good()).await;
    agent.stop().await;
    running.stop().await;
}
