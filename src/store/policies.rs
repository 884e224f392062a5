//! Tenants' own policies: added, never edited.

use chrono::{DateTime, Utc};

use crate::model::{Event, OwnPolicies, PolicyMode, PolicyVersion, TenantId};

use super::{
    Store, StoreError,
    error::refusal,
    grants::Row,
    pool::{in_change, on_pool},
};

macro_rules! select {
    () => {
        "SELECT tenant_id, version, source, mode, author, reason, created_at FROM policy "
    };
}

/// Only the newest of each mode can still be in force.
macro_rules! newest {
    () => {
        "version = (SELECT max(version) FROM policy AS other \
         WHERE other.tenant_id = policy.tenant_id AND other.mode = policy.mode) ORDER BY version"
    };
}

pub(super) const CHANGED: &str = concat!(select!(), "WHERE version > $1 AND ", newest!());

pub(super) const NEWEST: &str = concat!(select!(), "WHERE tenant_id = $1 AND ", newest!());

/// How many versions are listed.
const LISTED: i64 = 100;

#[derive(sqlx::FromRow)]
pub(super) struct PolicyRow {
    tenant_id: TenantId,
    version: i64,
    source: String,
    mode: PolicyMode,
    author: String,
    reason: String,
    created_at: DateTime<Utc>,
}

impl From<PolicyRow> for PolicyVersion {
    fn from(row: PolicyRow) -> Self {
        let PolicyRow { tenant_id, version, source, mode, author, reason, created_at } = row;
        Self { tenant_id, version, source, mode, author, reason, created_at }
    }
}

pub(super) fn read_all(rows: Vec<PolicyRow>) -> Vec<PolicyVersion> {
    rows.into_iter().map(Into::into).collect()
}

impl Store {
    /// Adds a version of a tenant's own policy; its number is the change's version, whatever the argument says.
    pub async fn add_policy(&self, policy: &PolicyVersion, event: &Event) -> Result<i64, StoreError> {
        const ADD: &str = "INSERT INTO policy (tenant_id, version, source, mode, author, reason, created_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let taken = || format!("policy of tenant {}", policy.tenant_id);
        let absent = || format!("tenant {}", policy.tenant_id);
        in_change!(
            self,
            event,
            "adding a policy",
            [Row::Policies(&policy.tenant_id)],
            |transaction, version| {
                sqlx::query(ADD)
                    .bind(&policy.tenant_id)
                    .bind(version)
                    .bind(&policy.source)
                    .bind(policy.mode)
                    .bind(&policy.author)
                    .bind(&policy.reason)
                    .bind(policy.created_at)
                    .execute(&mut *transaction)
                    .await
                    .map_err(refusal(taken, absent))?
            }
        )
    }

    /// Lists the newest hundred versions of a tenant's own policy before a version, newest first.
    pub async fn list_policies(
        &self,
        tenant: &TenantId,
        before: Option<i64>,
    ) -> Result<Vec<PolicyVersion>, StoreError> {
        const LIST: &str =
            concat!(select!(), "WHERE tenant_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3");
        let rows: Vec<PolicyRow> = on_pool!(self, "listing policies", |pool| {
            sqlx::query_as(LIST).bind(tenant).bind(before.unwrap_or(i64::MAX)).bind(LISTED).fetch_all(pool)
        })?;
        Ok(read_all(rows))
    }

    /// The versions of a tenant's own policy that are in force.
    pub async fn own_policies(&self, tenant: &TenantId) -> Result<OwnPolicies, StoreError> {
        let rows: Vec<PolicyRow> = on_pool!(self, "reading a tenant's policies", |pool| {
            sqlx::query_as(NEWEST).bind(tenant).fetch_all(pool)
        })?;
        Ok(read_all(rows).into_iter().collect())
    }
}
