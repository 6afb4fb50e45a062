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
        let public = identity.settings.public_url.as_deref().and_then(|address| Url::parse(address).ok());
        let known = ctx.read(|tx: &mut Tx| domain::find(tx, host))?.is_some();
        Site::new(host, ctx.app().secure, public.as_ref(), known).map_err(IdentityError::NotAllowed)
    }

    /// From a `Host` header. Of names that are no domain, only that of the public address is taken, when there is one.
    fn new(host: &str, secure: bool, public: Option<&Url>, known: bool) -> Result<Site, String> {
        let id = domain::fold(host);
        if !matches!(Host::parse(&id), Ok(Host::Domain(_))) {
            let text =
                "Passkeys need a host name: open this console by its name, not by an address of numbers.";
            return Err(text.into());
        }
        let local = id == "localhost" || id.ends_with(".localhost");
        let here = public.filter(|url| url.host_str() == Some(id.as_str()));
        match (here, public.and_then(Url::host_str)) {
            (None, Some(name)) if !known && !local => {
                return Err(format!("Passkeys work at {name}. Open the console there."));
            }
            _ => {}
        }
        let origin = match here {
            Some(url) => url.origin().ascii_serialization(),
            None => {
                format!("{}://{}", if secure { "https" } else { "http" }, host.trim().to_ascii_lowercase())
            }
        };
        if !local && !origin.starts_with("https://") {
            return Err("Passkeys need https: browsers offer them on no other connection.".into());
        }
        Ok(Site { id, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::{Site, Url};

    #[test]
    fn a_site_is_a_host_name_over_tls_or_this_machine() {
        let public = Url::parse("https://bo.example:8443/").unwrap();
        let site = |host: &str, secure, known| Site::new(host, secure, Some(&public), known);
        let here = site("BO.example:8443", false, false).unwrap();
        assert_eq!((here.id.as_str(), here.origin.as_str()), ("bo.example", "https://bo.example:8443"));
        assert_eq!(site("other.example", true, true).unwrap().origin, "https://other.example");
        assert!(site("evil.example", true, false).unwrap_err().contains("bo.example"));
        assert_eq!(Site::new("localhost:8080", false, None, false).unwrap().origin, "http://localhost:8080");
        assert!(Site::new("127.0.0.1:8080", false, None, false).unwrap_err().contains("host name"));
        assert!(Site::new("[::1]:8080", true, None, false).is_err());
        assert!(Site::new("bo.example", false, None, false).unwrap_err().contains("https"));
    }
}
