//! PINs for gateways: with it somebody signs in on a gateway's own page while the controller is away. Made here, shown once, kept
//! as an argon2id hash that goes to the gateways with their releases. It opens nothing else.

use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Object, Time};

/// Letters and digits nobody mistakes for others: 30 of them, eight in a row, are 39 bits.
const SIGNS: &[u8; 30] = b"abcdefghjkmnpqrstuvwxyz2345678";
const LENGTH: usize = 8;

/// A new PIN, as a gateway takes it.
pub fn make() -> String {
    let mut pin = String::with_capacity(LENGTH);
    while pin.len() < LENGTH {
        // Bytes beyond the last full round of signs would make some likelier.
        let byte = rand::random::<u8>();
        if usize::from(byte) < 256 / SIGNS.len() * SIGNS.len() {
            pin.push(char::from(SIGNS[usize::from(byte) % SIGNS.len()]));
        }
    }
    pin
}

/// `abcd-efgh`, for people; gateways overlook the dash.
pub fn shown(pin: &str) -> String {
    let (left, right) = pin.split_at(pin.len() / 2);
    format!("{left}-{right}")
}

/// When somebody's PIN was made; `None` when they have none.
///
/// # Errors
/// When the database fails.
pub fn made_at(tx: &mut Tx, account: AccountId) -> Result<Option<Time>, DbError> {
    tx.query_opt("SELECT made_at FROM gateway_pin WHERE account = ?1", params![account], |row| row.get(0))
}

/// Gives somebody a PIN; the one before no longer counts as soon as the gateways hear of it.
///
/// # Errors
/// When the database fails.
pub fn set(tx: &mut Tx, account: AccountId, hash: &str) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO gateway_pin (account, hash, made_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, made_at = excluded.made_at",
        params![account, hash, now],
    )?;
    tx.audit(Event::new("account.gateway-pin", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

/// Takes it away.
///
/// # Errors
/// When the database fails.
pub fn remove(tx: &mut Tx, account: AccountId) -> Result<bool, DbError> {
    let gone = tx.execute("DELETE FROM gateway_pin WHERE account = ?1", params![account])? > 0;
    if gone {
        tx.audit(Event::new("account.gateway-pin-remove", Object::new(Kind::ACCOUNT, account)));
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_long_enough_and_nobody_mistakes_its_signs() {
        let pins: std::collections::HashSet<String> = (0..100).map(|_| make()).collect();
        assert_eq!(pins.len(), 100);
        assert!(pins.iter().all(|pin| pin.len() == LENGTH && !pin.contains(['0', 'o', '1', 'l', 'i', '9'])));
        assert_eq!(shown("abcdefgh"), "abcd-efgh");
    }
}
