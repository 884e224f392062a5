//! A tenant's key, as kept.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{KeyId, Limits, TenantId};

/// A tenant's key, as kept: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The public half.
    pub id: KeyId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// For people.
    pub name: String,
    /// HMAC-SHA-256 of the whole key under the pepper.
    #[serde(skip)]
    pub hmac: Vec<u8>,
    /// Rises when the key changes; access tokens carry it and die with it.
    pub generation: i64,
    /// May call reads, queries and searches only.
    pub read_only: bool,
    /// The operations, and groups of them, that it may call of what its tenant's policies permit; empty means all of that.
    pub allowed_operations: Vec<String>,
    /// Where it may be used from; empty means anywhere.
    pub allowed_cidrs: Vec<Cidr>,
    /// How much it may send; its tenant's limits hold beside them.
    pub limits: Limits,
    /// An operator's address, or the key that was rotated into this one by its tenant.
    pub created_by: String,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What policies know it by: the first of the keys that were rotated into this one, or itself.
    pub origin: KeyId,
    /// The key that it followed.
    pub predecessor: Option<KeyId>,
    /// The key that follows it; then it ends by itself.
    pub successor: Option<KeyId>,
    /// The store's version at the last change.
    #[serde(skip)]
    pub version: i64,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// An operator ended it.
    Revoked,
}

/// How long before its end a key is said to end soon.
const SOON: TimeDelta = TimeDelta::days(30);

impl Key {
    /// Whether it works, as far as the key itself goes (its tenant may be suspended).
    pub fn state(&self, now: DateTime<Utc>) -> KeyState {
        match self.revoked_at {
            Some(_) => KeyState::Revoked,
            None if self.expires_at.is_some_and(|end| end <= now) => KeyState::Expired,
            None => KeyState::Active,
        }
    }

    /// Those of a tenant's keys that this one made of itself: put in its own place, and they in theirs.
    pub fn made_of_itself<'k>(&'k self, keys: &'k [Self]) -> Vec<&'k Self> {
        let next = |last: &&'k Self| {
            keys.iter()
                .find(|key| key.predecessor.as_ref() == Some(&last.id) && key.created_by == last.id.as_str())
        };
        // No more than there are, whatever they say of each other.
        std::iter::successors(next(&self), next).take(keys.len()).collect()
    }

    /// Its end, where it works still and that is less than 30 days away.
    pub fn ends_soon(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.expires_at.filter(|end| self.state(now) == KeyState::Active && *end <= now + SOON)
    }
}

/// When a key was last used, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct KeyUse {
    /// When, to the second.
    pub at: DateTime<Utc>,
    /// From where; absent where that was not known.
    pub source: Option<IpAddr>,
}

/// A range of source addresses, such as `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String")]
pub struct Cidr(ipnet::IpNet);

impl std::fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Cidr {
    /// Whether the address lies in the range. An IPv4 address in IPv6 form counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}
