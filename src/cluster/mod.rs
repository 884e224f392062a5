//! Who else serves, and what all replicas count together.
//!
//! A limit is a number for the whole installation, and no request may wait for another machine to be counted. So each
//! replica holds a part of every limit in advance, and takes from it: *leased* in slices from Redis, where there is one
//! ([`Counters`]); its *fraction* of the limit otherwise ([`Replicas::share`]). Quotas of a day or a month are leased from the
//! store, which is asked far less often and forgets nothing.
//!
//! Who serves is told by the store: one process where it is SQLite, all that are connected to PostgreSQL else.

mod counters;
mod ledger;
mod share;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use tokio::{sync::Mutex, time::MissedTickBehavior};

pub use self::{
    counters::{BucketClaim, Counters, CountersLost, Grant, PlacesClaim},
    ledger::{Ledger, LedgerLost, QuotaOf, QuotaShare},
    share::{Replicas, hold},
};
use crate::{
    clock::Clock,
    model::StreamId,
    store::{Presence, Store},
};

/// How often it is asked who serves.
const LOOK: Duration = Duration::from_millis(500);
/// Who gave no sign of life for so long is not counted: three heartbeats of the record.
const SILENCE: TimeDelta = TimeDelta::seconds(15);

/// This replica among the others. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    stream: StreamId,
    present: RwLock<Arc<Vec<StreamId>>>,
    counters: Option<Counters>,
    ledger: Option<Ledger>,
    leasing: AtomicBool,
    is_seen: AtomicBool,
    // As long as it lives the others see this process.
    presence: Mutex<Option<Presence>>,
}

impl Cluster {
    /// Finds out who else serves, and becomes seen by them. Redis is not waited for.
    pub async fn join(
        store: Store,
        clock: Clock,
        stream: StreamId,
        counters: Option<Counters>,
    ) -> Result<Self, LedgerLost> {
        let presence = store.appear(&stream).await?;
        let present = RwLock::new(Arc::new(vec![stream.clone()]));
        let ledger = presence.is_some().then(|| Ledger::new(store.clone()));
        let (leasing, is_seen, presence) =
            (AtomicBool::new(false), AtomicBool::new(true), Mutex::new(presence));
        let cluster = Self(Arc::new(Inner {
            store,
            clock,
            stream,
            present,
            counters,
            ledger,
            leasing,
            is_seen,
            presence,
        }));
        if cluster.ledger().is_some() {
            cluster.look().await?;
        }
        Ok(cluster)
    }

    /// Looks again and again who serves, and tells how many whenever that changed; ends at once where nobody else can.
    pub async fn follow(&self, told: impl Fn(Replicas)) {
        if self.ledger().is_none() {
            return;
        }
        let mut before = self.replicas();
        told(before);
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.look().await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "it is not known who else serves");
                continue;
            }
            let now = self.replicas();
            if std::mem::replace(&mut before, now) != now {
                told(now);
            }
            let mut presence = self.0.presence.lock().await;
            let holds = match &mut *presence {
                Some(presence) => presence.holds().await,
                None => false,
            };
            if !holds && let Ok(anew) = self.0.store.appear(&self.0.stream).await {
                *presence = anew;
            }
        }
    }

    /// Finds out who serves now.
    pub async fn look(&self) -> Result<Arc<Vec<StreamId>>, LedgerLost> {
        let Inner { store, clock, stream, present, .. } = &*self.0;
        let mut seen = store.present(clock.now() - SILENCE).await?;
        if let Err(place) = seen.binary_search(stream) {
            seen.insert(place, stream.clone());
            self.note_seen(false);
        } else {
            self.note_seen(true);
        }
        metrics::gauge!("ringfence_replicas").set(f64::from(u32::try_from(seen.len()).unwrap_or(u32::MAX)));
        let seen = Arc::new(seen);
        *present.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&seen);
        Ok(seen)
    }

    fn note_seen(&self, is_seen: bool) {
        if self.0.is_seen.swap(is_seen, Ordering::Relaxed) && !is_seen {
            tracing::warn!(
                "the other replicas do not see this one: a pooler between here and PostgreSQL has to keep sessions, and the \
                 clocks of all replicas have to agree to some seconds"
            );
        }
    }

    /// How many serve, and which of them this is.
    pub fn replicas(&self) -> Replicas {
        let present = self.present();
        Replicas::new(present.len(), present.binary_search(&self.0.stream).unwrap_or_default())
    }

    /// The streams of those that serve, in order.
    pub fn present(&self) -> Arc<Vec<StreamId>> {
        Arc::clone(&self.0.present.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// This replica's stream.
    pub fn stream(&self) -> &StreamId {
        &self.0.stream
    }

    /// What is shared through Redis, where one is configured.
    pub fn counters(&self) -> Option<&Counters> {
        self.0.counters.as_ref()
    }

    /// Where quotas are shared; nowhere if one process serves from a file.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.0.ledger.as_ref()
    }

    /// Notes whether limits are leased now, and says so where that changed.
    pub fn set_leasing(&self, leasing: bool, why_not: &str) {
        metrics::gauge!("ringfence_limits_leased").set(f64::from(u8::from(leasing)));
        if self.0.leasing.swap(leasing, Ordering::Relaxed) == leasing {
            return;
        }
        let replicas = self.present().len();
        if leasing {
            tracing::info!(replicas, "limits are leased from Redis: they hold over all replicas");
        } else {
            tracing::warn!(
                replicas,
                why = why_not,
                "Redis is lost: each replica takes its fraction of every limit"
            );
        }
    }

    /// Whether limits are leased from Redis now.
    pub fn is_leasing(&self) -> bool {
        self.0.leasing.load(Ordering::Relaxed)
    }
}
