//! How much was called: counted from the record, never on the path of a request.

use chrono::{DateTime, Utc};

use crate::model::{EventId, KeyId, TenantId};

use super::{Store, StoreError, pool::on_pool};

/// What a tenant, or one of its keys, called in a span of time; neither requests for access tokens are counted nor
/// those whose credential is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Calls {
    /// All that are on record.
    pub requests: i64,
    /// Those that did not end well.
    pub refused: i64,
}

impl Store {
    /// Counts calls from `since` until just before `until`, by the time in their ids.
    pub async fn count_calls(
        &self,
        tenant: &TenantId,
        key: Option<&KeyId>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Calls, StoreError> {
        // Most calls end as `ok`, so only the others are looked up, by the index that holds no others.
        const COUNT: &str = "SELECT COUNT(*) AS requests, COUNT(outcome.event_id) AS refused \
            FROM event LEFT JOIN event_outcome AS outcome \
            ON outcome.event_id = event.id AND outcome.code <> 'ok' \
            WHERE event.tenant_id = $1 AND event.id >= $2 AND event.id < $3 AND event.kind = 'call' \
            AND (event.operation IS NULL OR event.operation <> 'token.issue') \
            AND (outcome.code IS NULL OR outcome.code NOT IN ('ringfence.key_revoked', 'ringfence.key_expired', \
            'ringfence.token_expired', 'ringfence.tenant_suspended', 'ringfence.address_not_allowed')) \
            AND ($4 IS NULL OR event.key_id = $4)";
        let (since, until) = (EventId::lowest(since), EventId::lowest(until));
        on_pool!(self, eventually, "counting calls", |pool| {
            sqlx::query_as(COUNT).bind(tenant).bind(&since).bind(&until).bind(key).fetch_one(pool)
        })
    }
}
