//! Tenants, keys and policies as immutable views in memory, swapped whole on change.
//!
//! The path of a request reads no database: it takes one [`Views`] and works with that. Every change in the store bumps
//! one version row, which is polled (sooner when the store sends word); what changed since is read in one transaction, and a new [`Views`] takes the place
//! of the old one. A view never changes, so a slow request cannot put an old verdict back.

mod view;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::{Mutex, Notify},
    task::JoinSet,
    time::Instant,
};

pub use view::{Explanation, TenantView, Verdict};

use crate::{
    model::{
        Ended, EntityId, Event, Key, KeyId, OwnPolicies, Registration, Registry, ServiceAccount,
        ServiceAccountId, TenantId,
    },
    policy::Engine,
    store::{Changes, Store, StoreError},
};

/// How often the version row is read.
const POLL: Duration = Duration::from_millis(250);
/// How long a state may go unconfirmed before nothing is answered from it any more.
const CONFIRMED_FOR: Duration = Duration::from_secs(3);

/// The current views, and the task that keeps them current. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tenancy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    engine: Arc<Engine>,
    views: ArcSwap<Views>,
    confirmed: ArcSwap<Instant>,
    // One refresh at a time: an older reading must never replace a newer one.
    refreshing: Mutex<()>,
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

/// All tenants and keys at one version of the store.
#[derive(Debug, Default)]
pub struct Views {
    version: i64,
    tenants: HashMap<TenantId, Arc<TenantView>>,
    keys: HashMap<KeyId, Arc<Key>>,
    accounts: HashMap<ServiceAccountId, Arc<ServiceAccount>>,
    policies: HashMap<TenantId, OwnPolicies>,
    registries: HashMap<TenantId, Arc<Registry>>,
}

impl Tenancy {
    /// Loads everything, then polls the version row in a task that ends with the last handle.
    pub async fn start(store: Store, engine: Arc<Engine>) -> Result<Self, StoreError> {
        let tenancy = Self(Arc::new(Inner {
            store,
            engine,
            views: ArcSwap::from_pointee(Views::default()),
            confirmed: ArcSwap::from_pointee(Instant::now()),
            refreshing: Mutex::new(()),
        }));
        tenancy.refresh().await?;
        tokio::spawn(poll(Arc::downgrade(&tenancy.0), tenancy.0.store.clone()));
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
        self.0.confirmed.load().elapsed() < CONFIRMED_FOR
    }

    /// The current views.
    pub fn views(&self) -> Arc<Views> {
        self.0.views.load_full()
    }
}

impl Views {
    /// A tenant.
    pub fn tenant(&self, id: &TenantId) -> Option<&Arc<TenantView>> {
        self.tenants.get(id)
    }

    /// A key and its tenant.
    pub fn key(&self, id: &KeyId) -> Option<(&Arc<Key>, &Arc<TenantView>)> {
        let key = self.keys.get(id)?;
        Some((key, self.tenants.get(&key.tenant_id)?))
    }

    /// All tenants.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<TenantView>> {
        self.tenants.values()
    }

    /// All keys, those that ended too.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    /// The views with some changes; tenants that nothing changed for keep theirs, with what it remembers.
    fn with(&self, engine: &Arc<Engine>, changes: Changes) -> Self {
        let mut next = Self {
            version: changes.version,
            tenants: self.tenants.clone(),
            keys: self.keys.clone(),
            accounts: self.accounts.clone(),
            policies: self.policies.clone(),
            registries: self.registries.clone(),
        };
        let mut touched: HashMap<TenantId, _> =
            next.tenants.iter().map(|(id, view)| (id.clone(), view.tenant().clone())).collect();
        let changed_keys: Vec<_> = changes.keys.iter().map(|key| key.tenant_id.clone()).collect();
        let changed_policies: Vec<_> =
            changes.policies.iter().map(|policy| policy.tenant_id.clone()).collect();
        let changed_accounts: Vec<_> =
            changes.service_accounts.iter().map(|account| account.id.clone()).collect();
        next.keys.extend(changes.keys.into_iter().map(|key| (key.id.clone(), Arc::new(key))));
        for policy in changes.policies {
            next.policies.entry(policy.tenant_id.clone()).or_default().extend([policy]);
        }
        next.accounts.extend(
            changes.service_accounts.into_iter().map(|account| (account.id.clone(), Arc::new(account))),
        );
        let registered = next.register(changes.registrations);
        touched.retain(|id, tenant| {
            changed_keys.contains(id)
                || changed_policies.contains(id)
                || changed_accounts.contains(&tenant.service_account)
        });
        touched.extend(changes.tenants.into_iter().map(|tenant| (tenant.id.clone(), tenant)));
        for (id, tenant) in touched {
            // A tenant without its account cannot be served; the store's foreign key keeps that from happening.
            if let Some(account) = next.accounts.get(&tenant.service_account) {
                let own = next.policies.get(&id).cloned().unwrap_or_default();
                let registry = next.registries.get(&id).cloned().unwrap_or_default();
                let (account, engine, before) = (Arc::clone(account), Arc::clone(engine), self.tenant(&id));
                let view = TenantView::new(tenant, account, &own, registry, engine, before);
                next.tenants.insert(id, Arc::new(view));
            }
        }
        for id in registered {
            if let (Some(view), Some(registry)) = (next.tenants.get_mut(&id), next.registries.get(&id)) {
                *view = Arc::new(view.with_registry(Arc::clone(registry)));
            }
        }
        next
    }

    /// Keeps what became or ceased to be somebody's; for which tenants.
    fn register(&mut self, registrations: Vec<Registration>) -> HashSet<TenantId> {
        let mut of_each: HashMap<_, Vec<_>> = HashMap::new();
        for one in registrations {
            of_each.entry(one.tenant_id.clone()).or_default().push(one);
        }
        let tenants = of_each.keys().cloned().collect();
        for (id, registrations) in of_each {
            Arc::make_mut(self.registries.entry(id).or_default()).extend(registrations);
        }
        tenants
    }
}

impl Inner {
    async fn refresh(&self) -> Result<(), StoreError> {
        let _one = self.refreshing.lock().await;
        let asked = Instant::now();
        let current = self.views.load_full();
        let changes = self.store.changes_since(current.version).await?;
        if changes.version != current.version {
            self.views.store(Arc::new(current.with(&self.engine, changes)));
        }
        // As of when it was asked: a slow answer confirms an older state.
        self.confirmed.store(Arc::new(asked));
        Ok(())
    }

    async fn poll(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        if self.store.version().await? == self.views.load().version {
            self.confirmed.store(Arc::new(asked));
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
