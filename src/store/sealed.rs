//! Values of which there is one for the whole deployment: the pepper, the signing key, the passphrase's salt.

use chrono::{DateTime, Utc};

use super::{
    Store, StoreError,
    pool::{in_transaction, on_pool},
};

const FIND: &str = "SELECT value FROM sealed WHERE purpose = $1";

impl Store {
    /// Finds what is kept for a purpose, as it was given: sealed, if the caller sealed it.
    pub async fn sealed(&self, purpose: &str) -> Result<Option<Vec<u8>>, StoreError> {
        on_pool!(self, "reading a sealed value", |pool| {
            sqlx::query_scalar(FIND).bind(purpose).fetch_optional(pool)
        })
    }

    /// Keeps `value` unless the purpose has one; returns what is kept afterwards (the winner, when replicas race).
    pub async fn keep_sealed(
        &self,
        purpose: &str,
        value: &[u8],
        at: DateTime<Utc>,
    ) -> Result<Vec<u8>, StoreError> {
        const KEEP: &str = "INSERT INTO sealed (purpose, value, created_at) VALUES ($1, $2, $3) \
            ON CONFLICT (purpose) DO NOTHING";
        in_transaction!(self, "keeping a sealed value", soon, |transaction| {
            sqlx::query(KEEP).bind(purpose).bind(value).bind(at).execute(&mut *transaction).await?;
            sqlx::query_scalar::<_, Vec<u8>>(FIND).bind(purpose).fetch_one(&mut *transaction).await?
        })
    }
}
