//! The controller's own certificate authority: made at first start, kept in one folder, its key readable by the owner only.
//!
//! It signs two kinds of certificates: the gate's (server) and the edges' (client). Nothing else trusts it, so verifying a fixed
//! name under it ([`bo_wire::GATE_NAME`]) is as strong as verifying an address, and survives a change of address.

use crate::error::UplinkError;
use bo_model::clock::SharedClock;
use bo_model::{EdgeId, Time};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long the authority itself is valid: longer than any installation stands.
const AUTHORITY_DAYS: u32 = 30 * 365;
/// An edge renews when a third is left; weeks without a controller must not end it.
const EDGE_DAYS: u32 = 365;
/// The gate's certificate is made anew at each start.
const GATE_DAYS: u32 = 5 * 365;

/// The authority. Cheap to share behind an `Arc`.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
    clock: SharedClock,
}

/// A certificate for an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// PEM.
    pub certificate: String,
    /// Serial number, hex; what a revocation names.
    pub serial: String,
    /// When it ends.
    pub expires_at: Time,
}

impl Authority {
    /// Opens the authority in `directory` (`authority.pem`, `authority.key`), or makes it when neither is there.
    pub fn open(directory: &Path, clock: SharedClock) -> Result<Authority, UplinkError> {
        let (cert_path, key_path) = (directory.join("authority.pem"), directory.join("authority.key"));
        let (pem, key) = match (read(&cert_path)?, read(&key_path)?) {
            (Some(pem), Some(key)) => (pem, key),
            (None, None) => create(directory, &cert_path, &key_path, clock.now())?,
            (None, _) => {
                return Err(UplinkError::AuthorityIncomplete {
                    directory: directory.to_owned(),
                    missing: "authority.pem",
                });
            }
            (_, None) => {
                return Err(UplinkError::AuthorityIncomplete {
                    directory: directory.to_owned(),
                    missing: "authority.key",
                });
            }
        };
        let key = KeyPair::from_pem(&key).map_err(certificate("read the authority's key"))?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| UplinkError::Tls(format!("{}: {error}", cert_path.display())))?;
        let issuer =
            Issuer::from_ca_cert_der(&der, key).map_err(certificate("read the authority's certificate"))?;
        Ok(Authority { issuer, der, pem, clock })
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What an enrolment code carries of it.
    pub fn fingerprint(&self) -> [u8; 16] {
        bo_wire::fingerprint(&self.der)
    }

    /// A client certificate for `edge` over the public key in `csr`. Name, usage and life are ours, whatever the
    /// request asks for.
    pub fn issue(&self, edge: EdgeId, csr: &str) -> Result<Issued, UplinkError> {
        let mut request = CertificateSigningRequestParams::from_pem(csr)
            .map_err(certificate("read the certificate signing request"))?;
        let now = self.clock.now();
        let mut params = leaf(&edge.to_string(), now, EDGE_DAYS)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let serial = params.serial_number.as_ref().map(|s| hex::encode(s.to_bytes())).unwrap_or_default();
        request.params = params;
        let signed = request.signed_by(&self.issuer).map_err(certificate("sign an edge's certificate"))?;
        Ok(Issued { certificate: signed.pem(), serial, expires_at: now.after(DAY * EDGE_DAYS) })
    }

    /// A server certificate with its key for `names` (host names or addresses), PEM, the authority's appended so that an edge
    /// with a code can recognise it. For the gate, and for the web server when nothing better is configured.
    pub fn server(&self, names: &[String]) -> Result<(String, String), UplinkError> {
        let mut params =
            leaf(names.first().map_or(bo_wire::GATE_NAME, String::as_str), self.clock.now(), GATE_DAYS)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = CertificateParams::new(names.to_vec())
            .map_err(certificate("make a server certificate"))?
            .subject_alt_names;
        let key = KeyPair::generate().map_err(certificate("make a server key"))?;
        let signed =
            params.signed_by(&key, &self.issuer).map_err(certificate("sign the server's certificate"))?;
        Ok((signed.pem() + &self.pem, key.serialize_pem()))
    }

    /// A client certificate with its key for this controller itself, PEM: what it shows to an external broker.
    pub fn client(&self, name: &str) -> Result<(String, String), UplinkError> {
        let mut params = leaf(name, self.clock.now(), GATE_DAYS)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(certificate("make a client key"))?;
        let signed =
            params.signed_by(&key, &self.issuer).map_err(certificate("sign the client's certificate"))?;
        Ok((signed.pem(), key.serialize_pem()))
    }

    /// TLS for the gate: clients must show a certificate of this authority.
    pub(crate) fn gate_tls(&self, names: &[String]) -> Result<Arc<rustls::ServerConfig>, UplinkError> {
        let tls = |error: &dyn std::fmt::Display| UplinkError::Tls(error.to_string());
        let mut all = vec![bo_wire::GATE_NAME.to_owned()];
        all.extend(names.iter().cloned());
        let (chain, key) = self.server(&all)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).map_err(|e| tls(&e))?;
        let clients =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|e| tls(&e))?;
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| tls(&e))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| tls(&e))?;
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| tls(&e))?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .map_err(|e| tls(&e))?;
        Ok(Arc::new(config))
    }
}

fn certificate(what: &'static str) -> impl FnOnce(rcgen::Error) -> UplinkError {
    move |source| UplinkError::Certificate { what, source }
}

fn leaf(name: &str, now: Time, days: u32) -> Result<CertificateParams, UplinkError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    validity(&mut params, now, days);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let mut serial: [u8; 16] = rand::random();
    serial[0] = serial[0] & 0x7f | 0x01; // positive, and sixteen bytes long
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// Certificates count in days here; a day's grace for clocks on site that run behind.
fn validity(params: &mut CertificateParams, now: Time, days: u32) {
    let day = |time: Time| {
        let date = time.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
    };
    params.not_before = day(Time(now.0 - DAY.as_micros() as i64));
    params.not_after = day(now.after(DAY * days));
}

fn read(path: &Path) -> Result<Option<String>, UplinkError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(UplinkError::AuthorityFile { action: "read", path: path.to_owned(), source }),
    }
}

fn create(
    directory: &Path,
    cert_path: &Path,
    key_path: &Path,
    now: Time,
) -> Result<(String, String), UplinkError> {
    let mut params = leaf("BackOffice edge authority", now, AUTHORITY_DAYS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(certificate("make the authority's key"))?;
    let pem = params.self_signed(&key).map_err(certificate("make the authority's certificate"))?.pem();
    let file = |path: &Path| {
        let path: PathBuf = path.to_owned();
        move |source| UplinkError::AuthorityFile { action: "write", path, source }
    };
    std::fs::create_dir_all(directory).map_err(file(directory))?;
    // The certificate last: a crash in between leaves "incomplete", which says so, not two authorities.
    write_private(key_path, key.serialize_pem().as_bytes()).map_err(file(key_path))?;
    write_private(cert_path, pem.as_bytes()).map_err(file(cert_path))?;
    Ok((pem, key.serialize_pem()))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::ManualClock;
    use std::os::unix::fs::PermissionsExt;

    fn now() -> Time {
        Time::from_seconds(1_790_000_000)
    }

    #[test]
    fn the_authority_survives_a_restart_and_its_key_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let first = Authority::open(directory.path(), ManualClock::at(now())).unwrap();
        let again = Authority::open(directory.path(), ManualClock::at(now())).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        let mode = std::fs::metadata(directory.path().join("authority.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_lost_key_is_an_error_and_never_a_new_authority() {
        let directory = tempfile::tempdir().unwrap();
        Authority::open(directory.path(), ManualClock::at(now())).unwrap();
        std::fs::remove_file(directory.path().join("authority.key")).unwrap();
        let error = Authority::open(directory.path(), ManualClock::at(now())).err().unwrap().to_string();
        assert!(error.contains("authority.key is missing"), "{error}");
    }

    #[test]
    fn a_request_cannot_choose_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open(directory.path(), ManualClock::at(now())).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut wish = CertificateParams::new(vec!["gate.backoffice.internal".to_owned()]).unwrap();
        wish.distinguished_name.push(DnType::CommonName, "somebody else");
        let csr = wish.serialize_request(&key).unwrap().pem().unwrap();
        let edge: EdgeId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let issued = authority.issue(edge, &csr).unwrap();
        let der = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(parsed.subject().to_string(), format!("CN={edge}"));
        assert!(parsed.subject_alternative_name().unwrap().is_none());
        assert_eq!(hex::encode(parsed.raw_serial()), issued.serial);
        assert!(authority.issue(edge, "nonsense").is_err());
    }
}
