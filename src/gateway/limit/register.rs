//! The allowances of those keys and tenants that have limits.
//!
//! It outlives the views: a changed name must not give a tenant its whole budget again. It holds what the views know to
//! be limited and nothing that a caller could make up.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};

use super::{
    allowance::Allowance,
    sharing::{Sharing, Subject, recorded},
};
use crate::{
    audit::{NotRead, Reader},
    model::{Key, KeyId, Limits, Tenant, TenantId},
    tenancy::Views,
};

pub(super) struct Register {
    sharing: Arc<Sharing>,
    keys: Table<KeyId>,
    tenants: Table<TenantId>,
}

impl Register {
    pub(super) fn new(sharing: Arc<Sharing>) -> Self {
        Self { sharing, keys: Table::default(), tenants: Table::default() }
    }

    /// The key's allowance, if it has limits.
    pub(super) fn of_key(&self, key: &Key, now: DateTime<Utc>) -> Option<Arc<Allowance>> {
        let subject = || Subject { tenant: key.tenant_id.clone(), key: Some(key.id.clone()) };
        self.keys.find(&key.id, &key.limits, |limits| Allowance::new(subject(), limits, &self.sharing, now))
    }

    /// The tenant's, if it has limits.
    pub(super) fn of_tenant(&self, tenant: &Tenant, now: DateTime<Utc>) -> Option<Arc<Allowance>> {
        let subject = || Subject { tenant: tenant.id.clone(), key: None };
        self.tenants
            .find(&tenant.id, &tenant.limits, |limits| Allowance::new(subject(), limits, &self.sharing, now))
    }

    /// All that there are.
    pub(super) fn all(&self) -> Vec<Arc<Allowance>> {
        let mut all = self.keys.all();
        all.append(&mut self.tenants.all());
        all
    }

    /// Has one of each tenant and key that the views know to be limited.
    pub(super) fn fill(&self, views: &Views, now: DateTime<Utc>) {
        for view in views.tenants() {
            self.of_tenant(view.tenant(), now);
        }
        for key in views.keys().filter(|key| key.revoked_at.is_none()) {
            self.of_key(key, now);
        }
    }

    /// Forgets those that have no limits any more.
    pub(super) fn sweep(&self, views: &Views) -> Vec<Arc<Allowance>> {
        let is_limited = |id: &KeyId| views.key(id).is_some_and(|(key, _)| !key.limits.is_none());
        let mut forgotten = self.keys.retain(is_limited);
        let is_limited = |id: &TenantId| views.tenant(id).is_some_and(|view| !view.tenant().limits.is_none());
        forgotten.append(&mut self.tenants.retain(is_limited));
        forgotten
    }

    /// Reads from the record what was used before this process, which serves alone, began to count; says whether all of it
    /// is known now.
    pub(super) async fn recall(&self, views: &Views, reader: &Reader) -> bool {
        self.fill(views, self.sharing.clock.now());
        let mut unread = 0_u64;
        let mut why = None;
        for allowance in self.all() {
            if let Err(error) = recall(&allowance, reader).await {
                (unread, why) = (unread + 1, Some(error));
            }
        }
        let Some(error) = why else { return true };
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, unread, "what tenants and keys have used could not be read from the record");
        false
    }
}

/// What cannot be read is asked for again in the next round.
async fn recall(allowance: &Allowance, reader: &Reader) -> Result<(), NotRead> {
    for (measure, start, until) in allowance.unknown() {
        let used = recorded(reader, allowance.subject(), None, measure, (start, until)).await?;
        allowance.recall(measure, start, used);
    }
    Ok(())
}

struct Table<K>(RwLock<HashMap<K, Arc<Allowance>>>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    /// The allowance of these very limits; one of changed limits begins anew, but for its quotas.
    fn find(
        &self,
        id: &K,
        limits: &Limits,
        make: impl FnOnce(Limits) -> Allowance,
    ) -> Option<Arc<Allowance>> {
        if limits.is_none() {
            return None;
        }
        let is_current = |allowance: &&Arc<Allowance>| allowance.limits() == limits;
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).filter(is_current).cloned();
        if known.is_some() {
            return known;
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have come first.
        if let Some(allowance) = table.get(id).filter(is_current) {
            return Some(Arc::clone(allowance));
        }
        let allowance = match table.get(id) {
            Some(former) => make(*limits).following(former),
            None => make(*limits),
        };
        let allowance = Arc::new(allowance);
        table.insert(id.clone(), Arc::clone(&allowance));
        Some(allowance)
    }

    fn all(&self) -> Vec<Arc<Allowance>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Those that are not kept.
    fn retain(&self, keep: impl Fn(&K) -> bool) -> Vec<Arc<Allowance>> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.extract_if(|id, _| !keep(id)).map(|(_, allowance)| allowance).collect()
    }
}
