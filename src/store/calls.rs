//! How much was called: counted from the record, never on the path of a request.

use chrono::{DateTime, Utc};

use crate::model::{EventId, KeyId, TenantId};

use super::{
    Store, StoreError,
    pool::{Pool, on_pool},
};

/// What a tenant, or one of its keys, called in a span of time; neither requests for access tokens are counted nor
/// those whose credential is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Calls {
    /// All that are on record.
    pub requests: i64,
    /// Those that did not end well.
    pub refused: i64,
}

/// Whose calls are meant.
#[derive(Debug, Clone, Copy)]
pub struct CallsOf<'c> {
    /// The tenant.
    pub tenant: &'c TenantId,
    /// One key of its alone, and those that it was rotated into.
    pub key: Option<&'c KeyId>,
    /// One process's alone.
    pub stream: Option<&'c str>,
}

impl<'c> CallsOf<'c> {
    /// Of a tenant, or of one of its keys and those that it was rotated into.
    pub fn tenant(tenant: &'c TenantId, key: Option<&'c KeyId>) -> Self {
        Self { tenant, key, stream: None }
    }
}

impl Store {
    /// Counts calls from `since` until just before `until`, by the time in their ids.
    pub async fn count_calls(
        &self,
        of: CallsOf<'_>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Calls, StoreError> {
        // Most calls end as `ok`, so only the others are looked up, by the index that holds no others.
        const COUNT: &str = "SELECT COUNT(*) AS requests, COUNT(outcome.event_id) AS refused \
            FROM event LEFT JOIN event_outcome AS outcome \
            ON outcome.event_id = event.id AND outcome.code <> 'ok' AND (outcome.known OR NOT EXISTS \
            (SELECT 1 FROM event_outcome AS real WHERE real.event_id = outcome.event_id AND real.known)) \
            WHERE event.tenant_id = $1 AND event.id >= $2 AND event.id < $3 AND event.kind = 'call' \
            AND (event.operation IS NULL OR event.operation <> 'token.issue') \
            AND (outcome.code IS NULL OR outcome.code NOT IN ('ringfence.key_revoked', 'ringfence.key_expired', \
            'ringfence.token_expired', 'ringfence.tenant_suspended', 'ringfence.address_not_allowed')) \
            AND ($4 IS NULL OR event.key_id = $4 OR event.key_id IN \
            (SELECT id FROM tenant_key WHERE tenant_id = $1 AND origin = $4)) \
            AND ($5 IS NULL OR (event.place >> 40) = (SELECT number FROM stream WHERE id = $5))";
        let (since, until) = (EventId::lowest(since), EventId::lowest(until));
        on_pool!(self, eventually, "counting calls", |pool| {
            sqlx::query_as(COUNT)
                .bind(of.tenant)
                .bind(&since)
                .bind(&until)
                .bind(of.key)
                .bind(of.stream)
                .fetch_one(pool)
        })
    }

    /// Sums the bytes of the answers to these calls.
    pub async fn sum_bytes(
        &self,
        of: CallsOf<'_>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        // JSON is the one thing that the two read differently.
        let bytes = match &self.pool {
            Pool::Sqlite { .. } => "json_extract(outcome.detail, '$.bytes')",
            Pool::Postgres(_) => "(outcome.detail::json ->> 'bytes')::bigint",
        };
        let text = format!(
            "SELECT CAST(COALESCE(SUM({bytes}), 0) AS BIGINT) FROM event \
             JOIN event_outcome AS outcome ON outcome.event_id = event.id \
             WHERE event.tenant_id = $1 AND event.id >= $2 AND event.id < $3 AND event.kind = 'call' \
             AND (event.operation IS NULL OR event.operation <> 'token.issue') \
             AND ($4 IS NULL OR event.key_id = $4 OR event.key_id IN \
             (SELECT id FROM tenant_key WHERE tenant_id = $1 AND origin = $4)) \
             AND ($5 IS NULL OR (event.place >> 40) = (SELECT number FROM stream WHERE id = $5))"
        );
        let (since, until) = (EventId::lowest(since), EventId::lowest(until));
        on_pool!(self, eventually, "summing bytes", |pool| {
            // SECURITY: put together from constants alone; every value is bound.
            sqlx::query_scalar(sqlx::AssertSqlSafe(text))
                .bind(of.tenant)
                .bind(&since)
                .bind(&until)
                .bind(of.key)
                .bind(of.stream)
                .fetch_one(pool)
        })
    }
}
