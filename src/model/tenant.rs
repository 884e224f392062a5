//! Client companies.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DivisionId, Limits, ServiceAccountId, TenantId};

/// A client company: which divisions are its own, through which service account it reaches Genesys, what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tenant {
    /// Chosen by the operator; never changes.
    pub id: TenantId,
    /// For people.
    pub name: String,
    /// The tenant's own divisions; never empty, no division belongs to two tenants.
    pub division_ids: Vec<DivisionId>,
    /// The account that the tenant's calls are made with upstream.
    pub service_account: ServiceAccountId,
    /// The name of a template in `policies/templates`.
    pub policy_template: String,
    /// How a conversation that other divisions took part in is shown.
    pub cross_division: CrossDivision,
    /// The tenant's agents serve no other client: the operator vouches for those who are there when it is said.
    pub dedicated_agents: bool,
    /// When the operator last said so.
    #[serde(default)]
    pub dedicated_at: Option<DateTime<Utc>>,
    /// Since when they have served no other; never another, where the operator does not say.
    #[serde(default)]
    pub dedicated_since: Option<DateTime<Utc>>,
    /// Fields of a body that its model does not know are left out, where they are refused otherwise.
    pub lenient: bool,
    /// How much all its keys together may send.
    #[serde(default)]
    pub limits: Limits,
    /// How long an access token of its keys lives: 60 to 172,800 seconds.
    #[serde(default = "Tenant::token_lifetime")]
    pub token_lifetime_seconds: u32,
    /// Its part of a shared account's budget, against the other tenants': 1 to 1,000.
    #[serde(default = "one")]
    pub budget_weight: u32,
    /// A suspended tenant's calls are refused.
    pub suspended: bool,
    /// When the tenant was registered.
    pub created_at: DateTime<Utc>,
    /// When anything above last changed.
    pub updated_at: DateTime<Utc>,
    /// The store's version at that change: a tenant's *generation*.
    #[serde(default)]
    pub version: i64,
}

impl Tenant {
    /// What an access token lives by default: a day, as Genesys's own, because SDKs do not log in again by themselves.
    pub const TOKEN_LIFETIME_SECONDS: u32 = 86_400;
    /// The longest that one can be made to live.
    pub const LONGEST_TOKEN_LIFETIME_SECONDS: u32 = 172_800;
    /// The shortest.
    pub const SHORTEST_TOKEN_LIFETIME_SECONDS: u32 = 60;

    fn token_lifetime() -> u32 {
        Self::TOKEN_LIFETIME_SECONDS
    }
}

fn one() -> u32 {
    1
}

/// How a conversation is shown to a tenant whose divisions are only some of those it touched.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, sqlx::Type, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum CrossDivision {
    /// What is the tenant's own of it, and when the rest happened.
    #[default]
    Redact,
    /// Id, start and end only.
    Stub,
}
