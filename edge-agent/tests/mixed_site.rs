//! A driver with a profile and a component on one device: each does its part, and a fault of one is no fault of the other.

mod common;

use bo_model::command::Stage;
use bo_model::{Data, Value};
use bo_simulator::{Fake, Place};
use common::*;
use serde_json::json;
use std::path::Path;

/// Publishes `count` = 7 for a command, counts `heard` once for each event, and dies of `die`.
const COMPONENT: &str = r#"(module
    (import "backoffice:driver/host@0.1.0" "publish" (func $publish (param i32 i32 i32 i64 i32)))
    (memory (export "memory") 1)
    (data (i32.const 1024) "countheard")
    (global $free (mut i32) (i32.const 4096))
    (global $events (mut i64) (i64.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $free)
        (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const 0xfff8))))
    (func (export "backoffice:driver/device@0.1.0#start") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "backoffice:driver/device@0.1.0#handle") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
        (global.set $events (i64.add (global.get $events) (i64.const 1)))
        (call $publish (i32.const 1029) (i32.const 5) (i32.const 2) (global.get $events) (i32.const 0))
        (i32.const 0))
    (func (export "backoffice:driver/device@0.1.0#command") (param i32 i32 i32 i32) (result i32)
        (if (i32.eq (local.get 1) (i32.const 3)) (then unreachable))
        (call $publish (i32.const 1024) (i32.const 5) (i32.const 2) (i64.const 7) (i32.const 0))
        (i32.const 0)))"#;

const EXTRA: &str = r#"
[component]
file = "component.wasm"
wit = "0.1"
[status.count]
type = "integer"
[status.heard]
type = "integer"
[command.count_now]
[command.die]
"#;

fn component() -> Vec<u8> {
    let mut module = wat::parse_str(COMPONENT).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir(drivers().join("wit/0.1")).unwrap();
    let world = resolve.select_world(&[package], Some("driver")).unwrap();
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .unwrap();
    wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// The shipped inverter with a component beside its profile.
fn driver(folder: &Path) {
    let home = folder.join("drivers/mixed-inverter");
    std::fs::create_dir_all(&home).unwrap();
    let shipped = std::fs::read_to_string(drivers().join("sunspec-inverter/driver.toml")).unwrap();
    let manifest = shipped.replace("name = \"sunspec-inverter\"", "name = \"mixed-inverter\"") + EXTRA;
    std::fs::write(home.join("driver.toml"), manifest).unwrap();
    std::fs::write(home.join("component.wasm"), component()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_reads_and_writes_natively_and_the_component_handles_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    driver(folder.path());
    let fake =
        Fake::from_folder("Inverter_2", &drivers().join("sunspec-inverter"), Default::default()).unwrap();
    fake.set("power", 5_000);
    let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
    let running = bo_simulator::start(&place, std::slice::from_ref(&fake)).await.unwrap();
    let file = folder.path().join("site.toml");
    let device = device(2, "Inverter_2", "mixed-inverter", Some("plant"), "{ unit = 1 }");
    std::fs::write(&file, site(&format!("{}{device}", modbus_tcp("plant", &running.address)))).unwrap();
    let desired =
        backoffice_edge::site::Desired::from_file(&file, &folder.path().join("drivers"), None).unwrap();
    let agent = start(folder.path()).await;
    agent.apply(desired).await.unwrap();

    let good = |value: &Value| value.quality.is_good();
    until(&agent, id(2), "power", good).await;
    let first = until(&agent, id(2), "heard", good).await.data.number().unwrap();
    fake.set("power", 4_000);
    until(&agent, id(2), "power", |value| value.data.number() == Some(4_000.0)).await;
    until(&agent, id(2), "heard", |value| value.data.number() > Some(first)).await;

    let limit = request(&agent, id(2), "set_power_limit", json!({"percent": 55}));
    assert_eq!(agent.commands.execute(limit).await, Stage::Observed, "written by the profile");
    assert_eq!(fake.number("power_limit"), 55.0);
    let count = agent.commands.execute(request(&agent, id(2), "count_now", json!({}))).await;
    assert_eq!(count, Stage::Done, "carried out by the component");
    until(&agent, id(2), "count", |value| value.data == Data::Int(7)).await;

    let died = agent.commands.execute(request(&agent, id(2), "die", json!({}))).await;
    assert!(matches!(died, Stage::Failed { .. }), "{died:?}");
    let count = until(&agent, id(2), "count", |value| !value.quality.is_good()).await;
    assert!(format!("{:?}", count.quality).contains("DriverFault"), "{count:?}");
    fake.set("power", 3_000);
    until(&agent, id(2), "power", |value| good(value) && value.data.number() == Some(3_000.0)).await;
    assert_eq!(agent.board.find(id(2), "online").unwrap().data, Data::Bool(true), "the device still answers");
    assert!(agent.stop().await);
    running.stop().await;
}
