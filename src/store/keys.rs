//! Tenants' keys: their hashes, never themselves.

use chrono::{DateTime, Utc};

use crate::model::{Event, Key, KeyId, TenantId};

use super::{
    Store, StoreError,
    error::{Failure, refusal},
    pool::{in_change, on_pool},
};

macro_rules! select {
    () => {
        "SELECT id, tenant_id, name, hmac, generation, read_only, allowed_cidrs, limits, created_at, \
         expires_at, revoked_at, version FROM tenant_key "
    };
}

pub(super) const CHANGED: &str = concat!(select!(), "WHERE version > $1 ORDER BY version");

#[derive(sqlx::FromRow)]
pub(super) struct KeyRow {
    id: KeyId,
    tenant_id: TenantId,
    name: String,
    hmac: Vec<u8>,
    generation: i64,
    read_only: bool,
    allowed_cidrs: String,
    limits: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    version: i64,
}

impl TryFrom<KeyRow> for Key {
    type Error = serde_json::Error;

    fn try_from(row: KeyRow) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            hmac: row.hmac,
            generation: row.generation,
            read_only: row.read_only,
            // SECURITY: a list that cannot be read is an error, never an empty one: empty means anywhere.
            allowed_cidrs: serde_json::from_str(&row.allowed_cidrs)?,
            limits: serde_json::from_str(&row.limits)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            version: row.version,
        })
    }
}

pub(super) fn read_all(rows: Vec<KeyRow>) -> Result<Vec<Key>, Failure> {
    Ok(rows.into_iter().map(Key::try_from).collect::<Result<_, _>>()?)
}

impl Store {
    /// Adds a key of a tenant.
    pub async fn add_key(&self, key: &Key, event: &Event) -> Result<i64, StoreError> {
        const ADD: &str = "INSERT INTO tenant_key (id, tenant_id, name, hmac, generation, read_only, \
            allowed_cidrs, limits, created_at, expires_at, revoked_at, version) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let taken = || format!("key {}", key.id);
        let absent = || format!("tenant {}", key.tenant_id);
        in_change!(self, event, "adding a key", |transaction, version| {
            sqlx::query(ADD)
                .bind(&key.id)
                .bind(&key.tenant_id)
                .bind(&key.name)
                .bind(key.hmac.as_slice())
                .bind(key.generation)
                .bind(key.read_only)
                .bind(serde_json::to_string(&key.allowed_cidrs)?)
                .bind(serde_json::to_string(&key.limits)?)
                .bind(key.created_at)
                .bind(key.expires_at)
                .bind(key.revoked_at)
                .bind(version)
                .execute(&mut *transaction)
                .await
                .map_err(refusal(taken, absent))?
        })
    }

    /// Finds a key by its public half.
    pub async fn key(&self, id: &KeyId) -> Result<Option<Key>, StoreError> {
        const FIND: &str = concat!(select!(), "WHERE id = $1");
        let row: Option<KeyRow> =
            on_pool!(self, "reading a key", |pool| sqlx::query_as(FIND).bind(id).fetch_optional(pool))?;
        row.map(Key::try_from).transpose().map_err(|error| Failure::from(error).into_error("reading a key"))
    }

    /// Lists a tenant's keys, oldest first, revoked and expired ones too.
    pub async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<Key>, StoreError> {
        const LIST: &str = concat!(select!(), "WHERE tenant_id = $1 ORDER BY created_at, id");
        let rows: Vec<KeyRow> =
            on_pool!(self, "listing keys", |pool| { sqlx::query_as(LIST).bind(tenant).fetch_all(pool) })?;
        read_all(rows).map_err(|failure| failure.into_error("listing keys"))
    }

    /// Marks a key revoked and raises its generation; revoking twice keeps the first time.
    pub async fn revoke_key(&self, id: &KeyId, at: DateTime<Utc>, event: &Event) -> Result<i64, StoreError> {
        const REVOKE: &str = "UPDATE tenant_key SET revoked_at = COALESCE(revoked_at, $2), \
            generation = generation + 1, version = $3 WHERE id = $1";
        in_change!(self, event, "revoking a key", |transaction, version| {
            let revoked =
                sqlx::query(REVOKE).bind(id).bind(at).bind(version).execute(&mut *transaction).await?;
            if revoked.rows_affected() != 1 {
                return Err(Failure::missing(format!("key {id}")));
            }
        })
    }
}
