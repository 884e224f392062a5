//! What happened: intents committed before data or effect, outcomes after, one writer per process.
//!
//! A [`Record`] is opened when a request is read and filled in on its way. Its *intent* is sent to the writer and its
//! commit awaited beside the upstream call (a read) or before it (a write); the *outcome* follows and nobody waits for
//! it. A refusal sends both at once and is waited for. What nobody finished writes itself on drop as `aborted`: a
//! client that leaves drops the request's future half-way.
//!
//! The writer takes everything that is waiting and commits it as one batch; while one batch commits, the next gathers.
//! Every record reserves its places before the request goes on, so neither a drop nor an outcome ever waits, and a
//! store that is too slow is felt at the door: [`Audit::open`] fails.
//!
//! **When the store is lost**, intents fail, `open` fails, and what could not be written is kept in memory (it holds
//! its places, which bounds it) until a probe succeeds. The loss is noticed by the first failed batch or, when nothing
//! is written, by a ping; a batch that fails while the probe succeeds holds something that cannot be written, and is
//! halved until that is found.
//!
//! **A call that is to be made once** ([`Record::claim`]) is claimed past the writer, before its intent is committed: who comes
//! second must not wait for what others have to write, nor hold it up.
//!
//! **The process's stream** is a log with one writer: a tree that each commit grows and signs ([`crate::tlog`]). A commit
//! whose end is not known is looked up before the next: the stream's size tells whether it came about.
//!
//! Metrics: `ringfence_events_written_total`, `ringfence_events_failed_total` (given up for good; each is logged),
//! `ringfence_event_batch_size`, `ringfence_audit_available` (0 or 1).

mod claims;
mod flood;
mod keeper;
mod query;
mod record;
mod witness;
mod writer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

pub use self::{
    flood::Flood,
    query::{Calls, CallsOf, EventFilter, NotRead, Reader},
    record::{Durations, Ended, Record},
    witness::lost,
};
use self::{
    keeper::Keeper,
    witness::Witnesses,
    writer::{Entry, Writer},
};
use crate::{
    clock::Clock,
    config,
    model::{Outcome, StreamId},
    store::{Store, StoreError},
};

/// Entries that may be on their way at once; a record takes two.
const PLACES: usize = 32_768;
/// How long a request waits for its places before it is told that the record cannot be written.
const PLACE_WITHIN: Duration = Duration::from_millis(500);

/// How long a stop waits for witnesses.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The record cannot be written: the caller must get 503 and no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be written")]
pub struct NotRecorded;

/// One writer per process: group commit, back-pressure, heartbeat of its stream, closing of orphans.
#[derive(Debug, Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    stream: StreamId,
    clock: Clock,
    sender: mpsc::UnboundedSender<Entry>,
    // INVARIANT: every entry in the channel or kept by the writer holds a permit, so both are bounded.
    places: Arc<Semaphore>,
    available: Arc<AtomicBool>,
    stop: Arc<Notify>,
    stopped: watch::Receiver<bool>,
    claims: claims::Counted,
    witnesses: Witnesses,
}

impl Audit {
    /// As [`Audit::start_with`], with what holds where nothing is configured.
    pub async fn start(store: Store, clock: Clock) -> Result<Self, StoreError> {
        Self::start_with(store, clock, &config::Audit::default()).await
    }

    /// Opens the stream, closes orphans, starts the writer. Dropping every handle and record stops it too.
    pub async fn start_with(store: Store, clock: Clock, config: &config::Audit) -> Result<Self, StoreError> {
        let id = StreamId::from(Uuid::now_v7());
        let stream = store.open_stream(&id, clock.now()).await?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let (ended, stopped) = watch::channel(false);
        let available = Arc::new(AtomicBool::new(true));
        let owes = Arc::new(AtomicBool::new(false));
        let writer = Writer::new(
            store.clone(),
            clock.clone(),
            stream,
            receiver,
            Arc::clone(&available),
            Arc::clone(&owes),
        );
        let stop = Arc::new(Notify::new());
        let stopping = Arc::clone(&stop);
        tokio::spawn(async move {
            writer.run(stopping).await;
            // The receivers may be gone; then nobody waits.
            let _ = ended.send(true);
        });
        let places = Arc::new(Semaphore::new(PLACES));
        let claims = claims::counted();
        let witnesses = Witnesses::new(config);
        let inner =
            Inner { store, stream: id, clock, sender, places, available, stop, stopped, claims, witnesses };
        let audit = Self { inner: Arc::new(inner) };
        let keeper = Keeper::new(&audit, owes, Duration::from_secs(config.checkpoint_seconds));
        keeper.close_orphans().await?;
        tokio::spawn(keeper.run());
        Ok(audit)
    }

    /// Whether the last commit or probe succeeded: when not, nothing may be forwarded.
    pub fn is_available(&self) -> bool {
        self.inner.available.load(Ordering::Acquire)
    }

    /// Starts a record whose places in the writer are reserved; fails at once while the store is known to be lost.
    pub async fn open(&self) -> Result<Record, NotRecorded> {
        if !self.is_available() {
            return Err(NotRecorded);
        }
        let reserved = tokio::time::timeout(PLACE_WITHIN, self.inner.reserve()).await;
        let (first, second) = reserved.map_err(|_| NotRecorded)?.ok_or(NotRecorded)?;
        Ok(Record::new(self.clone(), first, second))
    }

    /// Writes how many requests the limiter refused; waits for the commit.
    pub async fn write_flood(&self, flood: &Flood) -> Result<(), NotRecorded> {
        let mut record = self.open().await?;
        record.actor = flood.actor.clone();
        record.source = flood.source;
        record.flood(flood).await
    }

    /// Writes all that is pending, closes the stream; idempotent.
    pub async fn stop(&self) {
        self.inner.places.close();
        self.inner.stop.notify_one();
        // An error means that the writer is gone, which is what is waited for.
        let _ = self.inner.stopped.clone().wait_for(|stopped| *stopped).await;
        // The last checkpoints are kept by now. A witness that hangs is told at the next start.
        let Inner { store, witnesses, .. } = &*self.inner;
        let _ = tokio::time::timeout(LAST_WORD, keeper::tell(witnesses, store)).await;
    }

    /// The stream that this process's events are in.
    pub fn stream(&self) -> &StreamId {
        &self.inner.stream
    }

    /// Writes outcomes of other processes' events, in commits of their own; waits for them.
    async fn write_outcomes(&self, outcomes: Vec<Outcome>) -> Result<(), NotRecorded> {
        let mut waiting = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let place = Arc::clone(&self.inner.places).acquire_owned().await.map_err(|_| NotRecorded)?;
            let (waiter, committed) = oneshot::channel();
            self.send(Entry::new(None, Some(outcome), Some(waiter), place));
            waiting.push(committed);
        }
        for committed in waiting {
            committed.await.unwrap_or(Err(NotRecorded))?;
        }
        Ok(())
    }

    fn send(&self, entry: Entry) {
        if self.inner.sender.send(entry).is_err() {
            metrics::counter!("ringfence_events_failed_total").increment(1);
            tracing::error!("an event came after the writer had stopped");
        }
    }
}

impl Inner {
    async fn reserve(&self) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let mut first = Arc::clone(&self.places).acquire_many_owned(2).await.ok()?;
        let second = first.split(1)?;
        Some((first, second))
    }
}
