//! A rate with a burst, by governor, on our clock.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

use crate::{clock::Clock, model::Limits};

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
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>,
    ticks: Ticks,
    burst: NonZeroU32,
    // Until one more may come.
    interval: Duration,
    // How many may come, and as of when: the limiter tells it only to those that it lets pass.
    left: u32,
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
    pub(super) fn of(limits: &Limits, clock: &Clock) -> Option<Self> {
        let per_minute = limits.requests_per_minute.and_then(NonZeroU32::new)?;
        // The limiter's arithmetic ends where larger ones begin.
        let largest = Limits::largest_burst(per_minute);
        let burst = limits.burst.and_then(NonZeroU32::new).unwrap_or(per_minute).min(largest);
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        let ticks = Ticks::new(clock);
        let limiter = RateLimiter::direct_with_clock(quota, ticks.clone())
            .with_middleware::<StateInformationMiddleware>();
        let interval = quota.replenish_interval();
        let as_of = ticks.now();
        Some(Self { limiter, ticks, burst, interval, left: burst.get(), as_of })
    }

    /// Lets one pass, or says how long until the next may.
    pub(super) fn take(&mut self) -> Result<(), Duration> {
        let now = self.ticks.now();
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

    pub(super) fn standing(&self) -> RateStanding {
        let burst = self.burst.get();
        let since = Duration::from_nanos(self.ticks.now().as_u64().saturating_sub(self.as_of.as_u64()));
        let interval = self.interval.as_nanos().max(1);
        let regained = u32::try_from(since.as_nanos() / interval).unwrap_or(u32::MAX);
        let left = self.left.saturating_add(regained).min(burst);
        RateStanding { burst, window: self.interval * burst, left, reset: self.interval * (burst - left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_ages_is_cut_to_a_month_and_breaks_nothing() {
        let limits = Limits { requests_per_minute: Some(1), burst: Some(1_000_000_000), ..Limits::default() };
        let clock = Clock::default();
        let mut rate = Rate::of(&limits, &clock).unwrap();
        assert_eq!(rate.take(), Ok(()));
        let RateStanding { burst, window, left, .. } = rate.standing();
        assert_eq!((burst, left), (43_200, 43_199));
        assert_eq!(window, Duration::from_hours(30 * 24));
    }
}
