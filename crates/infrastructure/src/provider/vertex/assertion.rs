//! What a service account proves itself with: a JSON Web Token (RFC 7519), signed with RS256 (RFC 7518) and exchanged for an access token
//! (RFC 7523).
//!
//! Source: "Using OAuth 2.0 for server to server applications" of Google's. The moment is an argument; the signature is aws-lc's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::json;

use crate::base64;

/// How long an assertion holds; Google allows no longer.
const LIFETIME: Duration = Duration::from_hours(1);
/// What the tokens are for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A service account's private key, and what it is called.
pub(super) struct SigningKey {
    pair: KeyPair,
    id: Option<String>,
}

impl SigningKey {
    /// The key in `pem`, PKCS #8; `None` if there is no RSA key in it.
    pub(super) fn from_pem(pem: &str, id: Option<String>) -> Option<Self> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let pair = match &key {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => return None,
        };
        Some(Self { pair: pair.ok()?, id })
    }

    /// That it is the `account` that asks the `audience`; `None` if it could not be signed.
    pub(super) fn assertion(&self, (account, audience): (&str, &str), now: SystemTime) -> Option<String> {
        let issued = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.id {
            header["kid"] = id.as_str().into();
        }
        let ends = issued + LIFETIME.as_secs();
        let claims = json!({"iss": account, "scope": SCOPE, "aud": audience, "iat": issued, "exp": ends});
        let said =
            format!("{}.{}", base64_url(header.to_string().as_bytes()), base64_url(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), said.as_bytes(), &mut signature).ok()?;
        Some(format!("{said}.{}", base64_url(&signature)))
    }
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
fn base64_url(bytes: &[u8]) -> String {
    base64::encode(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::KeySize,
        signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
    };

    use super::*;

    /// A fresh key in PEM, and the key itself.
    pub(in crate::provider::vertex) fn fresh_key() -> (String, KeyPair) {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        (format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64::encode(der.as_ref())), pair)
    }

    #[test]
    fn an_assertion_says_who_asks_whom_until_when_and_is_signed() {
        let (pem, pair) = fresh_key();
        let key = SigningKey::from_pem(&pem, Some("k1".to_owned())).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let assertion = key.assertion(("me@p.iam", "https://t/token"), now).unwrap();
        let parts: Vec<_> = assertion.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("{assertion}") };
        let read = |part| serde_json::from_slice::<serde_json::Value>(&base64::decode(part).unwrap()).unwrap();
        assert_eq!(read(header), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        let expected = json!({
            "iss": "me@p.iam", "aud": "https://t/token", "scope": SCOPE, "iat": 1_000_000, "exp": 1_003_600
        });
        assert_eq!(read(claims), expected);
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        let said = format!("{header}.{claims}");
        assert!(public.verify(said.as_bytes(), &base64::decode(signature).unwrap()).is_ok());
        assert!(public.verify(b"something else", &base64::decode(signature).unwrap()).is_err());
    }

    #[test]
    fn what_holds_no_key_is_none() {
        let elliptic = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for pem in ["", "nothing", elliptic] {
            assert!(SigningKey::from_pem(pem, None).is_none(), "{pem}");
        }
    }
}
