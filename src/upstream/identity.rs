//! Whom Genesys takes the holder of a token for: `GET /api/v2/tokens/me`.
//!
//! Genesys's `users/me` refuses client credentials; `tokens/me` is the self-check that works for them.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;

use super::{UpstreamAnswer, UpstreamError, UpstreamRequest};

/// Whom Genesys takes the holder of a token for, as far as it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The organisation's id.
    pub organisation: Option<String>,
    /// The OAuth client's id.
    pub client: Option<String>,
    /// The roles that the client has, each with the division that it has it in.
    pub roles: Option<BTreeSet<Role>>,
}

/// A role in a division.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The role's id.
    pub role_id: String,
    /// The division's id; `*` stands for all.
    pub division_id: String,
}

#[derive(Deserialize)]
struct TokenInfo {
    organization: Option<Named>,
    #[serde(rename = "OAuthClient")]
    client: Option<Client>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    id: Option<String>,
    role_divisions: Option<BTreeSet<Role>>,
    organization: Option<Named>,
}

/// What is sent.
pub(super) fn asked() -> UpstreamRequest {
    UpstreamRequest {
        method: Method::GET,
        path_and_query: "/api/v2/tokens/me".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

/// Whether it was answered at all.
pub(super) fn check(answer: &UpstreamAnswer) -> Result<(), UpstreamError> {
    if answer.status.is_success() {
        return Ok(());
    }
    let why = format!("`GET /api/v2/tokens/me` was answered {}", answer.status.as_u16());
    Err(UpstreamError::Malformed { why })
}

/// What was answered.
pub(super) fn read(answer: &UpstreamAnswer) -> Result<Identity, UpstreamError> {
    check(answer)?;
    let info: TokenInfo = serde_json::from_slice(&answer.body).map_err(|error| {
        // Where it is wrong, not what it says.
        let why = format!("`GET /api/v2/tokens/me`: line {}, column {}", error.line(), error.column());
        UpstreamError::Malformed { why }
    })?;
    let (client, roles, organisation) = match info.client {
        Some(Client { id, role_divisions, organization }) => (id, role_divisions, organization),
        None => (None, None, None),
    };
    let organisation = info.organization.or(organisation).and_then(|organisation| organisation.id);
    Ok(Identity { organisation, client, roles })
}
