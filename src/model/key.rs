//! A tenant's key, as kept.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
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
    /// Where it may be used from; empty means anywhere.
    pub allowed_cidrs: Vec<Cidr>,
    /// How much it may send; its tenant's limits hold beside them.
    pub limits: Limits,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The store's version at the last change.
    #[serde(skip)]
    pub version: i64,
}

/// A range of source addresses, such as `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String")]
pub struct Cidr(ipnet::IpNet);

impl Cidr {
    /// Whether the address lies in the range. An IPv4 address in IPv6 form counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}
