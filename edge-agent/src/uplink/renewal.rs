//! A new certificate before the old one ends: a fresh key, a request over the uplink, a swap on disk in one rename.

use crate::enroll::{Identity, new_key};
use bo_model::Time;
use bo_wire::Renew;
use std::time::Duration;

/// Asked for when less than this is left: a third of a certificate's year, so that months without a controller do no harm.
const AHEAD: Duration = Duration::from_secs(120 * 24 * 3600);
/// Between two requests.
const AGAIN: Duration = Duration::from_secs(6 * 3600);

/// The key of the certificate that was asked for.
#[derive(Default)]
pub(super) struct Renewal {
    /// Kept after an answer too: a clock that runs wild must not make it ask for one after the other.
    asked_at: Option<Time>,
    key: Option<rcgen::KeyPair>,
}

impl Renewal {
    /// The request to send now, if it is time.
    pub(super) fn due(&mut self, identity: &Identity, now: Time) -> Option<Renew> {
        if identity.expires_at > now.after(AHEAD) {
            return None;
        }
        if self.asked_at.is_some_and(|at| now.since(at) < AGAIN && now >= at) {
            return None;
        }
        match new_key() {
            Ok((key, csr)) => {
                tracing::info!(ends = %identity.expires_at, "asking for a new certificate");
                (self.asked_at, self.key) = (Some(now), Some(key));
                Some(Renew { csr })
            }
            Err(error) => {
                tracing::error!(%error, "no key for a new certificate");
                None
            }
        }
    }

    /// Puts the new certificate in the old one's place.
    pub(super) fn take(&mut self, identity: &mut Identity, certificate: &str) -> Result<(), String> {
        let key = self.key.take().ok_or("no certificate was asked for")?;
        identity.replace(certificate, &key).map_err(|error| error.to_string())
    }
}
