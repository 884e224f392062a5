//! All tenants and keys at one version of the store.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{HeldKey, SigningKeys, TenantView, shards::Shards};
use crate::{
    model::{
        Key, KeyId, OwnPolicies, Registration, Registry, ServiceAccount, ServiceAccountId, Tenant, TenantId,
    },
    policy::Engine,
    secret::MasterKeys,
    store::{Changes, Ledger, Subject},
};

/// All tenants and keys at one version of the store.
#[derive(Debug, Default)]
pub struct Views {
    pub(super) version: i64,
    tenants: Shards<TenantId, Arc<TenantView>>,
    keys: Shards<KeyId, Arc<HeldKey>>,
    keys_of: Shards<TenantId, Arc<Vec<KeyId>>>,
    accounts: Shards<ServiceAccountId, Arc<ServiceAccount>>,
    policies: Shards<TenantId, OwnPolicies>,
    registries: Shards<TenantId, Arc<Registry>>,
    pub(super) unproven: BTreeSet<Subject>,
    // Of all tenants of an account that are not suspended, together; as they are now, for every view.
    weights: Shards<ServiceAccountId, Arc<AtomicU32>>,
    signing: SigningKeys,
}

impl Views {
    /// Before the first reading.
    pub(super) fn nothing() -> Self {
        Self { version: Ledger::BEFORE_ALL, ..Self::default() }
    }

    /// A tenant.
    pub fn tenant(&self, id: &TenantId) -> Option<&Arc<TenantView>> {
        self.tenants.get(id)
    }

    /// A key and its tenant.
    pub fn key(&self, id: &KeyId) -> Option<(&Arc<HeldKey>, &Arc<TenantView>)> {
        let key = self.keys.get(id)?;
        Some((key, self.tenants.get(&key.tenant_id)?))
    }

    /// A key by itself. As much is looked up for one that there is as for one that there is not.
    pub fn held_key(&self, id: &KeyId) -> Option<&Arc<HeldKey>> {
        self.keys.get(id)
    }

    /// Views of these keys, of tenants that there are not.
    #[cfg(test)]
    pub(crate) fn of_keys(keys: Vec<Arc<Key>>) -> Self {
        let mut views = Self::default();
        views.hold(keys);
        views
    }

    /// Whether all that grants something to a tenant was written by us.
    pub fn is_proven(&self, view: &TenantView) -> bool {
        let (tenant, account) = (&view.tenant().id, &view.account().id);
        self.unproven.is_empty()
            || !(self.unproven.contains(&Subject::Tenant(tenant.clone()))
                || self.unproven.contains(&Subject::ServiceAccount(account.clone())))
    }

    /// A service account, if it was written by us.
    pub fn account(&self, id: &ServiceAccountId) -> Option<&Arc<ServiceAccount>> {
        let is_proven = !self.unproven.contains(&Subject::ServiceAccount(id.clone()));
        self.accounts.get(id).filter(|_| is_proven)
    }

    /// The keys that access tokens are signed with.
    pub fn signing_keys(&self) -> &SigningKeys {
        &self.signing
    }

    /// All tenants.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<TenantView>> {
        self.tenants.values()
    }

    /// All keys, those that ended too.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<HeldKey>> {
        self.keys.values()
    }

    /// A tenant's keys, those that ended too.
    pub fn keys_of(&self, tenant: &TenantId) -> impl Iterator<Item = &Arc<HeldKey>> {
        let ids = self.keys_of.get(tenant).map(|ids| ids.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.keys.get(id))
    }

    /// Nothing, but for what cannot be read anew while a signing key cannot be opened.
    pub(super) fn anew(&self) -> Self {
        Self { signing: self.signing.clone(), ..Self::default() }
    }

    /// The views with some changes; tenants that nothing changed for keep theirs, with what it remembers.
    pub(super) fn with(
        &self,
        (engine, master): (&Arc<Engine>, &MasterKeys),
        changes: Changes,
        before: &Self,
    ) -> Self {
        let mut next = Self {
            unproven: BTreeSet::new(),
            version: changes.version,
            tenants: self.tenants.clone(),
            keys: self.keys.clone(),
            keys_of: self.keys_of.clone(),
            accounts: self.accounts.clone(),
            policies: self.policies.clone(),
            registries: self.registries.clone(),
            weights: self.weights.clone(),
            signing: self.signing.open(&changes.signing_keys, master),
        };
        let mut touched: HashSet<TenantId> =
            changes.policies.iter().map(|one| one.tenant_id.clone()).collect();
        let mut written: HashMap<_, _> =
            changes.tenants.into_iter().map(|tenant| (tenant.id.clone(), tenant)).collect();
        touched.extend(written.keys().cloned());
        if !changes.service_accounts.is_empty() {
            let accounts: HashSet<_> = changes.service_accounts.iter().map(|account| &account.id).collect();
            let theirs =
                self.tenants.values().filter(|view| accounts.contains(&view.tenant().service_account));
            touched.extend(theirs.map(|view| view.tenant().id.clone()));
        }
        for policy in changes.policies {
            let id = policy.tenant_id.clone();
            let mut own = next.policies.get(&id).cloned().unwrap_or_default();
            own.extend([policy]);
            next.policies.insert(id, own);
        }
        let accounts = changes.service_accounts.into_iter();
        next.accounts.extend(accounts.map(|account| (account.id.clone(), Arc::new(account))));
        let registered = next.register(changes.registrations);
        let of_keys = next.hold(changes.keys);
        for id in touched {
            let view = self.tenant(&id);
            let Some(tenant) = written.remove(&id).or_else(|| view.map(|view| view.tenant().clone())) else {
                continue;
            };
            let weights = next.weigh(view, &tenant);
            // A tenant without its account cannot be served; the store's foreign key keeps that from happening.
            if let Some(account) = next.accounts.get(&tenant.service_account) {
                let own = next.policies.get(&id).cloned().unwrap_or_default();
                let registry = next.registries.get(&id).cloned().unwrap_or_default();
                let (account, engine) = (Arc::clone(account), Arc::clone(engine));
                let view =
                    TenantView::new(tenant, account, &own, registry, engine, before.tenant(&id), weights);
                next.tenants.insert(id, Arc::new(view));
            }
        }
        for id in of_keys {
            if let Some(view) = next.tenants.get(&id) {
                next.tenants.insert(id, Arc::new(view.with_changed_keys()));
            }
        }
        for id in registered {
            if let (Some(view), Some(registry)) = (next.tenants.get(&id), next.registries.get(&id)) {
                let view = view.with_registry(Arc::clone(registry));
                next.tenants.insert(id, Arc::new(view));
            }
        }
        next
    }

    /// Keeps keys that are new or have changed; whose.
    fn hold(&mut self, keys: Vec<Arc<Key>>) -> HashSet<TenantId> {
        let mut new: HashMap<TenantId, Vec<KeyId>> = HashMap::new();
        for key in keys {
            let before = self.keys.get(&key.id);
            let ids = new.entry(key.tenant_id.clone()).or_default();
            if before.is_none() {
                ids.push(key.id.clone());
            }
            let held = HeldKey::new(key, before);
            self.keys.insert(held.id.clone(), Arc::new(held));
        }
        let tenants = new.keys().cloned().collect();
        for (id, ids) in new.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let mut all = self.keys_of.get(&id).cloned().unwrap_or_default();
            Arc::make_mut(&mut all).extend(ids);
            self.keys_of.insert(id, all);
        }
        tenants
    }

    /// Counts a tenant's weight among those of its account, instead of what it was before.
    fn weigh(&mut self, before: Option<&Arc<TenantView>>, tenant: &Tenant) -> Arc<AtomicU32> {
        let weight = |tenant: &Tenant| if tenant.suspended { 0 } else { tenant.budget_weight };
        let account = &tenant.service_account;
        let weights = self.weights.get(account).cloned().unwrap_or_default();
        self.weights.insert(account.clone(), Arc::clone(&weights));
        weights.fetch_add(weight(tenant), Ordering::Relaxed);
        let before = before.map(|view| view.tenant());
        if let Some((before, weights)) =
            before.and_then(|it| Some((it, self.weights.get(&it.service_account)?)))
        {
            weights.fetch_sub(weight(before), Ordering::Relaxed);
        }
        weights
    }

    /// Keeps what became or ceased to be somebody's; for which tenants.
    fn register(&mut self, registrations: Vec<Registration>) -> HashSet<TenantId> {
        let mut of_each: HashMap<_, Vec<_>> = HashMap::new();
        for one in registrations {
            of_each.entry(one.tenant_id.clone()).or_default().push(one);
        }
        let tenants = of_each.keys().cloned().collect();
        for (id, registrations) in of_each {
            let mut all = self.registries.get(&id).cloned().unwrap_or_default();
            Arc::make_mut(&mut all).extend(registrations);
            self.registries.insert(id, all);
        }
        tenants
    }
}
