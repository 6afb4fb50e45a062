//! The TLS part of a link's configuration for rustls. The server is always verified; there is no switch for it.

use crate::error::ConfigError;
use bo_model::release::TlsClient;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// A client configuration with the named CAs, or the system's, and the client certificate if there is one.
pub fn client_config(tls: &TlsClient) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)?
        .with_root_certificates(roots(tls)?);
    match (&tls.client_cert_file, &tls.client_key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = certificates("client_cert_file", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| ConfigError::CertificateFile {
                key: "client_key_file",
                path: key.clone(),
                what: error.to_string(),
            })?;
            builder.with_client_auth_cert(chain, key).map_err(ConfigError::Tls)
        }
        _ => Err(ConfigError::HalfClientCertificate),
    }
}

/// The name to verify: the configured one, or the host's.
pub fn server_name(tls: &TlsClient, host: &str) -> Result<ServerName<'static>, ConfigError> {
    let name = tls.server_name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| ConfigError::ServerName(name.to_owned()))
}

fn roots(tls: &TlsClient) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca_file {
        Some(path) => {
            for certificate in certificates("ca_file", path)? {
                roots.add(certificate).map_err(|error| ConfigError::CertificateFile {
                    key: "ca_file",
                    path: path.clone(),
                    what: error.to_string(),
                })?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "a CA certificate of the system can't be read");
            }
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(ConfigError::NoRoots);
            }
        }
    }
    Ok(roots)
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let wrong = |what: String| ConfigError::CertificateFile { key, path: path.to_owned(), what };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?.collect();
    let found = found.map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("there is no certificate in it".into())) } else { Ok(found) }
}
