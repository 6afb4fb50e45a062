//! HTTP digest authentication with SHA-256 (RFC 7616), the one kind these devices ask for. Pure.

use sha2::{Digest, Sha256};

/// Their only user.
const USER: &str = "admin";

/// What a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
}

impl Challenge {
    /// From the header `WWW-Authenticate`; `None` for any other way to sign in.
    pub fn parse(header: &str) -> Option<Challenge> {
        let parts = header.strip_prefix("Digest ")?;
        let part = |name: &str| {
            let found = parts.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.map(|value| value.trim_matches('"').to_owned())
        };
        if part("algorithm").as_deref() != Some("SHA-256") || part("qop").as_deref() != Some("auth") {
            return None;
        }
        Some(Challenge { realm: part("realm")?, nonce: part("nonce")? })
    }

    /// The header `Authorization` for one request. `count` is how often the nonce was used, this time included.
    pub fn answer(&self, password: &str, method: &str, path: &str, count: u32, client: &str) -> String {
        self.answer_as(USER, password, method, path, count, client)
    }

    fn answer_as(
        &self,
        user: &str,
        password: &str,
        method: &str,
        path: &str,
        count: u32,
        client: &str,
    ) -> String {
        let Challenge { realm, nonce } = self;
        let who = hash(&format!("{user}:{realm}:{password}"));
        let what = hash(&format!("{method}:{path}"));
        let response = hash(&format!("{who}:{nonce}:{count:08x}:{client}:auth:{what}"));
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{path}\", algorithm=SHA-256, qop=auth, \
             nc={count:08x}, cnonce=\"{client}\", response=\"{response}\""
        )
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1, whose challenge names `qop="auth, auth-int"`: reduced to what is used here.
    #[test]
    fn the_example_of_the_standard_is_answered_as_it_says() {
        let challenge = Challenge {
            realm: "http-auth@example.org".into(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
        };
        let client = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let proof = challenge.answer_as("Mufasa", "Circle of Life", "GET", "/dir/index.html", 1, client);
        assert!(
            proof.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""),
            "{proof}"
        );
    }

    #[test]
    fn a_challenge_of_another_kind_is_not_answered() {
        let header =
            r#"Digest qop="auth", realm="shellyplus1pm-a8032abe54dc", nonce="60dc59c6", algorithm=SHA-256"#;
        assert!(Challenge::parse(header).is_some_and(|challenge| challenge.nonce == "60dc59c6"));
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
        assert_eq!(Challenge::parse(&header.replace("SHA-256", "MD5")), None);
    }
}
