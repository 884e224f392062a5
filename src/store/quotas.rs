//! What replicas have used of a quota, and what they hold of it in advance: one row for each, and one for what the record
//! knew before.

use chrono::{DateTime, Utc};

use crate::model::StreamId;

use super::{Store, StoreError, pool::in_transaction};

/// One quota in one span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaOf {
    /// Whose: `tenant:alpha`, `key:…`.
    pub subject: String,
    /// Which: the name of the limit.
    pub span: &'static str,
    /// When the span began.
    pub start: DateTime<Utc>,
}

/// A replica's part in a quota. Without a stream: what the record knew before anybody shared it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct QuotaShare {
    /// The replica's stream of events, or nothing.
    pub stream: String,
    /// From when on it counts; of what the record knew before, until when that was counted.
    pub since: DateTime<Utc>,
    /// What it has used.
    pub spent: i64,
    /// What it may still use without asking.
    pub held: i64,
}

const SHARES: &str = "SELECT stream, since, spent, held FROM quota_share \
    WHERE subject = $1 AND span = $2 AND start_at = $3 AND stream <> $4";

impl Store {
    /// Says what a replica has used and takes what `hold` makes of the others' shares; they are returned. A quota that nobody
    /// shares yet begins with what was used `before`, and what is kept of earlier spans goes; without that it is `None`.
    /// Claims of one quota come one after the other.
    pub async fn claim_quota(
        &self,
        of: &QuotaOf,
        own: (&StreamId, DateTime<Utc>),
        (spent, before): (i64, Option<i64>),
        hold: &(dyn Fn(&[QuotaShare]) -> i64 + Sync),
    ) -> Result<Option<Vec<QuotaShare>>, StoreError> {
        const FORGET: &str = "DELETE FROM quota_share WHERE subject = $1 AND span = $2 AND start_at < $3";
        const OPEN: &str = "INSERT INTO quota_share (subject, span, start_at, stream, since, spent, held) \
            VALUES ($1, $2, $3, '', $5, $4, 0) ON CONFLICT (subject, span, start_at, stream) DO NOTHING";
        const LOCK: &str = "UPDATE quota_share SET held = held \
            WHERE subject = $1 AND span = $2 AND start_at = $3 AND stream = ''";
        const CLAIM: &str = "INSERT INTO quota_share (subject, span, start_at, stream, since, spent, held) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (subject, span, start_at, stream) \
            DO UPDATE SET since = excluded.since, spent = excluded.spent, held = excluded.held";
        let (stream, since) = own;
        in_transaction!(self, "claiming a quota", soon, |transaction| {
            if let Some(before) = before {
                for text in [FORGET, OPEN] {
                    let query = sqlx::query(text).bind(&of.subject).bind(of.span).bind(of.start);
                    let query = if text == OPEN { query.bind(before).bind(since) } else { query };
                    query.execute(&mut *transaction).await?;
                }
            }
            let locked = sqlx::query(LOCK).bind(&of.subject).bind(of.span).bind(of.start);
            if locked.execute(&mut *transaction).await?.rows_affected() == 0 {
                None
            } else {
                let others: Vec<QuotaShare> = sqlx::query_as(SHARES)
                    .bind(&of.subject)
                    .bind(of.span)
                    .bind(of.start)
                    .bind(stream)
                    .fetch_all(&mut *transaction)
                    .await?;
                sqlx::query(CLAIM)
                    .bind(&of.subject)
                    .bind(of.span)
                    .bind(of.start)
                    .bind(stream)
                    .bind(since)
                    .bind(spent)
                    .bind(hold(&others))
                    .execute(&mut *transaction)
                    .await?;
                Some(others)
            }
        })
    }

    /// Says what a replica that is gone had really used: it holds nothing any more.
    pub async fn settle_quota(&self, of: &QuotaOf, gone: &str, spent: i64) -> Result<(), StoreError> {
        const SETTLE: &str = "UPDATE quota_share SET spent = $5, held = 0 \
            WHERE subject = $1 AND span = $2 AND start_at = $3 AND stream = $4 AND held > 0";
        in_transaction!(self, "settling a quota", soon, |transaction| {
            sqlx::query(SETTLE)
                .bind(&of.subject)
                .bind(of.span)
                .bind(of.start)
                .bind(gone)
                .bind(spent)
                .execute(&mut *transaction)
                .await?;
        })
    }

    /// Forgets what was shared of one who is not limited any more.
    pub async fn forget_quotas(&self, subject: &str) -> Result<(), StoreError> {
        const FORGET: &str = "DELETE FROM quota_share WHERE subject = $1";
        in_transaction!(self, "forgetting quotas", soon, |transaction| {
            sqlx::query(FORGET).bind(subject).execute(&mut *transaction).await?;
        })
    }
}
