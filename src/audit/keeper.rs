//! The process's sign of life, the end of events whose process gave none, and of claims.

use std::{
    sync::{
        Arc,
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

use super::claims;
use crate::{
    clock::Clock,
    model::StreamId,
    store::{Database, Store, StoreError},
};

const HEARTBEAT: Duration = Duration::from_secs(5);
const LOOK_FOR_ORPHANS: Duration = Duration::from_mins(1);
/// A process that was not heard of for this long is taken for dead: six heartbeats.
const SILENCE: TimeDelta = TimeDelta::seconds(30);

pub(super) struct Keeper {
    store: Store,
    clock: Clock,
    stream: StreamId,
    owes: Arc<AtomicBool>,
    stopped: watch::Receiver<bool>,
}

impl Keeper {
    pub(super) fn new(
        store: Store,
        clock: Clock,
        stream: StreamId,
        owes: Arc<AtomicBool>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self { store, clock, stream, owes, stopped }
    }

    /// Until the writer has ended.
    pub(super) async fn run(mut self) {
        let mut heartbeat = interval(HEARTBEAT);
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                // An error means that the writer is gone without a word.
                _ = self.stopped.changed() => return,
                _ = heartbeat.tick() => {}
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
        let now = self.clock.now();
        let closed = self.store.close_orphans(&self.stream, dead_before(&self.store, now), now).await?;
        if closed > 0 {
            info!(count = closed, "events without an outcome were closed as unknown");
        }
        Ok(())
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
