//! The time, as a parameter: what expires is tested without sleeping.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time, to the microsecond (what both databases keep).
#[derive(Debug, Clone)]
pub struct Clock {
    // Microseconds that a test has moved the clock by.
    ahead: Arc<AtomicI64>,
    made: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { ahead: Arc::default(), made: Instant::now() }
    }
}

impl Clock {
    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> DateTime<Utc> {
        (Utc::now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))).trunc_subsecs(6)
    }

    /// The time since the clock was made: for what must not stand still when the system's clock is set back.
    pub fn elapsed(&self) -> Duration {
        let ahead = u64::try_from(self.ahead.load(Ordering::Relaxed)).unwrap_or_default();
        self.made.elapsed() + Duration::from_micros(ahead)
    }

    /// Moves the clock: for tests of what expires.
    pub fn advance(&self, by: TimeDelta) {
        self.ahead.fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::Relaxed);
    }
}
