//! The one writer: takes all that is waiting, commits it, tells those who wait.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{error, info};

use super::NotRecorded;
use crate::{
    clock::Clock,
    model::{Event, Outcome},
    store::{Store, StoreError, Stream},
};

/// Entries in one commit.
const BATCH: usize = 1_000;
/// A writer that had this many to commit is busy: it lets more gather before the next commit, which costs a fixed part,
/// whatever is in it.
const BUSY: usize = 4;
/// It waits for so many,
const FULL: usize = 96;
/// but no longer than this: Genesys takes longer to answer.
const GATHER: Duration = Duration::from_millis(5);
/// How often the store is asked whether it is back.
const PROBE_EVERY: Duration = Duration::from_millis(200);
/// After this long without a commit the store is asked whether it is still there.
const QUIET: Duration = Duration::from_millis(200);
/// A commit that fails later than this has run out of the store's patience: waiting for a probe would double it.
const SLOW: Duration = Duration::from_millis(500);
/// How often an entry is tried that fails while the store is there.
const TRIES: u8 = 3;

/// What is written together, and who waits for it.
pub(super) struct Entry {
    event: Option<Event>,
    outcome: Option<Outcome>,
    waiter: Option<oneshot::Sender<Result<(), NotRecorded>>>,
    failures: u8,
    // Given back when the entry is written or given up.
    _place: OwnedSemaphorePermit,
}

impl Entry {
    pub(super) fn new(
        event: Option<Event>,
        outcome: Option<Outcome>,
        waiter: Option<oneshot::Sender<Result<(), NotRecorded>>>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self { event, outcome, waiter, failures: 0, _place: place }
    }

    fn answer(&mut self, answer: Result<(), NotRecorded>) {
        if let Some(waiter) = self.waiter.take() {
            // Whoever waited may have left.
            let _ = waiter.send(answer);
        }
    }
}

pub(super) struct Writer {
    store: Store,
    clock: Clock,
    // As the last commit left it.
    stream: Stream,
    // What was to be committed when the store was lost, and the stream with it: it may have come about.
    in_doubt: Option<(Stream, Vec<Entry>)>,
    receiver: mpsc::UnboundedReceiver<Entry>,
    available: Arc<AtomicBool>,
    // Whether there is something kept.
    owes: Arc<AtomicBool>,
    // What could not be written yet; nobody waits for it any more.
    kept: Vec<Entry>,
    confirmed: Instant,
}

impl Writer {
    pub(super) fn new(
        store: Store,
        clock: Clock,
        stream: Stream,
        receiver: mpsc::UnboundedReceiver<Entry>,
        available: Arc<AtomicBool>,
        owes: Arc<AtomicBool>,
    ) -> Self {
        let (in_doubt, kept, confirmed) = (None, Vec::new(), Instant::now());
        Self { store, clock, stream, in_doubt, receiver, available, owes, kept, confirmed }
    }

    /// Until it is told to stop, or nobody is left who could send.
    pub(super) async fn run(mut self, stop: Arc<Notify>) {
        metrics::gauge!("ringfence_audit_available").set(1.0);
        let mut tick = interval(PROBE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        let mut busy = false;
        loop {
            tokio::select! {
                received = self.receiver.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return self.finish().await;
                    }
                    if busy {
                        self.gather(&mut batch).await;
                    }
                    busy = batch.len() >= BUSY;
                    self.write(mem::replace(&mut batch, Vec::with_capacity(BATCH))).await;
                }
                _ = tick.tick() => self.look_after().await,
                () = stop.notified() => return self.finish().await,
            }
        }
    }

    /// Lets more come in: fewer commits carry the same load.
    async fn gather(&mut self, batch: &mut Vec<Entry>) {
        let enough = async {
            while batch.len() < FULL {
                if self.receiver.recv_many(batch, BATCH).await == 0 {
                    break;
                }
            }
        };
        // Cut short, it has lost nothing: what was received is in the batch.
        let _ = tokio::time::timeout(GATHER, enough).await;
    }

    /// Notices a loss when nothing is written, and the store's return.
    async fn look_after(&mut self) {
        if !self.is_available() {
            self.probe().await;
        } else if self.confirmed.elapsed() >= QUIET {
            match self.store.ping().await {
                Ok(()) => self.confirm(),
                Err(error) => self.lose(&error),
            }
        }
        if self.is_available() && self.owes_something() {
            let mut owed = self.in_doubt.take().map_or_else(Vec::new, |(_, batch)| batch);
            owed.append(&mut self.kept);
            self.write(owed).await;
        }
        self.owes.store(self.owes_something(), Ordering::Release);
    }

    /// Writes all of it, in as many commits as it takes; what cannot be written is kept.
    async fn write(&mut self, mut entries: Vec<Entry>) {
        let mut todo = Vec::new();
        while entries.len() > BATCH {
            todo.push(entries.split_off(entries.len() - BATCH));
        }
        todo.push(entries);
        while let Some(mut batch) = todo.pop() {
            if !self.is_available() {
                self.keep(batch, None);
                continue;
            }
            let begun = Instant::now();
            let Err(error) = self.commit(&mut batch).await else { continue };
            if begun.elapsed() >= SLOW {
                self.lose(&error);
            }
            self.probe().await;
            let Some((_, mut batch)) = self.in_doubt.take_if(|_| self.available.load(Ordering::Acquire))
            else {
                continue;
            };
            // The store takes writes, so it is something in the batch: no one's event may hold up everyone's.
            if batch.len() > 1 {
                let rest = batch.split_off(batch.len() / 2);
                todo.push(rest);
                todo.push(batch);
            } else if matches!(error, StoreError::Conflict { .. }) {
                // Two that settle what a process left find the same.
                self.confirm();
                for entry in &mut batch {
                    entry.answer(Ok(()));
                }
            } else {
                self.keep(batch, Some(&error));
            }
        }
    }

    /// Commits a batch. Where it fails, what was in it is in doubt.
    async fn commit(&mut self, batch: &mut Vec<Entry>) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let (event_owners, events) = take(batch, |entry| &mut entry.event);
        let (outcome_owners, outcomes) = take(batch, |entry| &mut entry.outcome);
        let now = self.clock.now();
        match self.store.append(&self.stream, &events, &outcomes, now).await {
            Ok(grown) => {
                self.written(grown, batch, events.len());
                Ok(())
            }
            Err(error) => {
                let grown = self.store.grown(&self.stream, &events, &outcomes, now)?;
                give_back(batch, |entry| &mut entry.event, event_owners, events);
                give_back(batch, |entry| &mut entry.outcome, outcome_owners, outcomes);
                self.in_doubt = Some((grown, mem::take(batch)));
                Err(error)
            }
        }
    }

    fn written(&mut self, grown: Stream, batch: &mut [Entry], events: usize) {
        self.stream = grown;
        self.confirm();
        metrics::counter!("ringfence_events_written_total").increment(events as u64);
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics::histogram!("ringfence_event_batch_size").record(batch.len() as f64);
        for entry in batch {
            entry.answer(Ok(()));
        }
    }

    /// Nobody is made to wait for the store's return: what was to be written is, when it comes back. What failed by
    /// itself (`error`) is tried a few times and then given up.
    fn keep(&mut self, batch: Vec<Entry>, error: Option<&StoreError>) {
        for mut entry in batch {
            entry.answer(Err(NotRecorded));
            entry.failures += u8::from(error.is_some());
            let Some(error) = error.filter(|_| entry.failures >= TRIES) else {
                self.kept.push(entry);
                continue;
            };
            let id = entry.event.as_ref().map(|event| &event.id);
            let id = id.or(entry.outcome.as_ref().map(|outcome| &outcome.event_id));
            let error = error as &dyn std::error::Error;
            error!(error, event.id = ?id, "an event cannot be written and is given up");
            metrics::counter!("ringfence_events_failed_total").increment(1);
        }
        self.owes.store(self.owes_something(), Ordering::Release);
    }

    fn owes_something(&self) -> bool {
        self.in_doubt.is_some() || !self.kept.is_empty()
    }

    /// Tries a write: a store that only answers questions is no use. What was in doubt has come about, or is in doubt no more;
    /// while the store is lost nobody waits for it.
    async fn probe(&mut self) {
        match self.store.probe_stream(self.stream.id()).await {
            Ok(size) => {
                if let Some((grown, mut batch)) = self.in_doubt.take_if(|(grown, _)| grown.size() == size) {
                    let events = batch.iter().filter(|entry| entry.event.is_some()).count();
                    self.written(grown, &mut batch, events);
                } else if size == self.stream.size() {
                    self.confirm();
                } else {
                    // SECURITY: a log with two writers proves nothing.
                    self.lose(&StoreError::Conflict {
                        what: format!("other entries of stream {}", self.stream.id()),
                    });
                }
            }
            Err(error) => self.lose(&error),
        }
        if !self.is_available()
            && let Some((_, batch)) = &mut self.in_doubt
        {
            for entry in batch {
                entry.answer(Err(NotRecorded));
            }
        }
    }

    async fn finish(mut self) {
        self.receiver.close();
        let mut batch = Vec::new();
        while self.receiver.recv_many(&mut batch, BATCH).await > 0 {
            self.write(mem::take(&mut batch)).await;
        }
        self.look_after().await;
        let lost = self.kept.len() + self.in_doubt.map_or(0, |(_, batch)| batch.len());
        if lost > 0 {
            metrics::counter!("ringfence_events_failed_total").increment(lost as u64);
            error!(count = lost, "events could not be written before the end");
        }
        let now = self.clock.now();
        if let Err(error) = self.store.close_stream(self.stream.id(), now).await {
            error!(error = %error, "the stream of events could not be closed");
        }
        if let Err(error) = self.store.keep_checkpoints(now).await {
            error!(error = %error, "the last checkpoint could not be kept");
        }
    }

    fn is_available(&self) -> bool {
        self.available.load(Ordering::Acquire)
    }

    fn confirm(&mut self) {
        self.confirmed = Instant::now();
        if !self.available.swap(true, Ordering::AcqRel) {
            metrics::gauge!("ringfence_audit_available").set(1.0);
            info!("the record can be written again");
        }
    }

    fn lose(&mut self, error: &StoreError) {
        if self.available.swap(false, Ordering::AcqRel) {
            metrics::gauge!("ringfence_audit_available").set(0.0);
            error!(error = error as &dyn std::error::Error, "the record cannot be written");
        }
    }
}

/// Takes one part out of every entry that has it, and notes whose it was.
fn take<T>(batch: &mut [Entry], part: fn(&mut Entry) -> &mut Option<T>) -> (Vec<usize>, Vec<T>) {
    batch.iter_mut().enumerate().filter_map(|(owner, entry)| Some((owner, part(entry).take()?))).unzip()
}

/// Puts what was taken back where it was.
fn give_back<T>(
    batch: &mut [Entry],
    part: fn(&mut Entry) -> &mut Option<T>,
    owners: Vec<usize>,
    taken: Vec<T>,
) {
    for (owner, value) in owners.into_iter().zip(taken) {
        if let Some(entry) = batch.get_mut(owner) {
            *part(entry) = Some(value);
        }
    }
}
