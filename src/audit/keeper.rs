//! The process's sign of life, the end of events whose process gave none, and of claims.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::watch,
    time::{Instant, interval},
};
use tracing::{info, warn};

use super::{Audit, Inner, claims, witness::Witnesses};
use crate::{
    clock::Clock,
    model::{EventId, Outcome, StreamId, UNKNOWN},
    store::{Database, Store, StoreError},
};

const HEARTBEAT: Duration = Duration::from_secs(5);
const LOOK_FOR_ORPHANS: Duration = Duration::from_mins(1);
/// A process that was not heard of for this long is taken for dead: six heartbeats.
const SILENCE: TimeDelta = TimeDelta::seconds(30);
/// How many are closed at a time.
const TOGETHER: i64 = 1_000;

pub(super) struct Keeper {
    // Not the handle itself: it would keep the writer from ending with the last of them.
    audit: Weak<Inner>,
    store: Store,
    clock: Clock,
    stream: StreamId,
    owes: Arc<AtomicBool>,
    witnesses: Witnesses,
    /// How often the checkpoints of all streams are kept, those of processes that were killed too.
    every: Duration,
    stopped: watch::Receiver<bool>,
}

impl Keeper {
    pub(super) fn new(audit: &Audit, owes: Arc<AtomicBool>, every: Duration) -> Self {
        let Inner { store, clock, stream, stopped, witnesses, .. } = &*audit.inner;
        Self {
            audit: Arc::downgrade(&audit.inner),
            store: store.clone(),
            clock: clock.clone(),
            stream: stream.clone(),
            owes,
            witnesses: witnesses.clone(),
            every,
            stopped: stopped.clone(),
        }
    }

    /// Until the writer has ended.
    pub(super) async fn run(mut self) {
        let mut heartbeat = interval(HEARTBEAT.min(self.every));
        let mut looked = Instant::now();
        let mut kept = Instant::now();
        loop {
            tokio::select! {
                // An error means that the writer is gone without a word.
                _ = self.stopped.changed() => return,
                _ = heartbeat.tick() => {}
            }
            if kept.elapsed() >= self.every {
                kept = Instant::now();
                if let Err(error) = self.store.keep_checkpoints(self.clock.now()).await {
                    warn!(error = &error as &dyn std::error::Error, "checkpoints could not be kept");
                }
                // The sign of life must not wait for a witness.
                let (witnesses, store) = (self.witnesses.clone(), self.store.clone());
                tokio::spawn(async move { tell(&witnesses, &store).await });
            }
            // What is still to be written is looked for from the last sign of life on, should it never come.
            if self.owes.load(Ordering::Acquire) {
                continue;
            }
            if let Err(error) = self.store.touch_stream(&self.stream, self.clock.now()).await {
                warn!(error = &error as &dyn std::error::Error, "the stream of events could not be touched");
            } else if looked.elapsed() >= LOOK_FOR_ORPHANS {
                looked = Instant::now();
                if let Err(error) = self.close_orphans().await {
                    warn!(error = &error as &dyn std::error::Error, "orphaned events could not be closed");
                }
                // It takes a while, and the sign of life must not wait for it.
                tokio::spawn(claims::forget(self.store.clone(), self.clock.now()));
            }
        }
    }

    /// Gives the outcome `unknown` to what processes left that ended or fell silent.
    pub(super) async fn close_orphans(&self) -> Result<(), StoreError> {
        let dead_before = dead_before(&self.store, self.clock.now());
        for stream in self.store.unsettled_streams(&self.stream, dead_before).await? {
            let mut last: Option<EventId> = None;
            loop {
                let orphans = self.store.orphans(&stream, last.as_ref(), TOGETHER).await?;
                let Some(highest) = orphans.last().cloned() else { break };
                let count = orphans.len();
                let at = self.clock.now();
                let unknown = |event_id| {
                    let (code, detail) = (UNKNOWN.into(), "{}".into());
                    Outcome { event_id, at, code, status: None, detail }
                };
                let Some(inner) = self.audit.upgrade() else { return Ok(()) };
                let unknown = orphans.into_iter().map(unknown).collect();
                let audit = Audit { inner };
                if audit.write_outcomes(unknown).await.is_err() {
                    // It is looked for again, from the beginning.
                    return Ok(());
                }
                info!(count, stream = %stream.id, "events without an outcome were closed as unknown");
                last = Some(highest);
            }
            self.store.settle_stream(&stream.id, self.clock.now()).await?;
        }
        Ok(())
    }
}

/// Tells the witnesses the newest checkpoint of each stream.
pub(super) async fn tell(witnesses: &Witnesses, store: &Store) {
    if witnesses.is_empty() {
        return;
    }
    match (store.newest_checkpoints().await, store.signer()) {
        (Ok(notes), Ok(signer)) => witnesses.tell(notes, signer.verifier()).await,
        (Err(error), _) | (_, Err(error)) => {
            warn!(error = &error as &dyn std::error::Error, "witnesses could not be told of checkpoints");
        }
    }
}

/// When a process must have been heard of to count as one that lives.
pub(super) fn dead_before(store: &Store, now: DateTime<Utc>) -> DateTime<Utc> {
    match store.database() {
        // One process at a time serves from a file: whichever was before us is gone.
        Database::Sqlite => now,
        Database::Postgres => now - SILENCE,
    }
}
