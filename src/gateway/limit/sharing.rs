//! How limits hold over several replicas: asked for in the background, ahead of need, and never on a request's way.
//!
//! Rates and places are leased from Redis, every [`ROUND`] and sooner where little is left; without it each replica takes
//! its fraction. Quotas are leased from the store, where each replica notes what it has used and holds. What a replica
//! that is gone has really used is counted from the record.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    Limiter, UPKEEP,
    allowance::{Allowance, SliceClaim},
    quota::{Measure, QuotaClaim},
};
use crate::{
    audit::{CallsOf, NotRead, Reader},
    clock::Clock,
    cluster::{Cluster, Counters, CountersLost, Ledger, LedgerLost, QuotaShare, Replicas},
    gateway::Parts,
    model::{KeyId, StreamId, TenantId},
};

const ROUND: Duration = Duration::from_millis(250);
/// So that who has little left does not ask without a pause.
const BETWEEN: Duration = Duration::from_millis(10);
/// How many quotas are claimed at once: requests' own records need the store's connections.
const AT_ONCE: usize = 4;

/// Whose limits they are.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) tenant: TenantId,
    /// One key of its alone, and those that it was rotated into: their origin.
    pub(super) key: Option<KeyId>,
}

impl Subject {
    /// What it is called where all replicas look.
    pub(super) fn name(&self) -> String {
        match &self.key {
            Some(key) => format!("key:{key}"),
            None => format!("tenant:{}", self.tenant),
        }
    }

    /// Its calls on record.
    fn calls<'s>(&'s self, stream: Option<&'s str>) -> CallsOf<'s> {
        CallsOf { tenant: &self.tenant, key: self.key.as_ref(), stream }
    }
}

/// What all allowances share.
#[derive(Debug)]
pub(super) struct Sharing {
    pub(super) clock: Clock,
    pub(super) cluster: Cluster,
    slices: Notify,
    shares: Notify,
}

/// Why a quota could not be claimed.
#[derive(Debug, thiserror::Error)]
enum Unclaimed {
    #[error(transparent)]
    Ledger(#[from] LedgerLost),
    #[error(transparent)]
    Record(#[from] NotRead),
}

impl Sharing {
    pub(super) fn new(clock: Clock, cluster: Cluster) -> Self {
        Self { clock, cluster, slices: Notify::new(), shares: Notify::new() }
    }

    /// Has more leased soon.
    pub(super) fn wake(&self, slices: bool, shares: bool) {
        if slices && self.cluster.counters().is_some() {
            self.slices.notify_one();
        }
        if shares && self.cluster.ledger().is_some() {
            self.shares.notify_one();
        }
    }

    /// Forgets what was shared of one who is not limited any more.
    pub(super) async fn forget(&self, subject: &Subject) {
        let Some(ledger) = self.cluster.ledger() else { return };
        if let Err(error) = ledger.forget(&subject.name()).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the shares of a quota could not be forgotten");
        }
    }
}

fn warn_of(error: &Unclaimed) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "not all quotas could be shared with the other replicas");
}

/// Those who hold something and do not serve any more.
fn gone(others: &[QuotaShare], present: &[StreamId]) -> Vec<QuotaShare> {
    let is_present = |share: &QuotaShare| present.iter().any(|stream| stream.as_str() == share.stream);
    others.iter().filter(|share| share.held > 0 && !is_present(share)).cloned().collect()
}

/// When a quota was opened, if that was after this replica had begun to count: until then, the record has counted for all.
fn opened_after(claim: &QuotaClaim, others: &[QuotaShare]) -> Option<DateTime<Utc>> {
    let opening = others.iter().find(|share| share.stream.is_empty())?;
    Some(opening.since).filter(|opened| *opened > claim.since)
}

/// What the record counts of calls from `since` until just before `until`.
pub(super) async fn recorded(
    reader: &Reader,
    subject: &Subject,
    stream: Option<&str>,
    measure: Measure,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<u64, NotRead> {
    let of = subject.calls(stream);
    let counted = match measure {
        Measure::RequestsPerDay | Measure::RequestsPerMonth => {
            reader.count_calls(of, since, until).await?.requests
        }
        Measure::BytesPerDay => reader.sum_bytes(of, since, until).await?,
    };
    Ok(u64::try_from(counted).unwrap_or_default())
}

impl Limiter {
    /// Leases slices of rates and places as long as it runs, or takes the fractions as they change.
    pub(super) async fn lease(&self) {
        let Sharing { cluster, slices, .. } = &*self.sharing;
        let mut divided = None;
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = slices.notified() => sleep(BETWEEN).await,
            }
            let replicas = cluster.replicas();
            let Some(counters) = cluster.counters() else {
                // New ones begin with their fraction.
                if divided.replace(replicas) != Some(replicas) {
                    self.take_fractions(replicas);
                }
                continue;
            };
            let lost = self.lease_from(counters, replicas).await.err();
            if let Some(why) = lost {
                cluster.set_leasing(false, &why.to_string());
                self.take_fractions(replicas);
                // Nothing more is leased for a while, however little is left.
                rounds.tick().await;
            } else {
                cluster.set_leasing(true, "");
            }
        }
    }

    fn take_fractions(&self, replicas: Replicas) {
        self.register.all().iter().for_each(|allowance| allowance.count_alone(replicas));
    }

    async fn lease_from(&self, counters: &Counters, replicas: Replicas) -> Result<(), CountersLost> {
        let all = self.register.all();
        let claims: Vec<(Arc<Allowance>, SliceClaim)> =
            all.into_iter().filter_map(|one| one.slice_claim().map(|claim| (one, claim))).collect();
        if claims.is_empty() && self.sharing.cluster.is_leasing() {
            return Ok(());
        }
        let buckets: Vec<_> = claims
            .iter()
            .filter_map(|(_, claim)| claim.bucket.as_ref())
            .map(|(claim, _)| claim.clone())
            .collect();
        let places: Vec<_> = claims.iter().filter_map(|(_, claim)| claim.places.clone()).collect();
        let own = self.sharing.cluster.stream();
        let (buckets, places) = counters.claim(own, replicas.count(), &buckets, &places).await?;
        let (mut buckets, mut places) = (buckets.into_iter(), places.into_iter());
        for (allowance, claim) in claims {
            let bucket = claim.bucket.and_then(|(_, taken)| Some((taken, buckets.next()?)));
            let granted = claim.places.and_then(|_| places.next());
            allowance.grant_slices(bucket, granted);
        }
        Ok(())
    }

    /// Claims shares of quotas as long as it runs.
    pub(super) async fn share_quotas(&self, ledger: &Ledger, parts: &Parts) {
        let mut filled: Option<Duration> = None;
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = self.sharing.shares.notified() => sleep(BETWEEN).await,
            }
            let (now, at) = (self.sharing.clock.now(), self.sharing.clock.elapsed());
            // Of those too that nobody has called yet: what was used is known before the first request.
            if filled.is_none_or(|filled| at.saturating_sub(filled) >= UPKEEP) {
                self.register.fill(&parts.tenancy.views(), now);
                filled = Some(at);
            }
            let claims = self.register.all().into_iter().flat_map(|allowance| {
                let claims = allowance.quota_claims(now, at);
                claims.into_iter().map(move |claim| (Arc::clone(&allowance), claim))
            });
            let claimed: Vec<Result<(), Unclaimed>> = stream::iter(claims.collect::<Vec<_>>())
                .map(async |(allowance, claim)| {
                    self.share_one(ledger, &parts.reader, &allowance, &claim, at).await
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            if let Some(error) = claimed.into_iter().find_map(Result::err) {
                warn_of(&error);
                rounds.tick().await;
            } else {
                self.note_known();
            }
        }
    }

    async fn share_one(
        &self,
        ledger: &Ledger,
        reader: &Reader,
        allowance: &Allowance,
        claim: &QuotaClaim,
        at: Duration,
    ) -> Result<(), Unclaimed> {
        let subject = allowance.subject();
        let mut known_before = None;
        loop {
            let replicas = self.sharing.cluster.replicas();
            let hold = |others: &[QuotaShare]| claim.hold(others, replicas);
            let own = (self.sharing.cluster.stream(), claim.since);
            let Some(others) = ledger.claim(&claim.of, own, (claim.spent, known_before), &hold).await? else {
                let before = (claim.of.start, claim.since);
                known_before = Some(recorded(reader, subject, None, claim.measure, before).await?);
                continue;
            };
            if let Some(opened) = opened_after(claim, &others) {
                let stream = Some(self.sharing.cluster.stream().as_str());
                let twice = recorded(reader, subject, stream, claim.measure, (claim.since, opened)).await?;
                // Claimed anew in the next round.
                allowance.count_from(claim, opened, twice);
                return Ok(());
            }
            let gone = gone(&others, &self.sharing.cluster.present());
            allowance.grant_quota(claim, &others, (replicas, gone.is_empty()), at);
            if gone.is_empty() {
                return Ok(());
            }
            if !self.settle(ledger, reader, subject, claim, &others).await? {
                allowance.grant_quota(claim, &others, (replicas, true), at);
                return Ok(());
            }
        }
    }

    /// Counts from the record what those have used that are gone, and held something; says whether there were any.
    async fn settle(
        &self,
        ledger: &Ledger,
        reader: &Reader,
        subject: &Subject,
        claim: &QuotaClaim,
        others: &[QuotaShare],
    ) -> Result<bool, Unclaimed> {
        // One that has only just come may not have been seen yet.
        let gone = gone(others, &self.sharing.cluster.look().await?);
        for share in &gone {
            let counted = (share.since, self.sharing.clock.now());
            let used = recorded(reader, subject, Some(&share.stream), claim.measure, counted).await?;
            ledger.settle(&claim.of, &share.stream, used).await?;
        }
        Ok(!gone.is_empty())
    }
}
