//! Calls that are made once: who comes first claims the call before its intent is committed, and says how it ended before it
//! is answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;

use super::{Audit, Inner, NotRecorded, Record, keeper::dead_before};
use crate::{
    model::{Claim, Claimed, EventId, Settled, TenantId},
    store::{Store, StoreError},
};

/// For how long a claim holds.
const HELD: TimeDelta = TimeDelta::hours(24);
/// How many a tenant may hold, give or take what comes in at once.
const MOST: i64 = 100_000;
/// How many are forgotten in one transaction, and in how many in a row.
const FORGOTTEN: u32 = 500;
const BATCHES: u32 = 20;

/// How many claims each tenant holds, as last counted.
pub(super) type Counted = Cache<TenantId, Arc<AtomicI64>>;

/// Nothing counted yet.
pub(super) fn counted() -> Counted {
    Cache::builder().max_capacity(10_000).time_to_live(Duration::from_mins(1)).build()
}

impl Audit {
    /// Who claimed a call, and what became of it.
    pub async fn claimed(&self, claim: &Claim) -> Result<Option<Claimed>, NotRecorded> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let since = (dead_before(&inner.store, now), ended(now));
        let found = inner.store.find_claim(&claim.name, &inner.stream, since).await;
        found.map_err(|error| not_recorded(&error))
    }

    /// Whether a tenant may claim another call. Its claims are counted once a minute, and in between as they come in here.
    pub async fn may_claim(&self, tenant: &TenantId) -> Result<bool, NotRecorded> {
        let Inner { store, clock, claims, .. } = &*self.inner;
        let count = async {
            let counted = store.count_claims(tenant, ended(clock.now()), MOST).await?;
            Ok::<_, StoreError>(Arc::new(AtomicI64::new(counted)))
        };
        let known = claims.try_get_with_by_ref(tenant, count).await.map_err(|error| not_recorded(&error))?;
        Ok(known.fetch_add(1, Ordering::Relaxed) < MOST)
    }

    /// Says how a call ended that was claimed. If that cannot be written, the call will be taken for one whose end is
    /// unknown: it is not made again.
    pub async fn settle(&self, claim: &Claim, call: &EventId, settled: &Settled) {
        if let Err(error) = self.inner.store.settle_claim(&claim.name, call, settled).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, event.id = %call, "how a claimed call ended was not kept");
        }
    }
}

impl Record {
    /// Claims the call, and then commits its intent, before it is made; `false`, and nothing committed, where somebody has
    /// the claim.
    pub async fn claim(&mut self, claim: &Claim) -> Result<bool, NotRecorded> {
        let (store, stream) = (&self.audit.inner.store, self.audit.stream());
        let claimed =
            store.claim(claim, self.id(), (stream, self.opened_at()), ended(self.opened_at())).await;
        let done = match claimed.map_err(|error| not_recorded(&error)) {
            Ok(true) => self.commit_intent().await,
            Ok(false) => return Ok(false),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // It may have been claimed all the same, and the call is not made.
            self.audit.settle(claim, self.id(), &Settled::Released).await;
        }
        done.map(|()| true)
    }
}

/// Forgets what holds no more: the rest in a minute.
pub(super) async fn forget(store: Store, now: DateTime<Utc>) {
    for _ in 0..BATCHES {
        match store.forget_claims(ended(now), i64::from(FORGOTTEN)).await {
            Ok(forgotten) if forgotten < u64::from(FORGOTTEN) => break,
            Ok(_) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "claims that hold no more could not be forgotten");
                break;
            }
        }
    }
}

/// What was claimed before holds no more.
fn ended(now: DateTime<Utc>) -> DateTime<Utc> {
    now - HELD
}

fn not_recorded(error: &StoreError) -> NotRecorded {
    tracing::error!(error = error as &dyn std::error::Error, "a claim cannot be read or made");
    NotRecorded
}
