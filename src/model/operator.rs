//! People and machines of the operating company.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{OperatorId, TokenId};

/// Who may use the operator listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Operator {
    /// Made by us.
    pub id: OperatorId,
    /// Unique, lower case.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// When the operator was added.
    pub created_at: DateTime<Utc>,
}

/// What an operator may do; `policies/operator.cedar` says it in full.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum Role {
    /// Everything, operators and service accounts included.
    Admin,
    /// Tenants and keys.
    Operator,
    /// Reads; changes nothing.
    Auditor,
}

impl Role {
    /// The role's name in policies, JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

/// An operator's API token, as kept: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorToken {
    /// The token's public half.
    pub id: TokenId,
    /// Whose it is.
    pub operator_id: OperatorId,
    /// HMAC-SHA-256 of the whole token under the pepper.
    pub hmac: Vec<u8>,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// At most 90 days later.
    pub expires_at: DateTime<Utc>,
}
