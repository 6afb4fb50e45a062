//! Passwords: argon2id, and what makes one acceptable.

use crate::error::IdentityError;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::OnceLock;

/// How much work a hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Cost {
    /// 19 MiB and 2 passes: OWASP Password Storage Cheat Sheet, argon2id.
    fn default() -> Cost {
        Cost { memory: 19 * 1024, passes: 2 }
    }
}

impl Cost {
    /// As little as the algorithm allows: for tests alone.
    pub const TESTS: Cost = Cost { memory: 8, passes: 1 };

    fn argon(self) -> Result<Argon2<'static>, IdentityError> {
        let params = Params::new(self.memory, self.passes, 1, None)
            .map_err(|error| IdentityError::Hash(error.to_string()))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// Shortest password, in characters; NIST SP 800-63B-4 §3.1.1.2 asks for 15 where it is the only factor, 8 at least.
pub const SHORTEST: usize = 10;
/// Longest password, in bytes: more would only be a way to keep us busy.
pub const LONGEST: usize = 512;

/// The words everybody tries first (parts of passwords, lower case).
const COMMON: [&str; 12] = [
    "password",
    "passwort",
    "123456",
    "qwerty",
    "qwertz",
    "azerty",
    "letmein",
    "welcome",
    "iloveyou",
    "abc123",
    "admin",
    "backoffice",
];

/// Whether a new password is acceptable. The error is a sentence without the field's name.
///
/// # Errors
/// What to do better.
pub fn check(password: &str, email: &str, name: &str) -> Result<(), String> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(format!(
            "must be at least {SHORTEST} characters; three or four unrelated words are good"
        ));
    }
    if password.len() > LONGEST {
        return Err(format!("must be at most {LONGEST} bytes"));
    }
    let lower = password.to_lowercase();
    let rest = |part: &str| length - part.chars().count().min(length);
    if COMMON.iter().any(|word| lower.contains(word) && rest(word) < 6) {
        return Err("is one of those everybody tries first".into());
    }
    let user = email.split('@').next().unwrap_or("").to_lowercase();
    let names = name.to_lowercase();
    let own: Vec<&str> =
        names.split_whitespace().chain([user.as_str()]).filter(|part| part.chars().count() > 3).collect();
    if own.iter().any(|part| lower.contains(part) && rest(part) < 6) {
        return Err("is too close to the name or mail address".into());
    }
    let first = lower.chars().next();
    if lower.chars().all(|c| Some(c) == first) {
        return Err("is one character over and over".into());
    }
    Ok(())
}

/// Hashes a password. Takes tens of milliseconds: call it on a blocking thread.
///
/// # Errors
/// [`IdentityError::Hash`].
pub fn hash(password: &str, cost: Cost) -> Result<String, IdentityError> {
    let argon = cost.argon()?;
    argon
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| IdentityError::Hash(error.to_string()))
}

/// Whether a password fits a stored hash. With no hash (no such account, or no password yet) it does the same work
/// and says no, so that time does not tell which.
pub fn verify(password: &str, stored: Option<&str>, cost: Cost) -> bool {
    static DUMMY: OnceLock<String> = OnceLock::new();
    let dummy = DUMMY.get_or_init(|| hash("nobody has this password", cost).unwrap_or_default());
    let real = stored.filter(|hash| !hash.is_empty());
    let Ok(parsed) = PasswordHash::new(real.unwrap_or(dummy)) else { return false };
    let password = if password.len() > LONGEST { "" } else { password };
    let fits = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    fits && real.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_hash_and_no_other() {
        let stored = hash("correct horse battery", Cost::TESTS).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert!(verify("correct horse battery", Some(&stored), Cost::TESTS));
        assert!(!verify("correct horse batterx", Some(&stored), Cost::TESTS));
        assert!(!verify("correct horse battery", None, Cost::TESTS));
        assert!(!verify("", Some(""), Cost::TESTS));
        assert!(!verify("nobody has this password", None, Cost::TESTS));
    }

    #[test]
    fn a_weak_password_is_refused_with_a_reason() {
        let refuse = |password: &str| check(password, "noor.haddad@example.org", "Noor Haddad").unwrap_err();
        assert!(refuse("short").contains("at least 10"));
        assert!(refuse("Password123!").contains("everybody tries first"));
        assert!(refuse("haddad12345").contains("too close"));
        assert!(refuse("aaaaaaaaaaaa").contains("over and over"));
        assert!(check("green tram evening", "noor@example.org", "Noor Haddad").is_ok());
        assert!(check("Grüße aus Zürich", "noor@example.org", "Noor Haddad").is_ok());
    }
}
