//! A tenant's own policy, beside its template.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::TenantId;

/// One version of a tenant's own policy source; never edited, only superseded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyVersion {
    /// Whose policy it is.
    pub tenant_id: TenantId,
    /// The store's version when it was put: higher supersedes lower.
    pub version: i64,
    /// Cedar.
    pub source: String,
    /// Whether it decides or is only tried.
    pub mode: PolicyMode,
    /// Who put it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Whether a policy version decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum PolicyMode {
    /// It decides.
    Active,
    /// It is evaluated beside the active one and decides nothing.
    Shadow,
}
