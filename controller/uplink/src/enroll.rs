//! Enrolment, pure: judge a request against the stored code, issue the certificate. The estate keeps the codes and calls this
//! inside the transaction that marks one as used, so that two edges with one code can't both win.

use crate::authority::{Authority, Issued};
use crate::error::UplinkError;
use bo_model::{EdgeId, Time};
use bo_wire::{CodeError, EnrollCode, EnrollReply, EnrollRequest};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long a code is good for when nobody says otherwise.
pub const CODE_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A fresh code for this authority, and the hash to store. The code is shown once.
pub fn new_code(authority: &Authority) -> (EnrollCode, String) {
    let code = EnrollCode { secret: rand::random(), authority: authority.fingerprint() };
    let hash = hash_code(&code);
    (code, hash)
}

/// What is stored of a code: hex SHA-256 of its 80 random bits. Too many to guess, so no slow hash is needed.
pub fn hash_code(code: &EnrollCode) -> String {
    hex::encode(Sha256::digest(code.secret))
}

/// A code as the estate stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeState {
    /// The edge it was made for.
    pub edge: EdgeId,
    /// Not after this.
    pub expires_at: Time,
    /// When it was used.
    pub used_at: Option<Time>,
}

/// Why a request is turned away. All but the last are answered with the same sentence, so that nobody learns which codes exist;
/// the audit record says which it was.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a code at all.
    #[error("not an enrolment code: {0}")]
    Malformed(#[from] CodeError),
    /// Nobody made this code, or its edge is gone.
    #[error("no such enrolment code")]
    Unknown,
    /// It was used before.
    #[error("this enrolment code was used at {0}; make a new one for the edge")]
    Used(Time),
    /// Too late.
    #[error("this enrolment code ended at {0}; make a new one for the edge")]
    Expired(Time),
    /// The request for a certificate can't be used.
    #[error("the certificate request was not accepted: {0}")]
    Request(#[from] UplinkError),
}

/// What the reply needs besides the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Ed25519 public key of releases, hex.
    pub release_key: String,
    /// Host edges connect to; empty = the one they enrolled at.
    pub uplink_host: String,
    /// Port.
    pub uplink_port: u16,
    /// [`bo_wire::GATE_NAME`], or the external broker's name.
    pub uplink_name: String,
}

/// The outcome: the reply, and what to store with the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// To send.
    pub reply: EnrollReply,
    /// To store: serial number and end of the certificate.
    pub issued: Issued,
}

/// Judges `request` at `now`. `stored` is what `find` knows under the code's hash.
pub fn enroll(
    authority: &Authority,
    enrolment: &Enrolment,
    request: &EnrollRequest,
    now: Time,
    find: impl FnOnce(&str) -> Option<CodeState>,
) -> Result<Enrolled, Refusal> {
    let code: EnrollCode = request.code.parse()?;
    let state = find(&hash_code(&code)).ok_or(Refusal::Unknown)?;
    if let Some(at) = state.used_at {
        return Err(Refusal::Used(at));
    }
    if now > state.expires_at {
        return Err(Refusal::Expired(state.expires_at));
    }
    let issued = authority.issue(state.edge, &request.csr)?;
    let reply = EnrollReply {
        edge: state.edge,
        certificate: issued.certificate.clone(),
        authority: authority.pem().to_owned(),
        release_key: enrolment.release_key.clone(),
        uplink_host: enrolment.uplink_host.clone(),
        uplink_port: enrolment.uplink_port,
        uplink_name: enrolment.uplink_name.clone(),
    };
    Ok(Enrolled { reply, issued })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::ManualClock;

    fn setting() -> Enrolment {
        Enrolment {
            release_key: "00".repeat(32),
            uplink_host: String::new(),
            uplink_port: 8883,
            uplink_name: bo_wire::GATE_NAME.to_owned(),
        }
    }

    fn request(code: &EnrollCode) -> EnrollRequest {
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        EnrollRequest { code: code.to_string(), csr, host: "gw-1".into() }
    }

    #[test]
    fn a_code_works_once_in_its_time_and_only_for_its_edge() {
        let directory = tempfile::tempdir().unwrap();
        let now = Time::from_seconds(1_790_000_000);
        let authority = Authority::open(directory.path(), ManualClock::at(now)).unwrap();
        let (code, hash) = new_code(&authority);
        let edge: EdgeId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let good = CodeState { edge, expires_at: now.after(CODE_LIFE), used_at: None };
        let find = |state: CodeState| {
            let hash = hash.clone();
            move |asked: &str| (asked == hash).then_some(state)
        };

        let request = request(&code);
        let done = enroll(&authority, &setting(), &request, now, find(good.clone())).unwrap();
        assert_eq!(done.reply.edge, edge);
        assert_eq!(done.reply.authority, authority.pem());

        let used = CodeState { used_at: Some(now), ..good.clone() };
        let refused = enroll(&authority, &setting(), &request, now, find(used));
        assert!(matches!(refused, Err(Refusal::Used(_))));
        let late = now.after(CODE_LIFE + Duration::from_secs(1));
        let refused = enroll(&authority, &setting(), &request, late, find(good.clone()));
        assert!(matches!(refused, Err(Refusal::Expired(_))));

        let (other, _) = new_code(&authority);
        let stranger = EnrollRequest { code: other.to_string(), ..request };
        let refused = enroll(&authority, &setting(), &stranger, now, find(good));
        assert!(matches!(refused, Err(Refusal::Unknown)));
    }
}
