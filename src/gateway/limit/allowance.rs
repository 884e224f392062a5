//! What one key, or one tenant, may still send.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{
    ANOTHER_LOOK,
    quota::{Measure, Quota, QuotaClaim},
    rate::{Rate, RateStanding},
    sharing::{Sharing, Subject},
};
use crate::{
    cluster::{BucketClaim, Grant, PlacesClaim, QuotaShare, Replicas},
    model::Limits,
};

/// The limits of one chain of keys, or of a tenant, and how far they are used. It outlives a change of them.
#[derive(Debug)]
pub(super) struct Allowance {
    subject: Subject,
    sharing: Arc<Sharing>,
    // Held for a few additions, and never across another lock.
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    rate: Option<Rate>,
    quotas: Vec<Quota>,
    places: Option<Places>,
    under_way: u32,
    // Used since slices were last leased, and for how many rounds not.
    touched: bool,
    quiet: u32,
}

/// How many may be under way at once.
#[derive(Debug)]
struct Places {
    limit: u32,
    // How many of them here, and how many nobody holds.
    here: u64,
    elsewhere: u64,
}

/// How an allowance stands; absent is what is not limited.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowanceStanding {
    pub(super) rate: Option<RateStanding>,
    pub(super) quotas: Vec<QuotaStanding>,
    /// The limit, and how many more may come.
    pub(super) at_once: Option<(u32, u64)>,
}

/// How a quota stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuotaStanding {
    pub(super) measure: Measure,
    pub(super) limit: u64,
    pub(super) left: u64,
    /// Seconds.
    pub(super) window: u64,
    /// Seconds.
    pub(super) reset: u64,
}

/// What is asked of Redis for one allowance.
#[derive(Debug)]
pub(super) struct SliceClaim {
    pub(super) bucket: Option<(BucketClaim, u64)>,
    pub(super) places: Option<PlacesClaim>,
}

/// A place among the requests under way; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place(Arc<Allowance>);

/// After so many rounds without a request slices are leased anew in each of so many rounds only, which is soon enough for
/// them not to end.
const QUIET_ROUNDS: u32 = 10;

impl Allowance {
    pub(super) fn new(subject: Subject, limits: &Limits, sharing: &Arc<Sharing>, now: DateTime<Utc>) -> Self {
        let used = Mutex::new(Used::none(limits, sharing, now));
        Self { subject, sharing: Arc::clone(sharing), used }
    }

    /// Goes on under other limits: what was used is used of these, and what is under way is under way.
    pub(super) fn change(&self, limits: &Limits, now: DateTime<Utc>) {
        let mut used = self.used();
        used.roll(now, &self.sharing);
        let cluster = &self.sharing.cluster;
        let next = Used::none(limits, &self.sharing, now)
            .following(&used, (cluster.replicas(), cluster.is_leasing()));
        *used = next;
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Counts a request, or says how long to wait.
    pub(super) fn take(self: &Arc<Self>, now: DateTime<Utc>) -> Result<Place, Duration> {
        let mut used = self.used();
        let taken = used.take(now, &self.sharing);
        used.touched = true;
        let (slices, shares) = (used.wants_slices(), used.quotas.iter().any(Quota::is_low));
        if taken.is_ok() {
            used.under_way += 1;
        }
        drop(used);
        self.sharing.wake(slices, shares || taken.is_err());
        taken.map(|()| Place(Arc::clone(self)))
    }

    pub(super) fn standing(&self, now: DateTime<Utc>) -> AllowanceStanding {
        let mut used = self.used();
        used.roll(now, &self.sharing);
        let quota = |quota: &Quota| {
            let (window, reset) = quota.seconds(now);
            QuotaStanding {
                measure: quota.measure(),
                limit: quota.limit(),
                left: quota.left(),
                window,
                reset,
            }
        };
        let under_way = u64::from(used.under_way);
        let places = |places: &Places| {
            (places.limit, places.here.saturating_sub(under_way).saturating_add(places.elsewhere))
        };
        AllowanceStanding {
            rate: used.rate.as_ref().map(Rate::standing),
            quotas: used.quotas.iter().map(quota).collect(),
            at_once: used.places.as_ref().map(places),
        }
    }

    /// The quotas of which only the record knows what was used before this process, which serves alone, began to count.
    pub(super) fn unknown(&self) -> Vec<(Measure, DateTime<Utc>, DateTime<Utc>)> {
        self.used().quotas.iter().filter_map(Quota::unknown).collect()
    }

    /// What the record says of one of them.
    pub(super) fn recall(&self, measure: Measure, start: DateTime<Utc>, used: u64) {
        self.used().quotas.iter_mut().for_each(|quota| quota.recall(measure, start, used));
    }

    /// What is to be asked of the other replicas for its quotas.
    pub(super) fn quota_claims(&self, now: DateTime<Utc>, at: Duration) -> Vec<QuotaClaim> {
        let replicas = self.sharing.cluster.replicas();
        let mut used = self.used();
        used.roll(now, &self.sharing);
        let (name, quotas) = (self.subject.name(), &used.quotas);
        quotas.iter().filter_map(|quota| quota.claim(&name, at, replicas)).collect()
    }

    /// Of what this replica counted, so much was counted before another opened the quota, and with it.
    pub(super) fn count_from(&self, claim: &QuotaClaim, opened: DateTime<Utc>, twice: u64) {
        self.used().quotas.iter_mut().for_each(|quota| quota.count_from(claim, opened, twice));
    }

    /// What was claimed beside these is held.
    pub(super) fn grant_quota(
        &self,
        claim: &QuotaClaim,
        others: &[QuotaShare],
        told: (Replicas, bool),
        at: Duration,
    ) {
        self.used().quotas.iter_mut().for_each(|quota| quota.grant(claim, others, told, at));
    }

    /// What is to be asked of Redis; seldom while it is not used.
    pub(super) fn slice_claim(&self) -> Option<SliceClaim> {
        let mut used = self.used();
        let in_use = std::mem::take(&mut used.touched) || used.under_way > 0;
        used.quiet = if in_use { 0 } else { used.quiet.saturating_add(1) };
        if used.quiet > QUIET_ROUNDS && !used.quiet.is_multiple_of(QUIET_ROUNDS) {
            return None;
        }
        let subject = self.subject.name();
        let places = used.places.as_ref().map(|places| PlacesClaim {
            subject: subject.clone(),
            limit: places.limit.into(),
            under_way: used.under_way.into(),
        });
        let bucket = used.rate.as_ref().map(|rate| rate.claim(&subject));
        (bucket.is_some() || places.is_some()).then_some(SliceClaim { bucket, places })
    }

    /// What Redis granted.
    pub(super) fn grant_slices(&self, bucket: Option<(u64, Grant)>, places: Option<Grant>) {
        let mut used = self.used();
        if let (Some(rate), Some((taken, grant))) = (&mut used.rate, bucket) {
            rate.grant(taken, grant);
        }
        if let (Some(held), Some(grant)) = (&mut used.places, places) {
            // They may have been asked for before the limit was changed.
            (held.here, held.elsewhere) = (grant.slice.min(held.limit.into()), grant.left);
        }
    }

    /// Takes its fraction from now on.
    pub(super) fn count_alone(&self, replicas: Replicas) {
        self.used().count_alone(replicas);
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        // Whoever panicked here has left numbers, and numbers can be counted on.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn none(limits: &Limits, sharing: &Sharing, now: DateTime<Utc>) -> Self {
        let replicas = sharing.cluster.replicas();
        let quota = |measure| Quota::new(measure, limits, now, replicas);
        let places = |limit: u32| Places { limit, here: replicas.share(limit.into()), elsewhere: 0 };
        let mut rate = Rate::of(limits, &sharing.clock, replicas);
        if let Some(rate) = rate.as_mut().filter(|_| sharing.cluster.is_leasing()) {
            rate.begin_leased();
        }
        let quotas = Measure::ALL.into_iter().filter_map(quota).collect();
        let places = limits.concurrent_requests.map(places);
        Self { rate, quotas, places, under_way: 0, touched: false, quiet: 0 }
    }

    /// What was used under other limits counts on.
    fn following(mut self, former: &Self, (replicas, is_leasing): (Replicas, bool)) -> Self {
        for quota in &mut self.quotas {
            former.quotas.iter().for_each(|former| quota.follow(former, replicas));
        }
        if let (Some(rate), Some(former)) = (&mut self.rate, &former.rate) {
            rate.follow(former);
        }
        if is_leasing && let (Some(places), Some(former)) = (&mut self.places, &former.places) {
            // What the others hold is not this replica's because the limit is another; the next lease tells.
            places.here = places.here.min(former.here);
        }
        Self { under_way: former.under_way, touched: true, ..self }
    }

    fn take(&mut self, now: DateTime<Utc>, sharing: &Sharing) -> Result<(), Duration> {
        self.roll(now, sharing);
        let under_way = u64::from(self.under_way);
        if self.places.as_ref().is_some_and(|places| under_way >= places.here) {
            return Err(ANOTHER_LOOK);
        }
        // The longer wait first: who is told of the shorter one would come in vain.
        let full = self.quotas.iter_mut().filter_map(|quota| quota.room(now).err()).max();
        full.map_or(Ok(()), Err)?;
        if let Some(rate) = &mut self.rate {
            rate.take()?;
        }
        self.requests().for_each(|quota| quota.take(1));
        Ok(())
    }

    fn roll(&mut self, now: DateTime<Utc>, sharing: &Sharing) {
        if self.quotas.iter().any(|quota| quota.is_over(now)) {
            let replicas = sharing.cluster.replicas();
            self.quotas.iter_mut().for_each(|quota| quota.roll(now, replicas));
        }
    }

    fn requests(&mut self) -> impl Iterator<Item = &mut Quota> {
        self.quotas.iter_mut().filter(|quota| quota.measure() != Measure::BytesPerDay)
    }

    fn wants_slices(&self) -> bool {
        let places = |places: &Places| places.elsewhere > 0 && u64::from(self.under_way) >= places.here;
        self.rate.as_ref().is_some_and(Rate::is_low) || self.places.as_ref().is_some_and(places)
    }

    fn count_alone(&mut self, replicas: Replicas) {
        if let Some(rate) = &mut self.rate {
            rate.count_alone(replicas);
        }
        if let Some(places) = &mut self.places {
            (places.here, places.elsewhere) = (replicas.share(places.limit.into()), 0);
        }
    }
}

impl Place {
    /// The request was refused elsewhere: it counts in no quota.
    pub(super) fn give_back(self) {
        self.0.used().requests().for_each(Quota::give_back);
    }

    /// So many bytes were answered.
    pub(super) fn charge(&self, bytes: u64) {
        // Also where the limit came while the request was under way.
        let mut used = self.0.used();
        let of_bytes = |quota: &&mut Quota| quota.measure() == Measure::BytesPerDay;
        used.quotas.iter_mut().filter(of_bytes).for_each(|quota| quota.take(bytes));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut used = self.0.used();
        used.under_way = used.under_way.saturating_sub(1);
    }
}
