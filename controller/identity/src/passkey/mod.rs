//! Passkeys: signing in with a key that a device or password manager keeps, instead of a password or besides it.
//!
//! `ceremony` is pure: what a browser is asked, and whether its answer holds. `store` is what we keep. `site` says under which
//! name a request reached us, which is the name a passkey is bound to. `sign_in` puts them together.

pub mod ceremony;
pub mod sign_in;
mod site;
pub mod store;

pub use site::Site;
pub use store::{Passkey, PasskeyId};
