//! The keys that access tokens are signed with: rows among the sealed values, so that whatever seals those anew does so with
//! these.

use chrono::{DateTime, Utc};

use crate::model::{Event, SealedSigningKey};

use super::{
    Store, StoreError,
    error::refusal,
    pool::{in_change, on_pool},
    sealed::check_seal,
};

// What begins with `signing-key.`: the slash follows the full stop.
pub(super) const LIST: &str = "SELECT purpose, value, created_at FROM sealed \
    WHERE purpose > 'signing-key.' AND purpose < 'signing-key/'";

#[derive(sqlx::FromRow)]
pub(super) struct SigningKeyRow {
    purpose: String,
    value: Vec<u8>,
    created_at: DateTime<Utc>,
}

/// In the order in which they were made.
pub(super) fn read_all(rows: Vec<SigningKeyRow>) -> Vec<SealedSigningKey> {
    let read = |row: SigningKeyRow| {
        let number = SealedSigningKey::number(&row.purpose)?;
        Some(SealedSigningKey { number, sealed: row.value, created_at: row.created_at })
    };
    let mut keys: Vec<_> = rows.into_iter().filter_map(read).collect();
    keys.sort_unstable_by_key(|key| key.number);
    keys
}

impl Store {
    /// Lists the keys that access tokens are signed with, oldest first.
    pub async fn list_signing_keys(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        let rows: Vec<SigningKeyRow> =
            on_pool!(self, "listing signing keys", |pool| sqlx::query_as(LIST).fetch_all(pool))?;
        Ok(read_all(rows))
    }

    /// Adds a signing key, and drops those of these numbers; a conflict where somebody else was faster.
    pub async fn add_signing_key(
        &self,
        key: &SealedSigningKey,
        dropped: &[u32],
        event: &Event,
    ) -> Result<i64, StoreError> {
        const ADD: &str = "INSERT INTO sealed (purpose, value, created_at) VALUES ($1, $2, $3)";
        const DROP: &str = "DELETE FROM sealed WHERE purpose = $1";
        let taken = || format!("signing key {}", key.number);
        in_change!(self, event, "adding a signing key", [], |transaction, _version| {
            check_seal!(transaction, &key.sealed);
            sqlx::query(ADD)
                .bind(SealedSigningKey::purpose(key.number))
                .bind(key.sealed.as_slice())
                .bind(key.created_at)
                .execute(&mut *transaction)
                .await
                .map_err(refusal(taken, taken))?;
            for number in dropped {
                let purpose = SealedSigningKey::purpose(*number);
                sqlx::query(DROP).bind(purpose).execute(&mut *transaction).await?;
            }
        })
    }
}
