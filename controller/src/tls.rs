//! TLS of the controller's listeners, and towards an external broker. ring alone.

use crate::config::{Broker, Config, Http};
use anyhow::{Context, Result, anyhow};
use bo_uplink::Authority;
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// The console's, when it has a certificate.
pub fn console(http: &Http) -> Result<Option<Arc<rustls::ServerConfig>>> {
    let (Some(certificate), Some(key)) = (&http.tls_certificate_file, &http.tls_key_file) else {
        return Ok(None);
    };
    server(&read(certificate)?, &read(key)?).map(Some)
}

/// What gateways find at the enrolment listener: signed by the authority their code names.
pub fn enrolment(authority: &Authority, config: &Config) -> Result<Arc<rustls::ServerConfig>> {
    let mut names = vec![bo_wire::GATE_NAME.to_owned(), "localhost".to_owned()];
    names.extend([config.uplink.host.clone()].into_iter().filter(|host| !host.is_empty()));
    let (chain, key) = authority.server(&names)?;
    server(chain.as_bytes(), key.as_bytes())
}

/// Towards an external broker; `None` when it is spoken to in plain TCP.
pub fn client(broker: &Broker) -> Result<Option<Arc<rustls::ClientConfig>>> {
    let Some(ca) = &broker.ca_file else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for certificate in chain(&read(ca)?).with_context(|| ca.display().to_string())? {
        roots.add(certificate)?;
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match (&broker.certificate_file, &broker.key_file) {
        (Some(certificate), Some(key)) => {
            config.with_client_auth_cert(chain(&read(certificate)?)?, private(&read(key)?)?)?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(Some(Arc::new(config)))
}

fn server(certificates: &[u8], key: &[u8]) -> Result<Arc<rustls::ServerConfig>> {
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain(certificates)?, private(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.map_err(|error| anyhow!("the certificate does not read: {error}"))
}

fn private(pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| anyhow!("the key does not read: {error}"))
}
