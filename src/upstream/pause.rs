//! Upstream's own limit: an account that was told to wait does not knock before its time.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use tokio::time::Instant;

// Genesys counts by the minute; some of its limits say hours, and may speak of one operation alone.
const LONGEST: Duration = Duration::from_mins(5);
// What a 429 that names no time is taken to mean.
const UNTOLD: Duration = Duration::from_secs(5);

/// Whether a refusal is of the account's limit or of the time: it says nothing about what was asked for.
pub fn refuses_any(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// How long a 429 asks to wait: `Retry-After`, else Genesys's `inin-ratelimit-reset`, in seconds, 1 to 300.
pub fn told_to_wait(headers: &HeaderMap) -> Duration {
    let seconds = [RETRY_AFTER.as_str(), "inin-ratelimit-reset"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok());
    seconds.map_or(UNTOLD, Duration::from_secs).clamp(Duration::from_secs(1), LONGEST)
}

/// Until when one account waits. Calls that need not wait cost it one look.
#[derive(Default)]
pub(super) struct Pause {
    waiting: AtomicBool,
    until: Mutex<Option<Instant>>,
}

impl Pause {
    /// How long is left, if upstream told the account to wait.
    pub(super) fn left(&self) -> Option<Duration> {
        if !self.waiting.load(Ordering::Relaxed) {
            return None;
        }
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_none_or(|left| left.is_zero()) {
            *until = None;
            self.waiting.store(false, Ordering::Relaxed);
            return None;
        }
        left
    }

    /// Upstream told the account to wait.
    pub(super) fn wait(&self, told: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Some(Instant::now() + told));
        self.waiting.store(true, Ordering::Relaxed);
    }
}
