//! Everything kept, in SQLite or PostgreSQL behind one [`Store`].
//!
//! SKELETON: signatures agreed; the store's author fills them in.
#![expect(clippy::unimplemented, unused_variables, missing_docs, reason = "skeleton")]

use chrono::{DateTime, Utc};

use crate::model::{
    Event, EventId, Key, KeyId, Operator, OperatorId, OperatorToken, Outcome, PolicyVersion, RecordedEvent,
    ServiceAccount, ServiceAccountId, StreamId, Tenant, TenantId, TokenId,
};

/// What was being done when the store failed, or why it refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("already exists: {what}")]
    Conflict { what: String },
    #[error("does not exist: {what}")]
    Missing { what: String },
    #[error("the store cannot be reached or failed while {doing}")]
    Database {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("`{url}` is not a store URL: expected sqlite://FILE or postgres://…")]
    Url { url: String },
}

/// The two kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

/// All that changed since a version, for the views in memory. Rows are whole, not differences.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub version: i64,
    pub tenants: Vec<Tenant>,
    pub keys: Vec<Key>,
    pub service_accounts: Vec<ServiceAccount>,
    /// The newest active version of each tenant's own policy that changed.
    pub policies: Vec<PolicyVersion>,
}

/// What to look for in the record; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    pub tenant_id: Option<TenantId>,
    pub key_id: Option<KeyId>,
    pub operation: Option<String>,
    /// An outcome's code.
    pub outcome: Option<String>,
    pub id: Option<EventId>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

impl Store {
    /// Opens the database (creating a missing SQLite file); does not migrate. SQLite paths were made absolute by `config`.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        unimplemented!()
    }
    pub fn database(&self) -> Database {
        unimplemented!()
    }
    /// Applies missing migrations; returns the names applied. Safe when several replicas start at once.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        unimplemented!()
    }
    pub async fn close(&self) {
        unimplemented!()
    }
    /// One round trip.
    pub async fn ping(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    // sealed.rs: sealed singletons (pepper, signing key, passphrase salt is unsealed text in the same table)
    pub async fn sealed(&self, purpose: &str) -> Result<Option<Vec<u8>>, StoreError> {
        unimplemented!()
    }
    /// Keeps `value` unless the purpose has one; returns what is kept afterwards (the winner, when replicas race).
    pub async fn keep_sealed(
        &self,
        purpose: &str,
        value: &[u8],
        at: DateTime<Utc>,
    ) -> Result<Vec<u8>, StoreError> {
        unimplemented!()
    }

    // views.rs: what the hot path's memory is filled from
    pub async fn version(&self) -> Result<i64, StoreError> {
        unimplemented!()
    }
    /// Consistent: one transaction (REPEATABLE READ on PostgreSQL).
    pub async fn changes_since(&self, version: i64) -> Result<Changes, StoreError> {
        unimplemented!()
    }

    // Every change below: one transaction = bump the version row first (serialises changes) + the change + its event.
    // Each returns the new version. The event is kind `change` (its outcome row `ok` is written in the same transaction).

    // operators.rs
    pub async fn add_operator(&self, operator: &Operator, event: &Event) -> Result<i64, StoreError> {
        unimplemented!()
    }
    pub async fn operator(&self, id: &OperatorId) -> Result<Option<Operator>, StoreError> {
        unimplemented!()
    }
    pub async fn list_operators(&self) -> Result<Vec<Operator>, StoreError> {
        unimplemented!()
    }
    pub async fn add_operator_token(&self, token: &OperatorToken, event: &Event) -> Result<i64, StoreError> {
        unimplemented!()
    }
    pub async fn operator_by_token(
        &self,
        id: &TokenId,
    ) -> Result<Option<(Operator, OperatorToken)>, StoreError> {
        unimplemented!()
    }

    // service_accounts.rs
    pub async fn add_service_account(
        &self,
        account: &ServiceAccount,
        event: &Event,
    ) -> Result<i64, StoreError> {
        unimplemented!()
    }
    pub async fn service_account(&self, id: &ServiceAccountId) -> Result<Option<ServiceAccount>, StoreError> {
        unimplemented!()
    }
    pub async fn list_service_accounts(&self) -> Result<Vec<ServiceAccount>, StoreError> {
        unimplemented!()
    }

    // tenants.rs (divisions in a table of their own with a unique division id; a division taken by another tenant is Conflict)
    pub async fn add_tenant(&self, tenant: &Tenant, event: &Event) -> Result<i64, StoreError> {
        unimplemented!()
    }
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        unimplemented!()
    }
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        unimplemented!()
    }
    /// Replaces everything but id and `created_at`; `tenant.version` must still be the stored one, else Conflict.
    pub async fn update_tenant(&self, tenant: &Tenant, event: &Event) -> Result<i64, StoreError> {
        unimplemented!()
    }

    // keys.rs
    pub async fn add_key(&self, key: &Key, event: &Event) -> Result<i64, StoreError> {
        unimplemented!()
    }
    pub async fn key(&self, id: &KeyId) -> Result<Option<Key>, StoreError> {
        unimplemented!()
    }
    pub async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<Key>, StoreError> {
        unimplemented!()
    }
    /// Marks it revoked and raises its generation; revoking twice keeps the first time.
    pub async fn revoke_key(&self, id: &KeyId, at: DateTime<Utc>, event: &Event) -> Result<i64, StoreError> {
        unimplemented!()
    }

    // policies.rs (append only)
    pub async fn add_policy(&self, policy: &PolicyVersion, event: &Event) -> Result<i64, StoreError> {
        unimplemented!()
    }
    pub async fn list_policies(&self, tenant: &TenantId) -> Result<Vec<PolicyVersion>, StoreError> {
        unimplemented!()
    }

    // events.rs
    /// Notes a process start; its events carry the stream.
    pub async fn open_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Says the process still lives.
    pub async fn touch_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        unimplemented!()
    }
    pub async fn close_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Gives the outcome `unknown` to events without one, of streams that ended or were last seen before `dead_before`
    /// (never of `own`); returns how many.
    pub async fn close_orphans(
        &self,
        own: &StreamId,
        dead_before: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        unimplemented!()
    }
    /// One transaction, one statement per table: `json_each` on SQLite, `UNNEST` on PostgreSQL.
    pub async fn append_events(&self, events: &[Event], outcomes: &[Outcome]) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Newest first, keyset: those with id < `before`.
    pub async fn list_events(
        &self,
        filter: &EventFilter,
        before: Option<&EventId>,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        unimplemented!()
    }
}
