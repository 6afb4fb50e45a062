//! Modbus links that other masters may use: set in the console, over the API and by files, brought out with a release.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_model::Level;
use common::people::{app, browser};
use common::{Rig, rigs};

#[tokio::test(flavor = "multi_thread")]
async fn a_modbus_link_is_shared_with_other_masters_by_its_form_the_api_and_files_and_goes_out_with_a_release()
 {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let edge = rig.edge();
        let path = format!("/edges/{edge}/links/bus");
        let form = noor.get(&path).await.text;
        assert!(form.contains("Other Modbus masters read through the gateway"), "{form}");
        let sent = |port: &'static str, writes: &'static str| {
            [
                ("kind", "modbus-tcp"),
                ("host", "127.0.0.1"),
                ("share", "true"),
                ("share-listen", port),
                ("share-writes", writes),
            ]
        };
        let refused = noor.post(&path, &sent("none", "false")).await;
        assert!(
            refused.text.contains("must be a port, like 1502") && refused.text.contains("value=\"none\""),
            "{}",
            refused.text
        );
        assert_eq!(noor.post(&path, &sent("1502", "false")).await.status, 303);
        let shared = |rig: &Rig| rig.estate.registry().edges[&edge].shares.clone();
        assert_eq!(shared(&rig)["bus"].listen.to_string(), "0.0.0.0:1502");
        let page = noor.get(&format!("/edges/{edge}")).await.text;
        assert!(page.contains("shared on 0.0.0.0:1502"), "{page}");
        assert!(noor.get(&path).await.text.contains("value=\"1502\""), "it is shown as it was typed");

        // Two links on one port are refused, as are links that speak something else.
        let two = serde_json::json!({
            "links": {"bus": {"kind": "modbus-tcp", "host": "127.0.0.1"}, "web": {"kind": "http", "base": "http://x"}, "line": {"kind": "modbus-tcp", "host": "::1"}},
            "shares": {"bus": {"listen": "0.0.0.0:1502"}, "line": {"listen": "0.0.0.0:1502"}, "web": {"listen": "0.0.0.0:1503"}}
        });
        let api = format!("/api/v1/edges/{edge}");
        let answer = noor.call(Method::PATCH, &api, &two).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(
            answer.text.contains("listens on 0.0.0.0:1502 already")
                && answer.text.contains("does not speak Modbus"),
            "{}",
            answer.text
        );
        let writes = serde_json::json!({"shares": {"bus": {"listen": "127.0.0.1:1502", "writes": true}}});
        let answer = noor.call(Method::PATCH, &api, &writes).await.json();
        assert_eq!(answer["shares"]["bus"]["writes"], true, "{answer}");

        // Out with a release, and there and back through files.
        noor.call(Method::POST, &format!("{api}/releases"), &serde_json::json!({})).await;
        let release = rig.db.read(|tx| bo_estate::releases::queries::latest(tx, edge)).unwrap().unwrap();
        let site: bo_model::release::Site = serde_json::from_str(&release.site).unwrap();
        assert_eq!(site.shares, shared(&rig));
        let file =
            bo_estate::import::export::to_file(&rig.estate.registry(), rig.workspace, "Northwind Estates");
        let text = toml::to_string(&file).unwrap();
        assert!(text.contains("[edge.share.bus]"), "{text}");
        std::fs::write(rig.folder.path().join("estate/estate.toml"), text).unwrap();
        let plan = common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
        assert_eq!(plan.changes, vec![]);

        // A link that goes takes its share along; here it is used.
        assert_eq!(noor.post(&path, &[("kind", "modbus-tcp"), ("host", "127.0.0.1")]).await.status, 303);
        assert!(shared(&rig).is_empty(), "{}", rig.test.engine);
    }
}
