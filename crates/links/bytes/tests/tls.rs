//! TLS is verified: against a pinned CA, by name, and with a client certificate where the device wants one.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod support;

use bo_link::LinkState;
use bo_link_bytes::ConfigError;
use bo_model::release::TlsClient;
use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key in PEM, for a server named `name` or for a client.
fn leaf(ca: &Ca, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    (params.signed_by(&key, ca).unwrap().pem(), key.serialize_pem())
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A TLS device that greets; with `clients` it wants a client certificate of that CA. Gives its port.
fn device(server: &Ca, name: &str, clients: Option<&Ca>) -> u16 {
    use rustls::pki_types::pem::PemObject;
    let (certificate, key) = leaf(server, name, ExtendedKeyUsagePurpose::ServerAuth);
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
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
    let (ours, other) = (ca("Ours"), ca("Other"));
    let ca_file = Some(write(folder.path(), "ca.pem", &ours.pem()));
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
    let ours = ca("Ours");
    let (certificate, key) = leaf(&ours, "edge", ExtendedKeyUsagePurpose::ClientAuth);
    let tls = TlsClient {
        ca_file: Some(write(folder.path(), "ca.pem", &ours.pem())),
        client_cert_file: Some(write(folder.path(), "edge.pem", &certificate)),
        client_key_file: Some(write(folder.path(), "edge.key", &key)),
        ..TlsClient::default()
    };
    let port = device(&ours, "localhost", Some(&ours));
    let link = link(&tcp(port, Some(tls.clone())), &lines());
    assert_eq!(ask(&link.handle, "tell").await, Ok("ready".into()));

    let half = TlsClient { client_key_file: None, ..tls };
    let clock = Arc::new(bo_model::SystemClock);
    let error = bo_link_bytes::spawn(&tcp(port, Some(half)), None, None, clock, &bo_runtime::Shutdown::new());
    assert!(matches!(error.map(drop), Err(ConfigError::HalfClientCertificate)));
}

#[tokio::test]
async fn a_missing_or_empty_ca_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = write(folder.path(), "empty.pem", "");
    for path in [empty, folder.path().join("missing.pem")] {
        let tls = TlsClient { ca_file: Some(path.clone()), ..TlsClient::default() };
        let error = bo_link_bytes::tls::client_config(&tls).unwrap_err().to_string();
        assert!(error.contains("ca_file") && error.contains(path.to_str().unwrap()), "{error}");
    }
}
