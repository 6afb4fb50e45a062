//! A device that makes passkeys and signs with them, as far as the standard asks (Web Authentication Level 3, §6): one P-256
//! key, attestation "none". It says whatever origin and counter it is told, which no real browser lets it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

pub const ORIGIN: &str = "https://bo.example";
const SITE: &str = "bo.example";

pub struct Device {
    key: EcdsaKeyPair,
    random: SystemRandom,
    id: [u8; 16],
    user: String,
    /// Counts its signatures; 0 for one that does not.
    pub counter: u32,
    /// Where it says the page came from.
    pub origin: String,
    /// Whether it asked the person for a finger or PIN.
    pub verified: bool,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Device {
    pub fn new(id: u8) -> Device {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref(), &random).unwrap();
        Device {
            key,
            random,
            id: [id; 16],
            user: String::new(),
            counter: 0,
            origin: ORIGIN.into(),
            verified: true,
        }
    }

    fn client_data(&self, kind: &str, options: &Json) -> Vec<u8> {
        let data = json!({"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false});
        data.to_string().into_bytes()
    }

    /// Flags: present 1, verified 4, attested data 0x40.
    fn authenticator_data(&self, more: u8) -> Vec<u8> {
        let flags = 1 | if self.verified { 4 } else { 0 } | more;
        let mut data = Sha256::digest(SITE).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// Makes a passkey.
    pub fn make(&mut self, options: &Json) -> Json {
        assert_eq!(options["rp"]["id"], SITE);
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        self.user = options["user"]["id"].as_str().unwrap().to_owned();
        let mut data = self.authenticator_data(0x40);
        data.extend([0u8; 16]);
        data.extend([0, 16]);
        data.extend(self.id);
        // COSE_Key (RFC 9052 §7): kty 2 (EC2), alg -7 (ES256), crv 1 (P-256), x, y.
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        // CBOR: {"fmt": "none", "attStmt": {}, "authData": bytes}
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt");
        object.push(0x64);
        object.extend(b"none");
        object.push(0x67);
        object.extend(b"attStmt");
        object.extend([0xa0, 0x68]);
        object.extend(b"authData");
        object.extend([0x58, u8::try_from(data.len()).unwrap()]);
        object.extend(&data);
        json!({
            "id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(self.client_data("webauthn.create", options)),
                "attestationObject": b64(object), "transports": ["internal"],
            },
        })
    }

    /// Signs.
    pub fn sign(&mut self, options: &Json) -> Json {
        let (client, data) = (self.client_data("webauthn.get", options), self.authenticator_data(0));
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = self.key.sign(&self.random, &signed).unwrap();
        json!({
            "id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature),
                "userHandle": self.user,
            },
        })
    }
}
