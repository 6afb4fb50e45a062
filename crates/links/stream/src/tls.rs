//! TLS for rustls as configurations describe it. As a client the server is always verified; there is no switch for it.

use crate::error::ConfigError;
use bo_model::release::TlsClient;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
    WantsVerifier,
};
use std::path::Path;
use std::sync::Arc;

/// A client configuration with the named CAs, or the system's, and the client certificate if there is one. Connect
/// with [`server_name`].
pub fn client_config(tls: &TlsClient) -> Result<ClientConfig, ConfigError> {
    identified(tls, builder()?.with_root_certificates(roots(tls)?))
}

/// The same for clients that insist on the host's name: the configured one is verified all the same.
pub fn client_config_for_host(tls: &TlsClient) -> Result<ClientConfig, ConfigError> {
    let Some(name) = &tls.server_name else { return client_config(tls) };
    let name = server_name(tls, name)?;
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(tls)?), provider())
        .build()
        .map_err(|error| ConfigError::Tls(rustls::Error::General(error.to_string())))?;
    let verifier = Arc::new(Named { name, inner });
    identified(tls, builder()?.dangerous().with_custom_certificate_verifier(verifier))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, ConfigError> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)
}

/// With the client certificate, if there is one.
fn identified(
    tls: &TlsClient,
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
) -> Result<ClientConfig, ConfigError> {
    match (&tls.client_cert_file, &tls.client_key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = certificates("client_cert_file", certificate)?;
            builder
                .with_client_auth_cert(chain, private_key("client_key_file", key)?)
                .map_err(ConfigError::Tls)
        }
        _ => Err(ConfigError::HalfClientCertificate),
    }
}

/// A server's configuration: its certificate with key, and the CAs whose clients alone may connect, if there are any.
pub fn server_config(
    certificate: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, ConfigError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(pinned("client_ca_file", path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            let verifier =
                verifier.map_err(|error| ConfigError::Tls(rustls::Error::General(error.to_string())))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates("cert_file", certificate)?;
    builder.with_single_cert(chain, private_key("key_file", key)?).map_err(ConfigError::Tls)
}

/// The name to verify: the configured one, or the host's.
pub fn server_name(tls: &TlsClient, host: &str) -> Result<ServerName<'static>, ConfigError> {
    let name = tls.server_name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| ConfigError::ServerName(name.to_owned()))
}

fn roots(tls: &TlsClient) -> Result<RootCertStore, ConfigError> {
    if let Some(path) = &tls.ca_file {
        return pinned("ca_file", path);
    }
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a CA certificate of the system can't be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() { Err(ConfigError::NoRoots) } else { Ok(roots) }
}

fn pinned(key: &'static str, path: &Path) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(key, path)? {
        roots.add(certificate).map_err(|error| ConfigError::CertificateFile {
            key,
            path: path.to_owned(),
            what: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn private_key(key: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| ConfigError::CertificateFile {
        key,
        path: path.to_owned(),
        what: error.to_string(),
    })
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let wrong = |what: String| ConfigError::CertificateFile { key, path: path.to_owned(), what };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?.collect();
    let found = found.map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("there is no certificate in it".into())) } else { Ok(found) }
}

/// Verifies the configured name instead of the host's; everything else as always.
#[derive(Debug)]
struct Named {
    name: ServerName<'static>,
    inner: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
