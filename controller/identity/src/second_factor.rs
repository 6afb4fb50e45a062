//! Codes of an authenticator app (RFC 6238: SHA-1, 6 digits, 30 s, one step of clock skew either way), and the recovery codes for
//! whoever lost the app. A code is taken once.

use crate::error::IdentityError;
use crate::session::digest;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Object, Time};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Secret, Totp};

/// Steps of 30 s that a clock may be off.
const SKEW: u16 = 1;
/// Bytes of a secret: as many as the hash has (RFC 4226 §4 recommends 160 bits).
const SECRET: usize = 20;
/// Recovery codes made at a time.
const RECOVERY: usize = 10;

/// What an app is set up with.
pub struct Setup {
    /// The secret, to type in.
    pub secret: String,
    /// The same and who it is for, as a picture.
    pub picture: String,
}

fn totp(secret: &str, email: &str, issuer: &str) -> Option<Totp> {
    // Neither may hold a colon in the address an app reads.
    let clean = |text: &str| text.replace(':', " ");
    Builder::new()
        .with_secret(Secret::try_from_base32(secret).ok()?)
        .with_skew(SKEW)
        .with_account_name(clean(email))
        .with_issuer(Some(clean(issuer)))
        .build()
        .ok()
}

/// A fresh secret.
pub fn secret() -> String {
    Secret::new(Box::new(rand::random::<[u8; SECRET]>())).to_base32()
}

/// What an app needs to be shown.
pub fn setup(secret: &str, email: &str, issuer: &str) -> Option<Setup> {
    let address = totp(secret, email, issuer)?.to_url().ok()?;
    let code = QrCode::new(address).ok()?;
    // Dark on light whatever the theme: cameras read it no other way.
    let drawn: String = code
        .render()
        .min_dimensions(200, 200)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // It begins with an XML declaration, which has no place within a page.
    let picture = drawn.find("<svg").map(|start| drawn[start..].to_owned())?;
    Some(Setup { secret: secret.to_owned(), picture })
}

/// Whether somebody has an app set up and confirmed.
///
/// # Errors
/// When the database fails.
pub fn is_on(tx: &mut Tx, account: AccountId) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM totp WHERE account = ?1 AND confirmed = 1";
    Ok(tx.query_opt(sql, params![account], |_| Ok(()))?.is_some())
}

/// The secret that waits to be confirmed.
///
/// # Errors
/// When the database fails.
pub fn waiting(tx: &mut Tx, account: AccountId) -> Result<Option<String>, DbError> {
    let sql = "SELECT secret FROM totp WHERE account = ?1 AND confirmed = 0";
    tx.query_opt(sql, params![account], |row| row.get(0))
}

/// Begins to set an app up. One that is confirmed stays until it is removed.
///
/// # Errors
/// [`IdentityError::Exists`] when there is one.
pub fn begin(tx: &mut Tx, account: AccountId, secret: &str) -> Result<(), IdentityError> {
    if is_on(tx, account)? {
        return Err(IdentityError::Exists("An app is set up already. Remove it first.".into()));
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO totp (account, secret, confirmed, last_step, created_at) VALUES (?1, ?2, 0, 0, ?3)
         ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at",
        params![account, secret, now],
    )?;
    tx.audit(Event::new("second_factor.begin", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

/// Fresh recovery codes, as people write them.
pub fn recovery_codes() -> Vec<String> {
    let code = || {
        let text = Secret::new(Box::new(rand::random::<[u8; 10]>())).to_base32().to_lowercase();
        format!("{}-{}", &text[..8], &text[8..16])
    };
    (0..RECOVERY).map(|_| code()).collect()
}

/// Confirms the app by a code it shows, and stores the recovery codes.
///
/// # Errors
/// [`IdentityError::BadInput`] on `code`.
pub fn confirm(
    tx: &mut Tx,
    account: AccountId,
    code: &str,
    recovery: &[String],
) -> Result<(), IdentityError> {
    let secret = waiting(tx, account)?.ok_or(IdentityError::NotFound)?;
    let now = tx.now();
    let Some(step) = step(&secret, code, now) else {
        return Err(IdentityError::BadInput(vec![(
            "code".into(),
            "is not what the app should show now. Is the clock of your phone right?".into(),
        )]));
    };
    tx.execute("UPDATE totp SET confirmed = 1, last_step = ?2 WHERE account = ?1", params![account, step])?;
    tx.execute("DELETE FROM recovery_code WHERE account = ?1", params![account])?;
    for code in recovery {
        let sql = "INSERT INTO recovery_code (account, code_hash) VALUES (?1, ?2)";
        tx.execute(sql, params![account, digest(code)])?;
    }
    tx.audit(Event::new("second_factor.on", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

fn step(secret: &str, code: &str, now: Time) -> Option<i64> {
    let seconds = u64::try_from(now.0 / 1_000_000).ok()?;
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let step = totp(secret, "account", "BackOffice")?.check(&code, seconds)?;
    i64::try_from(step).ok()
}

/// Takes a code of the app, or a recovery code, of somebody who has an app. False for a wrong one and for one that was taken before.
///
/// # Errors
/// When the database fails.
pub fn take(tx: &mut Tx, account: AccountId, code: &str) -> Result<bool, DbError> {
    let sql = "SELECT secret FROM totp WHERE account = ?1 AND confirmed = 1";
    let Some(secret) = tx.query_opt(sql, params![account], |row| row.get::<String>(0))? else {
        return Ok(false);
    };
    let now = tx.now();
    if let Some(step) = step(&secret, code, now) {
        let sql = "UPDATE totp SET last_step = ?2 WHERE account = ?1 AND last_step < ?2";
        return Ok(tx.execute(sql, params![account, step])? == 1);
    }
    let typed = code.trim().to_lowercase();
    let sql = "DELETE FROM recovery_code WHERE account = ?1 AND code_hash = ?2";
    let taken = tx.execute(sql, params![account, digest(&typed)])? == 1;
    if taken {
        tx.audit(Event::new("second_factor.recovery", Object::new(Kind::ACCOUNT, account)));
    }
    Ok(taken)
}

/// Recovery codes that are left.
///
/// # Errors
/// When the database fails.
pub fn recovery_left(tx: &mut Tx, account: AccountId) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) FROM recovery_code WHERE account = ?1";
    tx.query_one(sql, params![account], |row| row.get(0))
}

/// Removes the app and the recovery codes.
///
/// # Errors
/// When the database fails.
pub fn remove(tx: &mut Tx, account: AccountId) -> Result<(), DbError> {
    tx.execute("DELETE FROM totp WHERE account = ?1", params![account])?;
    tx.execute("DELETE FROM recovery_code WHERE account = ?1", params![account])?;
    tx.audit(Event::new("second_factor.off", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1, cut to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::new(Box::new(*b"12345678901234567890")).to_base32();
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (2_000_000_000, "279037")]
        {
            assert_eq!(step(&secret, code, Time::from_seconds(seconds)), Some(seconds / 30), "{code}");
        }
        assert_eq!(step(&secret, "287 082", Time::from_seconds(59 + 30)), Some(1), "one step late");
        assert_eq!(step(&secret, "287082", Time::from_seconds(59 + 61)), None, "two steps late");
        assert_eq!(step(&secret, "287083", Time::from_seconds(59)), None);
        assert_eq!(step(&secret, "", Time::from_seconds(59)), None);
    }

    #[test]
    fn an_address_with_odd_signs_still_makes_a_picture() {
        let setup = setup(&secret(), "a:b+c@example.org", "Acme: Ltd").unwrap();
        assert!(setup.picture.contains("<svg") && !setup.picture.contains("style="));
    }
}
