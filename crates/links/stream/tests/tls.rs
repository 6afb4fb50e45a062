//! What is wrong with the TLS part of a configuration is named.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use bo_link_stream::{ConfigError, tls};
use bo_model::release::TlsClient;

#[test]
fn a_missing_or_empty_ca_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [empty, folder.path().join("missing.pem")] {
        let tls = TlsClient { ca_file: Some(path.clone()), ..TlsClient::default() };
        let error = tls::client_config(&tls).unwrap_err().to_string();
        assert!(error.contains("ca_file") && error.contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn half_a_client_certificate_and_a_name_that_is_none_are_refused() {
    let half = TlsClient { client_cert_file: Some("edge.pem".into()), ..TlsClient::default() };
    assert!(matches!(tls::client_config(&half), Err(ConfigError::HalfClientCertificate)));
    let name = TlsClient { server_name: Some("not a name".into()), ..TlsClient::default() };
    assert!(matches!(tls::server_name(&name, "host"), Err(ConfigError::ServerName(_))));
    assert!(matches!(tls::client_config_for_host(&name), Err(ConfigError::ServerName(_))));
}
