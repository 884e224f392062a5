//! An OAuth client of the Genesys organisation.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ServiceAccountId;

/// An upstream OAuth client: in which organisation and region, with which sealed secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ServiceAccount {
    /// Chosen by the operator; never changes.
    pub id: ServiceAccountId,
    /// Genesys's id of the OAuth client.
    pub client_id: String,
    /// The client's secret, sealed under the master key with the account's id as associated data.
    #[serde(skip)]
    pub sealed_secret: Vec<u8>,
    /// Where the API is, such as `https://api.mypurecloud.de`; without a trailing slash.
    pub api_url: String,
    /// Where tokens are issued, such as `https://login.mypurecloud.de`; without a trailing slash.
    pub login_url: String,
    /// May serve several tenants; weaker, because Genesys then enforces no fence between them.
    pub shared: bool,
    /// Why it is shared, what it is for.
    pub description: String,
    /// How many tokens its calls are spread over, 1 to 20: Genesys limits each by itself.
    pub tokens: u32,
    /// What one token sends a minute at most; without it, what is configured for all accounts.
    pub requests_per_minute: Option<u32>,
    /// What tenants leave of their shares is lent to the others: then what one of them does shows in what is left to another.
    pub lend_idle: bool,
    /// Since when it has had this secret, of this client.
    pub secret_at: DateTime<Utc>,
    /// When the account was registered.
    pub created_at: DateTime<Utc>,
    /// The store's version at the last change.
    #[serde(skip)]
    pub version: i64,
}

impl ServiceAccount {
    /// Whether both log in as the same client with the same secret, however it is sealed.
    pub fn has_credentials_of(&self, other: &Self) -> bool {
        (&self.client_id, self.secret_at) == (&other.client_id, other.secret_at)
    }
}
