//! What is asked for besides the password: codes of an authenticator app (RFC 6238: SHA-1, 6 digits, 30 s, one step of clock skew
//! either way), a passkey for whoever wants that, and recovery codes for whoever lost both. A code is taken once. The app's secret is
//! kept sealed.

use crate::error::IdentityError;
use crate::session::digest;
use bo_db::{DbError, Event, SealedColumn, Tx, params};
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

/// Secrets of authenticator apps.
pub(crate) const SECRETS: SealedColumn =
    SealedColumn { table: "totp", key: "account", column: "secret", place: "totp:" };

/// Whether a second proof is asked for after somebody's password.
///
/// # Errors
/// When the database fails.
pub fn is_on(tx: &mut Tx, account: AccountId) -> Result<bool, DbError> {
    Ok(has_app(tx, account)? || asks_for_passkey(tx, account)?)
}

/// Whether somebody has an app set up and confirmed.
///
/// # Errors
/// When the database fails.
pub fn has_app(tx: &mut Tx, account: AccountId) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM totp WHERE account = ?1 AND confirmed = 1";
    Ok(tx.query_opt(sql, params![account], |_| Ok(()))?.is_some())
}

/// Whether somebody wants a passkey asked for after their password.
///
/// # Errors
/// When the database fails.
pub fn asks_for_passkey(tx: &mut Tx, account: AccountId) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM account WHERE id = ?1 AND two_steps = 1";
    Ok(tx.query_opt(sql, params![account], |_| Ok(()))?.is_some())
}

/// Asks for a passkey after the password from now on, or no longer. The recovery codes are for whoever loses all passkeys.
///
/// # Errors
/// [`IdentityError::NotAllowed`] without a passkey.
pub fn ask_for_passkey(
    tx: &mut Tx,
    account: AccountId,
    on: bool,
    recovery: &[String],
) -> Result<(), IdentityError> {
    if on && !crate::passkey::store::of_account(tx, account)?.iter().any(|passkey| !passkey.stopped) {
        return Err(IdentityError::NotAllowed("You have no passkey to be asked for. Add one first.".into()));
    }
    tx.execute("UPDATE account SET two_steps = ?2 WHERE id = ?1", params![account, on])?;
    match on {
        true => keep_recovery(tx, account, recovery)?,
        false => forget_recovery_if_off(tx, account)?,
    }
    let verb = if on { "second_factor.passkey_on" } else { "second_factor.passkey_off" };
    tx.audit(Event::new(verb, Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

fn keep_recovery(tx: &mut Tx, account: AccountId, codes: &[String]) -> Result<(), DbError> {
    tx.execute("DELETE FROM recovery_code WHERE account = ?1", params![account])?;
    for code in codes {
        let sql = "INSERT INTO recovery_code (account, code_hash) VALUES (?1, ?2)";
        tx.execute(sql, params![account, digest(code)])?;
    }
    Ok(())
}

fn forget_recovery_if_off(tx: &mut Tx, account: AccountId) -> Result<(), DbError> {
    if !is_on(tx, account)? {
        keep_recovery(tx, account, &[])?;
    }
    Ok(())
}

/// Stores fresh recovery codes; the old ones are worth nothing from then on.
///
/// # Errors
/// [`IdentityError::NotFound`] when no second proof is asked for.
pub fn renew_recovery(tx: &mut Tx, account: AccountId, codes: &[String]) -> Result<(), IdentityError> {
    if !is_on(tx, account)? {
        return Err(IdentityError::NotFound);
    }
    keep_recovery(tx, account, codes)?;
    tx.audit(Event::new("second_factor.recovery_renew", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

/// The secret that waits to be confirmed.
///
/// # Errors
/// When the database fails.
pub fn waiting(tx: &mut Tx, account: AccountId) -> Result<Option<String>, DbError> {
    secret_of(tx, account, false)
}

fn secret_of(tx: &mut Tx, account: AccountId, confirmed: bool) -> Result<Option<String>, DbError> {
    let sql = "SELECT secret FROM totp WHERE account = ?1 AND confirmed = ?2";
    let stored = tx.query_opt(sql, params![account, confirmed], |row| row.get::<String>(0))?;
    stored.map(|stored| SECRETS.open(&*tx.vault()?, account, &stored)).transpose()
}

/// Begins to set an app up. One that is confirmed stays until it is removed.
///
/// # Errors
/// [`IdentityError::Exists`] when there is one.
pub fn begin(tx: &mut Tx, account: AccountId, secret: &str) -> Result<(), IdentityError> {
    if has_app(tx, account)? {
        return Err(IdentityError::Exists("An app is set up already. Remove it first.".into()));
    }
    let (now, sealed) = (tx.now(), SECRETS.seal(tx, account, secret)?);
    tx.execute(
        "INSERT INTO totp (account, secret, confirmed, last_step, created_at) VALUES (?1, ?2, 0, 0, ?3)
         ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at",
        params![account, sealed, now],
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
    keep_recovery(tx, account, recovery)?;
    tx.audit(Event::new("second_factor.on", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

fn step(secret: &str, code: &str, now: Time) -> Option<i64> {
    let seconds = u64::try_from(now.0 / 1_000_000).ok()?;
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let step = totp(secret, "account", "BackOffice")?.check(&code, seconds)?;
    i64::try_from(step).ok()
}

/// Takes a code of the app, or a recovery code. False for a wrong one and for one that was taken before.
///
/// # Errors
/// When the database fails.
pub fn take(tx: &mut Tx, account: AccountId, code: &str) -> Result<bool, DbError> {
    let (now, secret) = (tx.now(), secret_of(tx, account, true)?);
    if let Some(step) = secret.and_then(|secret| step(&secret, code, now)) {
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

/// Removes the app; the recovery codes go when nothing else is asked for.
///
/// # Errors
/// When the database fails.
pub fn remove_app(tx: &mut Tx, account: AccountId) -> Result<(), DbError> {
    tx.execute("DELETE FROM totp WHERE account = ?1", params![account])?;
    forget_recovery_if_off(tx, account)?;
    tx.audit(Event::new("second_factor.off", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

/// Removes all that is asked for besides the password, of somebody who lost it.
///
/// # Errors
/// When the database fails.
pub fn remove_all(tx: &mut Tx, account: AccountId) -> Result<(), DbError> {
    tx.execute("UPDATE account SET two_steps = 0 WHERE id = ?1", params![account])?;
    crate::passkey::store::remove_all(tx, account)?;
    remove_app(tx, account)
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
