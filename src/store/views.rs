//! What the views in memory are filled from: the version, and all that changed since one.

use std::sync::Arc;

use crate::model::{
    Key, Operator, OperatorToken, PolicyVersion, Registration, SealedSigningKey, ServiceAccount, Tenant,
};

use super::{
    Store, StoreError,
    grants::Seal,
    pool::{Pool, on_pool},
};

const VERSION: &str = "SELECT value FROM version WHERE id = 1";
pub(super) const PROVEN: &str = "SELECT value, proof FROM version WHERE id = 1";
// Both give every statement of the transaction the same state of the database.
const SNAPSHOT_SQLITE: &str = "BEGIN";
const SNAPSHOT_POSTGRES: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// All that changed since a version, for the views in memory. Rows are whole, not differences.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The version that the rest leads up to.
    pub version: i64,
    pub(super) proof: Option<Vec<u8>>,
    pub(super) seals: Vec<Seal>,
    /// Tenants added or changed.
    pub tenants: Vec<Tenant>,
    /// Keys issued, changed or revoked.
    pub keys: Vec<Arc<Key>>,
    /// Service accounts added or changed.
    pub service_accounts: Vec<ServiceAccount>,
    /// Of each tenant's own policy that changed, the newest version of each mode.
    pub policies: Vec<PolicyVersion>,
    /// What became or ceased to be a tenant's although it carries no division.
    pub registrations: Vec<Registration>,
    /// Operators added.
    pub operators: Vec<Operator>,
    /// Tokens of operators issued.
    pub operator_tokens: Vec<OperatorToken>,
    /// All keys that access tokens are signed with, oldest first: they are few, and one that was dropped is not there.
    pub signing_keys: Vec<SealedSigningKey>,
}

/// Reads all of [`Changes`] on an open transaction.
macro_rules! read_all {
    ($transaction:ident, $since:expr) => {{
        use $crate::store::{
            grants, keys, operators, policies, registrations, service_accounts, signing_keys, tenants, views,
        };
        macro_rules! changed {
            ($text:expr) => {
                sqlx::query_as($text).bind($since).fetch_all(&mut *$transaction).await?
            };
        }
        let (version, proof) = sqlx::query_as(views::PROVEN).fetch_one(&mut *$transaction).await?;
        views::Changes {
            version,
            proof,
            seals: grants::read_seals(changed!(grants::CHANGED)),
            tenants: tenants::gather(changed!(tenants::CHANGED))?,
            keys: keys::gather(sqlx::query_as(keys::CHANGED).bind($since).fetch(&mut *$transaction)).await?,
            service_accounts: service_accounts::read_all(changed!(service_accounts::CHANGED)),
            policies: policies::read_all(changed!(policies::CHANGED)),
            registrations: registrations::read_all(changed!(registrations::CHANGED)),
            operators: operators::read_all(changed!(operators::CHANGED)),
            operator_tokens: operators::read_tokens(changed!(operators::CHANGED_TOKENS)),
            signing_keys: signing_keys::read_all(
                sqlx::query_as(signing_keys::LIST).fetch_all(&mut *$transaction).await?,
            ),
        }
    }};
}
pub(super) use read_all;

/// Reads all of [`Changes`] in a transaction of its own.
macro_rules! read_changes {
    ($pool:expr, $begin:expr, $since:expr) => {{
        let mut transaction = $pool.begin_with($begin).await?;
        let changes = read_all!(transaction, $since);
        transaction.commit().await?;
        Ok(changes)
    }};
}

impl Store {
    /// The number of the last change.
    pub async fn version(&self) -> Result<i64, StoreError> {
        on_pool!(self, "reading the version", |pool| sqlx::query_scalar(VERSION).fetch_one(pool))
    }

    /// Reads what changed since `version`, and which version that leads to, in one consistent transaction.
    pub async fn changes_since(&self, version: i64) -> Result<Changes, StoreError> {
        const DOING: &str = "reading what changed";
        let work = Box::pin(async {
            match &self.pool {
                Pool::Sqlite { read, .. } => read_changes!(read, SNAPSHOT_SQLITE, version),
                Pool::Postgres(pool) => read_changes!(pool, SNAPSHOT_POSTGRES, version),
            }
        });
        // All that there is may take a while, and nobody is served yet.
        if version > 0 { self.soon(DOING, work).await } else { self.eventually(DOING, work).await }
    }
}
