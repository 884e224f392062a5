//! How often a key that is limited logs in: a login is checked, signed and recorded, and a token lasts for a day.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};

use super::rate::Ticks;
use crate::{clock::Clock, model::KeyId};

/// As often as Genesys's own login grants tokens to one client (facts: `client.credentials.token.rate.per.minute`).
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(300).unwrap();

pub(super) struct Logins {
    ticks: Ticks,
    // By the origin of their chain; as many as there are keys, at most.
    keys: RateLimiter<KeyId, DashMapStateStore<KeyId>, Ticks, NoOpMiddleware<Nanos>>,
}

impl Logins {
    pub(super) fn new(clock: &Clock) -> Self {
        let ticks = Ticks::new(clock);
        Self { keys: RateLimiter::dashmap_with_clock(Quota::per_minute(PER_MINUTE), ticks.clone()), ticks }
    }

    /// Counts one of a key, by its origin; beyond what it may, says how long until it may again.
    pub(super) fn charge(&self, origin: &KeyId) -> Result<(), Duration> {
        self.keys.check_key(origin).map_err(|until| until.wait_time_from(self.ticks.now()))
    }

    /// Forgets keys that may log in as often as ever.
    pub(super) fn sweep(&self) {
        self.keys.retain_recent();
        self.keys.shrink_to_fit();
    }
}
