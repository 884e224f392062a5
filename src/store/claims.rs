//! Calls that are made once: claimed by whoever comes first.

use chrono::{DateTime, Utc};

use crate::model::{Claim, ClaimState, Claimed, EventId, Settled, StreamId, TenantId};

use super::{
    Store, StoreError,
    pool::{in_transaction, on_pool},
};

#[derive(sqlx::FromRow)]
struct ClaimRow {
    fingerprint: Vec<u8>,
    event_id: EventId,
    state: String,
    answer: Option<Vec<u8>>,
    is_over: bool,
}

impl From<ClaimRow> for Claimed {
    fn from(row: ClaimRow) -> Self {
        let state = match row.answer {
            Some(answer) => ClaimState::Kept(answer),
            None if row.state == "open" && !row.is_over => ClaimState::Open,
            None => ClaimState::Unknown,
        };
        Self { fingerprint: row.fingerprint, call: row.event_id, state }
    }
}

impl Store {
    /// Claims a call; `false`, and nothing done, where somebody has the claim. What was claimed before `ended` counts for
    /// nothing.
    pub async fn claim(
        &self,
        claim: &Claim,
        call: &EventId,
        (stream, at): (&StreamId, DateTime<Utc>),
        ended: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const CLAIM: &str = "INSERT INTO claim (name, tenant_id, fingerprint, event_id, stream, claimed_at, state) \
            VALUES ($1, $2, $3, $4, $5, $6, 'open') ON CONFLICT (name) DO UPDATE SET tenant_id = excluded.tenant_id, \
            fingerprint = excluded.fingerprint, event_id = excluded.event_id, stream = excluded.stream, \
            claimed_at = excluded.claimed_at, state = excluded.state, answer = NULL WHERE claim.claimed_at < $7";
        in_transaction!(self, "claiming a call", soon, |transaction| {
            let done = sqlx::query(CLAIM)
                .bind(claim.name.as_slice())
                .bind(&claim.tenant_id)
                .bind(claim.fingerprint.as_slice())
                .bind(call)
                .bind(stream)
                .bind(at)
                .bind(ended)
                .execute(&mut *transaction)
                .await?;
            done.rows_affected() == 1
        })
    }

    /// What was claimed by that name since `ended`. It is over, and nobody knows how, where its event has its outcome, or
    /// where its process, which is not `own`, ended or was last seen before `dead_before`.
    pub async fn find_claim(
        &self,
        name: &[u8],
        own: &StreamId,
        (dead_before, ended): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Option<Claimed>, StoreError> {
        const FIND: &str = "SELECT claim.fingerprint, claim.event_id, claim.state, claim.answer, \
            (outcome.event_id IS NOT NULL OR claim.stream <> $2 \
            AND (stream.id IS NULL OR stream.closed_at IS NOT NULL OR stream.seen_at < $3)) AS is_over \
            FROM claim LEFT JOIN event_outcome AS outcome ON outcome.event_id = claim.event_id \
            LEFT JOIN stream ON stream.id = claim.stream WHERE claim.name = $1 AND claim.claimed_at >= $4";
        let row: Option<ClaimRow> = on_pool!(self, "looking for a claim", |pool| {
            sqlx::query_as(FIND).bind(name).bind(own).bind(dead_before).bind(ended).fetch_optional(pool)
        })?;
        Ok(row.map(Into::into))
    }

    /// Says how a call ended that was claimed; whoever claimed the name since is left alone.
    pub async fn settle_claim(
        &self,
        name: &[u8],
        call: &EventId,
        settled: &Settled,
    ) -> Result<(), StoreError> {
        const SETTLE: &str = "UPDATE claim SET state = $3, answer = $4 \
            WHERE name = $1 AND event_id = $2 AND state = 'open'";
        const RELEASE: &str = "DELETE FROM claim WHERE name = $1 AND event_id = $2 AND state = 'open'";
        let state = match settled {
            Settled::Kept(answer) => Some(("kept", Some(answer))),
            Settled::Unknown => Some(("unknown", None)),
            Settled::Released => None,
        };
        in_transaction!(self, "settling a claim", soon, |transaction| {
            let query = match state {
                Some((state, answer)) => sqlx::query(SETTLE).bind(name).bind(call).bind(state).bind(answer),
                None => sqlx::query(RELEASE).bind(name).bind(call),
            };
            query.execute(&mut *transaction).await?;
        })
    }

    /// How many claims a tenant has since `ended`; no more than `most` are counted.
    pub async fn count_claims(
        &self,
        tenant: &TenantId,
        ended: DateTime<Utc>,
        most: i64,
    ) -> Result<i64, StoreError> {
        const COUNT: &str = "SELECT COUNT(*) FROM \
            (SELECT 1 FROM claim WHERE tenant_id = $1 AND claimed_at >= $2 LIMIT $3) AS live";
        on_pool!(self, "counting claims", |pool| {
            sqlx::query_scalar(COUNT).bind(tenant).bind(ended).bind(most).fetch_one(pool)
        })
    }

    /// Forgets what was claimed before `ended`, at most `most`; returns how many.
    pub async fn forget_claims(&self, ended: DateTime<Utc>, most: i64) -> Result<u64, StoreError> {
        const FORGET: &str = "DELETE FROM claim WHERE claimed_at < $1 AND name IN \
            (SELECT name FROM claim WHERE claimed_at < $1 ORDER BY claimed_at LIMIT $2)";
        // Asked of the row that is deleted too: it may have been claimed anew since it was found.
        in_transaction!(self, "forgetting claims", soon, |transaction| {
            sqlx::query(FORGET).bind(ended).bind(most).execute(&mut *transaction).await?.rows_affected()
        })
    }
}
