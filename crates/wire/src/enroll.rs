//! How an edge becomes known: a one-time code typed at the edge, a key that never leaves it, a certificate back.
//!
//! `POST /api/v1/enroll` takes an [`EnrollRequest`] and answers an [`EnrollReply`], or 403 with a sentence. Renewal goes over the
//! uplink itself, which the old certificate has already proved: [`crate::Up::Renew`], [`crate::Down::Renewed`].

use bo_model::EdgeId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The name in every controller's gate certificate. Edges verify this name under the controller's own authority,
/// so that a controller may change its address without new certificates.
pub const GATE_NAME: &str = "gate.backoffice.internal";

/// A one-time code: 80 random bits, and the first 128 bits of the SHA-256 of the authority's certificate, so that the edge
/// knows its controller before it trusts it. Seven groups of six characters (Crockford base 32).
#[derive(Clone, PartialEq, Eq)]
pub struct EnrollCode {
    /// Known to the controller as a hash only.
    pub secret: [u8; 10],
    /// Of the authority's certificate, see [`fingerprint`].
    pub authority: [u8; 16],
}

/// What is wrong with a typed code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Something is missing or too much.
    #[error("an enrolment code has 42 characters in seven groups; this one has {0}")]
    Length(usize),
    /// A character that no code has.
    #[error("`{0}` does not occur in an enrolment code")]
    Character(char),
}

/// First 128 bits of the SHA-256 of a certificate's DER bytes.
pub fn fingerprint(certificate_der: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(certificate_der)[..16]);
    short
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS: usize = 42;

impl fmt::Display for EnrollCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut bits, mut held, mut written) = (0u32, 0u32, 0usize);
        let mut put = |f: &mut fmt::Formatter<'_>, value: u32| {
            if written > 0 && written.is_multiple_of(6) {
                f.write_str("-")?;
            }
            written += 1;
            write!(f, "{}", ALPHABET[(value & 31) as usize] as char)
        };
        for byte in self.secret.iter().chain(&self.authority) {
            bits = bits << 8 | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                put(f, bits >> held)?;
            }
        }
        if held > 0 { put(f, bits << (5 - held)) } else { Ok(()) }
    }
}

impl fmt::Debug for EnrollCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrollCode(…)") // a secret: never in a log
    }
}

impl FromStr for EnrollCode {
    type Err = CodeError;

    /// Case, dashes and spaces don't matter; O is 0, I and L are 1.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let characters: Vec<char> =
            text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(200).collect();
        if characters.len() != CHARACTERS {
            return Err(CodeError::Length(characters.len()));
        }
        let (mut bytes, mut bits, mut held) = (Vec::with_capacity(27), 0u32, 0u32);
        for character in characters {
            let plain = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = ALPHABET.iter().position(|known| *known as char == plain);
            let value = value.ok_or(CodeError::Character(character))? as u32;
            bits = (bits << 5 | value) & 0xffff;
            held += 5;
            if held >= 8 {
                held -= 8;
                bytes.push((bits >> held) as u8);
            }
        }
        let mut code = EnrollCode { secret: [0; 10], authority: [0; 16] };
        code.secret.copy_from_slice(&bytes[..10]);
        code.authority.copy_from_slice(&bytes[10..26]);
        Ok(code)
    }
}

/// What an edge sends to be enrolled. At most 16 KiB of JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// The code as it was typed.
    pub code: String,
    /// Certificate signing request, PEM. Only its public key counts.
    pub csr: String,
    /// The machine's own name, a hint for people.
    #[serde(default)]
    pub host: String,
}

/// What makes an edge one of this controller's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollReply {
    /// Who it is from now on.
    pub edge: EdgeId,
    /// Its certificate, PEM.
    pub certificate: String,
    /// The controller's authority, PEM. The edge checks it against the code.
    pub authority: String,
    /// The Ed25519 key releases are signed with, hex.
    pub release_key: String,
    /// Host of the uplink; empty = the host it was enrolled at.
    #[serde(default)]
    pub uplink_host: String,
    /// Port of the uplink.
    pub uplink_port: u16,
    /// Name to verify there; [`GATE_NAME`] unless an external broker carries the edges.
    pub uplink_name: String,
}

/// Asks for a new certificate before the old one ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// Certificate signing request of the new key, PEM.
    pub csr: String,
}

/// The new certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// PEM.
    pub certificate: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_code_reads_back_however_it_is_typed(secret: [u8; 10], authority: [u8; 16]) {
            let code = EnrollCode { secret, authority };
            let text = code.to_string();
            prop_assert_eq!(text.len(), 48);
            prop_assert_eq!(text.parse::<EnrollCode>(), Ok(code.clone()));
            let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            prop_assert_eq!(sloppy.parse::<EnrollCode>(), Ok(code));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = text.parse::<EnrollCode>();
        }
    }

    #[test]
    fn a_wrong_code_says_what_is_wrong() {
        assert_eq!("ABC-DEF".parse::<EnrollCode>(), Err(CodeError::Length(6)));
        let code = EnrollCode { secret: [1; 10], authority: [2; 16] }.to_string();
        assert_eq!(code.replacen('0', "U", 1).parse::<EnrollCode>(), Err(CodeError::Character('U')));
    }
}
