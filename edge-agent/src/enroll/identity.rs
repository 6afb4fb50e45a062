//! Who this edge is: files below `<data>/identity/`. `edge.pem` holds certificate and key together, so that a renewal is one rename.

use bo_link_mqtt::client_tls;
use bo_model::release::TlsClient;
use bo_model::{EdgeId, Time};
use bo_wire::{EnrollCode, EnrollReply, fingerprint};
use ed25519_dalek::VerifyingKey;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An enrolled edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub edge: EdgeId,
    /// Address of the controller it was enrolled at.
    pub controller: String,
    /// Host of the uplink.
    pub uplink_host: String,
    /// Port of the uplink.
    pub uplink_port: u16,
    /// Name to verify there.
    pub uplink_name: String,
    /// Releases are signed with this key's other half.
    pub release_key: VerifyingKey,
    /// End of its certificate.
    pub expires_at: Time,
    folder: PathBuf,
}

/// Why there is no usable identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none.
    #[error("this edge is not enrolled: there is no {}; run `backoffice-edge enroll` with a code from the controller", path.display())]
    NotEnrolled {
        /// The missing file.
        path: PathBuf,
    },
    /// A file can't be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} cannot be used: {why}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// What came from the controller is not for this edge, or not from the controller the code named.
    #[error("{0}")]
    Foreign(String),
    /// No key could be made.
    #[error("cannot make a key: {0}")]
    Key(#[from] rcgen::Error),
}

/// `edge.toml` in the identity folder.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    edge: EdgeId,
    controller: String,
    uplink_host: String,
    uplink_port: u16,
    uplink_name: String,
    release_key: String,
}

/// A fresh key and a request for a certificate over it.
pub(crate) fn new_key() -> Result<(rcgen::KeyPair, String), rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let csr = rcgen::CertificateParams::default().serialize_request(&key)?.pem()?;
    Ok((key, csr))
}

impl Identity {
    /// Reads the identity stored below `data`.
    pub fn load(data: &Path) -> Result<Identity, IdentityError> {
        let folder = data.join("identity");
        let path = folder.join("edge.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => IdentityError::NotEnrolled { path: path.clone() },
            _ => IdentityError::File { action: "read", path: path.clone(), source },
        })?;
        let wrong = |why: String| IdentityError::Content { path: path.clone(), why };
        let stored: Stored = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let release_key = release_key(&stored.release_key).map_err(wrong)?;
        let pem_path = folder.join("edge.pem");
        let pem = std::fs::read(&pem_path).map_err(file("read", &pem_path))?;
        let (_, expires_at) = facts(&pem).map_err(|why| IdentityError::Content { path: pem_path, why })?;
        Ok(Identity {
            edge: stored.edge,
            controller: stored.controller,
            uplink_host: stored.uplink_host,
            uplink_port: stored.uplink_port,
            uplink_name: stored.uplink_name,
            release_key,
            expires_at,
            folder,
        })
    }

    /// Checks what the controller answered against the code and our key, then stores it.
    pub(super) fn store(
        data: &Path,
        code: &EnrollCode,
        reply: &EnrollReply,
        uplink_host: String,
        controller: &str,
        key: &rcgen::KeyPair,
    ) -> Result<Identity, IdentityError> {
        let foreign = |why: &str| IdentityError::Foreign(why.to_owned());
        let authority = CertificateDer::from_pem_slice(reply.authority.as_bytes())
            .map_err(|_| foreign("its authority's certificate does not read"))?;
        if fingerprint(&authority) != code.authority {
            return Err(foreign("its authority is not the one the code names"));
        }
        release_key(&reply.release_key).map_err(IdentityError::Foreign)?;
        check(&reply.certificate, reply.edge, key)?;
        let folder = data.join("identity");
        std::fs::create_dir_all(&folder).map_err(file("write", &folder))?;
        write(&folder.join("authority.pem"), reply.authority.as_bytes())?;
        write(&folder.join("edge.pem"), together(&reply.certificate, key).as_bytes())?;
        let stored = Stored {
            edge: reply.edge,
            controller: controller.to_owned(),
            uplink_host,
            uplink_port: reply.uplink_port,
            uplink_name: reply.uplink_name.clone(),
            release_key: reply.release_key.clone(),
        };
        let text = toml::to_string(&stored).map_err(|error| foreign(&error.to_string()))?;
        write(&folder.join("edge.toml"), text.as_bytes())?; // last: without it nothing counts
        Identity::load(data)
    }

    /// Replaces certificate and key after a renewal.
    pub(crate) fn replace(&mut self, certificate: &str, key: &rcgen::KeyPair) -> Result<(), IdentityError> {
        self.expires_at = check(certificate, self.edge, key)?;
        write(&self.folder.join("edge.pem"), together(certificate, key).as_bytes())
    }

    /// TLS towards the uplink: our certificate, their authority, their name.
    pub fn client_tls(&self) -> Result<Arc<rustls::ClientConfig>, bo_link_mqtt::MqttError> {
        client_tls(&TlsClient {
            ca_file: Some(self.folder.join("authority.pem")),
            server_name: Some(self.uplink_name.clone()),
            client_cert_file: Some(self.folder.join("edge.pem")),
            client_key_file: Some(self.folder.join("edge.pem")),
        })
    }
}

fn release_key(text: &str) -> Result<VerifyingKey, String> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or_else(|| "the key releases are signed with does not read".to_owned())
}

/// Public key and end of the first certificate in `pem`.
fn facts(pem: &[u8]) -> Result<(Vec<u8>, Time), String> {
    let der = CertificateDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|error| error.to_string())?;
    let end = Time::from_seconds(certificate.validity().not_after.timestamp());
    Ok((certificate.public_key().subject_public_key.data.to_vec(), end))
}

/// The certificate is over our key and names this edge. Returns when it ends.
fn check(pem: &str, edge: EdgeId, key: &rcgen::KeyPair) -> Result<Time, IdentityError> {
    let (public, end) = facts(pem.as_bytes()).map_err(IdentityError::Foreign)?;
    if public != key.public_key_raw() {
        return Err(IdentityError::Foreign("the certificate is over somebody else's key".into()));
    }
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok();
    let named = der.as_ref().and_then(|der| {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        certificate.subject().iter_common_name().next()?.as_str().ok()?.parse::<EdgeId>().ok()
    });
    if named == Some(edge) {
        Ok(end)
    } else {
        Err(IdentityError::Foreign("the certificate names another edge".into()))
    }
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> IdentityError {
    let path = path.to_owned();
    move |source| IdentityError::File { action, path, source }
}

fn together(certificate: &str, key: &rcgen::KeyPair) -> String {
    format!("{}\n{}", certificate.trim_end(), key.serialize_pem())
}

/// Readable by the owner alone; the old content stays until the new one is on disk.
fn write(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    use std::os::unix::fs::OpenOptionsExt;
    let fresh = path.with_extension("new");
    let put = || {
        let mut out =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        std::fs::rename(&fresh, path)?;
        path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    put().map_err(file("write", path))
}
