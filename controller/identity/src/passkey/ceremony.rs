//! What a browser is asked for, and whether what it answers holds (Web Authentication Level 3, §7.1 and §7.2): challenge,
//! origin, site, signature, that the person was asked for their finger or PIN, and the counter. The checks are
//! `webauthn_rp`'s; here they get our words.

use super::Site;
use crate::error::IdentityError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bo_model::AccountId;
use serde::Serialize;
use serde_json::Value as Json;
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    CredProtect, Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle16,
    Username,
};
use webauthn_rp::request::{AsciiDomain, PublicKeyCredentialDescriptor, RpId};
use webauthn_rp::response::auth::error::AuthCeremonyErr;
use webauthn_rp::response::register::{DynamicState, Registration, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication16, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, RegistrationServerState,
};

/// A question to a browser.
pub struct Asked {
    /// For `navigator.credentials`, with bytes in base64url.
    pub options: Json,
    /// To judge the answer with; kept here.
    pub state: String,
}

/// What is kept of a passkey to recognise it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The authenticator's name for it.
    pub credential: String,
    /// Public key, encoded.
    pub public_key: String,
    /// Counter and whether it is synchronised, encoded.
    pub state: String,
    /// How the browser reaches it, as bits.
    pub transports: u8,
}

impl Key {
    /// Whether copies of it are kept elsewhere: by a password manager that synchronises.
    pub fn is_synchronised(&self) -> bool {
        // The library's encoding: the second byte is 2 when a backup exists.
        decode(&self.state).is_some_and(|bytes| bytes.get(1) == Some(&2))
    }
}

/// Whose passkey an answer says it is.
pub struct Claimed {
    /// The account it was made for.
    pub account: AccountId,
    /// The authenticator's name for it.
    pub credential: String,
    answer: DiscoverableAuthentication16,
}

/// Why an answer does not sign somebody in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its counter went back or stood still: there are two of it.
    Copied,
    /// It does not hold; holds why, for the log.
    Wrong(String),
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn refused(why: impl std::fmt::Display) -> IdentityError {
    IdentityError::BadInput(vec![(
        String::new(),
        format!("The answer of your device does not hold: {why}. Try again."),
    )])
}

fn party(site: &Site) -> Result<RpId, IdentityError> {
    AsciiDomain::try_from(site.id.clone())
        .map(RpId::Domain)
        .map_err(|_| IdentityError::NotAllowed("Passkeys can't be used under this host name.".into()))
}

fn handle(account: AccountId) -> UserHandle16 {
    match UserHandle16::decode(*account.0.as_bytes()) {
        Ok(handle) => handle,
        Err(never) => match never {},
    }
}

fn options(state: &impl Serialize) -> Result<Json, IdentityError> {
    serde_json::to_value(state).map_err(refused)
}

/// Asks for a new passkey of somebody who has those already at this site.
///
/// # Errors
/// When the site's name is none.
pub fn ask_new(
    site: &Site,
    account: AccountId,
    (email, name): (&str, &str),
    has: &[Key],
) -> Result<Asked, IdentityError> {
    let (party, handle) = (party(site)?, handle(account));
    // Names of scripts that the profile for names refuses are left out: they are only shown.
    let shown = Username::try_from(email).or_else(|_| Username::try_from("account")).map_err(refused)?;
    let user = PublicKeyCredentialUserEntity {
        name: shown,
        id: &handle,
        display_name: Nickname::try_from(name).ok(),
    };
    let known = has.iter().filter_map(|key| {
        let id = CredentialId::<Vec<u8>>::decode(decode(&key.credential)?).ok()?;
        Some(PublicKeyCredentialDescriptor { id, transports: AuthTransports::decode(key.transports).ok()? })
    });
    let mut asked = PublicKeyCredentialCreationOptions::passkey(&party, user, known.collect());
    // It keeps a passkey from being found without a finger or PIN. Asked for, devices that do not know it make none at all.
    asked.extensions.cred_protect = CredProtect::None;
    let (server, client) = asked.start_ceremony().map_err(refused)?;
    Ok(Asked { options: options(&client)?, state: encode(server.encode().map_err(refused)?) })
}

/// The passkey that a browser made.
///
/// # Errors
/// [`IdentityError::BadInput`] when the answer does not hold.
pub fn take_new(site: &Site, state: &str, answer: &Json) -> Result<Key, IdentityError> {
    let party = party(site)?;
    let state = decode(state).ok_or_else(|| refused("it belongs to no question"))?;
    let server = RegistrationServerState::<16>::decode(&state).map_err(refused)?;
    let text = answer.to_string();
    let answer = Registration::from_json_relaxed(text.as_bytes()).map_err(refused)?;
    let allowed = RegistrationVerificationOptions::<'_, '_, &str, &str> {
        allowed_origins: &[site.origin.as_str()],
        error_on_unsolicited_extensions: false,
        ..RegistrationVerificationOptions::default()
    };
    let made = server.verify(&party, &answer, &allowed).map_err(refused)?;
    let (id, transports, _, key, state, _) = made.into_parts();
    let (Ok(id), Ok(transports), Ok(key), Ok(state)) =
        (id.encode(), transports.encode(), key.encode(), state.encode());
    Ok(Key { credential: encode(id), public_key: encode(key), state: encode(state), transports })
}

/// Asks for any passkey of this site.
///
/// # Errors
/// When the site's name is none.
pub fn ask_any(site: &Site) -> Result<Asked, IdentityError> {
    let party = party(site)?;
    let asked = DiscoverableCredentialRequestOptions::passkey(&party);
    let (server, client) = asked.start_ceremony().map_err(refused)?;
    Ok(Asked { options: options(&client)?, state: encode(server.encode().map_err(refused)?) })
}

/// Whose passkey an answer says it is; nothing is checked yet.
///
/// # Errors
/// [`IdentityError::BadInput`] when it is no such answer.
pub fn read(answer: &Json) -> Result<Claimed, IdentityError> {
    let text = answer.to_string();
    let answer = DiscoverableAuthentication16::from_json_relaxed(text.as_bytes()).map_err(refused)?;
    let Ok(account) = answer.response().user_handle().encode();
    let Ok(credential) = answer.raw_id().encode().map(encode);
    Ok(Claimed { account: bo_model::uuid::Uuid::from_bytes(account).into(), credential, answer })
}

/// Checks the answer against the passkey it says it is. Holds the state to keep.
///
/// # Errors
/// [`Refusal`].
pub fn check(site: &Site, state: &str, claimed: &Claimed, key: &Key) -> Result<String, Refusal> {
    let wrong = |why: &dyn std::fmt::Display| Refusal::Wrong(why.to_string());
    let damaged = || Refusal::Wrong("what is kept of it is damaged".into());
    let party = party(site).map_err(|error| wrong(&error))?;
    let state = decode(state).ok_or_else(damaged)?;
    let server = DiscoverableAuthenticationServerState::decode(&state).map_err(|error| wrong(&error))?;
    let (id, public_key) = (decode(&key.credential).ok_or_else(damaged)?, decode(&key.public_key));
    let id = CredentialId::<&[u8]>::decode(&id).map_err(|error| wrong(&error))?;
    let public_key = StaticState::decode(&public_key.ok_or_else(damaged)?).map_err(|error| wrong(&error))?;
    let known = decode(&key.state).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
    let known = DynamicState::decode(known).map_err(|error| wrong(&error))?;
    let handle = handle(claimed.account);
    let mut credential =
        AuthenticatedCredential::new(id, &handle, public_key, known).map_err(|error| wrong(&error))?;
    let allowed = AuthenticationVerificationOptions::<'_, '_, &str, &str> {
        allowed_origins: &[site.origin.as_str()],
        error_on_unsolicited_extensions: false,
        ..AuthenticationVerificationOptions::default()
    };
    match server.verify(&party, &claimed.answer, &mut credential, &allowed) {
        Ok(_) => {
            let Ok(state) = credential.dynamic_state().encode();
            Ok(encode(state))
        }
        Err(AuthCeremonyErr::SignatureCounter) => Err(Refusal::Copied),
        Err(error) => Err(wrong(&error)),
    }
}
