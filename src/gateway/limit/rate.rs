//! A rate with a burst, on our clock: by governor, as far as this replica counts for itself, or in slices of what all share.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

use super::ANOTHER_LOOK;
use crate::{
    clock::Clock,
    cluster::{BucketClaim, Grant, Replicas},
    model::Limits,
};

/// Our clock as governor reads it: it never goes back.
#[derive(Debug, Clone)]
pub(super) struct Ticks(Clock);

impl Ticks {
    pub(super) fn new(clock: &Clock) -> Self {
        Self(clock.clone())
    }
}

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// So many a minute, so many of them at once.
#[derive(Debug)]
pub(super) struct Rate {
    per_minute: NonZeroU32,
    burst: NonZeroU32,
    ticks: Ticks,
    // All that were let pass.
    taken: u64,
    pace: Pace,
}

#[derive(Debug)]
enum Pace {
    /// This replica's fraction, counted by itself.
    Own(Own),
    /// A slice of what all share.
    Leased(Leased),
}

#[derive(Debug)]
struct Own {
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>,
    replicas: Replicas,
    burst: NonZeroU32,
    // Until one more may come.
    interval: Duration,
    // How many may come, and as of when: the limiter tells it only to those that it lets pass.
    left: u32,
    as_of: Nanos,
}

#[derive(Debug)]
struct Leased {
    // What may be taken in all until more is leased.
    ceiling: u64,
    slice: u64,
    // What nobody held, and as of when.
    elsewhere: u64,
    as_of: Nanos,
}

/// How a rate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateStanding {
    /// How many may come at once.
    pub(super) burst: u32,
    /// In how long so many come back.
    pub(super) window: Duration,
    /// How many may come now.
    pub(super) left: u32,
    /// Until all may come again.
    pub(super) reset: Duration,
}

impl Rate {
    pub(super) fn of(limits: &Limits, clock: &Clock, replicas: Replicas) -> Option<Self> {
        let per_minute = limits.requests_per_minute.and_then(NonZeroU32::new)?;
        // The limiter's arithmetic ends where larger ones begin.
        let largest = Limits::largest_burst(per_minute);
        let burst = limits.burst.and_then(NonZeroU32::new).unwrap_or(per_minute).min(largest);
        let ticks = Ticks::new(clock);
        let pace = Pace::Own(Own::of(per_minute, burst, replicas, &ticks));
        Some(Self { per_minute, burst, ticks, taken: 0, pace })
    }

    /// Begins with little of its fraction, where the others may have leased the rest: more is leased at once.
    pub(super) fn begin_leased(&mut self) {
        let Pace::Own(own) = &self.pace else { return };
        let slice = u64::from(own.burst.get() / 10).max(1);
        let as_of = self.ticks.now();
        self.pace = Pace::Leased(Leased { ceiling: slice, slice, elsewhere: slice, as_of });
    }

    /// What was used at another rate is used of this one.
    pub(super) fn follow(&mut self, former: &Self) {
        let (now, burst) = (self.ticks.now(), u64::from(self.burst.get()));
        self.taken = former.taken;
        match (&mut self.pace, &former.pace) {
            (Pace::Own(own), Pace::Own(before)) => {
                let gone = before.burst.get() - before.left(now);
                own.leave(own.burst.get().saturating_sub(gone), now);
            }
            (Pace::Own(own), Pace::Leased(before)) => {
                let held = before.ceiling.saturating_sub(former.taken);
                own.leave(u32::try_from(held).unwrap_or(u32::MAX), now);
            }
            (Pace::Leased(leased), Pace::Own(before)) => {
                let held = leased.slice.min(before.left(now).into());
                leased.ceiling = self.taken.saturating_add(held);
            }
            (Pace::Leased(leased), Pace::Leased(before)) => {
                let held = before.ceiling.saturating_sub(former.taken).min(burst);
                *leased = Leased {
                    ceiling: self.taken.saturating_add(held),
                    slice: before.slice.min(burst),
                    elsewhere: before.elsewhere.min(burst),
                    as_of: before.as_of,
                };
            }
        }
    }

    /// Lets one pass, or says how long until the next may.
    pub(super) fn take(&mut self) -> Result<(), Duration> {
        match &mut self.pace {
            Pace::Own(own) => own.take(self.ticks.now())?,
            Pace::Leased(leased) if self.taken < leased.ceiling => {}
            Pace::Leased(leased) if leased.elsewhere > 0 => return Err(ANOTHER_LOOK),
            Pace::Leased(_) => return Err(interval(self.per_minute).max(ANOTHER_LOOK)),
        }
        self.taken = self.taken.saturating_add(1);
        Ok(())
    }

    pub(super) fn standing(&self) -> RateStanding {
        let now = self.ticks.now();
        match &self.pace {
            Pace::Own(own) => {
                let (burst, left) = (own.burst.get(), own.left(now));
                standing(burst, left, own.interval)
            }
            Pace::Leased(leased) => {
                let held = leased.ceiling.saturating_sub(self.taken);
                let interval = interval(self.per_minute);
                let since = regained(leased.as_of, now, interval);
                let left = held.saturating_add(leased.elsewhere).saturating_add(since.into());
                let left = u32::try_from(left).unwrap_or(u32::MAX).min(self.burst.get());
                standing(self.burst.get(), left, interval)
            }
        }
    }

    /// Counts by itself from now on, as one of so many, with what was left.
    pub(super) fn count_alone(&mut self, replicas: Replicas) {
        let now = self.ticks.now();
        let left = match &self.pace {
            Pace::Own(own) if own.replicas == replicas => return,
            Pace::Own(own) => own.left(now),
            Pace::Leased(leased) => {
                u32::try_from(leased.ceiling.saturating_sub(self.taken)).unwrap_or(u32::MAX)
            }
        };
        let mut own = Own::of(self.per_minute, self.burst, replicas, &self.ticks);
        own.leave(left, now);
        self.pace = Pace::Own(own);
    }

    /// Whether little is left of what is held, and there is more; or nothing was leased yet.
    pub(super) fn is_low(&self) -> bool {
        match &self.pace {
            Pace::Own(_) => true,
            Pace::Leased(leased) => {
                leased.elsewhere > 0 && leased.ceiling.saturating_sub(self.taken) <= leased.slice / 2
            }
        }
    }

    /// What to ask of what all share, and how much was taken by now.
    pub(super) fn claim(&self, subject: &str) -> (BucketClaim, u64) {
        let (held, owed) = match &self.pace {
            Pace::Own(own) => (0, own.burst.get() - own.left(self.ticks.now())),
            Pace::Leased(leased) => (leased.ceiling.saturating_sub(self.taken), 0),
        };
        let claim = BucketClaim {
            subject: subject.to_owned(),
            burst: self.burst.get().into(),
            per_minute: self.per_minute.get().into(),
            held,
            owed: owed.into(),
        };
        (claim, self.taken)
    }

    /// A slice, for what is taken from then on.
    pub(super) fn grant(&mut self, taken: u64, grant: Grant) {
        // It may have been asked for before the rate was changed.
        let (slice, elsewhere) = (grant.slice.min(self.burst.get().into()), grant.left);
        let as_of = self.ticks.now();
        self.pace = Pace::Leased(Leased { ceiling: taken.saturating_add(slice), slice, elsewhere, as_of });
    }
}

impl Own {
    fn of(per_minute: NonZeroU32, burst: NonZeroU32, replicas: Replicas, ticks: &Ticks) -> Self {
        let share = |whole: NonZeroU32| {
            let share = u32::try_from(replicas.share(whole.get().into())).unwrap_or(u32::MAX);
            NonZeroU32::new(share).unwrap_or(NonZeroU32::MIN)
        };
        let per_minute = share(per_minute);
        let burst = share(burst).min(Limits::largest_burst(per_minute));
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        let limiter = RateLimiter::direct_with_clock(quota, ticks.clone())
            .with_middleware::<StateInformationMiddleware>();
        let interval = quota.replenish_interval();
        Self { limiter, replicas, burst, interval, left: burst.get(), as_of: ticks.now() }
    }

    fn take(&mut self, now: Nanos) -> Result<(), Duration> {
        match self.limiter.check() {
            Ok(state) => {
                (self.left, self.as_of) = (state.remaining_burst_capacity(), now);
                Ok(())
            }
            Err(until) => {
                (self.left, self.as_of) = (0, now);
                Err(until.wait_time_from(now))
            }
        }
    }

    fn left(&self, now: Nanos) -> u32 {
        self.left.saturating_add(regained(self.as_of, now, self.interval)).min(self.burst.get())
    }

    /// Takes all but so many at once.
    fn leave(&mut self, left: u32, now: Nanos) {
        let left = left.min(self.burst.get());
        if let Some(gone) = NonZeroU32::new(self.burst.get() - left) {
            // As many as the burst is can be taken of a limiter that is new.
            let _ = self.limiter.check_n(gone);
        }
        (self.left, self.as_of) = (left, now);
    }
}

fn interval(per_minute: NonZeroU32) -> Duration {
    Quota::per_minute(per_minute).replenish_interval()
}

fn regained(as_of: Nanos, now: Nanos, interval: Duration) -> u32 {
    let since = Duration::from_nanos(now.as_u64().saturating_sub(as_of.as_u64()));
    u32::try_from(since.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX)
}

fn standing(burst: u32, left: u32, interval: Duration) -> RateStanding {
    RateStanding { burst, window: interval * burst, left, reset: interval * (burst - left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: fn() -> Replicas = || Replicas::new(1, 0);

    #[test]
    fn a_burst_of_ages_is_cut_to_a_month_and_breaks_nothing() {
        let limits = Limits { requests_per_minute: Some(1), burst: Some(1_000_000_000), ..Limits::default() };
        let clock = Clock::default();
        let mut rate = Rate::of(&limits, &clock, ALONE()).unwrap();
        assert_eq!(rate.take(), Ok(()));
        let RateStanding { burst, window, left, .. } = rate.standing();
        assert_eq!((burst, left), (43_200, 43_199));
        assert_eq!(window, Duration::from_hours(30 * 24));
    }

    #[test]
    fn what_was_used_is_used_of_another_rate_too() {
        let limits =
            |burst| Limits { requests_per_minute: Some(60), burst: Some(burst), ..Limits::default() };
        let clock = Clock::default();
        let rate = |burst| Rate::of(&limits(burst), &clock, ALONE()).unwrap();
        let may = |rate: &mut Rate| (0..100).take_while(|_| rate.take().is_ok()).count();
        let mut first = rate(10);
        (0..4).for_each(|_| first.take().unwrap());
        for (burst, left) in [(20, 16), (10, 6), (5, 1), (3, 0)] {
            let mut next = rate(burst);
            next.follow(&first);
            assert_eq!(may(&mut next), left, "{burst}");
        }
        first.grant(4, Grant { slice: 6, left: 0 });
        first.take().unwrap();
        for (burst, left) in [(20, 5), (3, 3)] {
            let mut next = rate(burst);
            next.begin_leased();
            next.follow(&first);
            assert_eq!(may(&mut next), left, "leased, {burst}");
        }
    }

    #[test]
    fn who_counts_alone_goes_on_with_what_was_left() {
        let limits = Limits { requests_per_minute: Some(60), burst: Some(20), ..Limits::default() };
        let mut rate = Rate::of(&limits, &Clock::default(), ALONE()).unwrap();
        let may = |rate: &mut Rate| (0..100).take_while(|_| rate.take().is_ok()).count();
        rate.grant(0, Grant { slice: 3, left: 9 });
        assert!(rate.take().is_ok());
        assert_eq!(rate.claim("tenant:a").0.held, 2);
        rate.count_alone(Replicas::new(2, 0));
        assert_eq!(rate.claim("tenant:a").0.owed, 8, "of its half it has used all but what it held");
        assert_eq!(may(&mut rate), 2);
        rate.count_alone(Replicas::new(3, 0));
        assert_eq!((may(&mut rate), rate.standing().burst), (0, 7));
    }
}
