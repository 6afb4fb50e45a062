//! TLS is verified: against a pinned CA, by name, and with a client certificate where the device wants one.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod support;

use bo_link::LinkState;
use bo_model::release::TlsClient;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A TLS device that greets; with `clients` it wants a client certificate of that CA. Gives its port.
fn device(server: &Authority, name: &str, clients: Option<&Authority>) -> u16 {
    let acceptor = server.acceptor(name, clients);
    let listener = listen(0);
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0u8; 5];
            if stream.read_exact(&mut request).await.is_ok() {
                stream.write_all(b"ready\r").await.unwrap();
                let _ = stream.read_u8().await;
            }
        }
    });
    port
}

#[tokio::test]
async fn a_device_is_spoken_to_only_when_its_certificate_is_of_the_pinned_ca_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let ca_file = Some(ours.file(folder.path()));
    let tls = TlsClient { ca_file: ca_file.clone(), ..TlsClient::default() };

    let right = link(&tcp(device(&ours, "localhost", None), Some(tls.clone())), &lines());
    assert_eq!(ask(&right.handle, "tell").await, Ok("ready".into()));

    for (wrong, why) in [
        (device(&other, "localhost", None), "UnknownIssuer"),
        (device(&ours, "elsewhere.example", None), "not valid for name"),
    ] {
        let link = link(&tcp(wrong, Some(tls.clone())), &lines());
        let state = state(&link.handle, |state| matches!(state, LinkState::Down(_))).await;
        assert!(format!("{state:?}").contains(why), "{state:?}");
    }

    let renamed =
        TlsClient { server_name: Some("elsewhere.example".into()), ca_file, ..TlsClient::default() };
    let link = link(&tcp(device(&ours, "elsewhere.example", None), Some(renamed)), &lines());
    assert_eq!(ask(&link.handle, "tell").await, Ok("ready".into()));
}

#[tokio::test]
async fn a_device_that_wants_a_client_certificate_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new("Ours");
    let (certificate, key) = ours.client(folder.path(), "edge");
    let tls = TlsClient {
        ca_file: Some(ours.file(folder.path())),
        client_cert_file: Some(certificate),
        client_key_file: Some(key),
        ..TlsClient::default()
    };
    let port = device(&ours, "localhost", Some(&ours));
    let link = link(&tcp(port, Some(tls)), &lines());
    assert_eq!(ask(&link.handle, "tell").await, Ok("ready".into()));
}
