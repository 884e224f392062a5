//! What one key, or one tenant, may still send.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{
    ANOTHER_LOOK,
    quota::{Quota, Running, Span},
    rate::{Rate, RateStanding},
};
use crate::{clock::Clock, model::Limits};

/// The limits of one key or tenant, and how far they are used.
#[derive(Debug)]
pub(super) struct Allowance {
    limits: Limits,
    // Held for a few additions, and never across another lock.
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    // From then on this process counts; what came before is in the record.
    since: DateTime<Utc>,
    recalled: bool,
    rate: Option<Rate>,
    day: Option<Quota>,
    month: Option<Quota>,
    under_way: u32,
}

/// How an allowance stands; absent is what is not limited.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AllowanceStanding {
    pub(super) rate: Option<RateStanding>,
    pub(super) day: Option<QuotaStanding>,
    pub(super) month: Option<QuotaStanding>,
    /// The limit, and how many more may come.
    pub(super) at_once: Option<(u32, u32)>,
}

/// How a quota stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuotaStanding {
    pub(super) limit: u64,
    pub(super) left: u64,
    /// Seconds.
    pub(super) window: u64,
    /// Seconds.
    pub(super) reset: u64,
}

/// A place among the requests under way; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place(Arc<Allowance>);

impl Allowance {
    pub(super) fn new(limits: Limits, clock: &Clock, now: DateTime<Utc>) -> Self {
        let day = Quota::new(Span::Day, limits.requests_per_day, now);
        let month = Quota::new(Span::Month, limits.requests_per_month, now);
        let recalled = day.is_none() && month.is_none();
        let rate = Rate::of(&limits, clock);
        Self { limits, used: Mutex::new(Used { since: now, recalled, rate, day, month, under_way: 0 }) }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts a request, or says how long to wait.
    pub(super) fn take(self: &Arc<Self>, now: DateTime<Utc>) -> Result<Place, Duration> {
        let mut used = self.used();
        used.roll(now);
        if self.limits.concurrent_requests.is_some_and(|most| used.under_way >= most) {
            return Err(ANOTHER_LOOK);
        }
        // The longer wait first: who is told of the shorter one would come in vain.
        for quota in [&used.month, &used.day].into_iter().flatten() {
            if quota.left() == 0 {
                return Err(Duration::from_secs(quota.seconds(now).1));
            }
        }
        if let Some(rate) = &mut used.rate {
            rate.take()?;
        }
        used.quotas().for_each(Quota::take);
        used.under_way += 1;
        Ok(Place(Arc::clone(self)))
    }

    pub(super) fn standing(&self, now: DateTime<Utc>) -> AllowanceStanding {
        let mut used = self.used();
        used.roll(now);
        let quota = |quota: &Quota| {
            let (window, reset) = quota.seconds(now);
            QuotaStanding { limit: quota.limit(), left: quota.left(), window, reset }
        };
        AllowanceStanding {
            rate: used.rate.as_ref().map(Rate::standing),
            day: used.day.as_ref().map(quota),
            month: used.month.as_ref().map(quota),
            at_once: self.limits.concurrent_requests.map(|most| (most, most.saturating_sub(used.under_way))),
        }
    }

    /// The spans whose beginning only the record knows, and when this process began to count.
    pub(super) fn unknown(&self) -> Option<(Vec<Running>, DateTime<Utc>)> {
        let mut used = self.used();
        let since = used.since;
        (!used.recalled).then(|| (used.quotas().map(|quota| quota.running()).collect(), since))
    }

    /// What the record says of them.
    pub(super) fn recall(&self, spans: &[(Running, u64)]) {
        let mut used = self.used();
        for (span, count) in spans {
            used.quotas().for_each(|quota| quota.add(*span, *count));
        }
        used.recalled = true;
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        // Whoever panicked here has left numbers, and numbers can be counted on.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn roll(&mut self, now: DateTime<Utc>) {
        self.quotas().for_each(|quota| quota.roll(now));
    }

    fn quotas(&mut self) -> impl Iterator<Item = &mut Quota> {
        self.day.iter_mut().chain(&mut self.month)
    }
}

impl Place {
    /// The request was refused elsewhere: it counts in no quota.
    pub(super) fn give_back(self) {
        self.0.used().quotas().for_each(Quota::give_back);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut used = self.0.used();
        used.under_way = used.under_way.saturating_sub(1);
    }
}
