//! Tenants' keys: their hashes, never themselves.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::{Stream, TryStreamExt};

use crate::model::{Event, Key, KeyId, Rotation, TenantId};

use super::{
    Store, StoreError,
    error::{Failure, refusal},
    grants::Row,
    pool::{in_change, on_pool},
};

macro_rules! select {
    () => {
        "SELECT id, tenant_id, name, hmac, generation, read_only, allowed_operations, allowed_cidrs, limits, created_by, \
         created_at, expires_at, revoked_at, origin, predecessor, successor, version FROM tenant_key "
    };
}

pub(super) const CHANGED: &str = concat!(select!(), "WHERE version > $1 ORDER BY version");

pub(super) const FIND: &str = concat!(select!(), "WHERE id = $1");

#[derive(sqlx::FromRow)]
pub(super) struct KeyRow {
    id: KeyId,
    tenant_id: TenantId,
    name: String,
    hmac: Vec<u8>,
    generation: i64,
    read_only: bool,
    allowed_operations: String,
    allowed_cidrs: String,
    limits: String,
    created_by: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    origin: KeyId,
    predecessor: Option<KeyId>,
    successor: Option<KeyId>,
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
            // SECURITY: a list that cannot be read is an error, never an empty one: empty means everything.
            allowed_operations: serde_json::from_str(&row.allowed_operations)?,
            allowed_cidrs: serde_json::from_str(&row.allowed_cidrs)?,
            limits: serde_json::from_str(&row.limits)?,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            origin: row.origin,
            predecessor: row.predecessor,
            successor: row.successor,
            version: row.version,
        })
    }
}

pub(super) fn read_all(rows: Vec<KeyRow>) -> Result<Vec<Key>, Failure> {
    Ok(rows.into_iter().map(Key::try_from).collect::<Result<_, _>>()?)
}

/// Reads keys as they come, of which there may be a hundred thousand: no row stays, and what many have in common is there once.
pub(super) async fn gather(
    mut rows: impl Stream<Item = Result<KeyRow, sqlx::Error>> + Unpin,
) -> Result<Vec<Arc<Key>>, Failure> {
    let (mut keys, mut tenants) = (Vec::new(), HashSet::new());
    while let Some(row) = rows.try_next().await? {
        let mut key = Key::try_from(row)?;
        match tenants.get(&key.tenant_id) {
            Some(tenant) => key.tenant_id = TenantId::clone(tenant),
            None => _ = tenants.insert(key.tenant_id.clone()),
        }
        if key.origin == key.id {
            key.origin = key.id.clone();
        }
        keys.push(Arc::new(key));
    }
    Ok(keys)
}

/// Inserts a key.
macro_rules! add {
    ($transaction:ident, $version:ident, $key:expr) => {
        sqlx::query(ADD)
            .bind(&$key.id)
            .bind(&$key.tenant_id)
            .bind(&$key.name)
            .bind($key.hmac.as_slice())
            .bind($key.generation)
            .bind($key.read_only)
            .bind(serde_json::to_string(&$key.allowed_operations)?)
            .bind(serde_json::to_string(&$key.allowed_cidrs)?)
            .bind(serde_json::to_string(&$key.limits)?)
            .bind(&$key.created_by)
            .bind($key.created_at)
            .bind($key.expires_at)
            .bind($key.revoked_at)
            .bind(&$key.origin)
            .bind(&$key.predecessor)
            .bind(&$key.successor)
            .bind($version)
            .execute(&mut *$transaction)
            .await
            .map_err(refusal(|| format!("key {}", $key.id), || format!("tenant {}", $key.tenant_id)))?
    };
}

const ADD: &str = "INSERT INTO tenant_key (id, tenant_id, name, hmac, generation, read_only, allowed_operations, \
    allowed_cidrs, limits, created_by, created_at, expires_at, revoked_at, origin, predecessor, successor, version) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

/// Whether the one row was there as it was read.
fn check_changed(key: &Key, rows: u64) -> Result<(), Failure> {
    if rows == 1 { Ok(()) } else { Err(Failure::conflict(format!("a newer version of key {}", key.id))) }
}

fn rows(keys: &[Key]) -> Vec<Row<'_>> {
    keys.iter().map(|key| Row::Key(&key.id)).collect()
}

impl Store {
    /// Adds a key of a tenant.
    pub async fn add_key(&self, key: &Key, event: &Event) -> Result<i64, StoreError> {
        in_change!(self, event, "adding a key", [Row::Key(&key.id)], |transaction, version| {
            add!(transaction, version, key)
        })
    }

    /// Changes keys' names, what they may call, from where and how much, all of them or none; each one's `version` must still
    /// be the stored one, else a conflict.
    pub async fn update_keys(&self, keys: &[Key], event: &Event) -> Result<i64, StoreError> {
        const UPDATE: &str = "UPDATE tenant_key SET name = $3, allowed_operations = $4, allowed_cidrs = $5, \
            limits = $6, version = $7 WHERE id = $1 AND version = $2";
        in_change!(self, event, "changing a key", rows(keys), |transaction, version| {
            for key in keys {
                let changed = sqlx::query(UPDATE)
                    .bind(&key.id)
                    .bind(key.version)
                    .bind(&key.name)
                    .bind(serde_json::to_string(&key.allowed_operations)?)
                    .bind(serde_json::to_string(&key.allowed_cidrs)?)
                    .bind(serde_json::to_string(&key.limits)?)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await?;
                check_changed(key, changed.rows_affected())?;
            }
        })
    }

    /// Puts a key in the place of another, which ends; that one's `version` must still be the stored one, else a
    /// conflict.
    pub async fn rotate_key(&self, rotation: &Rotation, event: &Event) -> Result<i64, StoreError> {
        const END: &str = "UPDATE tenant_key SET expires_at = $3, revoked_at = $4, generation = $5, \
            successor = $6, version = $7 WHERE id = $1 AND version = $2";
        let Rotation { ending, next } = rotation;
        in_change!(
            self,
            event,
            "rotating a key",
            [Row::Key(&ending.id), Row::Key(&next.id)],
            |transaction, version| {
                let ended = sqlx::query(END)
                    .bind(&ending.id)
                    .bind(ending.version)
                    .bind(ending.expires_at)
                    .bind(ending.revoked_at)
                    .bind(ending.generation)
                    .bind(&ending.successor)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await?;
                check_changed(ending, ended.rows_affected())?;
                add!(transaction, version, next)
            }
        )
    }

    /// Finds a key by its public half.
    pub async fn key(&self, id: &KeyId) -> Result<Option<Key>, StoreError> {
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

    /// Marks keys revoked and raises their generations, of all of them or of none; revoking twice keeps the first time. Each
    /// one's `version` must still be the stored one, else a conflict: one that was rotated meanwhile has a successor.
    pub async fn revoke_keys(
        &self,
        keys: &[Key],
        at: DateTime<Utc>,
        event: &Event,
    ) -> Result<i64, StoreError> {
        const REVOKE: &str = "UPDATE tenant_key SET revoked_at = COALESCE(revoked_at, $3), \
            generation = generation + 1, version = $4 WHERE id = $1 AND version = $2";
        in_change!(self, event, "revoking a key", rows(keys), |transaction, version| {
            for key in keys {
                let revoked = sqlx::query(REVOKE)
                    .bind(&key.id)
                    .bind(key.version)
                    .bind(at)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await?;
                check_changed(key, revoked.rows_affected())?;
            }
        })
    }
}
