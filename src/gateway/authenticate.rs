//! Step one: whose request is it? A key or an access token becomes a [`Caller`], or nothing goes on.

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use http::{HeaderMap, header};
use secrecy::ExposeSecret;

use super::{
    Gateway,
    denial::{Credential, Unproven},
    token::Tokens,
};
use crate::{
    model::{Actor, ApiKey, Key},
    secret::Pepper,
    tenancy::{HeldKey, TenantView, Views},
};

/// Where a key stands that is not sent as a bearer token.
const API_KEY_HEADER: &str = "x-api-key";
/// What the hash of a key that there is not is compared with.
const NOBODYS: [u8; 32] = [0; 32];

/// A live key of a tenant that is not suspended, used from an address that it may be used from.
///
/// It has no empty value: there is no caller whom nothing proved.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    key: Arc<HeldKey>,
    tenant: Arc<TenantView>,
    source: Option<IpAddr>,
    ends_soon: Option<DateTime<Utc>>,
    // A token is the key's of one generation; a key in the clear is not.
    by_token: bool,
}

impl Caller {
    pub(super) fn key(&self) -> &Arc<HeldKey> {
        &self.key
    }

    /// The key's end, where it is near.
    pub(super) fn key_ends_soon(&self) -> Option<DateTime<Utc>> {
        self.ends_soon
    }

    /// Whether it sent an access token, and not the key itself.
    pub(super) fn is_by_token(&self) -> bool {
        self.by_token
    }

    pub(super) fn tenant(&self) -> &Arc<TenantView> {
        &self.tenant
    }

    /// Whether the credential still proves what it proved, by the key and the tenant as they are now.
    pub(super) fn confirm(
        &self,
        key: &Key,
        tenant: &TenantView,
        now: DateTime<Utc>,
    ) -> Result<(), Credential> {
        live(key, tenant, now, self.source)?;
        if self.by_token && key.generation != self.key.generation {
            return Err(Credential::TokenExpired);
        }
        Ok(())
    }
}

/// What a credential is checked against.
pub(super) struct Authenticator<'a> {
    pub(super) views: &'a Views,
    pub(super) pepper: &'a Pepper,
    pub(super) tokens: &'a Tokens,
    pub(super) now: DateTime<Utc>,
    pub(super) source: Option<IpAddr>,
}

impl Authenticator<'_> {
    /// The caller of a request to the API. Once its secret has proved right, `proven` names the key, whatever it is
    /// still worth.
    pub(super) fn request(&self, headers: &HeaderMap, proven: &mut Actor) -> Result<Caller, Credential> {
        let credential = credential(headers)?;
        if credential.starts_with("rf_") {
            let key = credential.parse().map_err(|_| Credential::Unproven(Unproven::Malformed))?;
            return self.key(&key, proven);
        }
        let claims = self.tokens.verify(self.views.signing_keys(), credential, self.now);
        let claims = claims.map_err(Credential::Unproven)?;
        let (key, tenant) = self.views.key(&claims.sub).ok_or(Credential::Unproven(Unproven::UnknownKey))?;
        if key.tenant_id != claims.tenant {
            return Err(Credential::Unproven(Unproven::ForeignToken));
        }
        name(key, proven);
        if claims.exp <= self.now.timestamp() {
            self.tokens.forget(credential);
            return Err(Credential::TokenExpired);
        }
        // A key that changed since ends its tokens; so does revoking, which says so.
        let caller = self.caller(key, tenant, true)?;
        if key.generation != claims.generation {
            self.tokens.forget(credential);
            return Err(Credential::TokenExpired);
        }
        Ok(caller)
    }

    /// The caller that a key in the clear belongs to; `proven` as of [`Self::request`].
    pub(super) fn key(&self, credential: &ApiKey, proven: &mut Actor) -> Result<Caller, Credential> {
        let known = self.views.held_key(credential.id());
        // SECURITY: an unknown key costs the same work as a known one, or the time of the answer would tell them apart.
        let expected = known.map_or(NOBODYS.as_slice(), |key| key.hmac.as_slice());
        let is_right = self.pepper.verify(credential.whole().expose_secret(), expected);
        let key = known.ok_or(Credential::Unproven(Unproven::UnknownKey))?;
        if !is_right {
            return Err(Credential::Unproven(Unproven::WrongSecret));
        }
        let tenant = self.views.tenant(&key.tenant_id).ok_or(Credential::Unproven(Unproven::UnknownKey))?;
        name(key, proven);
        self.caller(key, tenant, false)
    }

    /// From here on the secret has proved right, so its holder is told what is wrong.
    fn caller(
        &self,
        key: &Arc<HeldKey>,
        tenant: &Arc<TenantView>,
        by_token: bool,
    ) -> Result<Caller, Credential> {
        live(key, tenant, self.now, self.source)?;
        if !self.views.is_proven(tenant) {
            return Err(Credential::GrantsUnproven);
        }
        key.note_use(self.now, self.source);
        let (ends_soon, source) = (key.ends_soon(self.now), self.source);
        Ok(Caller { key: Arc::clone(key), tenant: Arc::clone(tenant), source, ends_soon, by_token })
    }
}

impl Gateway {
    /// Whether a request with these headers would be let in: the verdict alone, so that its time can be measured.
    pub fn lets_in(&self, headers: &HeaderMap, source: Option<IpAddr>) -> bool {
        let parts = &self.0.parts;
        let views = parts.tenancy.views();
        let (pepper, tokens, now) = (&parts.pepper, &self.0.tokens, parts.clock.now());
        let authenticator = Authenticator { views: &views, pepper, tokens, now, source };
        authenticator.request(headers, &mut Actor::default()).is_ok()
    }
}

fn name(key: &Key, proven: &mut Actor) {
    proven.tenant_id = Some(key.tenant_id.clone());
    proven.key_id = Some(key.id.clone());
}

/// Whether a key may be used now, and from there.
fn live(
    key: &Key,
    tenant: &TenantView,
    now: DateTime<Utc>,
    source: Option<IpAddr>,
) -> Result<(), Credential> {
    if key.revoked_at.is_some() {
        return Err(Credential::KeyRevoked);
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        return Err(Credential::KeyExpired);
    }
    if tenant.tenant().suspended {
        return Err(Credential::TenantSuspended);
    }
    let allowed = key.allowed_cidrs.is_empty()
        || source.is_some_and(|source| key.allowed_cidrs.iter().any(|range| range.contains(source)));
    if allowed { Ok(()) } else { Err(Credential::AddressNotAllowed) }
}

/// The one credential of a request.
fn credential(headers: &HeaderMap) -> Result<&str, Credential> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter().chain(headers.get_all(API_KEY_HEADER));
    let first = sent.next().ok_or(Credential::Missing)?;
    if sent.next().is_some() {
        return Err(Credential::Ambiguous);
    }
    let malformed = Credential::Unproven(Unproven::Malformed);
    let Ok(text) = first.to_str() else { return Err(malformed) };
    if headers.contains_key(API_KEY_HEADER) {
        return if text.starts_with("rf_") { Ok(text) } else { Err(malformed) };
    }
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim_start_matches(' ')),
        Some(_) | None => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        model::{KeyId, Limits},
        secret::work,
    };

    fn kept(credential: &ApiKey, pepper: &Pepper) -> Key {
        let id: KeyId = credential.id().clone();
        Key {
            origin: id.clone(),
            id,
            tenant_id: "alpha".parse().unwrap(),
            name: "one".to_owned(),
            hmac: pepper.hash(credential.whole().expose_secret()).unwrap(),
            generation: 1,
            read_only: false,
            allowed_operations: Vec::new(),
            allowed_cidrs: Vec::new(),
            limits: Limits::default(),
            created_by: "ana@example.com".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            predecessor: None,
            successor: None,
            version: 0,
        }
    }

    /// The time of an answer then tells neither which keys there are nor how much of a secret was guessed.
    #[test]
    fn an_unknown_key_a_wrong_secret_and_a_right_one_are_hashed_once_and_compared_once() {
        let pepper = Pepper::new(Zeroizing::new(vec![7; 32]));
        let (known, right) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        // Its id is known, and its secret is another's.
        let wrong = Key { hmac: vec![0; 32], ..kept(&known, &pepper) };
        let views = Views::of_keys([wrong, kept(&right, &pepper)].map(Arc::new).into());
        let tokens = Tokens::new("here");
        let (now, source) = (DateTime::UNIX_EPOCH, None);
        let authenticator = Authenticator { views: &views, pepper: &pepper, tokens: &tokens, now, source };
        let unknown = ApiKey::generate().unwrap();
        for (credential, is_wrong) in [(&unknown, false), (&known, true), (&right, false)] {
            work::taken();
            let refused = authenticator.key(credential, &mut Actor::default()).unwrap_err();
            assert_eq!(work::taken(), (1, 1), "{credential:?}");
            // The right one has no tenant here, which is looked up once it has proved right.
            assert_eq!(refused == Credential::Unproven(Unproven::WrongSecret), is_wrong, "{credential:?}");
        }
    }
}
