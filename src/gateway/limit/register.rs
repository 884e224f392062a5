//! The allowances of those keys and tenants that have limits.
//!
//! It outlives the views: a changed name must not give a tenant its whole budget again, nor a rotation a key. All keys of one
//! chain draw on one allowance, which is named by the first of them, the origin. It holds what the views know to be limited
//! and nothing that a caller could make up.

use std::{
    collections::{HashMap, HashSet},
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
    model::{Key, KeyId, KeyState, Limits, Tenant, TenantId},
    tenancy::Views,
};

pub(super) struct Register {
    sharing: Arc<Sharing>,
    // By their origin.
    keys: Table<KeyId>,
    tenants: Table<TenantId>,
}

impl Register {
    pub(super) fn new(sharing: Arc<Sharing>) -> Self {
        Self { sharing, keys: Table::default(), tenants: Table::default() }
    }

    /// The key's allowance, if it has limits: that of all keys of its chain.
    pub(super) fn of_key(&self, key: &Key, now: DateTime<Utc>) -> Option<Arc<Allowance>> {
        let subject = || Subject { tenant: key.tenant_id.clone(), key: Some(key.origin.clone()) };
        let make = || Allowance::new(subject(), &key.limits, &self.sharing, now);
        self.keys.find(&key.origin, (&key.limits, key.version), now, make)
    }

    /// The tenant's, if it has limits.
    pub(super) fn of_tenant(&self, tenant: &Tenant, now: DateTime<Utc>) -> Option<Arc<Allowance>> {
        let subject = || Subject { tenant: tenant.id.clone(), key: None };
        let make = || Allowance::new(subject(), &tenant.limits, &self.sharing, now);
        self.tenants.find(&tenant.id, (&tenant.limits, tenant.version), now, make)
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
        for key in views.keys().filter(|key| key.state(now) == KeyState::Active) {
            self.of_key(key, now);
        }
    }

    /// Forgets those that have no limits any more.
    pub(super) fn sweep(&self, views: &Views) -> Vec<Arc<Allowance>> {
        // A chain is limited as its last keys are: what was lifted of them its ended ones have still.
        let now = self.sharing.clock.now();
        let active = views.keys().filter(|key| key.state(now) == KeyState::Active);
        let limited: HashSet<_> = active.filter(|key| !key.limits.is_none()).map(|key| &key.origin).collect();
        let mut forgotten = self.keys.retain(|origin| limited.contains(origin));
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

struct Table<K>(RwLock<HashMap<K, Limited>>);

/// An allowance, and the limits that it has.
struct Limited {
    limits: Limits,
    // Of whom they were read from.
    version: i64,
    allowance: Arc<Allowance>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    /// The allowance; changed limits hold from now on, and give nothing back.
    fn find(
        &self,
        id: &K,
        (limits, version): (&Limits, i64),
        now: DateTime<Utc>,
        make: impl FnOnce() -> Allowance,
    ) -> Option<Arc<Allowance>> {
        if limits.is_none() {
            return None;
        }
        // Who came with an older view must not put back what was changed since.
        let is_current = |known: &Limited| known.limits == *limits || known.version >= version;
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = table.get(id).filter(|known| is_current(known)) {
            return Some(Arc::clone(&known.allowance));
        }
        drop(table);
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have come first.
        if let Some(known) = table.get_mut(id) {
            if !is_current(known) {
                known.allowance.change(limits, now);
                (known.limits, known.version) = (*limits, version);
            }
            return Some(Arc::clone(&known.allowance));
        }
        let allowance = Arc::new(make());
        let limited = Limited { limits: *limits, version, allowance: Arc::clone(&allowance) };
        table.insert(id.clone(), limited);
        Some(allowance)
    }

    fn all(&self) -> Vec<Arc<Allowance>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.values().map(|known| Arc::clone(&known.allowance)).collect()
    }

    /// Those that are not kept.
    fn retain(&self, keep: impl Fn(&K) -> bool) -> Vec<Arc<Allowance>> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.extract_if(|id, _| !keep(id)).map(|(_, known)| known.allowance).collect()
    }
}
