//! The keys that access tokens are signed with, opened. A new one takes over without a gap: it is known everywhere before it
//! signs, and the one before verifies until the last token that it signed has ended.
//!
//! One that cannot be opened is not passed over: its tokens would be refused here and taken elsewhere. While a master key is
//! rotated it is sealed under one that this process reads a moment later; until it can be opened, the state is not confirmed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::{
    model::{SealedSigningKey, Tenant},
    secret::{MasterKeys, SecretError},
};

/// How long after it was made a key signs: a replica that has not heard of it by then does not serve any more, and clocks
/// differ by less than the rest.
const KNOWN_EVERYWHERE: TimeDelta = TimeDelta::seconds(10);
/// How long the last token that a key signed may live.
const LONGEST_TOKEN: TimeDelta = TimeDelta::seconds(Tenant::LONGEST_TOKEN_LIFETIME_SECONDS as i64);

/// The keys that access tokens are signed with, oldest first.
#[derive(Debug, Clone, Default)]
pub struct SigningKeys {
    keys: Vec<Arc<SigningKey>>,
    closed: Vec<u32>,
}

/// One of them.
pub struct SigningKey {
    number: u32,
    created_at: DateTime<Utc>,
    // Made once, and wiped when they are dropped.
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKeys {
    /// Opens what the store holds; what was open already stays so, whatever master key it is sealed under meanwhile.
    #[must_use]
    pub fn open(&self, sealed: &[SealedSigningKey], master: &MasterKeys) -> Self {
        let mut opened = Self::default();
        for key in sealed {
            match self.open_one(key, master) {
                Ok(key) => opened.keys.push(key),
                Err(error) => {
                    if !self.closed.contains(&key.number) {
                        let (error, number) = (&error as &dyn std::error::Error, key.number);
                        tracing::error!(
                            error,
                            number,
                            "a signing key cannot be opened: nothing is confirmed until it can; see `ringfence doctor`"
                        );
                    }
                    opened.closed.push(key.number);
                }
            }
        }
        opened
    }

    fn open_one(&self, key: &SealedSigningKey, master: &MasterKeys) -> Result<Arc<SigningKey>, SecretError> {
        if let Some(known) = self.keys.iter().find(|known| known.number == key.number) {
            return Ok(Arc::clone(known));
        }
        let secret = master.open(&SealedSigningKey::purpose(key.number), &key.sealed)?;
        Ok(Arc::new(SigningKey {
            number: key.number,
            created_at: key.created_at,
            encoding: EncodingKey::from_secret(&secret),
            decoding: DecodingKey::from_secret(&secret),
        }))
    }

    /// Whether all that there are could be opened.
    pub fn are_open(&self) -> bool {
        self.closed.is_empty()
    }

    /// The one that signs now: the newest that is known everywhere, or else the oldest.
    pub fn current(&self, now: DateTime<Utc>) -> Option<&Arc<SigningKey>> {
        let known = |key: &&Arc<SigningKey>| key.signs_from() <= now;
        self.keys.iter().rfind(known).or_else(|| self.keys.first())
    }

    /// The one with this number, as long as a token that it signed may live.
    pub fn find(&self, number: u32, now: DateTime<Utc>) -> Option<&Arc<SigningKey>> {
        let mut keys = self.keys.iter();
        let found = keys.find(|key| key.number == number)?;
        is_needed(keys.next(), now).then_some(found)
    }

    /// All, each with the time from which its tokens have all ended, where another follows it.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<SigningKey>, Option<DateTime<Utc>>)> {
        let ends = self.keys.iter().skip(1).map(|next| Some(next.signs_from() + LONGEST_TOKEN));
        self.keys.iter().zip(ends.chain(std::iter::once(None)))
    }
}

impl SigningKey {
    /// One more than that of the key before.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// When it was made.
    pub fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    /// From when on it signs, if there is another before it.
    pub fn signs_from(&self) -> DateTime<Utc> {
        self.created_at + KNOWN_EVERYWHERE
    }

    /// The key itself, to sign with.
    pub fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    /// The key itself, to verify with.
    pub fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SigningKey({})", self.number)
    }
}

/// Whether a key that this one follows still has tokens.
fn is_needed(next: Option<&Arc<SigningKey>>, now: DateTime<Utc>) -> bool {
    next.is_none_or(|next| now < next.signs_from() + LONGEST_TOKEN)
}
