//! The name a passkey is bound to: browsers show it to no other site, which is why it can't be phished.

use crate::error::IdentityError;
use crate::{Identity, domain};
use bo_db::Tx;
use bo_web::Ctx;
use url::{Host, Url};

/// A relying party, as WebAuthn calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Host name: the relying party's id.
    pub id: String,
    /// What browsers say a page of it comes from: `https://console.example.org:8443`.
    pub origin: String,
}

impl Site {
    /// The one a request came to: a domain of a workspace, or the installation's public address.
    ///
    /// # Errors
    /// [`IdentityError::NotAllowed`] when passkeys can't be used there, with what to do.
    pub fn of(identity: &Identity, ctx: &Ctx) -> Result<Site, IdentityError> {
        let host = ctx.header("host");
        let public = identity.settings.public_url.as_deref().and_then(host_of);
        let known = ctx.read(|tx: &mut Tx| domain::find(tx, host))?.is_some();
        Site::new(host, ctx.app().secure, public.filter(|_| !known).as_deref())
            .map_err(IdentityError::NotAllowed)
    }

    /// From a `Host` header; `only` is the one name that is taken, when that is known.
    fn new(host: &str, secure: bool, only: Option<&str>) -> Result<Site, String> {
        let id = domain::fold(host);
        let local = id == "localhost" || id.ends_with(".localhost");
        if !matches!(Host::parse(&id), Ok(Host::Domain(_))) {
            return Err(
                "Passkeys need a host name: open this console by its name, not by an address of numbers."
                    .into(),
            );
        }
        if let Some(only) = only.filter(|only| *only != id && !local) {
            return Err(format!("Passkeys work at {only}. Open the console there."));
        }
        if !secure && !local {
            return Err("Passkeys need https: browsers offer them on no other connection.".into());
        }
        let scheme = if secure { "https" } else { "http" };
        Ok(Site { origin: format!("{scheme}://{}", host.trim().to_ascii_lowercase()), id })
    }
}

fn host_of(address: &str) -> Option<String> {
    Some(Url::parse(address).ok()?.host_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn a_site_is_a_host_name_over_tls_or_this_machine() {
        let site = Site::new("BO.example:8443", true, Some("bo.example")).unwrap();
        assert_eq!((site.id.as_str(), site.origin.as_str()), ("bo.example", "https://bo.example:8443"));
        assert_eq!(Site::new("localhost:8080", false, None).unwrap().origin, "http://localhost:8080");
        assert!(Site::new("127.0.0.1:8080", false, None).unwrap_err().contains("host name"));
        assert!(Site::new("[::1]:8080", true, None).is_err());
        assert!(Site::new("bo.example", false, None).unwrap_err().contains("https"));
        assert!(Site::new("evil.example", true, Some("bo.example")).unwrap_err().contains("bo.example"));
    }
}
