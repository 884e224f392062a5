//! Access tokens: what an SDK gets for its key, and sends with every request.
//!
//! A JWT, HS256: the gateway alone verifies it, and an asymmetric check would cost more than the rest of the path. It
//! names the key and its generation, so that revoking the key ends it at once; no list of tokens is kept.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::denial::Unproven;
use crate::{
    model::{Key, KeyId, TenantId},
    secret::hex,
};

/// As Genesys's own: SDKs do not log in again by themselves.
const LIFETIME: TimeDelta = TimeDelta::hours(24);
const ISSUER: &str = "ringfence";

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
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
    // By the SHA-256 of the whole token. What a token says never changes; whether it still counts is asked each time.
    verified: moka::sync::Cache<[u8; 32], Arc<Claims>>,
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub(super) fn new(signing_key: &[u8]) -> Self {
        let mut header = Header::new(Algorithm::HS256);
        let digest = Sha256::digest(signing_key);
        header.kid = Some(hex(digest.get(..8).unwrap_or_default()));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        // Expiry is checked against the clock by the caller of `verify`, so that a test can move it.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss"]);
        let encoding = EncodingKey::from_secret(signing_key);
        let verified = moka::sync::Cache::new(REMEMBERED);
        Self { verified, header, encoding, decoding: DecodingKey::from_secret(signing_key), validation }
    }

    /// Issues a token that ends with its key at the latest.
    pub(super) fn issue(&self, key: &Key, now: DateTime<Utc>) -> Result<Issued, jsonwebtoken::errors::Error> {
        let expires_at = key.expires_at.map_or(now + LIFETIME, |end| end.min(now + LIFETIME));
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: key.id.clone(),
            tenant: key.tenant_id.clone(),
            generation: key.generation,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let token = jsonwebtoken::encode(&self.header, &claims, &self.encoding)?;
        Ok(Issued { token, expires_in_seconds: (expires_at - now).num_seconds() })
    }

    /// What a token says, if this gateway signed it. Its expiry is not looked at.
    pub(super) fn verify(&self, token: &str) -> Result<Arc<Claims>, Unproven> {
        let digest = Sha256::digest(token).into();
        if let Some(claims) = self.verified.get(&digest) {
            return Ok(claims);
        }
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| Unproven::ForeignToken)?;
        if decoded.header.kid != self.header.kid {
            return Err(Unproven::ForeignToken);
        }
        let claims = Arc::new(decoded.claims);
        self.verified.insert(digest, Arc::clone(&claims));
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_under_another_key_id_is_foreign_even_if_its_signature_is_right() {
        let tokens = Tokens::new(&[7; 32]);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: "abcdefghijklmnop".parse().unwrap(),
            tenant: "alpha".parse().unwrap(),
            generation: 1,
            iat: 1,
            exp: 2,
        };
        let signed = |kid: Option<&str>| {
            let mut header = tokens.header.clone();
            header.kid = kid.map(str::to_owned);
            jsonwebtoken::encode(&header, &claims, &tokens.encoding).unwrap()
        };
        assert!(tokens.verify(&signed(tokens.header.kid.as_deref())).is_ok());
        for kid in [Some("other"), None] {
            assert_eq!(tokens.verify(&signed(kid)).map(|claims| claims.exp), Err(Unproven::ForeignToken));
        }
    }
}
