//! Access tokens: what an SDK gets for its key, and sends with every request.
//!
//! A JWT, HS256: the gateway alone verifies it, and an asymmetric check would cost more than the rest of the path. It
//! names the key and its generation, so that revoking the key ends it at once; no list of tokens is kept.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::denial::Unproven;
use crate::{
    model::{Key, KeyId, Tenant, TenantId},
    tenancy::SigningKeys,
};

const ISSUER: &str = "ringfence";
/// Ours have some 500 bytes: what is longer is not read.
const LONGEST_BYTES: usize = 1_024;

/// What a token says; one that says more is not ours.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    iss: String,
    /// The installation.
    aud: String,
    /// The key.
    pub(super) sub: KeyId,
    /// The tenant.
    pub(super) tenant: TenantId,
    /// The key's generation when the token was issued.
    pub(super) generation: i64,
    iat: i64,
    /// Seconds since 1970.
    pub(super) exp: i64,
}

/// A token, and how long it lives.
pub(super) struct Issued {
    pub(super) token: String,
    pub(super) expires_in_seconds: i64,
}

/// How many tokens are known again without another check.
const REMEMBERED: u64 = 10_000;

/// Issues tokens and tells its own from others.
pub(super) struct Tokens {
    // By the SHA-256 of the whole token: the signing key that verified it, and what it says. That never changes; whether it
    // still counts is asked each time.
    verified: moka::sync::Cache<[u8; 32], (u32, Arc<Claims>)>,
    installation: String,
    validation: Validation,
}

impl Tokens {
    pub(super) fn new(installation: &str) -> Self {
        // SECURITY: the algorithm is ours to say, never the token's.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[installation]);
        // Expiry is checked against the clock by the caller of `verify`, so that a test can move it.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss", "aud"]);
        let verified = moka::sync::Cache::new(REMEMBERED);
        Self { verified, installation: installation.to_owned(), validation }
    }

    /// Issues a token that ends with its key at the latest; none without a key to sign it.
    pub(super) fn issue(
        &self,
        keys: &SigningKeys,
        (key, tenant): (&Key, &Tenant),
        now: DateTime<Utc>,
    ) -> Option<Issued> {
        let signing = keys.current(now)?;
        let end = now + TimeDelta::seconds(i64::from(tenant.token_lifetime_seconds));
        let expires_at = key.expires_at.map_or(end, |known| known.min(end));
        let expires_in_seconds = expires_at.timestamp() - now.timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: self.installation.clone(),
            sub: key.id.clone(),
            tenant: key.tenant_id.clone(),
            generation: key.generation,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let header = Header { kid: Some(signing.number().to_string()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, signing.encoding()).ok()?;
        Some(Issued { token, expires_in_seconds })
    }

    /// What a token says, if this installation signed it with a key that still counts. Its expiry is not looked at.
    pub(super) fn verify(
        &self,
        keys: &SigningKeys,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<Claims>, Unproven> {
        if token.len() > LONGEST_BYTES {
            return Err(Unproven::ForeignToken);
        }
        let digest = Sha256::digest(token).into();
        if let Some((number, claims)) = self.verified.get(&digest) {
            return keys.find(number, now).map(|_| claims).ok_or(Unproven::ForeignToken);
        }
        let (number, claims) = self.decode(keys, token, now).ok_or(Unproven::ForeignToken)?;
        let claims = Arc::new(claims);
        self.verified.insert(digest, (number, Arc::clone(&claims)));
        Ok(claims)
    }

    /// Remembers a token no more: it has ended.
    pub(super) fn forget(&self, token: &str) {
        self.verified.invalidate::<[u8; 32]>(&Sha256::digest(token).into());
    }

    fn decode(&self, keys: &SigningKeys, token: &str, now: DateTime<Utc>) -> Option<(u32, Claims)> {
        let named = jsonwebtoken::decode_header(token).ok()?.kid?;
        let signing = keys.find(named.parse().ok()?, now)?;
        // One form of each number.
        if signing.number().to_string() != named {
            return None;
        }
        let decoded = jsonwebtoken::decode::<Claims>(token, signing.decoding(), &self.validation).ok()?;
        Some((signing.number(), decoded.claims))
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        model::SealedSigningKey,
        secret::{MasterKey, MasterKeys},
    };

    const HERE: &str = "00112233445566778899aabbccddeeff";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
    }

    /// Keys with these numbers, each of whose bytes are its number.
    fn keys(made: &[(u32, i64)]) -> SigningKeys {
        let master = MasterKeys::from(MasterKey::generate().unwrap());
        let sealed = made.iter().map(|(number, seconds)| {
            let secret = secret(*number);
            let sealed = master.seal(&SealedSigningKey::purpose(*number), &secret).unwrap();
            SealedSigningKey { number: *number, sealed, created_at: at(*seconds) }
        });
        SigningKeys::default().open(&sealed.collect::<Vec<_>>(), &master)
    }

    fn secret(number: u32) -> [u8; 32] {
        [u8::try_from(number).unwrap(); 32]
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "aud": HERE, "sub": "abcdefghijklmnop", "tenant": "alpha", "generation": 1,
            "iat": 1, "exp": 2,
        })
    }

    /// A token as the holder of signing key 1 could make it.
    fn signed(algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&secret(1))).unwrap()
    }

    fn accepts(tokens: &Tokens, keys: &SigningKeys, token: &str) -> bool {
        tokens.verify(keys, token, at(0)).is_ok()
    }

    #[test]
    fn a_token_under_another_key_id_is_foreign_even_if_its_signature_is_right() {
        let (tokens, keys) = (Tokens::new(HERE), keys(&[(1, 0), (2, 0)]));
        assert!(accepts(&tokens, &keys, &signed(Algorithm::HS256, Some("1"), &claims())));
        for kid in [Some("2"), Some("3"), Some("01"), Some("+1"), Some(""), Some("other"), None] {
            assert!(!accepts(&tokens, &keys, &signed(Algorithm::HS256, kid, &claims())), "{kid:?}");
        }
    }

    #[test]
    fn another_installations_token_is_foreign_even_if_it_has_the_same_key() {
        let (tokens, keys) = (Tokens::new(HERE), keys(&[(1, 0)]));
        for (field, value) in [
            ("aud", json!("ffeeddccbbaa99887766554433221100")),
            ("aud", Value::Null),
            ("iss", json!("another")),
            ("iss", Value::Null),
        ] {
            let mut claims = claims();
            claims[field] = value;
            assert!(!accepts(&tokens, &keys, &signed(Algorithm::HS256, Some("1"), &claims)), "{claims}");
        }
    }

    #[test]
    fn another_algorithm_is_foreign_even_with_the_right_key() {
        let (tokens, keys) = (Tokens::new(HERE), keys(&[(1, 0)]));
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert!(!accepts(&tokens, &keys, &signed(algorithm, Some("1"), &claims())), "{algorithm:?}");
        }
    }

    #[test]
    fn claims_that_are_no_numbers_or_that_nobody_asked_for_are_foreign() {
        let (tokens, keys) = (Tokens::new(HERE), keys(&[(1, 0)]));
        for (field, value) in [
            ("exp", json!("9999999999")),
            ("exp", json!(9_999_999_999.5)),
            ("exp", json!([9_999_999_999_i64])),
            ("exp", json!(1e300)),
            ("exp", Value::Null),
            ("iat", json!("1")),
            ("generation", json!(true)),
            ("nbf", json!(9_999_999_999_i64)),
            ("admin", json!(true)),
        ] {
            let mut claims = claims();
            claims[field] = value;
            assert!(!accepts(&tokens, &keys, &signed(Algorithm::HS256, Some("1"), &claims)), "{claims}");
        }
    }

    #[test]
    fn what_is_longer_than_any_token_is_not_read() {
        let (tokens, keys) = (Tokens::new(HERE), keys(&[(1, 0)]));
        let mut long = claims();
        long["tenant"] = json!("a".repeat(LONGEST_BYTES));
        assert!(!accepts(&tokens, &keys, &signed(Algorithm::HS256, Some("1"), &long)));
        assert!(!accepts(&tokens, &keys, &".".repeat(10_000_000)));
    }

    #[test]
    fn a_new_key_is_known_before_it_signs_and_an_old_one_as_long_as_its_tokens_live() {
        let tokens = Tokens::new(HERE);
        let keys = keys(&[(1, 0), (2, 1_000)]);
        let current = |seconds: i64| keys.current(at(seconds)).unwrap().number();
        assert_eq!([current(0), current(1_009), current(1_010)], [1, 1, 2]);
        let old = signed(Algorithm::HS256, Some("1"), &claims());
        let last = 1_010 + i64::from(Tenant::LONGEST_TOKEN_LIFETIME_SECONDS);
        for (seconds, is_known) in [(0, true), (2_000, true), (last - 1, true), (last, false)] {
            assert_eq!(tokens.verify(&keys, &old, at(seconds)).is_ok(), is_known, "{seconds}");
        }
    }

    #[test]
    fn a_remembered_token_ends_with_the_key_that_signed_it() {
        let (tokens, before) = (Tokens::new(HERE), keys(&[(1, 0)]));
        let old = signed(Algorithm::HS256, Some("1"), &claims());
        assert!(accepts(&tokens, &before, &old));
        assert!(!accepts(&tokens, &keys(&[(2, 0)]), &old));
    }
}
