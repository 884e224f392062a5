//! What the views in memory are filled from: the version, and all that changed since one.

use crate::model::{Key, PolicyVersion, Registration, ServiceAccount, Tenant};

use super::{
    Store, StoreError, keys, policies,
    pool::{Pool, on_pool},
    registrations, service_accounts, tenants,
};

const VERSION: &str = "SELECT value FROM version WHERE id = 1";
// Both give every statement of the transaction the same state of the database.
const SNAPSHOT_SQLITE: &str = "BEGIN";
const SNAPSHOT_POSTGRES: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// All that changed since a version, for the views in memory. Rows are whole, not differences.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The version that the rest leads up to.
    pub version: i64,
    /// Tenants added or changed.
    pub tenants: Vec<Tenant>,
    /// Keys issued, changed or revoked.
    pub keys: Vec<Key>,
    /// Service accounts added or changed.
    pub service_accounts: Vec<ServiceAccount>,
    /// Of each tenant's own policy that changed, the newest version of each mode.
    pub policies: Vec<PolicyVersion>,
    /// What became or ceased to be a tenant's although it carries no division.
    pub registrations: Vec<Registration>,
}

/// Reads all of [`Changes`] in a transaction of its own.
macro_rules! read_changes {
    ($pool:expr, $begin:expr, $since:expr) => {{
        let mut transaction = $pool.begin_with($begin).await?;
        let version = sqlx::query_scalar(VERSION).fetch_one(&mut *transaction).await?;
        let tenants = sqlx::query_as(tenants::CHANGED).bind($since).fetch_all(&mut *transaction).await?;
        let keys = sqlx::query_as(keys::CHANGED).bind($since).fetch_all(&mut *transaction).await?;
        let accounts =
            sqlx::query_as(service_accounts::CHANGED).bind($since).fetch_all(&mut *transaction).await?;
        let policies = sqlx::query_as(policies::CHANGED).bind($since).fetch_all(&mut *transaction).await?;
        let registrations =
            sqlx::query_as(registrations::CHANGED).bind($since).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Changes {
            version,
            tenants: tenants::gather(tenants)?,
            keys: keys::read_all(keys)?,
            service_accounts: service_accounts::read_all(accounts),
            policies: policies::read_all(policies),
            registrations: registrations::read_all(registrations),
        })
    }};
}

impl Store {
    /// The number of the last change.
    pub async fn version(&self) -> Result<i64, StoreError> {
        on_pool!(self, "reading the version", |pool| sqlx::query_scalar(VERSION).fetch_one(pool))
    }

    /// Reads what changed since `version`, and which version that leads to, in one consistent transaction.
    pub async fn changes_since(&self, version: i64) -> Result<Changes, StoreError> {
        self.soon(
            "reading what changed",
            Box::pin(async {
                match &self.pool {
                    Pool::Sqlite { read, .. } => read_changes!(read, SNAPSHOT_SQLITE, version),
                    Pool::Postgres(pool) => read_changes!(pool, SNAPSHOT_POSTGRES, version),
                }
            }),
        )
        .await
    }
}
