//! Since when users have been where they are: one document per tenant.

use chrono::{DateTime, Utc};

use crate::model::{Stays, TenantId};

use super::{
    Store, StoreError,
    error::Failure,
    pool::{in_transaction, on_pool},
};

#[derive(sqlx::FromRow)]
struct StaysRow {
    vouched_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    stays: String,
}

impl Store {
    /// What was last seen of a tenant's users.
    pub async fn stays(&self, tenant: &TenantId) -> Result<Option<Stays>, StoreError> {
        const FIND: &str = "SELECT vouched_at, seen_at, stays FROM user_stays WHERE tenant_id = $1";
        let row: Option<StaysRow> = on_pool!(self, "reading users' stays", |pool| {
            sqlx::query_as(FIND).bind(tenant).fetch_optional(pool)
        })?;
        let read = |row: StaysRow| {
            let users = serde_json::from_str(&row.stays)?;
            Ok(Stays { vouched_at: row.vouched_at, seen_at: row.seen_at, users })
        };
        row.map(read)
            .transpose()
            .map_err(|failure: serde_json::Error| Failure::from(failure).into_error("reading users' stays"))
    }

    /// Keeps what was seen in the place of what was known, unless another look was kept meanwhile: then it is `false`.
    pub async fn keep_stays(
        &self,
        tenant: &TenantId,
        stays: &Stays,
        known: Option<&Stays>,
    ) -> Result<bool, StoreError> {
        const ADD: &str = "INSERT INTO user_stays (tenant_id, vouched_at, seen_at, stays) \
            VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id) DO NOTHING";
        const REPLACE: &str = "UPDATE user_stays SET vouched_at = $2, seen_at = $3, stays = COALESCE($4, stays) \
            WHERE tenant_id = $1 AND seen_at = $5 AND vouched_at = $6";
        // Most looks find what was there; the document may be long.
        let is_changed = known.is_none_or(|known| known.users != stays.users);
        let users = is_changed.then(|| serde_json::to_string(&stays.users)).transpose();
        let users = users.map_err(|failure| Failure::from(failure).into_error("writing users' stays"))?;
        let kept = in_transaction!(self, "keeping users' stays", soon, |transaction| {
            let query = sqlx::query(if known.is_some() { REPLACE } else { ADD });
            let query = query.bind(tenant).bind(stays.vouched_at).bind(stays.seen_at).bind(users.as_deref());
            let query = match known {
                Some(known) => query.bind(known.seen_at).bind(known.vouched_at),
                None => query,
            };
            query.execute(&mut *transaction).await?.rows_affected()
        })?;
        Ok(kept == 1)
    }
}
