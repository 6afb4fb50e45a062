//! Where a request goes: below the base address, or nowhere. Pure.

use crate::error::ConfigError;
use bo_link::{HttpRequest, LinkError};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

/// Longest body, in and out.
pub const MAX_BODY: usize = 1024 * 1024;
const MAX_HEADERS: usize = 64;
/// These belong to the connection, not to the request.
const OURS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "proxy-authorization"];

/// The base address of a link.
#[derive(Clone, Debug)]
pub struct Base {
    url: Url,
    /// Its path without the slash at the end.
    path: String,
}

impl Base {
    /// Reads `https://host:port/base`.
    pub fn parse(base: &str) -> Result<Base, ConfigError> {
        let shown = base.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.rsplit('@').next().unwrap_or_default().to_owned();
        let wrong = |what: &str| ConfigError::Base { base: shown.clone(), what: what.to_owned() };
        let url: Url =
            base.parse().map_err(|error: <Url as std::str::FromStr>::Err| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "names and passwords belong into the device's settings, where they are kept secret",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it ends before `?` and `#`"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Base { url, path })
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The same place under another host name, the one its certificate carries.
    pub fn renamed(mut self, name: &str) -> Result<Base, ConfigError> {
        self.url.set_host(Some(name)).map_err(|error| ConfigError::Base {
            base: self.url.to_string(),
            what: format!("server_name `{name}`: {error}"),
        })?;
        Ok(self)
    }

    /// Where a request for `path` goes.
    pub fn join(&self, path: &str) -> Result<Url, LinkError> {
        let wrong = |what: String| LinkError::Invalid(what.into());
        if !path.starts_with('/') {
            return Err(wrong(format!("path `{path}` does not begin with /")));
        }
        let mut url = self.url.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.path));
        url.set_query(query);
        let below = url.path().strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('/'));
        if !below || url.origin() != self.url.origin() {
            return Err(wrong(format!("path `{path}` leads out of the link's base address")));
        }
        Ok(url)
    }
}

/// Checks everything about a request that can be checked before it is sent.
pub fn check(base: &Base, request: &HttpRequest) -> Result<(Method, Url, HeaderMap), LinkError> {
    let wrong = |what: String| LinkError::Invalid(what.into());
    let method = match request.method.as_str() {
        method @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => {
            Method::from_bytes(method.as_bytes()).map_err(|error| wrong(error.to_string()))?
        }
        other => {
            return Err(wrong(format!(
                "method `{other}`; use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"
            )));
        }
    };
    if request.body.len() > MAX_BODY {
        return Err(wrong(format!("a body of {} bytes; there may be {MAX_BODY}", request.body.len())));
    }
    if request.headers.len() > MAX_HEADERS {
        return Err(wrong(format!("{} headers; there may be {MAX_HEADERS}", request.headers.len())));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        // Values may be secret: they are not in the message.
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(format!("header name `{name}`")))?;
        if OURS.contains(&name.as_str()) {
            return Err(wrong(format!("header `{name}` is set by the link")));
        }
        let value =
            HeaderValue::from_str(value).map_err(|_| wrong(format!("the value of header `{name}`")))?;
        headers.append(name, value);
    }
    Ok((method, base.join(&request.path)?, headers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_go_below_the_base_address_and_nowhere_else() {
        let base = Base::parse("https://display.local:8443/api/v2/").unwrap();
        let url = base.join("/power?on=1&x=a%2Fb").unwrap();
        assert_eq!(url.as_str(), "https://display.local:8443/api/v2/power?on=1&x=a%2Fb");
        for wrong in
            ["power", "@evil.example/", "/../v1/admin", "/..", "http://evil.example/", "/%2e%2e/x", "/..\\x"]
        {
            assert!(matches!(base.join(wrong), Err(LinkError::Invalid(_))), "{wrong}");
        }
        let odd = base.join("//evil.example/x").unwrap();
        assert_eq!(odd.host_str(), Some("display.local"));
    }

    #[test]
    fn base_addresses_with_secrets_or_of_other_kinds_are_refused_without_showing_the_secret() {
        let error = Base::parse("https://admin:hunter2@display.local/").unwrap_err().to_string();
        assert!(error.contains("display.local") && !error.contains("hunter2"), "{error}");
        for wrong in ["ftp://x/", "display.local", "http://x/?key=1", ""] {
            assert!(Base::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_of_the_connection_and_broken_ones_are_refused() {
        let base = Base::parse("http://x").unwrap();
        let with = |name: &str, value: &str| HttpRequest {
            method: "GET".into(),
            path: "/".into(),
            headers: vec![(name.into(), value.into())],
            body: bytes::Bytes::new(),
        };
        assert!(check(&base, &with("Authorization", "Bearer x")).is_ok());
        for (name, value) in
            [("Host", "evil"), ("Content-Length", "5"), ("a b", "x"), ("x", "a\r\nHost: evil")]
        {
            let error = check(&base, &with(name, value)).unwrap_err().to_string();
            assert!(!error.contains("evil"), "{error}");
        }
        let method = HttpRequest { method: "CONNECT".into(), ..with("x", "y") };
        assert!(check(&base, &method).is_err());
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_base(path in "[/a-z.%2eEfF\\\\@:?#]{0,30}") {
            let base = Base::parse("http://device:81/base").unwrap();
            if let Ok(url) = base.join(&path) {
                prop_assert_eq!(url.origin(), base.url().origin());
                prop_assert!(url.path().starts_with("/base/"), "{}", url);
                prop_assert!(url.username().is_empty());
            }
        }
    }
}
