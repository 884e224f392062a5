//! What a connection has been doing, and for how long: noted in passing, looked at rarely.
//!
//! A timer that is set for each request costs more than the rest of the edge. Here a request costs one reading of the
//! clock; the timers of a connection are one sleep, which looks at the notes when it ends and sleeps again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::Limits;

/// How many requests of a connection a client may take back, as long as it takes most of them back.
const TAKEN_BACK: u32 = 200;

/// The notes of one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    origin: Instant,
    begun: AtomicU32,
    ended: AtomicU32,
    taken_back: AtomicU32,
    flooded: Notify,
    had_body: AtomicBool,
    // Over HTTP/2 alone: the heads that were written, how often the client broke it, and with which error at last.
    heads: AtomicU32,
    breaches: AtomicU32,
    error: AtomicU32,
    head_since: Mark,
    stalled_since: Mark,
    unsent_since: Mark,
}

/// Milliseconds since the connection was accepted, and one; 0 is never.
#[derive(Debug, Default)]
struct Mark(AtomicU64);

/// A request in flight: until its answer was handed to hyper whole, or was dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    pulse: Arc<Pulse>,
    answered: bool,
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The head of a request is not whole.
    Head,
    /// Nothing is asked.
    Idle,
    /// The client does not take its answer.
    Taking,
}

/// Who looks, and what was seen at the last look.
#[derive(Debug)]
pub(super) struct Watch {
    begun: u32,
    quiet_since: Option<Instant>,
}

impl Mark {
    fn set(&self, pulse: &Pulse) {
        if self.0.load(Relaxed) == 0 {
            let now = u64::try_from(pulse.origin.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
            self.0.store(now + 1, Relaxed);
        }
    }

    fn clear(&self) {
        if self.0.load(Relaxed) != 0 {
            self.0.store(0, Relaxed);
        }
    }

    fn age(&self, pulse: &Pulse, now: Instant) -> Option<Duration> {
        let set = self.0.load(Relaxed).checked_sub(1)?;
        Some(now.saturating_duration_since(pulse.origin + Duration::from_millis(set)))
    }
}

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            begun: AtomicU32::new(0),
            ended: AtomicU32::new(0),
            taken_back: AtomicU32::new(0),
            flooded: Notify::new(),
            had_body: AtomicBool::new(false),
            heads: AtomicU32::new(0),
            breaches: AtomicU32::new(0),
            error: AtomicU32::new(0),
            head_since: Mark::default(),
            stalled_since: Mark::default(),
            unsent_since: Mark::default(),
        })
    }

    /// The head of a request was read.
    pub(super) fn begin(self: &Arc<Self>, has_body: bool) -> InFlight {
        self.head_since.clear();
        self.had_body.store(has_body, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        InFlight { pulse: Arc::clone(self), answered: false }
    }

    /// How many requests were read so far.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Relaxed)
    }

    /// Whether the last request had a body, which may not have been read.
    pub(super) fn had_body(&self) -> bool {
        self.had_body.load(Relaxed)
    }

    /// Whether an answer is being made.
    pub(super) fn is_in_flight(&self) -> bool {
        self.begun.load(Relaxed) != self.ended.load(Relaxed)
    }

    /// Resolves when a client keeps asking and taking back.
    pub(super) async fn flooded(&self) {
        self.flooded.notified().await;
    }

    /// Bytes came that belong to the head of a request.
    pub(super) fn head(&self) {
        self.head_since.set(self);
    }

    /// The client takes no bytes for now.
    pub(super) fn stalled(&self) {
        self.stalled_since.set(self);
        self.unsent_since.set(self);
    }

    /// The client took some bytes.
    pub(super) fn moved(&self) {
        self.stalled_since.clear();
    }

    /// The client took all that there was.
    pub(super) fn sent(&self) {
        self.stalled_since.clear();
        self.unsent_since.clear();
    }

    /// The head of an answer was written over HTTP/2.
    pub(super) fn headed(&self) {
        self.heads.fetch_add(1, Relaxed);
    }

    /// The client was told, or is to be, that it broke HTTP/2.
    pub(super) fn broke(&self, error: u32) {
        self.error.store(error, Relaxed);
        self.breaches.fetch_add(1, Relaxed);
    }

    /// What the client did that HTTP/2 does not allow, at the connection's end.
    pub(super) fn breach(&self) -> Option<String> {
        let mut told = Vec::new();
        let breaches = self.breaches.load(Relaxed);
        if breaches > 0 {
            let error = self.error.load(Relaxed);
            told.push(format!(
                "breaches of HTTP/2: {breaches}, the last with the error {error} of RFC 9113, section 7"
            ));
        }
        // A head that answers no request that was read is hyper's own.
        let unread = self.heads.load(Relaxed).saturating_sub(self.begun());
        if unread > 0 {
            told.push(format!("heads that were too large, answered 431: {unread}"));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// How long nothing can be late, or what is.
    pub(super) fn look(
        &self,
        watch: &mut Watch,
        limits: &Limits,
        idle_timeout: Duration,
    ) -> Result<Duration, Late> {
        let now = Instant::now();
        // What has not begun could be late once it has taken its whole time.
        let left =
            |mark: &Mark, longest: Duration| remaining(longest, mark.age(self, now).unwrap_or_default());
        let stalled = left(&self.stalled_since, limits.write_timeout).ok_or(Late::Taking)?;
        let slow = left(&self.unsent_since, 10 * limits.write_timeout).ok_or(Late::Taking)?;
        let head = left(&self.head_since, limits.header_timeout).ok_or(Late::Head)?;
        let begun = self.begun();
        // What is handed to hyper and not yet taken is not in flight any more, but not over either.
        let busy = self.is_in_flight() || self.unsent_since.age(self, now).is_some();
        if busy || begun != watch.begun {
            *watch = Watch { begun, quiet_since: None };
        }
        let quiet = if busy {
            Duration::ZERO
        } else {
            now.saturating_duration_since(*watch.quiet_since.get_or_insert(now))
        };
        let idle = remaining(idle_timeout, quiet).ok_or(Late::Idle)?;
        Ok(stalled.min(slow).min(head).min(idle))
    }
}

fn remaining(longest: Duration, passed: Duration) -> Option<Duration> {
    longest.checked_sub(passed).filter(|left| !left.is_zero())
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { begun: 0, quiet_since: None }
    }
}

impl InFlight {
    /// An answer was made; whether the client takes it is another question.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let pulse = &self.pulse;
        pulse.ended.fetch_add(1, Relaxed);
        if !self.answered {
            let taken_back = pulse.taken_back.fetch_add(1, Relaxed);
            if taken_back > TAKEN_BACK && taken_back > pulse.begun() / 2 {
                pulse.flooded.notify_one();
            }
        }
    }
}
