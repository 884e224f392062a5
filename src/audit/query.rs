//! The record, read by those who serve tenants: counts, and a tenant's own events.

use chrono::{DateTime, Utc};

pub use crate::store::{Calls, CallsOf, EventFilter};
use crate::{
    model::{EventId, RecordedEvent, TenantId},
    store::{Store, StoreError},
};

/// The record cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the record cannot be read")]
pub struct NotRead(#[from] StoreError);

/// Reads the record. Every question names one tenant, and is answered from that tenant's events alone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    store: Store,
}

impl Reader {
    /// Of a store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// How many of these calls came from `since` until just before `until`.
    pub async fn count_calls(
        &self,
        of: CallsOf<'_>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Calls, NotRead> {
        Ok(self.store.count_calls(of, since, until).await?)
    }

    /// How many bytes these calls were answered.
    pub async fn sum_bytes(
        &self,
        of: CallsOf<'_>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<i64, NotRead> {
        Ok(self.store.sum_bytes(of, since, until).await?)
    }

    /// A tenant's events, newest first, at most `limit`: those with an id below `before`, for the next page.
    pub async fn list_events(
        &self,
        tenant: &TenantId,
        filter: EventFilter,
        before: Option<&EventId>,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, NotRead> {
        let filter = EventFilter { tenant_id: Some(tenant.clone()), ..filter };
        Ok(self.store.list_events(&filter, before, limit).await?)
    }
}
