//! Tenants and the divisions that are theirs alone.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use crate::model::{CrossDivision, DivisionId, Event, ServiceAccountId, Tenant, TenantId};

use super::{
    Store, StoreError,
    error::{Failure, refusal},
    grants::Row,
    pool::{in_change, on_pool},
};

// One statement, so tenant and divisions are always of the same moment: a row per division, in order.
macro_rules! select {
    () => {
        "SELECT tenant.id, name, service_account, policy_template, cross_division, dedicated_agents, dedicated_at, \
         dedicated_since, lenient, limits, token_lifetime_seconds, budget_weight, suspended, created_at, updated_at, \
         version, division_id FROM tenant LEFT JOIN tenant_division ON tenant_division.tenant_id = tenant.id "
    };
}

// By version first: in the order of ids SQLite would walk all tenants with each change.
pub(super) const CHANGED: &str =
    concat!(select!(), "WHERE version > $1 ORDER BY version, tenant.id, position");

pub(super) const FIND: &str = concat!(select!(), "WHERE tenant.id = $1 ORDER BY position");

const ADD_DIVISION: &str =
    "INSERT INTO tenant_division (division_id, tenant_id, position) VALUES ($1, $2, $3)";

/// A tenant beside one of its divisions.
#[derive(sqlx::FromRow)]
pub(super) struct TenantRow {
    id: TenantId,
    name: String,
    service_account: ServiceAccountId,
    policy_template: String,
    cross_division: CrossDivision,
    dedicated_agents: bool,
    dedicated_at: Option<DateTime<Utc>>,
    dedicated_since: Option<DateTime<Utc>>,
    lenient: bool,
    limits: String,
    token_lifetime_seconds: i64,
    budget_weight: i32,
    suspended: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
    division_id: Option<DivisionId>,
}

impl TryFrom<TenantRow> for Tenant {
    type Error = serde_json::Error;

    fn try_from(row: TenantRow) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: row.id,
            name: row.name,
            division_ids: row.division_id.into_iter().collect(),
            service_account: row.service_account,
            policy_template: row.policy_template,
            cross_division: row.cross_division,
            dedicated_agents: row.dedicated_agents,
            dedicated_at: row.dedicated_at,
            dedicated_since: row.dedicated_since,
            lenient: row.lenient,
            // SECURITY: limits that cannot be read are an error, never none.
            limits: serde_json::from_str(&row.limits)?,
            token_lifetime_seconds: u32::try_from(row.token_lifetime_seconds)
                .unwrap_or(Tenant::SHORTEST_TOKEN_LIFETIME_SECONDS),
            budget_weight: row.budget_weight.unsigned_abs(),
            suspended: row.suspended,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }
}

/// Makes one tenant of each run of rows with the same id.
pub(super) fn gather(rows: Vec<TenantRow>) -> Result<Vec<Tenant>, Failure> {
    let mut tenants: Vec<Tenant> = Vec::new();
    for row in rows {
        match tenants.last_mut() {
            Some(tenant) if tenant.id == row.id => tenant.division_ids.extend(row.division_id),
            Some(_) | None => tenants.push(row.try_into()?),
        }
    }
    Ok(tenants)
}

/// Inserts a tenant's divisions in order.
macro_rules! add_divisions {
    ($transaction:ident, $tenant:expr) => {
        for (position, division) in (0_i32..).zip(&$tenant.division_ids) {
            let taken =
                || format!("division {division} as a tenant's: a division belongs to one tenant, once");
            sqlx::query(ADD_DIVISION)
                .bind(division)
                .bind(&$tenant.id)
                .bind(position)
                .execute(&mut *$transaction)
                .await
                .map_err(refusal(taken, || format!("tenant {}", $tenant.id)))?;
        }
    };
}

/// Refuses what has just been written if it left an account that is not shared with two tenants. The raised version row is
/// locked: no replica can let in a second one meanwhile.
macro_rules! check_shared {
    ($transaction:ident, $account:expr) => {
        const SERVED: &str = "SELECT COUNT(*) FROM tenant WHERE service_account = $1 \
            AND EXISTS (SELECT 1 FROM service_account WHERE id = $1 AND NOT shared)";
        let served: i64 = sqlx::query_scalar(SERVED).bind($account).fetch_one(&mut *$transaction).await?;
        if served > 1 {
            let what = format!("a tenant of service account {}, which is not shared", $account);
            return Err($crate::store::error::Failure::conflict(what));
        }
    };
}
pub(super) use check_shared;

impl Store {
    /// Adds a tenant; a division that is another tenant's is a conflict, and an account that serves another alone.
    pub async fn add_tenant(&self, tenant: &Tenant, event: &Event) -> Result<i64, StoreError> {
        const ADD: &str = "INSERT INTO tenant (id, name, service_account, policy_template, cross_division, \
            dedicated_agents, dedicated_at, dedicated_since, lenient, limits, token_lifetime_seconds, budget_weight, \
            suspended, created_at, updated_at, version) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
        let taken = || format!("tenant {}", tenant.id);
        let absent = || format!("service account {}", tenant.service_account);
        in_change!(self, event, "adding a tenant", [Row::Tenant(&tenant.id)], |transaction, version| {
            sqlx::query(ADD)
                .bind(&tenant.id)
                .bind(&tenant.name)
                .bind(&tenant.service_account)
                .bind(&tenant.policy_template)
                .bind(tenant.cross_division)
                .bind(tenant.dedicated_agents)
                .bind(tenant.dedicated_at)
                .bind(tenant.dedicated_since)
                .bind(tenant.lenient)
                .bind(serde_json::to_string(&tenant.limits)?)
                .bind(i64::from(tenant.token_lifetime_seconds))
                .bind(i64::from(tenant.budget_weight))
                .bind(tenant.suspended)
                .bind(tenant.created_at)
                .bind(tenant.updated_at)
                .bind(version)
                .execute(&mut *transaction)
                .await
                .map_err(refusal(taken, absent))?;
            check_shared!(transaction, &tenant.service_account);
            add_divisions!(transaction, tenant);
        })
    }

    /// Finds a tenant.
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        let rows: Vec<TenantRow> =
            on_pool!(self, "reading a tenant", |pool| sqlx::query_as(FIND).bind(id).fetch_all(pool))?;
        Ok(gather(rows).map_err(|failure| failure.into_error("reading a tenant"))?.pop())
    }

    /// Lists all tenants by id.
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        const LIST: &str = concat!(select!(), "ORDER BY tenant.id, position");
        let rows: Vec<TenantRow> =
            on_pool!(self, "listing tenants", |pool| sqlx::query_as(LIST).fetch_all(pool))?;
        gather(rows).map_err(|failure| failure.into_error("listing tenants"))
    }

    /// Whose divisions are which, of those that are somebody's.
    pub async fn owners_of(
        &self,
        divisions: &[DivisionId],
    ) -> Result<Vec<(DivisionId, TenantId)>, StoreError> {
        let places: Vec<_> = (1..=divisions.len()).map(|number| format!("${number}")).collect();
        let find = format!(
            "SELECT division_id, tenant_id FROM tenant_division WHERE division_id IN ({}) ORDER BY division_id",
            places.join(", ")
        );
        on_pool!(self, "reading whose divisions are which", |pool| {
            let query = sqlx::query_as(AssertSqlSafe(find));
            divisions.iter().fold(query, sqlx::query::QueryAs::bind).fetch_all(pool)
        })
    }

    /// The tenants that an account serves, by id.
    pub async fn served_by(&self, account: &ServiceAccountId) -> Result<Vec<TenantId>, StoreError> {
        const LIST: &str = "SELECT id FROM tenant WHERE service_account = $1 ORDER BY id";
        on_pool!(self, "reading whom a service account serves", |pool| {
            sqlx::query_scalar(LIST).bind(account).fetch_all(pool)
        })
    }

    /// Replaces everything but id and `created_at`; `tenant.version` must still be the stored one, else a conflict.
    pub async fn update_tenant(&self, tenant: &Tenant, event: &Event) -> Result<i64, StoreError> {
        const CURRENT: &str = "SELECT version FROM tenant WHERE id = $1";
        const UPDATE: &str = "UPDATE tenant SET name = $2, service_account = $3, policy_template = $4, \
            cross_division = $5, dedicated_agents = $6, dedicated_at = $7, dedicated_since = $8, lenient = $9, \
            limits = $10, token_lifetime_seconds = $11, budget_weight = $12, suspended = $13, updated_at = $14, \
            version = $15 WHERE id = $1";
        const DROP_DIVISIONS: &str = "DELETE FROM tenant_division WHERE tenant_id = $1";
        let absent = || format!("service account {}", tenant.service_account);
        in_change!(self, event, "changing a tenant", [Row::Tenant(&tenant.id)], |transaction, version| {
            // The raised version row is locked, so nobody else's change can come between this look and the update.
            let current: Option<i64> =
                sqlx::query_scalar(CURRENT).bind(&tenant.id).fetch_optional(&mut *transaction).await?;
            check_version(tenant, current)?;
            sqlx::query(UPDATE)
                .bind(&tenant.id)
                .bind(&tenant.name)
                .bind(&tenant.service_account)
                .bind(&tenant.policy_template)
                .bind(tenant.cross_division)
                .bind(tenant.dedicated_agents)
                .bind(tenant.dedicated_at)
                .bind(tenant.dedicated_since)
                .bind(tenant.lenient)
                .bind(serde_json::to_string(&tenant.limits)?)
                .bind(i64::from(tenant.token_lifetime_seconds))
                .bind(i64::from(tenant.budget_weight))
                .bind(tenant.suspended)
                .bind(tenant.updated_at)
                .bind(version)
                .execute(&mut *transaction)
                .await
                .map_err(refusal(absent, absent))?;
            check_shared!(transaction, &tenant.service_account);
            sqlx::query(DROP_DIVISIONS).bind(&tenant.id).execute(&mut *transaction).await?;
            add_divisions!(transaction, tenant);
        })
    }
}

fn check_version(tenant: &Tenant, current: Option<i64>) -> Result<(), Failure> {
    match current {
        None => Err(Failure::missing(format!("tenant {}", tenant.id))),
        Some(current) if current == tenant.version => Ok(()),
        Some(_) => Err(Failure::conflict(format!("a newer version of tenant {}", tenant.id))),
    }
}
