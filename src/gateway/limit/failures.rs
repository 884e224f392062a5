//! Refusals before any credential has proved right, per source address; and of credentials that proved right and may not
//! be used any more, or not from there, per key.
//!
//! governor alone, and not tower's layer over it: that one counts each request and refuses before anybody has looked at
//! the credential, so that a stranger behind the same address would stop its neighbours.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, keyed::DashMapStateStore},
};

use super::rate::Ticks;
use crate::{clock::Clock, model::KeyId, web::Source};

/// So many sources are told apart at once; the others share one budget, so that a flood from everywhere takes no more
/// memory than this (some ten megabytes).
const MOST_SOURCES: usize = 100_000;
/// Who holds a key is told what has become of it, and an event names it each time: so many times more often than a
/// stranger, which is enough for a program that has not noticed yet, and too little to fill the record.
const OF_A_KEY: NonZeroU32 = NonZeroU32::new(10).unwrap();

pub(super) struct Failures {
    ticks: Ticks,
    sources: RateLimiter<Source, DashMapStateStore<Source>, Ticks, NoOpMiddleware<Nanos>>,
    others: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Nanos>>,
    most: usize,
    // By the origin of their chain; as many as there are keys, at most.
    keys: RateLimiter<KeyId, DashMapStateStore<KeyId>, Ticks, NoOpMiddleware<Nanos>>,
}

impl Failures {
    pub(super) fn new(clock: &Clock, per_minute: NonZeroU32) -> Self {
        let ticks = Ticks::new(clock);
        let quota = Quota::per_minute(per_minute);
        Self {
            sources: RateLimiter::dashmap_with_clock(quota, ticks.clone()),
            others: RateLimiter::direct_with_clock(quota, ticks.clone()),
            keys: RateLimiter::dashmap_with_clock(
                Quota::per_minute(per_minute.saturating_mul(OF_A_KEY)),
                ticks.clone(),
            ),
            ticks,
            most: MOST_SOURCES,
        }
    }

    /// Counts one; when the budget is used up, says how long until there is some again.
    pub(super) fn charge(&self, source: &Source) -> Result<(), Duration> {
        let checked =
            if self.sources.len() < self.most { self.sources.check_key(source) } else { self.others.check() };
        checked.map_err(|until| until.wait_time_from(self.ticks.now()))
    }

    /// As [`Self::charge`], of a key that proved right, by its origin.
    pub(super) fn charge_key(&self, origin: &KeyId) -> Result<(), Duration> {
        self.keys.check_key(origin).map_err(|until| until.wait_time_from(self.ticks.now()))
    }

    /// Forgets sources and keys whose budget is whole again.
    pub(super) fn sweep(&self) {
        self.keys.retain_recent();
        self.keys.shrink_to_fit();
        self.sources.retain_recent();
        self.sources.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn source(address: &str) -> Source {
        Source::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn each_source_has_a_budget_of_its_own_and_is_forgotten_when_it_is_whole_again() {
        let clock = Clock::default();
        let failures = Failures::new(&clock, NonZeroU32::new(2).unwrap());
        let (one, other) = (source("192.0.2.1"), source("2001:db8::1"));
        assert!(failures.charge(&one).is_ok() && failures.charge(&one).is_ok());
        let wait = failures.charge(&one).unwrap_err();
        assert!(wait > Duration::from_secs(25) && wait <= Duration::from_secs(30), "{wait:?}");
        assert!(failures.charge(&other).is_ok());
        failures.sweep();
        assert_eq!(failures.sources.len(), 2);
        // A minute to be whole again, and governor keeps what has been so for less than one request's time.
        clock.advance(TimeDelta::seconds(91));
        failures.sweep();
        assert_eq!(failures.sources.len(), 0);
        assert!(failures.charge(&one).is_ok());
    }

    #[test]
    fn beyond_so_many_sources_the_others_share_one_budget() {
        let clock = Clock::default();
        let mut failures = Failures::new(&clock, NonZeroU32::new(2).unwrap());
        failures.most = 3;
        let charged = (1..=6).map(|last| failures.charge(&source(&format!("192.0.2.{last}"))).is_ok());
        assert_eq!(charged.collect::<Vec<_>>(), [true, true, true, true, true, false]);
        assert_eq!(failures.sources.len(), 3);
        clock.advance(TimeDelta::seconds(61));
        failures.sweep();
        assert!(failures.charge(&source("192.0.2.9")).is_ok());
        assert_eq!(failures.sources.len(), 1);
    }
}
