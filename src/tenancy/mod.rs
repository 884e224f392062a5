//! Tenants, keys and policies as immutable views in memory, swapped whole on change.
//!
//! The path of a request reads no database: it takes one [`Views`] and works with that. Every change in the store bumps
//! one version row, which is polled (sooner when the store sends word); what changed since is read in one transaction, and a new [`Views`] takes the place
//! of the old one. A view never changes, so a slow request cannot put an old verdict back.

mod remembered;
mod shards;
mod signing;
mod uses;
mod view;
mod views;

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::{Mutex, Notify, watch},
    task::JoinSet,
    time::Instant,
};

pub use signing::{SigningKey, SigningKeys};
pub use uses::HeldKey;
pub use view::{Explanation, TenantView, Verdict};
pub use views::Views;

use crate::{
    model::{Ended, EntityId, Event, Operator, OperatorToken, Registration, Rotation, TenantId},
    policy::Engine,
    secret::MasterKeys,
    store::{Changes, Ledger, Store, StoreError, Subject},
};

/// How often the version row is read.
const POLL: Duration = Duration::from_millis(250);

/// The current views, and the task that keeps them current. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tenancy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    engine: Arc<Engine>,
    master: MasterKeys,
    views: ArcSwap<Views>,
    confirmed: ArcSwap<Option<Instant>>,
    // One refresh at a time: an older reading must never replace a newer one.
    ledger: Mutex<Ledger>,
    unproven: watch::Sender<BTreeSet<Unproven>>,
}

/// What the store holds and did not get from us.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unproven {
    /// What is granted to one, who is refused.
    Grants(Subject),
    /// Which grants there are: all are refused.
    All,
}

/// Why the registry does not hold what a call did.
#[derive(Debug, thiserror::Error)]
pub enum NotRegistered {
    /// What is said to be new is somebody's already, or was once.
    #[error("it is, or was, somebody's already")]
    Known,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenancy {
    /// How long a state may go unconfirmed before nothing is answered from it any more.
    pub const CONFIRMED_FOR: Duration = Duration::from_secs(3);

    /// Loads everything, then polls the version row in a task that ends with the last handle.
    pub async fn start(store: Store, engine: Arc<Engine>, master: MasterKeys) -> Result<Self, StoreError> {
        let ledger = Mutex::new(Ledger::new(store.grants_key()?.clone()));
        let nothing = Views::nothing();
        let tenancy = Self(Arc::new(Inner {
            store,
            engine,
            master,
            views: ArcSwap::from_pointee(nothing),
            // Nothing is, before it was.
            confirmed: ArcSwap::from_pointee(None),
            ledger,
            unproven: watch::Sender::default(),
        }));
        match tenancy.refresh().await {
            // It serves, and refuses: so that it says so where people look, and goes on once it is mended.
            Ok(()) | Err(StoreError::Unproven { .. }) => {}
            Err(error) => return Err(error),
        }
        tokio::spawn(poll(Arc::downgrade(&tenancy.0), tenancy.0.store.clone()));
        tokio::spawn(uses::write(Arc::downgrade(&tenancy.0)));
        Ok(tenancy)
    }

    /// Reads what changed now: called after a change made through this process.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.0.refresh().await
    }

    /// Makes something the tenant's that a call of its made; it holds here once this returns.
    pub async fn register(&self, made: &Registration, event: &Event) -> Result<(), NotRegistered> {
        match self.0.store.register(made, event).await {
            Ok(_) => {}
            Err(StoreError::Conflict { .. }) => return Err(NotRegistered::Known),
            Err(error) => return Err(error.into()),
        }
        self.catch_up().await;
        Ok(())
    }

    /// Ends what was the tenant's, and what a call of its deleted. What has ended meanwhile has ended.
    pub async fn deregister(
        &self,
        tenant: &TenantId,
        (entity, id): (&str, &EntityId),
        event: &Event,
    ) -> Result<(), NotRegistered> {
        match self.0.store.end_registration((tenant, entity, id), Ended::Deleted, event).await {
            Ok(_) | Err(StoreError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.catch_up().await;
        Ok(())
    }

    /// Puts a key in the place of another, as that one asked for; it holds here once this returns.
    pub async fn rotate(&self, rotation: &Rotation, event: &Event) -> Result<(), NotRegistered> {
        match self.0.store.rotate_key(rotation, event).await {
            Ok(_) => {}
            Err(StoreError::Conflict { .. }) => return Err(NotRegistered::Known),
            Err(error) => return Err(error.into()),
        }
        self.catch_up().await;
        Ok(())
    }

    /// Reads what was just committed. Where it cannot be read it stands all the same, and comes with the next poll.
    async fn catch_up(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a change that was made here could not be read"
            );
        }
    }

    /// Whether the views were confirmed against the store within the last three seconds.
    pub fn is_confirmed(&self) -> bool {
        self.0.confirmed.load().is_some_and(|at| at.elapsed() < Self::CONFIRMED_FOR)
    }

    /// Whether an operator and a token that were read from the store are those that were written by us.
    pub async fn vouches_for(&self, operator: &Operator, token: &OperatorToken) -> bool {
        if self.0.ledger.lock().await.vouches_for(operator, token) {
            return true;
        }
        // Another replica may have written them a moment ago.
        self.refresh().await.is_ok() && self.0.ledger.lock().await.vouches_for(operator, token)
    }

    /// What is not proven, from now on.
    pub fn unproven(&self) -> watch::Receiver<BTreeSet<Unproven>> {
        self.0.unproven.subscribe()
    }

    /// The current views.
    pub fn views(&self) -> Arc<Views> {
        self.0.views.load_full()
    }
}

impl Inner {
    async fn refresh(&self) -> Result<(), StoreError> {
        let mut ledger = self.ledger.lock().await;
        let asked = Instant::now();
        let current = self.views.load_full();
        let changes = self.store.changes_since(current.version).await?;
        if changes.version != current.version || !current.signing_keys().are_open() {
            let next = self.prove(&mut ledger, &current, changes).await;
            self.tell(&ledger, next.is_ok());
            self.views.store(Arc::new(next?));
        }
        self.confirm(asked);
        Ok(())
    }

    /// As of when it was asked: a slow answer confirms an older state. What could not be opened is not confirmed, but tried
    /// again with the next look.
    fn confirm(&self, asked: Instant) {
        if self.views.load().signing_keys().are_open() {
            self.confirmed.store(Arc::new(Some(asked)));
        }
    }

    /// The views with what changed, of which it is known who was written by us.
    async fn prove(
        &self,
        ledger: &mut Ledger,
        current: &Views,
        changes: Changes,
    ) -> Result<Views, StoreError> {
        if changes.version < current.version {
            let what = format!(
                "the store, which went back from version {} to {}: restart after a backup was put back",
                current.version, changes.version
            );
            return Err(StoreError::Unproven { what });
        }
        let mut next = match ledger.take_in(&changes) {
            Ok(failed) if failed.is_empty() => current.with((&self.engine, &self.master), changes, current),
            // What another hand did, or took back, may not say that it changed: everything is looked at.
            Ok(_) | Err(_) => {
                let all = self.store.changes_since(Ledger::BEFORE_ALL).await?;
                *ledger = Ledger::new(self.store.grants_key()?.clone());
                ledger.take_in(&all)?;
                current.anew().with((&self.engine, &self.master), all, current)
            }
        };
        next.unproven.clone_from(ledger.unproven());
        Ok(next)
    }

    /// Tells what is not proven, if that is news.
    fn tell(&self, ledger: &Ledger, is_whole: bool) {
        let mut found: BTreeSet<_> = ledger.unproven().iter().cloned().map(Unproven::Grants).collect();
        if !is_whole {
            found.insert(Unproven::All);
        }
        metrics::gauge!("ringfence_grants_unproven").set(u32::try_from(found.len()).unwrap_or(u32::MAX));
        self.unproven.send_if_modified(|known| {
            let is_news = *known != found;
            *known = found;
            is_news
        });
    }

    async fn poll(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let views = self.views.load_full();
        if views.signing_keys().are_open() && self.store.version().await? == views.version {
            self.confirm(asked);
            return Ok(());
        }
        self.refresh().await
    }
}

async fn poll(tenancy: Weak<Inner>, store: Store) {
    let woken = Arc::new(Notify::new());
    // Ends with this task.
    let mut listening = JoinSet::new();
    let wake = Arc::clone(&woken);
    listening.spawn(async move { store.listen(|| wake.notify_one()).await });
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = woken.notified() => {}
        }
        let Some(tenancy) = tenancy.upgrade() else { return };
        if let Err(error) = tenancy.poll().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the state could not be confirmed");
        }
    }
}
