//! Stops calling for an account while upstream fails, and lets single calls find out when it is back.
//!
//! There is no third state to get stuck in: while it is open, one call in every two seconds goes through, whatever became
//! of the one before. The first that is answered closes it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use metrics::{Counter, Gauge};
use tokio::time::Instant;

/// So many calls in a row must fail.
const FAILURES: u32 = 5;
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// One account's breaker. Calls that go well cost it one look.
pub(super) struct Breaker {
    // Calls that failed since the last that did not.
    failures: AtomicU32,
    next_probe: Mutex<Instant>,
    meters: Meters,
}

/// Handles of the metrics, shared by all breakers.
#[derive(Clone)]
pub(super) struct Meters {
    open: Gauge,
    refused: Counter,
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            open: metrics::gauge!("ringfence_upstream_breakers_open"),
            refused: metrics::counter!("ringfence_upstream_calls_spared_total"),
        }
    }
}

impl Breaker {
    pub(super) fn new(meters: Meters) -> Self {
        Self { failures: AtomicU32::new(0), next_probe: Mutex::new(Instant::now()), meters }
    }

    /// Whether calls are refused at present, but for those that look whether upstream is back.
    pub(super) fn is_open(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
    }

    /// Whether a call may go out now.
    pub(super) fn lets_through(&self) -> bool {
        if !self.is_open() {
            return true;
        }
        let now = Instant::now();
        let mut next_probe = self.next_probe.lock().unwrap_or_else(PoisonError::into_inner);
        let probes = now >= *next_probe;
        if probes {
            *next_probe = now + PROBE_EVERY;
        } else {
            self.meters.refused.increment(1);
        }
        probes
    }

    /// Upstream answered, whatever it said.
    pub(super) fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) == 0 {
            return;
        }
        if self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
            self.meters.open.decrement(1.0);
            tracing::info!("Genesys answers again: calls go through");
        }
    }

    /// A call failed although all was tried.
    pub(super) fn failed(&self) {
        // The lock keeps a call from looking for its turn before there is one.
        let mut next_probe = self.next_probe.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) == FAILURES {
            *next_probe = Instant::now() + PROBE_EVERY;
            self.meters.open.increment(1.0);
            tracing::warn!("Genesys fails again and again: calls are refused but for one in two seconds");
        }
    }
}

// An account that changed, or was forgotten for want of calls, takes its breaker with it.
impl Drop for Breaker {
    fn drop(&mut self) {
        if self.is_open() {
            self.meters.open.decrement(1.0);
        }
    }
}
